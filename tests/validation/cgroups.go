package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const cgroupRoot = "/sys/fs/cgroup"

// A cgroupTree is what the cell's programs see at /sys/fs/cgroup.
type cgroupTree struct {
	added []string // controllers whose hierarchy the cell mounted
	fixed bool     // the program uses the cgroups with a fixed name
}

// arrangeCgroups changes this mount namespace's view of the cgroup hierarchies of
// version 1. The suite knows these only, each in a directory named like its
// controller. The controllers to add are those that no hierarchy of this machine
// has, or the one of version 2 without using them: mounting one makes its hierarchy.
// On a machine with nothing but version 2 all stays as it is.
func arrangeCgroups(old string, hide, add []string) (*cgroupTree, []string, error) {
	var notes []string
	tree := &cgroupTree{}
	var st unix.Statfs_t
	if err := unix.Statfs(cgroupRoot, &st); err != nil || st.Type == unix.CGROUP2_SUPER_MAGIC {
		return tree, notes, err
	}
	add = slices.DeleteFunc(slices.Clone(add), func(name string) bool {
		_, err := os.Stat(filepath.Join(cgroupRoot, name))
		return err == nil
	})
	if len(hide)+len(add) == 0 {
		return tree, notes, nil
	}
	if err := os.Mkdir(old, 0o755); err != nil {
		return nil, nil, err
	}
	if err := unix.Mount(cgroupRoot, old, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return nil, nil, fmt.Errorf("bind %s: %w", cgroupRoot, err)
	}
	if err := unix.Mount("cgroup", cgroupRoot, "tmpfs", 0, "mode=755"); err != nil {
		return nil, nil, fmt.Errorf("mount a tmpfs on %s: %w", cgroupRoot, err)
	}
	entries, err := os.ReadDir(old)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		if slices.Contains(hide, e.Name()) {
			continue
		}
		if err := again(filepath.Join(old, e.Name()), filepath.Join(cgroupRoot, e.Name()), e); err != nil {
			return nil, nil, err
		}
	}
	for _, name := range add {
		dir := filepath.Join(cgroupRoot, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, nil, err
		}
		if err := mountHierarchy(name, dir); err != nil {
			notes = append(notes, fmt.Sprintf("can't mount the %s hierarchy: %v", name, err))
			os.Remove(dir)
			continue
		}
		tree.added = append(tree.added, name)
	}
	if err := unix.Unmount(old, unix.MNT_DETACH); err != nil {
		return nil, nil, fmt.Errorf("unmount %s: %w", old, err)
	}
	return tree, notes, nil
}

// mountHierarchy mounts a hierarchy of version 1. A controller of version 2 is busy
// for a moment after the last cgroup that used it is gone.
func mountHierarchy(name, dir string) (err error) {
	for range 20 {
		if err = unix.Mount(name, dir, "cgroup", 0, name); err != unix.EBUSY {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// again shows a hierarchy, or a symbolic link to one, at another place.
func again(from, to string, e fs.DirEntry) error {
	if e.Type()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	}
	if !e.IsDir() {
		return nil
	}
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(from, to, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s: %w", from, err)
	}
	return nil
}

// remove takes away the cgroups that are named like one of the containers, the suite's
// own if this program uses them, and the hierarchies that arrangeCgroups made. It tells
// which it found.
func (t *cgroupTree) remove(ids []string) []string {
	var notes []string
	if t.fixed {
		ids = append(ids, "cgrouptest", "testdir")
	}
	ours := func(name string) bool { return slices.Contains(ids, strings.TrimSuffix(name, ".scope")) }
	for _, path := range below(cgroupRoot, ours) {
		if err := unix.Rmdir(path); err == nil && !strings.Contains(path, "/testdir") {
			notes = append(notes, "left the cgroup "+strings.TrimPrefix(path, cgroupRoot))
		}
	}
	for _, name := range t.added {
		if err := dismount(name); err != nil {
			notes = append(notes, err.Error())
		}
	}
	return notes
}

// below lists the directories below dir with such names, children first.
func below(dir string, such func(name string) bool) []string {
	var found []string
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != dir && such(d.Name()) {
			found = append(found, path)
		}
		return nil // one that vanishes meanwhile is fine
	})
	slices.Reverse(found)
	return found
}

// dismount unmounts a hierarchy so that it ceases to be. It does so only if it has no
// cgroup when it is unmounted, and a removed one is freed a little later.
func dismount(name string) error {
	dir := filepath.Join(cgroupRoot, name)
	for range 50 {
		for _, path := range below(dir, func(string) bool { return true }) {
			unix.Rmdir(path)
		}
		time.Sleep(50 * time.Millisecond)
		if err := unix.Unmount(dir, 0); err != nil {
			return fmt.Errorf("unmount the %s hierarchy: %w", name, err)
		}
		for range 20 {
			if !hasHierarchy(name) {
				return nil
			}
			time.Sleep(10 * time.Millisecond)
		}
		if err := unix.Mount(name, dir, "cgroup", 0, name); err != nil {
			return nil // it is on its way
		}
	}
	return fmt.Errorf("the %s hierarchy stays", name)
}

// hasHierarchy tells whether a controller is in a hierarchy of version 1, by the
// number in /proc/cgroups (cgroups(7)).
func hasHierarchy(name string) bool {
	text, _ := os.ReadFile("/proc/cgroups")
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 4 && fields[0] == name {
			return fields[1] != "0"
		}
	}
	return false
}
