package cgroups

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A Bus does what the systemd driver needs of systemd. All of it has a deadline.
type Bus struct {
	Start func(u Unit, pid int) error                               // StartTransientUnit, and wait until it is done
	Set   func(unit string, user bool, properties []Property) error // SetUnitProperties, until the next boot
	Stop  func(unit string, user bool) error                        // StopUnit, and wait; no such unit is no error
}

// Systemd is the way to systemd, where one is linked: importing package
// cgroups/systemd sets it. Who does not need it shall not pay for D-Bus at
// every start.
var Systemd *Bus

// ErrUnitExists is what Start returns if the name is taken.
var ErrUnitExists = errors.New("there is one of that name")

var errNoBus = errors.New("this rt was built without the systemd driver")

// Enter puts the waiting child into a new scope of systemd, and into the cgroups
// of those v1 hierarchies that systemd leaves to us: by its pid, since the
// migration before has paid for the wait that Joins avoids. With cgroupfs it
// does nothing.
func (c *Cgroup) Enter(pid int) error {
	if c.plan == nil || c.plan.unit == nil {
		return nil
	}
	if Systemd == nil {
		return errNoBus
	}
	u := c.plan.unit
	if err := Systemd.Start(*u, pid); err != nil {
		if errors.Is(err, ErrUnitExists) { // not ours: neither to stop nor to remove
			c.state.Scope, c.state.Made = "", nil
		}
		return fmt.Errorf("start unit %s: %w", u.Name, err)
	}
	in, err := whereIs(pid)
	if err != nil {
		return err
	}
	at, ok := in[""]
	if !c.host.pure() {
		at, ok = in["name=systemd"]
	}
	if !ok || path.Base(at) != u.Name {
		return fmt.Errorf("systemd started %s, but process %d is in %q", u.Name, pid, at)
	}
	for i := range c.host.hierarchies {
		x := &c.host.hierarchies[i]
		if _, mounted := c.state.Paths[x.name]; !mounted {
			continue
		}
		dir := path.Join(x.mount, at)
		if c.state.Paths[x.name] != dir {
			c.state.Paths[x.name] = dir
			if fd, ok := c.parents[x.name]; ok {
				unix.Close(fd)
				delete(c.parents, x.name)
			}
		}
		if err := c.enterIn(x, dir, in[x.name] == at); err != nil {
			return err
		}
	}
	if err := c.apply(c.plan.settings, func(s *setting) bool { return s.early }); err != nil {
		return err
	}
	for _, name := range c.names() {
		if in[name] == at {
			continue
		}
		if err := c.moveIn(name, pid); err != nil {
			return err
		}
	}
	return nil
}

// enterIn takes the directory over from systemd, or makes it if systemd has
// none here: it manages the controllers that it knows.
func (c *Cgroup) enterIn(x *hierarchy, dir string, in bool) error {
	if !in {
		err := c.createIn(x)
		if c.state.Rootless && denied(err) {
			delete(c.state.Paths, x.name)
			delete(c.state.Made, x.name)
			return nil
		}
		return err
	}
	fd, err := open(unix.AT_FDCWD, dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return opError("open", dir, err)
	}
	c.dirs[x.name] = fd
	if c.state.Inodes[x.name], err = inodeOf(fd); err != nil {
		return opError("stat", dir, err)
	}
	c.state.Made[x.name] = 1
	if x.name == "" {
		return c.prepareV2(x, fd, dir)
	}
	return nil
}

// whereIs reads in which cgroup of each hierarchy a process is.
func whereIs(pid int) (map[string]string, error) {
	file := "/proc/" + strconv.Itoa(pid) + "/cgroup"
	data, err := readFile(unix.AT_FDCWD, file)
	if err != nil {
		return nil, opError("read", file, err)
	}
	out := map[string]string{}
	for line := range strings.Lines(data) {
		_, line, _ = strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		name, at, _ := strings.Cut(line, ":")
		out[name] = at
	}
	return out, nil
}

// Move puts a process that is not in the cgroup yet there by its pid: what
// CRIU restored, or a child on a kernel without CLONE_INTO_CGROUP. It is slow,
// see Joins.
func (c *Cgroup) Move(pid int) error {
	for _, name := range c.names() {
		if err := c.moveIn(name, pid); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cgroup) moveIn(name string, pid int) error {
	dir, err := c.dirOf(name)
	if err == nil {
		err = writeFile(dir, "cgroup.procs", strconv.Itoa(pid))
	}
	if err != nil {
		return opError("move a process to", c.state.Paths[name], err)
	}
	return nil
}

// stopUnit ends the scope, which normally has ended with its last process.
func (c *Cgroup) stopUnit() error {
	if c.state.Scope == "" || c.state.Made[""]+c.state.Made["name=systemd"] == 0 {
		return nil // it was there before us
	}
	if Systemd == nil {
		return errNoBus
	}
	if err := Systemd.Stop(c.state.Scope, c.state.UserBus); err != nil {
		return fmt.Errorf("stop unit %s: %w", c.state.Scope, err)
	}
	return nil
}
