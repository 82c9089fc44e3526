package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// CreateOptions are the flags of create and run.
type CreateOptions struct {
	ID            string
	Bundle        string  // made absolute by Create
	PidFile       string  // gets init's pid, without a newline, once it waits
	PidfdSocket   string  // Unix socket that gets init's pidfd
	ConsoleSocket string  // Unix socket that gets the terminal
	Console       Console // in its place: run in the foreground
	PreserveFDs   int     // descriptors from 3 on that the container gets
	ListenFDs     int     // how many more, by the protocol of sd_listen_fds(3)
	NoPivot       bool
	NoNewKeyring  bool
	Start         bool // run: start at once. The program's process is the caller's child

	raw []byte // the bytes of config.json
}

// A Console is where the terminal of a process in the foreground goes.
type Console struct {
	Socket        *os.File // gets the terminal; nil for none
	Width, Height uint16   // of the terminal that it is shown on, 0 without: better than process.consoleSize
}

// Create makes a container and leaves its init waiting for start, or starts it
// with Start. After an error nothing is left of it.
func (r *Runtime) Create(o CreateOptions) (*Container, *Process, error) {
	if err := CheckID(o.ID); err != nil {
		return nil, nil, err
	}
	bundle, err := filepath.Abs(o.Bundle)
	if err != nil {
		return nil, nil, err
	}
	o.Bundle = bundle
	h := &host{r: r, create: &o, when: create}
	if err := h.operate(); err != nil {
		return nil, nil, err
	}
	c := &Container{r: r, dir: h.dir, state: h.state, conf: h.spec, cgroup: h.cgroup}
	if o.Start {
		if err := c.poststart(h.spec, h.plan.Hooks); err != nil {
			h.process.close()
			return nil, nil, err
		}
	}
	c.dir.unlock()
	return c, h.process, nil
}

// operate walks the host's steps on a locked thread (init dies with it until it
// is committed) and takes everything back where one fails.
func (h *host) operate() (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if h.interrupt, err = catchInterrupts(); err != nil {
		return err
	}
	defer h.interrupt.close()
	err = walk(h, hostSteps, h.when, "host", "", h.r.Trace, h.interrupt.err)
	h.release()
	if err == nil {
		h.process.Caught = unix.Signal(h.interrupt.caught())
		return nil
	}
	if undone := h.undo.run(); undone != nil {
		err = fmt.Errorf("%w; and taking it back: %w", err, undone)
	}
	return err
}

// A Process is a process of a container that is a child of rt.
type Process struct {
	Pid   int
	pidfd int

	// Caught is a signal that came too late to take the start back, or 0: it is
	// for the process now.
	Caught unix.Signal
}

// Pidfd is a descriptor of the process, to poll; it is the Process'.
func (p *Process) Pidfd() int { return p.pidfd }

// Wait waits for the end of the process, a child of rt, and reaps it.
func (p *Process) Wait() (unix.WaitStatus, error) {
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(p.Pid, &status, 0, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		p.close()
		if err != nil {
			return status, fmt.Errorf("wait for process %d: %w", p.Pid, err)
		}
		return status, nil
	}
}

// Signal sends a signal to the process.
func (p *Process) Signal(s unix.Signal) error {
	return unix.PidfdSendSignal(p.pidfd, s, nil, 0)
}

func (p *Process) close() {
	if p.pidfd >= 0 {
		unix.Close(p.pidfd)
		p.pidfd = -1
	}
}

// Release lets the process go on without us: a detached container's.
func (p *Process) Release() { p.close() }
