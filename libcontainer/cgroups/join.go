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

// Joins opens the files to which the container's first process, while it has
// one thread, has to write "0". It is the caller who closes them. There are none
// with the systemd driver, see Enter.
func (c *Cgroup) Joins() ([]*os.File, error) {
	if c.plan != nil && c.plan.unit != nil {
		return nil, nil
	}
	var files []*os.File
	for _, name := range c.names() {
		if name == "" {
			continue
		}
		f, err := c.joinFile(name, "")
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
func (c *Cgroup) CloneFD() (*os.File, error) {
	if _, ok := c.state.Paths[""]; !ok || c.plan != nil && c.plan.unit != nil {
		return nil, nil
	}
	return c.cloneDir("")
}

func (c *Cgroup) cloneDir(below string) (*os.File, error) {
	dir, err := c.dirOf("")
	if err != nil {
		return nil, opError("open", c.state.Paths[""], err)
	}
	if below == "" {
		below = "."
	}
	fd, err := open(dir, below, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, opError("open", path.Join(c.state.Paths[""], below), err)
	}
	return os.NewFile(uintptr(fd), path.Join(c.state.Paths[""], below)), nil
}

// JoinsBelow is Joins and CloneFD for a process that enters a running
// container. It joins the cgroups of pid, the container's init, which may have
// moved itself further down; or those that sub names, which must exist: the
// key is a controller or "" for all, the value a path below the container's
// cgroup, as in `exec --cgroup`.
func (c *Cgroup) JoinsBelow(pid int, sub map[string]string) (joins []*os.File, clone *os.File, err error) {
	below := map[string]string{}
	for key, p := range sub {
		if strings.ContainsRune(p, 0) || hasWord(p, "..", "/") {
			return nil, nil, fmt.Errorf("cgroup %q is not below the container's", p)
		}
		p = strings.TrimPrefix(path.Join("/", p), "/")
		found := false
		for _, name := range c.names() {
			if key == "" || name == key || hasWord(name, key, ",") || name == "name="+key {
				below[name], found = p, true
			}
		}
		if !found {
			return nil, nil, fmt.Errorf("the container has no cgroup of controller %q", key)
		}
	}
	inits, err := c.cgroupsOf(pid)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range c.names() {
		p, ok := below[name]
		if !ok {
			p = inits[name]
		}
		if name == "" {
			clone, err = c.cloneDir(p)
		} else {
			var f *os.File
			if f, err = c.joinFile(name, p); err == nil {
				joins = append(joins, f)
			}
		}
		if err != nil {
			closeAll(joins)
			return nil, nil, err
		}
	}
	return joins, clone, nil
}

// cgroupsOf returns where pid is below the container's cgroup, in the
// hierarchies where it is there.
func (c *Cgroup) cgroupsOf(pid int) (map[string]string, error) {
	if pid <= 0 {
		return nil, nil
	}
	in, err := whereIs(pid)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for name, dir := range c.state.Paths {
		// The mount may show less than all of the tree, so the container's
		// path is an end of the kernel's one and not the whole of it.
		if _, rest, found := strings.Cut(in[name]+"/", "/"+path.Base(dir)+"/"); found {
			out[name] = strings.Trim(rest, "/")
		}
	}
	return out, nil
}
