package process

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"github.com/c9b5e2ae/rt/libcontainer/procfs"
	"golang.org/x/sys/unix"
)

// CloseFDs sees to it that no descriptor from 3+preserve on reaches the program,
// whoever opened it: an engine may have leaked one to rt. They are marked
// close-on-exec and not closed, because init works and answers over some of
// them until execve. It comes before seccomp, which may refuse the system call.
func CloseFDs(preserve int) error {
	first := 3 + preserve
	err := unix.CloseRange(uint(first), math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	if err == nil {
		return nil
	}
	// An outer container's filter: its profile may be older than the call (5.11).
	p, err := procfs.Open()
	if err != nil {
		return err
	}
	defer p.Close()
	dir, err := p.Open("thread-self/fd", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		fd, err := strconv.Atoi(name)
		if err != nil || fd < first {
			continue
		}
		// EBADF: the descriptor of the directory itself, or the runtime's.
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC); err != nil && err != unix.EBADF {
			return os.NewSyscallError("fcntl "+name, err)
		}
	}
	return nil
}

// Exec executes the program in place of init; if it returns, that failed. The
// signals are put back to what a new process expects. It uses the caller's
// thread, which has the credentials; the others end with execve.
func (p *Plan) Exec() error {
	if p.path == "" {
		if err := p.FindExecutable(); err != nil {
			return err
		}
	}
	resetSignals()
	// syscall.Exec and not the bare call: it keeps the runtime from creating a
	// thread meanwhile, in the midst of which execve drops the set-user-ID bit
	// (check_unsafe_exec).
	return p.execError(syscall.Exec(p.path, p.Args, p.Env))
}

// execError says what is wrong with the program, where the errno alone misleads.
func (p *Plan) execError(err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EACCES):
		if e := p.missingInterpreter(p.path); e != nil {
			return e
		}
	case errors.Is(err, unix.ENOEXEC):
		if reason := formatReason(p.path); reason != "" {
			return fmt.Errorf("exec %q: %w: %s", p.path, err, reason)
		}
	}
	return fmt.Errorf("exec %q: %w", p.path, err)
}

// leftAlone are the signals for which Go's runtime keeps what it inherited: the
// caller may have ignored them, and ignored they would stay. Every other signal
// has a handler of the runtime, which execve resets (signal(7)).
var leftAlone = [...]uintptr{
	uintptr(unix.SIGHUP), uintptr(unix.SIGINT), uintptr(unix.SIGCONT),
	uintptr(unix.SIGTSTP), uintptr(unix.SIGTTIN), uintptr(unix.SIGTTOU),
	32, 33, 34, // of the C libraries
}

const sigsetSize = 8 // the kernel's sigset_t, on all machines but mips

// resetSignals gives all signals their default action and unblocks them.
func resetSignals() {
	var zero [8]uint64 // struct sigaction with SIG_DFL, wherever its fields are; or an empty set
	for _, n := range leftAlone {
		unix.RawSyscall6(unix.SYS_RT_SIGACTION, n, uintptr(unsafe.Pointer(&zero)), 0, sigsetSize, 0, 0)
	}
	const sigSetmask = 2
	unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, sigSetmask, uintptr(unsafe.Pointer(&zero)), 0, sigsetSize, 0, 0)
}
