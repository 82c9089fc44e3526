package hooks

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/procfs"
)

const (
	keepOutput = 4 << 10 // the end of what a hook printed, shown if it fails
	pipeSize   = 64 << 10
	bigPipe    = 1 << 20 // /proc/sys/fs/pipe-max-size as the kernel has it at boot

	// Without a pidfd (a seccomp filter may forbid it to init) its end is asked for.
	lookNoPidfd = 5 * time.Millisecond
)

// A Runner runs hooks.
type Runner struct {
	Dir  string // their working directory
	Stop int    // a descriptor: once it is readable a running hook is killed, and no other one started; 0 for none

	// Begin, if not nil, is called before a hook is started, with the group that it
	// will be in, so that what it leaves can be killed if rt is killed: Group.Kill.
	// Its error is the hook's.
	Begin func(Group) error
}

// Run runs hooks one after the other, until one fails. kind is one of the
// property names of hooks in config.json, state what they read on stdin.
//
// Each hook has a process group of its own and dies with rt. It has exactly the
// environment that it is given, and no descriptor but 0, 1 and 2 as long as all
// of the caller's are close-on-exec. What it prints is an error's text if it
// fails, and is dropped otherwise.
//
// A hook ends when its process ends: children of it that live on, with its
// stdout even, are not waited for. Without a timeout it may take for ever,
// which is what the spec says. One that fails or is killed takes its
// descendants along; for that, rt is a child subreaper meanwhile, and the caller
// must start no other process.
func (r *Runner) Run(kind string, hooks []Hook, state []byte) error {
	errs := r.all(kind, hooks, state, true)
	if len(errs) == 0 {
		return nil
	}
	return errs[0]
}

// Each is Run for poststop hooks: runtime.md wants the others to run although
// one failed.
func (r *Runner) Each(kind string, hooks []Hook, state []byte) []error {
	return r.all(kind, hooks, state, false)
}

// Run is Runner.Run for a Runner that has only a directory.
func Run(kind string, hooks []Hook, state []byte, dir string) error {
	return (&Runner{Dir: dir}).Run(kind, hooks, state)
}

func (r *Runner) all(kind string, hooks []Hook, state []byte, untilError bool) (errs []error) {
	if len(hooks) == 0 {
		return nil
	}
	f := adopt()
	defer f.release()
	for i := range hooks {
		err := r.run(&hooks[i], state, f)
		if err == nil {
			continue
		}
		errs = append(errs, fmt.Errorf("%s: %w", place(kind, i), err))
		if untilError {
			break
		}
	}
	return errs
}

// A process is a hook that was started.
type process struct {
	pid, pidfd int
	group      int // its process group
	output     int // our end of the pipe that is its stdout and stderr; -1 after its end of file
	tail       []byte
}

func (r *Runner) run(h *Hook, state []byte, f *family) error {
	if readable(r.Stop) {
		return fmt.Errorf("%q: not started, rt was told to end", h.Path)
	}
	// The parent-death signal is sent when the thread that started the hook
	// ends, so that thread waits for it too (prctl(2), PR_SET_PDEATHSIG).
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	group := 0
	if r.Begin != nil {
		leader, err := r.begin(f.proc)
		if leader > 0 {
			defer reap(leader, 0)
		}
		if err != nil {
			return fmt.Errorf("%q: %w", h.Path, err)
		}
		group = leader
	}
	f.look()
	p, err := start(h, state, r.Dir, group)
	if err != nil {
		return err
	}
	defer p.close()
	cause := p.wait(h.Timeout, r.Stop)
	if cause == nil && p.succeeded() {
		_, err := reap(p.pid, 0)
		return err
	}
	// Nobody has waited for its leader yet, so the number is still the group's.
	unix.Kill(-p.group, unix.SIGKILL)
	end := time.Now().Add(killTime)
	p.gone(end)
	status, err := reap(p.pid, unix.WNOHANG) // one that sleeps uninterruptibly dies later
	p.drain()
	f.kill(end)
	switch {
	case cause != nil:
		err = cause
	case err != nil:
	case status.Signaled():
		err = fmt.Errorf("killed by signal %d%s", status.Signal(), p.said())
	default:
		err = fmt.Errorf("exit status %d%s", status.ExitStatus(), p.said())
	}
	return fmt.Errorf("%q: %w", h.Path, err)
}

// begin makes the group of a hook, and tells of it.
func (r *Runner) begin(proc *procfs.Proc) (leader int, err error) {
	if proc == nil {
		return 0, errors.New("no procfs")
	}
	if leader, err = newLeader(); err != nil {
		return 0, err
	}
	s, err := readStat(proc, leader)
	if err == nil {
		err = r.Begin(Group{Pid: leader, Start: s.start, Session: s.session})
	}
	return leader, err
}

// start starts a hook in a process group, or with 0 in one of its own.
func start(h *Hook, state []byte, dir string, group int) (*process, error) {
	in, err := stdin(state)
	if err != nil {
		return nil, err
	}
	defer unix.Close(in)
	var out [2]int
	if err := unix.Pipe2(out[:], unix.O_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("pipe2", err)
	}
	defer unix.Close(out[1])
	if err := unix.SetNonblock(out[0], true); err != nil {
		unix.Close(out[0])
		return nil, os.NewSyscallError("fcntl", err)
	}
	p := &process{pidfd: -1, output: out[0]}
	// syscall.ForkExec and not os/exec: that needs twice the time, waits for the
	// end of file of stdout, and takes our environment for an empty one.
	p.pid, err = syscall.ForkExec(h.Path, h.Args, &syscall.ProcAttr{
		Dir:   dir,
		Env:   h.Env,
		Files: []uintptr{uintptr(in), uintptr(out[1]), uintptr(out[1])},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pgid: group, Pdeathsig: syscall.SIGKILL, PidFD: &p.pidfd},
	})
	if err == nil {
		if p.group = group; group == 0 {
			p.group = p.pid
		}
		return p, nil
	}
	p.close()
	if _, bad := os.Stat(dir); bad != nil {
		return nil, fmt.Errorf("working directory: %w", bad)
	}
	return nil, fmt.Errorf("exec %q: %w", h.Path, err)
}

// stdin returns a descriptor from which state is read. A pipe that holds all of
// it needs no writer any more, so a hook may leave it unread. What no pipe
// holds comes from a file in memory.
func stdin(state []byte) (int, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return -1, os.NewSyscallError("pipe2", err)
	}
	defer unix.Close(fds[1])
	fits := len(state) <= bigPipe && unix.SetNonblock(fds[1], true) == nil
	if fits && len(state) > pipeSize {
		_, err := unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, len(state))
		fits = err == nil
	}
	if fits && len(state) > 0 {
		// A user with many pipes gets shorter ones, pipe(7).
		n, err := unix.Write(fds[1], state)
		fits = err == nil && n == len(state)
	}
	if fits {
		return fds[0], nil
	}
	unix.Close(fds[0])
	return memory(state)
}

func memory(data []byte) (int, error) {
	fd, err := unix.MemfdCreate("state", unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
	if err == unix.EINVAL { // before 6.3
		fd, err = unix.MemfdCreate("state", unix.MFD_CLOEXEC)
	}
	if err != nil {
		return -1, os.NewSyscallError("memfd_create", err)
	}
	for off := 0; off < len(data); {
		n, err := unix.Pwrite(fd, data[off:], int64(off)) // the offset stays 0, for the reader
		if err != nil {
			unix.Close(fd)
			return -1, os.NewSyscallError("pwrite memfd", err)
		}
		off += n
	}
	return fd, nil
}

// wait reads the output until the process ends. It returns why the process must
// be killed, or nil if it ended by itself.
func (p *process) wait(timeout, stop int) error {
	begin := time.Now()
	limit := time.Duration(min(timeout, 1<<31-1)) * time.Second
	for {
		slice := time.Duration(-1)
		if p.pidfd < 0 {
			slice = lookNoPidfd
		}
		if limit > 0 {
			left := limit - time.Since(begin)
			if left <= 0 {
				return fmt.Errorf("did not end within %d s and was killed", timeout)
			}
			if slice < 0 || left < slice {
				slice = left
			}
		}
		ended, stopped, err := p.poll(slice, stop)
		if err != nil || ended {
			return err
		}
		if stopped {
			return errors.New("was killed, because rt was told to end")
		}
	}
}

// poll waits for output, for the end of the process, for stop, or until the time is
// over; less than no time is none.
func (p *process) poll(d time.Duration, stop int) (ended, stopped bool, err error) {
	ms := -1
	if d >= 0 {
		ms = int(min(d, time.Hour)/time.Millisecond) + 1
	}
	fds := [3]unix.PollFd{ // poll(2) passes over negative descriptors
		{Fd: int32(p.pidfd), Events: unix.POLLIN},
		{Fd: int32(p.output), Events: unix.POLLIN},
		{Fd: int32(stop), Events: unix.POLLIN},
	}
	if stop == 0 {
		fds[2].Fd = -1
	}
	if _, err := unix.Poll(fds[:], ms); err != nil && err != unix.EINTR {
		return false, false, os.NewSyscallError("poll", err)
	}
	if fds[1].Revents != 0 {
		p.read()
	}
	stopped = fds[2].Revents != 0
	if p.pidfd >= 0 {
		return fds[0].Revents != 0, stopped, nil
	}
	info, err := p.peek()
	return info.Signo != 0, stopped, err
}

// A siginfo is siginfo_t as waitid(2) fills it, whose status package unix hides.
type siginfo struct {
	Signo, _, _ int32
	_           [unsafe.Sizeof(uintptr(0)) - 4]byte // the union that follows has pointers
	_, _        int32                               // pid, uid
	Status      int32                               // exit status, or number of the signal
	_           [128 - 24 - unsafe.Sizeof(uintptr(0)) + 4]byte
}

// peek asks whether the process ended, and how, and leaves it a zombie.
func (p *process) peek() (siginfo, error) {
	var info siginfo
	for {
		err := unix.Waitid(unix.P_PID, p.pid, (*unix.Siginfo)(unsafe.Pointer(&info)), unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return info, os.NewSyscallError("waitid", err)
		}
	}
}

func (p *process) succeeded() bool {
	info, err := p.peek()
	return err == nil && info.Status == 0
}

// gone waits until the killed process is a zombie.
func (p *process) gone(end time.Time) {
	for left := time.Until(end); left > 0; left = time.Until(end) {
		if ended, _, err := p.poll(min(left, lookNoPidfd), 0); ended || err != nil {
			return
		}
	}
}

// read takes one piece of output, and says whether there was one.
func (p *process) read() bool {
	if p.output < 0 {
		return false
	}
	var buf [16 << 10]byte
	n, err := unix.Read(p.output, buf[:])
	switch {
	case n > 0:
		p.tail = append(p.tail, buf[:n]...)
		if len(p.tail) > keepOutput {
			p.tail = append(p.tail[:0], p.tail[len(p.tail)-keepOutput:]...)
		}
		return true
	case err == unix.EINTR, err == unix.EAGAIN:
		return false
	}
	unix.Close(p.output) // end of file
	p.output = -1
	return false
}

// drain reads what the dead process left in the pipe, and not more: a child of
// it may go on printing.
func (p *process) drain() {
	for range pipeSize / (16 << 10) {
		if !p.read() {
			return
		}
	}
}

// said is the end of the output, for an error.
func (p *process) said() string {
	text := strings.TrimSpace(strings.ToValidUTF8(string(p.tail), "\uFFFD"))
	if text == "" {
		return ""
	}
	return ": " + text
}

func (p *process) close() {
	if p.output >= 0 {
		unix.Close(p.output)
	}
	if p.pidfd >= 0 {
		unix.Close(p.pidfd)
	}
}

// reap waits for a child.
func reap(pid, flags int) (unix.WaitStatus, error) {
	var status unix.WaitStatus
	for {
		if _, err := unix.Wait4(pid, &status, flags, nil); err != unix.EINTR {
			return status, os.NewSyscallError("wait4", err)
		}
	}
}

func readable(fd int) bool {
	if fd == 0 {
		return false
	}
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		if n, err := unix.Poll(fds, 0); err != unix.EINTR {
			return n > 0
		}
	}
}
