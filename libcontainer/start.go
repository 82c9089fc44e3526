package libcontainer

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/c9b5e2ae/rt/libcontainer/boot"
	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/c9b5e2ae/rt/libcontainer/hooks"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Start lets the waiting init of a created container execute the program, and
// returns once it has: a failing startContainer hook or execve is Start's error.
func (r *Runtime) Start(id string) error {
	c, err := r.change(id)
	if err != nil {
		return err
	}
	defer c.Close()
	now, err := c.status()
	if err != nil {
		return err
	}
	switch now {
	case specs.StateCreated:
	case specs.StateStopped:
		return errors.New("cannot start a container that has stopped")
	case StatusPaused:
		return errors.New("cannot start a paused container: resume it first")
	default:
		return fmt.Errorf("cannot start a container that is %s", now)
	}
	s, err := c.spec()
	if err != nil {
		return err
	}
	if s.Process == nil {
		return errors.New("cannot start a container whose config.json has no process")
	}
	plan := hooks.PlanHooks(s, &config.Problems{}) // create has refused a bad one
	begin := r.Trace.now()
	err = c.release()
	r.Trace.add("host", "start", begin, err)
	if err != nil {
		// The next one to ask for the state shall hear that init has ended.
		if fd, gone := c.pidfd(); gone == nil {
			awaitEnd(fd, endTime)
			unix.Close(fd)
		}
		if len(plan.StartContainer) > 0 {
			// runtime.md, "Lifecycle" 8: stop, and continue at 12, the destruction.
			return errors.Join(err, c.destroy(plan))
		}
		return err
	}
	return c.poststart(s, plan)
}

// spec reads the config as it was at create.
func (c *Container) spec() (*specs.Spec, error) {
	var err error
	if c.conf == nil {
		c.conf, _, err = config.Load(c.dir.file(configFile))
	}
	return c.conf, err
}

// release connects to the waiting init and reads until execve closes its end.
func (c *Container) release() error {
	path := c.dir.file(startSock)
	file, err := connect(path, unix.SOCK_SEQPACKET)
	if errors.Is(err, unix.ECONNREFUSED) {
		unix.Unlinkat(c.dir.fd, startSock, 0)
		return errors.New("cannot start a container that has been started")
	}
	if err != nil {
		return fmt.Errorf("connect to init: %w", err)
	}
	defer file.Close()
	socket := boot.On(file)
	executed := false
	for {
		m, err := socket.Receive(time.Now().Add(patience), -1)
		switch {
		case errors.Is(err, boot.ErrTimeout):
			if stat, err := readStat(c.state.Pid); err != nil || stat.ended() {
				return c.diedStarting()
			}
		case errors.Is(err, io.EOF) && executed:
			unix.Unlinkat(c.dir.fd, startSock, 0)
			return nil
		case errors.Is(err, io.EOF):
			return c.diedStarting()
		case err != nil:
			return err
		case m.Type == boot.Exec:
			executed = true
		case m.Type == boot.Failed:
			return initFailed(m)
		case m.Type == boot.Log:
			c.r.warn("%s", m.Text)
		}
	}
}

func (c *Container) diedStarting() error {
	return diedOf("init: died before the program started: linux.seccomp may deny what starting a program needs")
}

// poststart runs the poststart hooks after the program has begun. Where one
// fails the container is destroyed (runtime.md, "Lifecycle" 10).
func (c *Container) poststart(s *specs.Spec, plan *hooks.Plan) error {
	if len(plan.Poststart) == 0 {
		return nil
	}
	err := c.dir.runHooks(c.state, func(r *hooks.Runner) error {
		return r.Run("poststart", plan.Poststart, c.state.ociState(specs.StateRunning, c.state.Pid))
	})
	if err == nil {
		return nil
	}
	return errors.Join(err, c.destroy(plan))
}
