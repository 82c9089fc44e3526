package cgroups

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Apply sets the limits and the device rules. It may go before or after the
// join, but goes before init gets its plan: a v1 devices cgroup can't change
// from one list to another in one step.
func (c *Cgroup) Apply() error {
	if err := c.applyDevices(); err != nil {
		if !c.state.Rootless { // user namespaces can't restrict devices, nor use any
			return fmt.Errorf("linux.resources.devices: %w", err)
		}
	}
	return c.apply(c.plan.settings, func(s *setting) bool { return !s.early && !s.late })
}

// ApplyLast sets what would stop init before it is ready: a limit of few tasks.
func (c *Cgroup) ApplyLast() error {
	if u := c.plan.unit; u != nil && len(u.late) > 0 {
		if Systemd == nil {
			return errNoBus
		}
		if err := Systemd.Set(u.Name, u.User, u.late); err != nil {
			return fmt.Errorf("set properties of unit %s: %w", u.Name, err)
		}
	}
	return c.apply(c.plan.settings, func(s *setting) bool { return s.late })
}

// HasLast tells whether ApplyLast has anything to set.
func (c *Cgroup) HasLast() bool {
	if c.plan == nil {
		return false // of exec
	}
	return c.plan.unit != nil && len(c.plan.unit.late) > 0 ||
		slices.ContainsFunc(c.plan.settings, func(s setting) bool { return s.late })
}

func (c *Cgroup) applyDevices() error {
	if name := c.with("devices"); name != "" {
		dir, err := c.dirOf(name)
		if err != nil {
			return opError("open", c.state.Paths[name], err)
		}
		return c.plan.list.write(dir)
	}
	dir, err := c.dirOf("")
	if err == unix.ENOENT && len(c.state.Paths) == 0 {
		return nil // rootless, without a cgroup
	}
	if err != nil {
		return opError("open", c.state.Paths[""], err)
	}
	return attachDevices(dir, c.plan.rules)
}
