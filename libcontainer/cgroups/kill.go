package cgroups

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Pids lists the processes of the container, those in cgroups below too, in our
// pid namespace. There are none where the cgroup is gone.
func (c *Cgroup) Pids() ([]int, error) {
	dir, err := c.dirOf(c.members())
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return pidsBelow(dir)
}

func pidsBelow(dir int) ([]int, error) {
	var pids []int
	err := walk(dir, func(dir int) error {
		data, err := readFile(dir, "cgroup.procs")
		if gone(err) || err == unix.EOPNOTSUPP { // threaded: the processes are above
			return nil
		}
		for line := range strings.Lines(data) {
			// 0 is a process of a pid namespace that we can't see.
			if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
		return err
	})
	slices.Sort(pids)
	return slices.Compact(pids), err
}

// Signal sends sig to every process of the container. While they are read and
// signalled they stand still, so that none can fork away or hand its pid on;
// v1 keeps even the killed ones, so they are thawed at the end.
func (c *Cgroup) Signal(sig unix.Signal) error {
	frozen, err := c.Frozen()
	if err != nil {
		return err
	}
	if !frozen {
		// Not all may stop in time: signalling those that run is better than
		// nothing, and what they fork is killed by the next call.
		if c.Freeze() == nil {
			defer c.Thaw()
		}
	}
	pids, err := c.Pids()
	for _, pid := range pids {
		if err := unix.Kill(pid, sig); err != nil && err != unix.ESRCH {
			return fmt.Errorf("kill %d: %w", pid, err)
		}
	}
	return err
}

// Kill kills every process of the container, frozen ones too. It does not wait
// for them to be gone.
func (c *Cgroup) Kill() error {
	name := c.members()
	dir, err := c.dirOf(name)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if name == "" {
		// Kills the whole tree at once, and forks under way (since 5.14).
		err := writeFile(dir, "cgroup.kill", "1")
		if err == nil || err == unix.ENODEV {
			return nil
		}
	}
	deadline := time.Now().Add(freezeWait)
	for {
		err := c.Signal(unix.SIGKILL)
		if terr := c.thawAll(); err == nil {
			err = terr
		}
		if err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
		pids, err := c.Pids()
		if err != nil || len(pids) == 0 || time.Now().After(deadline) {
			return err
		}
	}
}

// thawAll thaws the cgroups inside too, which the container may have frozen
// itself. With v1 a frozen process does not even die.
func (c *Cgroup) thawAll() error {
	dir, name, err := c.freezer()
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return walk(dir, func(dir int) error {
		err := setFrozen(dir, name == "", false)
		if gone(err) {
			err = nil
		}
		return err
	})
}
