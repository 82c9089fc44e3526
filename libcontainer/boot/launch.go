package boot

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Launch describes the process that becomes init.
type Launch struct {
	Stdio       [3]*os.File // nil: /dev/null
	PreserveFDs int         // descriptors 3 to 2+PreserveFDs of rt go to the same numbers of init
	Cloneflags  uintptr     // CLONE_NEW* of namespaces that clone makes at once
	Cgroup      *os.File    // directory of the cgroup2 to be born in, or nil
	Dir         string      // working directory, where hooks of init's start from
	Env         []string
}

// A Process is the launched one. Where it forks, init is its sibling, not it.
type Process struct {
	Pid   int
	Pidfd int // -1 once closed
}

// Start executes binary, the handle of Seal, as init with inside as its socket.
// The process dies with the calling thread until it clears that itself, so the
// caller has locked its thread. The files stay the caller's.
func (l *Launch) Start(binary, inside *os.File) (*Process, error) {
	files := make([]uintptr, 0, 4+l.PreserveFDs)
	null, err := l.stdio(&files)
	if err != nil {
		return nil, err
	}
	if null != nil {
		defer null.Close()
	}
	for i := range l.PreserveFDs {
		files = append(files, uintptr(3+i))
	}
	socket := len(files)
	files = append(files, inside.Fd())

	pidfd := -1
	attr := &syscall.ProcAttr{
		Dir:   l.Dir,
		Env:   l.Env,
		Files: files,
		Sys: &syscall.SysProcAttr{
			Cloneflags: l.Cloneflags,
			Pdeathsig:  syscall.SIGKILL,
			PidFD:      &pidfd,
		},
	}
	if l.Cgroup != nil {
		attr.Sys.UseCgroupFD = true
		attr.Sys.CgroupFD = int(l.Cgroup.Fd())
	}
	path := "/proc/self/fd/" + strconv.Itoa(int(binary.Fd()))
	pid, err := syscall.ForkExec(path, []string{"rt", "init", strconv.Itoa(socket)}, attr)
	if err != nil {
		return nil, fmt.Errorf("clone init: %w", err)
	}
	return &Process{pid, pidfd}, nil
}

// stdio appends descriptors 0 to 2. One that is closed in rt becomes /dev/null,
// returned to be closed: the container must not open a file as its stdout.
func (l *Launch) stdio(files *[]uintptr) (*os.File, error) {
	var null *os.File
	for _, f := range l.Stdio {
		if f == nil {
			if null == nil {
				var err error
				if null, err = os.OpenFile("/dev/null", os.O_RDWR, 0); err != nil {
					return nil, err
				}
			}
			f = null
		}
		*files = append(*files, f.Fd())
	}
	return null, nil
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
