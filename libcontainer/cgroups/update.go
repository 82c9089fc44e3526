package cgroups

import (
	"fmt"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// Update changes the limits of a container, running or not started yet. What r
// does not name, or names as zero, stays. Device rules are ignored: the CRI
// plugin of containerd sends "deny everything" with each update. Problems have
// the paths of a resources document: "memory.limit".
func (c *Cgroup) Update(r *specs.LinuxResources) error {
	if c.host == nil {
		h, err := readHost(c.mode())
		if err != nil {
			return err
		}
		for i := range h.hierarchies {
			if x := &h.hierarchies[i]; !x.mounted() {
				x.locate()
			}
		}
		c.host = h
	}
	ps := config.Problems{File: "resources"}
	b := settings{h: c.host, ps: &ps, update: true}
	b.plan(r)
	if err := ps.Err(); err != nil {
		return err
	}
	if x := c.host.v2; x != nil {
		if dir, ok := c.state.Paths[""]; ok {
			fd, err := c.dirOf("")
			if err != nil {
				return opError("open", dir, err)
			}
			if err := c.enable(x, fd, dir, b.list); err != nil {
				return err
			}
		}
	}
	if c.state.Scope != "" {
		if Systemd == nil {
			return errNoBus
		}
		if p := resourceProperties(r, c.host); len(p) > 0 {
			if err := Systemd.Set(c.state.Scope, c.state.UserBus, p); err != nil {
				return fmt.Errorf("set properties of unit %s: %w", c.state.Scope, err)
			}
		}
	}
	return c.apply(b.list, func(*setting) bool { return true })
}

// mode is that of the host when the container was made.
func (c *Cgroup) mode() config.CgroupMode {
	_, v2 := c.state.Paths[""]
	switch {
	case !v2:
		return config.CgroupV1
	case len(c.state.Paths) == 1:
		return config.CgroupV2
	}
	return config.CgroupHybrid
}
