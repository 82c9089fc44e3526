package boot

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// A Process is the launched one. Where it forks, init is its sibling, not it.
type Process struct {
	Pid   int
	Pidfd int // -1 once closed
}

// Kill kills the process and waits for its end.
func (p *Process) Kill() error {
	err := unix.PidfdSendSignal(p.Pidfd, unix.SIGKILL, nil, 0)
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill init: %w", err)
	}
	_, err = p.Wait()
	return err
}

// Wait waits for the end of the process, a child of rt, and reaps it.
func (p *Process) Wait() (unix.WaitStatus, error) {
	var status unix.WaitStatus
	err := restart(func() error { _, err := unix.Wait4(p.Pid, &status, 0, nil); return err })
	if errors.Is(err, unix.ECHILD) {
		err = nil // reaped already
	}
	return status, err
}

// Close closes the pidfd.
func (p *Process) Close() {
	if p.Pidfd >= 0 {
		unix.Close(p.Pidfd)
		p.Pidfd = -1
	}
}
