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
// signalled they stand still, so that none can fork away or hand its pid on.
func (c *Cgroup) Signal(sig unix.Signal) error {
	_, err := c.signal(sig)
	return err
}

// signal tells also whether all of them stood still, and so got the signal.
func (c *Cgroup) signal(sig unix.Signal) (all bool, err error) {
	frozen, err := c.Frozen()
	if err != nil {
		return false, err
	}
	if !frozen && c.Freeze() == nil {
		frozen = true
		defer func() {
			if terr := c.Thaw(); err == nil && !gone(terr) {
				err = terr
			}
		}()
	}
	pids, err := c.Pids()
	for _, pid := range pids {
		if err := unix.Kill(pid, sig); err != nil && err != unix.ESRCH {
			return false, fmt.Errorf("kill %d: %w", pid, err)
		}
	}
	return frozen, err
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
		if err == nil || gone(err) && !c.exists(name) {
			return nil
		}
	}
	deadline := time.Now().Add(freezeWait)
	for {
		pids, err := pidsBelow(dir)
		if err != nil || len(pids) == 0 {
			return err
		}
		all, err := c.signal(unix.SIGKILL)
		if terr := c.thawAll(); err == nil {
			err = terr
		}
		if err != nil || all || time.Now().After(deadline) {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

func (c *Cgroup) exists(name string) bool {
	var st unix.Stat_t
	return unix.Lstat(c.state.Paths[name], &st) == nil
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
