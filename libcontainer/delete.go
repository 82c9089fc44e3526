package libcontainer

import (
	"errors"
	"fmt"
	"time"

	"github.com/c9b5e2ae/rt/libcontainer/cgroups"
	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/c9b5e2ae/rt/libcontainer/hooks"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Delete removes a stopped container and all that rt made for it; a created one
// too, against runtime.md, because containerd deletes those; any other with
// force. It can be repeated after it failed half-way. With force, that there is
// no such container is no error.
func (r *Runtime) Delete(id string, force bool) error {
	c, err := r.change(id)
	var broken *stateError
	switch {
	case errors.Is(err, ErrNotExist) && force:
		return nil
	case errors.As(err, &broken) && force:
		return r.deleteBroken(id)
	case err != nil:
		return err
	}
	defer c.Close()
	now, err := c.status()
	if err != nil && !force {
		return err
	}
	if !force && now != specs.StateStopped && now != specs.StateCreated {
		return fmt.Errorf("cannot delete container %q that is not stopped: it is %s (use `delete --force` to kill it first)", id, now)
	}
	var plan *hooks.Plan
	if s, err := c.spec(); err == nil {
		plan = hooks.PlanHooks(s, &config.Problems{})
	} else if !force {
		return err
	}
	return c.destroy(plan)
}

// Delete removes the container, by force, with what this process knows of it:
// since it has created it nobody else has written its state. That somebody else
// has deleted it is no error.
func (c *Container) Delete() error {
	err := c.dir.lock()
	if errors.Is(err, ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return c.destroy(hooks.PlanHooks(c.conf, &config.Problems{}))
}

// endTime is how long a killed container may take to end: a process in an
// uninterruptible sleep holds its cgroup.
const endTime = 10 * time.Second

// soon is how long one that nothing holds takes at the most.
const soon = 100 * time.Millisecond

// destroy kills what runs and undoes what the state names. The cgroup is the
// truth about what runs: a pid may be another's by now.
func (c *Container) destroy(plan *hooks.Plan) error {
	g := c.cgroup
	if g == nil {
		var err error
		if g, err = cgroups.Load(c.state.Cgroup); err != nil {
			return err
		}
	}
	if err := c.state.Hook.Kill(); err != nil {
		return fmt.Errorf("kill the hook that ran: %w", err)
	}
	if fd, err := c.pidfd(); err == nil {
		defer unix.Close(fd)
		unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		if frozen, err := g.Frozen(); c.state.OwnPidns && err == nil && !frozen {
			// The kernel ends a pid namespace with its first process
			// (pid_namespaces(7)), sooner than the freezer could stop it.
			awaitEnd(fd, soon)
		}
		if err := g.Kill(); err != nil {
			return err
		}
		if err := awaitEnd(fd, endTime); err != nil {
			return fmt.Errorf("kill init, process %d: %w", c.state.Pid, err)
		}
	} else if err := g.Kill(); err != nil {
		return err
	}
	if err := errors.Join(c.state.HostMount.Detach(), g.Remove(), c.state.IntelRdt.Delete()); err != nil {
		return err
	}
	c.dir.runPoststop(c.r, plan, c.state)
	return c.dir.remove()
}

// deleteBroken deletes a container whose state.json cannot be read. The config's
// copy still tells which cgroup was its own.
func (r *Runtime) deleteBroken(id string) error {
	d, err := findDir(r.Root, id)
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.lock(); err != nil {
		return err
	}
	if _, err := d.readState(); err == nil {
		// A create had the id and not yet the lock. It knows of more to undo.
		d.close()
		return r.Delete(id, true)
	}
	s, _, err := config.Load(d.file(configFile))
	if err != nil {
		// Create wrote the state first and the copy next: without both it made
		// nothing else.
		return d.remove()
	}
	facts, err := config.ReadFacts(r.Rootless)
	if err != nil {
		return err
	}
	g, err := cgroups.Load(cgroups.PlanCgroup(s, id, r.Systemd, facts, &config.Problems{}).Lost())
	if err != nil {
		return err
	}
	if err := errors.Join(g.Kill(), g.Remove()); err != nil {
		return err
	}
	return d.remove()
}
