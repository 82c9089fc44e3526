package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/c9b5e2ae/rt/libcontainer/cgroups"
	"golang.org/x/sys/unix"
)

// Pids lists all processes of the container, those of exec too, as rt sees them.
func (c *Container) Pids() ([]int, error) {
	if c.hasNoCgroup() {
		return c.neighbours()
	}
	g, err := cgroups.Load(c.state.Cgroup)
	if err != nil {
		return nil, err
	}
	return g.Pids()
}

// hasNoCgroup tells that the container shares the cgroup of whoever made it: a
// user to whom nobody has delegated one.
func (c *Container) hasNoCgroup() bool { return len(c.state.Cgroup.Paths) == 0 }

// neighbours are the processes in init's pid namespace, which is the next best
// thing to a cgroup: one that made itself another pid namespace is missed.
// Without a pid namespace of its own only init is known to be the container's.
func (c *Container) neighbours() ([]int, error) {
	fd, err := c.pidfd()
	if errors.Is(err, ErrNotRunning) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if !c.state.OwnPidns {
		return []int{c.state.Pid}, nil
	}
	home, err := pidNamespace(c.state.Pid)
	if err != nil {
		return nil, fmt.Errorf("pid namespace of process %d: %w", c.state.Pid, err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// A process that may not be looked into is not the user's.
		if ns, err := pidNamespace(pid); err == nil && ns == home {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// pidNamespace is the inode of a process' pid namespace.
func pidNamespace(pid int) (uint64, error) {
	var st unix.Stat_t
	err := unix.Stat(fmt.Sprintf("/proc/%d/ns/pid", pid), &st)
	return st.Ino, err
}

// signalNeighbours signals what Pids lists. The end of init is the end of all
// others in its pid namespace.
func (c *Container) signalNeighbours(signal unix.Signal) error {
	init, err := c.pidfd()
	if errors.Is(err, ErrNotRunning) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(init)
	var pids []int
	if signal != unix.SIGKILL {
		if pids, err = c.neighbours(); err != nil {
			return err
		}
	}
	for _, pid := range pids {
		if pid == c.state.Pid {
			continue
		}
		if err := c.signalNeighbour(pid, signal); err != nil && err != unix.ESRCH {
			return fmt.Errorf("signal %d to process %d: %w", signal, pid, err)
		}
	}
	if err := unix.PidfdSendSignal(init, signal, nil, 0); err != nil && err != unix.ESRCH {
		return fmt.Errorf("signal %d to process %d: %w", signal, c.state.Pid, err)
	}
	return nil
}

// signalNeighbour looks once more where the process is when it has it: its number
// may have been given to another meanwhile.
func (c *Container) signalNeighbour(pid int, signal unix.Signal) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	home, err := pidNamespace(c.state.Pid)
	if err != nil {
		return err
	}
	if ns, err := pidNamespace(pid); err != nil || ns != home {
		return unix.ESRCH
	}
	return unix.PidfdSendSignal(fd, signal, nil, 0)
}
