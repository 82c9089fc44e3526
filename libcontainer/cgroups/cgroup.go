package cgroups

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// A State is what has to be remembered of a container's cgroup to find it
// again, and to touch nothing else: it lies in state.json.
type State struct {
	Driver string `json:"driver"` // "cgroupfs" or "systemd"

	// Paths has the directory in each hierarchy, whose name is as in
	// /proc/self/cgroup: "memory", "cpu,cpuacct", "name=systemd"; "" is cgroup2.
	Paths map[string]string `json:"paths"`

	// Inodes of the directories. cgroup inodes are not used twice (since 5.5),
	// so another number is another cgroup. None while create is under way.
	Inodes map[string]uint64 `json:"inodes,omitempty"`

	// Made tells how many of the last components of a path were not there
	// before: they are ours to remove. 0 is a cgroup that somebody gave us.
	Made map[string]int `json:"made,omitempty"`

	Scope    string `json:"scope,omitempty"` // the systemd unit
	UserBus  bool   `json:"userBus,omitempty"`
	Rootless bool   `json:"rootless,omitempty"`
}

// A Cgroup is the cgroup of one container: a directory in each hierarchy.
type Cgroup struct {
	state   State
	plan    *Plan
	host    *host
	dirs    map[string]int // O_PATH descriptors, opened when first needed
	parents map[string]int // of the directories above, since Create
}

// errNotOurs is a directory that is not the one we made. It is left alone.
var errNotOurs = errors.New("is not the container's cgroup any more")

// Load finds a container's cgroup again. It opens nothing: a directory is
// opened when it is needed, and then its inode is compared. Directories that
// are gone are no error.
func Load(s State) (*Cgroup, error) {
	for name, dir := range s.Paths {
		if !path.IsAbs(dir) || path.Clean(dir) != dir || strings.ContainsRune(dir, 0) || strings.Count(dir, "/") < 2 {
			return nil, fmt.Errorf("cgroup path %q of hierarchy %q is damaged", dir, name)
		}
	}
	return &Cgroup{state: s, dirs: map[string]int{}}, nil
}

// State is what Load needs.
func (c *Cgroup) State() State { return c.state }

// Close gives the descriptors back. A Cgroup that was closed can still be used.
func (c *Cgroup) Close() {
	for name, fd := range c.dirs {
		unix.Close(fd)
		delete(c.dirs, name)
	}
	for name, fd := range c.parents {
		unix.Close(fd)
		delete(c.parents, name)
	}
}

// names lists the hierarchies in a fixed order.
func (c *Cgroup) names() []string { return sortedKeys(c.state.Paths) }

// dirOf opens the directory in a hierarchy. ENOENT: it is gone. errNotOurs: it
// is another one. Never is it a root cgroup.
func (c *Cgroup) dirOf(name string) (int, error) {
	if fd, ok := c.dirs[name]; ok {
		return fd, nil
	}
	dir, ok := c.state.Paths[name]
	if !ok {
		return -1, unix.ENOENT
	}
	fd, err := open(unix.AT_FDCWD, dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return -1, err
	}
	inode, err := inodeOf(fd)
	if err == nil {
		if want := c.state.Inodes[name]; want != 0 && inode != want || want == 0 && c.state.Made[name] == 0 {
			err = fmt.Errorf("%s: %w", dir, errNotOurs)
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	c.dirs[name] = fd
	return fd, nil
}

// inodeOf returns the inode of a cgroup directory. A root cgroup is refused: the
// kernel's has inode 1, a cgroup namespace's is the root of a mount (told since
// 5.8).
func inodeOf(fd int) (uint64, error) {
	var fs unix.Statfs_t
	var st unix.Statx_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return 0, err
	}
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_INO, &st); err != nil {
		return 0, err
	}
	if fs.Type != unix.CGROUP_SUPER_MAGIC && fs.Type != unix.CGROUP2_SUPER_MAGIC ||
		st.Ino == 1 || st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		return 0, errNotOurs
	}
	return st.Ino, nil
}

// gone tells that there is nothing of ours to act on.
func gone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) || errors.Is(err, errNoFreezer) || errors.Is(err, errNotOurs)
}

// members names the hierarchy that tells the container's processes: cgroup2
// where it is alone, else the freezer's, which can also hold them still.
func (c *Cgroup) members() string {
	for _, name := range []string{"freezer", "devices", "pids", "name=systemd"} {
		if found := c.with(name); found != "" {
			return found
		}
	}
	for _, name := range slices.Backward(c.names()) { // "" comes first
		return name
	}
	return ""
}

// with returns the v1 hierarchy that has the controller, or "".
func (c *Cgroup) with(controller string) string {
	if _, ok := c.state.Paths[controller]; ok {
		return controller
	}
	for name := range c.state.Paths {
		if hasWord(name, controller, ",") {
			return name
		}
	}
	return ""
}

// children lists the cgroups below dir.
func children(dir int) ([]string, error) {
	var st unix.Stat_t
	if unix.Fstat(dir, &st) == nil && st.Nlink == 2 {
		return nil, nil // kernfs counts the directories inside as links
	}
	fd, err := open(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), ".")
	defer f.Close()
	entries, err := f.ReadDir(-1)
	var out []string
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out, err
}

// walk calls visit for the cgroup and all below it, the deepest first. What
// vanishes on the way is no error.
func walk(dir int, visit func(dir int) error) error {
	names, err := children(dir)
	if err != nil && !gone(err) {
		return err
	}
	for _, name := range names {
		fd, err := open(dir, name, unix.O_PATH|unix.O_DIRECTORY)
		if err != nil {
			continue
		}
		err = walk(fd, visit)
		unix.Close(fd)
		if err != nil {
			return err
		}
	}
	return visit(dir)
}
