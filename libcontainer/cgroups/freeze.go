package cgroups

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// freezeWait is how long all tasks may take to stop. A task in an uninterruptible
// wait can't be stopped before its wait ends.
const freezeWait = 2 * time.Second

// Freeze stops all processes of the container, and returns when they stand.
func (c *Cgroup) Freeze() error {
	dir, name, err := c.freezer()
	if err != nil {
		return err
	}
	if err := freeze(dir, name == ""); err != nil {
		setFrozen(dir, name == "", false)
		return fmt.Errorf("freeze %s: %w", c.state.Paths[name], err)
	}
	return nil
}

// Thaw lets them go on.
func (c *Cgroup) Thaw() error {
	dir, name, err := c.freezer()
	if err != nil {
		return err
	}
	if err := setFrozen(dir, name == "", false); err != nil {
		return opError("thaw", c.state.Paths[name], err)
	}
	return nil
}

// Frozen tells whether the container stands, also through a cgroup above it.
// A container without a cgroup never does. It is asked for each line of a list,
// so it reads one file and does not compare the inode first: to look at another
// cgroup harms nobody.
func (c *Cgroup) Frozen() (bool, error) {
	name := c.with("freezer")
	dir, ok := c.state.Paths[name]
	if !ok {
		return false, nil
	}
	frozen, err := isFrozen(unix.AT_FDCWD, dir+"/", name == "")
	if gone(err) {
		return false, nil
	}
	return frozen, err
}

// Freezing tells whether there is something to thaw: the container stands, or was
// told to by a Freeze that was killed before it did. A freezer of v1 can be half-way
// for ever then, with some processes frozen and others not.
func (c *Cgroup) Freezing() (bool, error) {
	if frozen, err := c.Frozen(); err != nil || frozen {
		return frozen, err
	}
	dir, name, err := c.freezer()
	if err != nil {
		if gone(err) {
			err = nil
		}
		return false, err
	}
	file := "freezer.self_freezing"
	if name == "" {
		file = "cgroup.freeze"
	}
	told, err := readFile(dir, file)
	return strings.TrimSpace(told) == "1", err
}

// MayBeFrozen tells whether a container may be frozen one of whose processes is in
// this state, a letter of proc_pid_stat(5). Since 6.1 (kernel commit f5d39b020809) a
// task that the v1 freezer has frozen is always shown as "D", so one that sleeps or
// runs answers for its cgroup, with three system calls less. Cgroup v2 shows "S".
func (s *State) MayBeFrozen(state byte) bool {
	_, v1 := s.Paths["freezer"]
	return !v1 || state != 'S' && state != 'R' || !since61()
}

var since61 = sync.OnceValue(func() bool {
	var uts unix.Utsname
	if unix.Uname(&uts) != nil {
		return false
	}
	return atLeast(unix.ByteSliceToString(uts.Release[:]), 6, 1)
})

// atLeast compares a release, "6.18.44-generic", with a version of the kernel.
func atLeast(release string, major, minor int) bool {
	a, rest, _ := strings.Cut(release, ".")
	end := strings.IndexFunc(rest, func(c rune) bool { return c < '0' || c > '9' })
	if end >= 0 {
		rest = rest[:end]
	}
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(rest)
	return errX == nil && errY == nil && (x > major || x == major && y >= minor)
}

// errNoFreezer is what users without root find on a v1 host.
var errNoFreezer = errors.New("the container has no cgroup that could be frozen")

func (c *Cgroup) freezer() (dir int, name string, err error) {
	if name = c.with("freezer"); name == "" {
		if _, ok := c.state.Paths[""]; !ok {
			return -1, "", errNoFreezer
		}
	}
	dir, err = c.dirOf(name)
	return dir, name, err
}

func freeze(dir int, v2 bool) error {
	if err := setFrozen(dir, v2, true); err != nil {
		return reword(err)
	}
	deadline := time.Now().Add(freezeWait)
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 10*time.Millisecond) {
		if frozen, err := isFrozen(dir, "", v2); err != nil || frozen {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("a process did not stop within %v", freezeWait)
		}
		time.Sleep(pause)
		if !v2 { // a v1 freezer that is FREEZING goes on when it is told again
			if err := setFrozen(dir, v2, true); err != nil {
				return reword(err)
			}
		}
	}
}

func setFrozen(dir int, v2, frozen bool) error {
	switch {
	case v2:
		return writeFile(dir, "cgroup.freeze", flag(frozen))
	case frozen:
		return writeFile(dir, "freezer.state", "FROZEN")
	}
	return writeFile(dir, "freezer.state", "THAWED")
}

func isFrozen(dir int, prefix string, v2 bool) (bool, error) {
	if v2 {
		events, err := readFile(dir, prefix+"cgroup.events")
		return field(events, "frozen") == "1", err
	}
	state, err := readFile(dir, prefix+"freezer.state")
	return strings.TrimSpace(state) == "FROZEN", err
}
