package libcontainer

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/c9b5e2ae/rt/libcontainer/boot"
	"github.com/c9b5e2ae/rt/libcontainer/cgroups"
	"github.com/c9b5e2ae/rt/libcontainer/config"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// State answers what the container is now. It takes no lock, so that it never
// waits for another operation: CRI-O takes a state that fails for a dead
// container.
func (c *Container) State() (State, error) {
	f, err := c.look()
	if err != nil {
		return State{}, err
	}
	s := State{
		State: specs.State{
			Version:     c.state.OCIVersion,
			ID:          c.state.ID,
			Status:      status(f),
			Bundle:      c.state.Bundle,
			Annotations: c.state.Annotations,
		},
		Rootfs:  c.state.Rootfs,
		Created: c.state.Created,
		Owner:   c.owner(),
	}
	if s.Status != specs.StateStopped {
		s.Pid = c.state.Pid
	}
	return s, nil
}

func (c *Container) owner() string {
	var st unix.Stat_t
	if unix.Fstatat(c.dir.fd, c.dir.below, &st, unix.AT_EMPTY_PATH) != nil {
		return ""
	}
	if st.Uid == 0 {
		return "root" // passwd(5) need not be read for it
	}
	id := strconv.Itoa(int(st.Uid))
	passwd, err := config.ReadFile("/etc/passwd", 1<<20)
	if err != nil {
		return id
	}
	return userName(string(passwd), id)
}

// userName finds the name of a uid in passwd(5); the number is the name of one
// that is not there. os/user would take $USER for it.
func userName(passwd, id string) string {
	for line := range strings.Lines(passwd) {
		name, rest, _ := strings.Cut(line, ":")
		_, rest, _ = strings.Cut(rest, ":")
		if uid, _, ok := strings.Cut(rest, ":"); ok && uid == id && name != "" {
			return name
		}
	}
	return id
}

func (c *Container) status() (specs.ContainerState, error) {
	f, err := c.look()
	return status(f), err
}

// look gathers what the status is derived from, and asks no more than it needs:
// list looks at every container.
func (c *Container) look() (f seen, err error) {
	if c.state.Pid == 0 {
		// Between the claim and the launch there is no process yet; a create
		// that died there left nothing that runs.
		f.newSock = c.isLocked()
		f.alive = f.newSock
		return f, nil
	}
	stat, err := readStat(c.state.Pid)
	f.alive = err == nil && !stat.ended() && stat.startTime == c.state.StartTime
	if !f.alive {
		return f, nil
	}
	f.parked = stat.comm == boot.Name
	young := strings.Trim(stat.comm, "0123456789") == "" // named after the descriptor it was executed from
	// Else the program runs, and create and start have done their work. The name
	// alone proves nothing: the program may choose the same.
	if f.parked || young {
		// In this order: create renames the one to the other.
		f.newSock, f.sock = c.dir.has(newSock), c.dir.has(startSock)
		if f.newSock {
			return f, nil
		}
		// run has no socket; while it works on the container it holds the lock.
		if !f.sock && c.isLocked() {
			f.newSock = true
			return f, nil
		}
	}
	if !c.state.Cgroup.MayBeFrozen(stat.state) {
		return f, nil
	}
	g, err := cgroups.Load(c.state.Cgroup)
	if err != nil {
		return f, err
	}
	f.frozen, err = g.Frozen()
	if errors.Is(err, os.ErrNotExist) { // the last process has just gone
		f.alive, err = false, nil
	}
	return f, err
}

// isLocked tells whether another operation works on the container.
func (c *Container) isLocked() bool {
	if c.locked {
		return false
	}
	fd, err := unix.Open(c.dir.file("."), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return unix.Flock(fd, unix.LOCK_SH|unix.LOCK_NB) == unix.EWOULDBLOCK
}

// StopSignal is what the container's image says about how to stop it (an
// annotation of config.md, "Annotations"), unchecked; "" if it says nothing.
func (c *Container) StopSignal() string {
	return c.state.Annotations["org.opencontainers.image.stopSignal"]
}

// pidfd opens init, checked to be the process that the state names: a pid can
// be another's by now. ErrNotRunning where it ended.
func (c *Container) pidfd() (int, error) {
	if c.state.Pid == 0 {
		return -1, ErrNotRunning
	}
	fd, err := unix.PidfdOpen(c.state.Pid, 0)
	if err != nil {
		return -1, ErrNotRunning
	}
	stat, err := readStat(c.state.Pid)
	if err != nil || stat.ended() || stat.startTime != c.state.StartTime {
		unix.Close(fd)
		return -1, ErrNotRunning
	}
	return fd, nil
}

// awaitEnd waits until the process of pidfd has ended, a zombie at most.
func awaitEnd(pidfd int, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, max(0, int(time.Until(deadline)/time.Millisecond)))
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return err
		case n == 0:
			return unix.ETIMEDOUT
		}
		return nil
	}
}
