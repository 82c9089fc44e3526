package libcontainer

import (
	"errors"
	"fmt"

	"github.com/c9b5e2ae/rt/libcontainer/cgroups"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Kill sends a signal to init, with all set to every process of the container.
// SIGKILL takes effect on a frozen container too, and where init has no pid
// namespace of its own it reaches every process, since nothing else would end
// them. ErrNotRunning where init has ended; with all that is no error, and what
// is left in the cgroup is signalled: containerd does that after init's end
// whenever the pid namespace is shared.
func (c *Container) Kill(signal unix.Signal, all bool) error {
	now, err := c.status()
	if err != nil {
		return err
	}
	everyone := all || signal == unix.SIGKILL && !c.state.OwnPidns
	if now == specs.StateStopped && !all {
		return ErrNotRunning
	}
	if everyone {
		return c.killAll(signal)
	}
	fd, err := c.pidfd()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, signal, nil, 0); err != nil {
		if errors.Is(err, unix.ESRCH) {
			return ErrNotRunning
		}
		return fmt.Errorf("signal %d to process %d: %w", signal, c.state.Pid, err)
	}
	if now == StatusPaused && signal == unix.SIGKILL {
		return c.thaw() // a frozen task of cgroup v1 does not even die
	}
	return nil
}

func (c *Container) killAll(signal unix.Signal) error {
	if c.hasNoCgroup() {
		return c.signalNeighbours(signal)
	}
	g, err := cgroups.Load(c.state.Cgroup)
	if err != nil {
		return err
	}
	if signal == unix.SIGKILL {
		return g.Kill()
	}
	return g.Signal(signal)
}

func (c *Container) thaw() error {
	g, err := cgroups.Load(c.state.Cgroup)
	if err != nil {
		return err
	}
	return g.Thaw()
}

// Pause freezes every process of a created or running container.
func (r *Runtime) Pause(id string) error {
	c, err := r.change(id)
	if err != nil {
		return err
	}
	defer c.Close()
	now, err := c.status()
	if err != nil {
		return err
	}
	if now != specs.StateRunning && now != specs.StateCreated {
		return fmt.Errorf("cannot pause a %s container: %w", now, notRunningIf(now))
	}
	g, err := cgroups.Load(c.state.Cgroup)
	if err != nil {
		return err
	}
	return g.Freeze()
}

// Resume thaws a paused container.
func (r *Runtime) Resume(id string) error {
	c, err := r.change(id)
	if err != nil {
		return err
	}
	defer c.Close()
	g, err := cgroups.Load(c.state.Cgroup)
	if err != nil {
		return err
	}
	freezing, err := g.Freezing()
	if err != nil {
		return err
	}
	if !freezing {
		return errors.New("the container is not paused")
	}
	return g.Thaw()
}

// Update changes limits of a created, running or paused container. What r does
// not mention stays; device rules in it are ignored.
func (r *Runtime) Update(id string, resources *specs.LinuxResources) error {
	c, err := r.change(id)
	if err != nil {
		return err
	}
	defer c.Close()
	now, err := c.status()
	if err != nil {
		return err
	}
	if now == specs.StateStopped {
		return ErrNotRunning
	}
	g, err := cgroups.Load(c.state.Cgroup)
	if err != nil {
		return err
	}
	return g.Update(resources)
}

// UpdateIntelRdt writes new schemata of the container's class of service; ""
// leaves one alone.
func (r *Runtime) UpdateIntelRdt(id, l3CacheSchema, memBwSchema string) error {
	c, err := r.change(id)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.state.IntelRdt.Update(l3CacheSchema, memBwSchema)
}

// notRunningIf is the frozen text where the container has ended.
func notRunningIf(now specs.ContainerState) error {
	if now == specs.StateStopped {
		return ErrNotRunning
	}
	return fmt.Errorf("it must be created or running")
}
