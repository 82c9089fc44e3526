package cgroups

import (
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// A process enters a cgroup in one of two ways that do not wait. Writing a pid
// to cgroup.procs is none of them: it takes the lock of all thread groups for
// writing, which after a quiet moment waits for a grace period of RCU, 7 ms
// and more.
//
//   - cgroup v1: a process with one thread writes 0 to tasks: it moves itself
//     alone, and the kernel (since 5.5) skips the lock. Joins has the files.
//   - cgroup v2: clone3 with CLONE_INTO_CGROUP (since 5.7) makes the child where
//     it belongs, on a hybrid host too. CloneFD has the directory.

// Joins opens the files to which a process that has one thread has to write "0":
// the container's first process, with nil, or one that enters a running container.
// It is the caller who closes them. There are none for the first one with the
// systemd driver, see Enter.
func (c *Cgroup) Joins(b Below) ([]*os.File, error) {
	if c.plan != nil && c.plan.unit != nil {
		return nil, nil
	}
	var files []*os.File
	for _, name := range c.names() {
		if name == "" {
			continue
		}
		f, err := c.joinFile(name, b[name])
		if err != nil {
			closeAll(files)
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

func (c *Cgroup) joinFile(name, below string) (*os.File, error) {
	dir, err := c.dirOf(name)
	if err != nil {
		return nil, opError("open", c.state.Paths[name], err)
	}
	file := path.Join(below, "tasks")
	fd, err := open(dir, file, unix.O_WRONLY)
	if err != nil {
		return nil, opError("open", path.Join(c.state.Paths[name], file), err)
	}
	return os.NewFile(uintptr(fd), path.Join(c.state.Paths[name], file)), nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// CloneFD opens the cgroup2 directory for CLONE_INTO_CGROUP; nil where there is
// none, or where systemd moves the process. It is the caller who closes it.
func (c *Cgroup) CloneFD(b Below) (*os.File, error) {
	if _, ok := c.state.Paths[""]; !ok || c.plan != nil && c.plan.unit != nil {
		return nil, nil
	}
	dir, err := c.dirOf("")
	if err != nil {
		return nil, opError("open", c.state.Paths[""], err)
	}
	below := b[""]
	if below == "" {
		below = "."
	}
	fd, err := open(dir, below, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, opError("open", path.Join(c.state.Paths[""], below), err)
	}
	return os.NewFile(uintptr(fd), path.Join(c.state.Paths[""], below)), nil
}

// Below is where a process goes in the container's cgroups, hierarchy by
// hierarchy: the path from the container's cgroup down, "" being that itself.
type Below map[string]string

// Below finds where a process that enters a running container goes: into the
// cgroups of pid, the container's init, which may have moved itself further down;
// or into those that sub names, which must exist: the key is a controller or "" for
// all, the value a path below the container's cgroup, as in `exec --cgroup`.
func (c *Cgroup) Below(pid int, sub map[string]string) (Below, error) {
	below, err := c.cgroupsOf(pid)
	if err != nil {
		return nil, err
	}
	for key, p := range sub {
		if strings.ContainsRune(p, 0) || hasWord(p, "..", "/") {
			return nil, fmt.Errorf("cgroup %q is not below the container's", p)
		}
		p = strings.TrimPrefix(path.Join("/", p), "/")
		found := false
		for _, name := range c.names() {
			if key == "" || name == key || hasWord(name, key, ",") || name == "name="+key {
				below[name], found = p, true
			}
		}
		if !found {
			return nil, fmt.Errorf("the container has no cgroup of controller %q", key)
		}
	}
	return below, nil
}

// cgroupsOf returns where pid is below the container's cgroup, in the
// hierarchies where it is there.
func (c *Cgroup) cgroupsOf(pid int) (Below, error) {
	out := Below{}
	if pid <= 0 {
		return out, nil
	}
	in, err := whereIs(pid)
	if err != nil {
		return nil, err
	}
	for name, dir := range c.state.Paths {
		// The mount may show less than all of the tree, so the container's
		// path is an end of the kernel's one and not the whole of it.
		if _, rest, found := strings.Cut(in[name]+"/", "/"+path.Base(dir)+"/"); found {
			out[name] = strings.Trim(rest, "/")
		}
	}
	return out, nil
}
