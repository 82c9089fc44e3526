package libcontainer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/c9b5e2ae/rt/libcontainer/boot"
	"github.com/c9b5e2ae/rt/libcontainer/hooks"
	"github.com/c9b5e2ae/rt/libcontainer/namespaces"
	"github.com/c9b5e2ae/rt/seccomp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// sendPlan hands init its part of the plan, and opens what it cannot open.
func (h *host) sendPlan() (err error) {
	i := &h.init
	i.Process = h.plan.Process
	i.Traced = h.r.Trace != nil
	i.PreserveFDs, i.ListenFDs = h.preserve()
	i.Keyring = h.keyring()
	i.Straight = h.started() && !h.cgroup.HasLast() && !h.plan.Namespaces.ChecksMaps()
	if h.when == create {
		if err := h.planForCreate(); err != nil {
			return err
		}
	}
	if err := h.socket.SendPlan(i); err != nil {
		return h.initDied(err)
	}
	return nil
}

func (h *host) planForCreate() error {
	i, p, o := &h.init, h.plan, h.create
	i.Namespaces, i.Rootfs = p.Namespaces, p.Rootfs
	i.Bundle, i.NoPivot = o.Bundle, o.NoPivot
	i.HooksOutside = len(p.Hooks.Prestart)+len(p.Hooks.CreateRuntime)+len(p.Network.Devices) > 0
	i.CreateContainer, i.StartContainer = p.Hooks.CreateContainer, p.Hooks.StartContainer
	if len(i.CreateContainer) > 0 {
		i.HookState = h.state.ociState(specs.StateCreating, h.pidInside())
	}
	if len(i.StartContainer) > 0 {
		i.StartState = h.state.ociState(specs.StateCreated, h.pidInside())
	}
	if err := p.Rootfs.Open(h.userns); err != nil {
		return err
	}
	if o.Start {
		return nil
	}
	if h.spec.Linux != nil {
		i.Forget = allows(h.spec.Linux.Seccomp, "madvise")
		i.Door = !allows(h.spec.Linux.Seccomp, "accept4")
	} else {
		i.Forget = true
	}
	var err error
	i.Listener, err = h.dir.listen(newSock)
	h.keep(i.Listener)
	return err
}

// pidInside is the pid of init as a hook in the container's namespaces sees it.
func (h *host) pidInside() int {
	if h.plan.Namespaces.New&unix.CLONE_NEWPID != 0 {
		return 1
	}
	return h.process.Pid
}

func (h *host) keyring() string {
	if h.create != nil && h.create.NoNewKeyring {
		return ""
	}
	return "_ses." + h.state.ID
}

// patience is how often rt looks whether an init that is silent still lives: the
// socket tells its end only when all its threads are gone.
const patience = time.Second

// receive awaits init's next message; a failure of init is an error.
func (h *host) receive() (boot.Message, error) {
	for {
		m, err := h.socket.Receive(time.Now().Add(patience), h.interrupt.fd)
		switch {
		case errors.Is(err, boot.ErrWoken):
			return m, h.interrupt.err()
		case errors.Is(err, boot.ErrTimeout):
			// A seccomp filter that kills the thread leaves the threads of the
			// Go runtime, and the socket open in them.
			if h.process != nil {
				if stat, err := readStat(h.process.Pid); err != nil || stat.ended() {
					return m, h.initDied(io.EOF)
				}
			}
		case err != nil:
			return m, h.initDied(err)
		case m.Type == boot.Failed:
			return m, initFailed(m)
		case m.Type == boot.Log:
			h.r.warn("%s", m.Text)
		default:
			return m, nil
		}
	}
}

// A placedError names the place itself: "init: pivot root: …", "hooks.prestart[0]: …".
type placedError struct {
	text  string
	cause error // nil where init told only the text
}

func (e *placedError) Error() string {
	if e.cause == nil {
		return e.text
	}
	return e.text + ": " + e.cause.Error()
}

func (e *placedError) Unwrap() error { return e.cause }

// initFailed is the error that init reported. The constructor reports an errno,
// the Go side a whole text.
func initFailed(m boot.Message) error {
	if m.Value != 0 {
		return &placedError{"init: " + string(m.Text), namespaces.Explain(unix.Errno(m.Value))}
	}
	return &placedError{text: string(m.Text)}
}

// initDied explains an end of init without a word from it.
func (h *host) initDied(err error) error {
	if !errors.Is(err, io.EOF) && !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) {
		return err
	}
	pid := h.launched.Pid
	if h.process != nil {
		pid = h.process.Pid
	}
	unix.Kill(pid, unix.SIGKILL) // our child, not reaped yet: the pid is its own
	var status unix.WaitStatus
	for {
		if _, err := unix.Wait4(pid, &status, 0, nil); err != unix.EINTR {
			break
		}
	}
	if kills, err := h.cgroup.OOMKills(); err == nil && kills > 0 {
		return diedOf("init: killed for lack of memory: linux.resources.memory.limit is too low to set the container up")
	}
	switch {
	case status.Signaled() && status.Signal() == unix.SIGSYS:
		return diedOf("init: killed by linux.seccomp: the profile denies a system call that starting a program needs")
	case status.Signaled():
		return diedOf("init: died before the program started (" + unix.SignalName(status.Signal()) + ")")
	}
	return diedOf(fmt.Sprintf("init: ended before the program started (exit status %d)", status.ExitStatus()))
}

func diedOf(text string) error { return &placedError{text: text} }

// await serves init until everything that can fail is done there.
func (h *host) await() error {
	// To close it takes a mount away, for which the kernel waits for all CPUs: here,
	// where rt has time.
	h.sealed.Close()
	for {
		m, err := h.receive()
		if err != nil {
			return err
		}
		switch m.Type {
		case boot.Hooks:
			if err = h.actOutside(); err != nil {
				err = &placedError{err.Error(), nil}
			}
		case boot.Notify:
			err = h.sendListener(int(m.Value))
		case boot.Ready, boot.Exec: // the latter from an init that goes straight on
			return h.addTimeline(m.Text)
		default:
			err = fmt.Errorf("init sent message %d", m.Type)
		}
		if err == nil {
			err = h.socket.Answer()
		}
		if err != nil {
			return err
		}
	}
}

// actOutside does what has to be done outside when init is in all its namespaces:
// the hooks of the runtime namespace (config.md, "Prestart" and "CreateRuntime
// Hooks"), and before them the network devices, which a hook looks for.
func (h *host) actOutside() error {
	if err := h.moveDevices(); err != nil {
		return err
	}
	if len(h.plan.Hooks.Prestart)+len(h.plan.Hooks.CreateRuntime) == 0 {
		return nil
	}
	state := h.state.ociState(specs.StateCreating, h.process.Pid)
	return h.dir.runHooks(h.state, func(r *hooks.Runner) error {
		if err := r.Run("prestart", h.plan.Hooks.Prestart, state); err != nil {
			return err
		}
		return r.Run("createRuntime", h.plan.Hooks.CreateRuntime, state)
	})
}

// sendListener fetches the seccomp listener, descriptor fd of init, and hands it
// to the agent that the profile names.
func (h *host) sendListener(fd int) error {
	got, err := unix.PidfdGetfd(h.process.pidfd, fd, 0)
	if err != nil {
		return fmt.Errorf("pidfd_getfd seccomp listener: %w", err)
	}
	listener := os.NewFile(uintptr(got), "seccomp listener")
	defer listener.Close()
	now := specs.StateCreating
	if h.exec != nil {
		now = specs.StateRunning
	}
	f := h.init.Seccomp
	return seccomp.SendListener(f.ListenerPath, listener, h.process.Pid, f.ListenerMetadata, h.state.ociState(now, h.state.Pid))
}

func (h *host) addTimeline(data []byte) error {
	if h.r.Trace == nil {
		return nil
	}
	var rows struct{ Rows []Row }
	if err := boot.Decode(data, nil, &rows); err != nil {
		return err
	}
	h.r.Trace.append(rows.Rows...)
	return nil
}

// started tells whether the operation ends with execve, not with a wait for start.
func (h *host) started() bool { return h.exec != nil || h.create.Start }

// commit makes the operation final.
func (h *host) commit() error {
	if h.started() {
		if err := h.startNow(); err != nil {
			return err
		}
	}
	pidFile, pidfdSocket := "", ""
	if h.exec != nil {
		pidFile, pidfdSocket = h.exec.PidFile, h.exec.PidfdSocket
	} else {
		pidFile, pidfdSocket = h.create.PidFile, h.create.PidfdSocket
	}
	if pidfdSocket != "" {
		if err := sendPidfd(pidfdSocket, h.process.pidfd); err != nil {
			return err
		}
	}
	if pidFile != "" {
		if err := writePidFile(pidFile, h.process.Pid); err != nil {
			return err
		}
		h.undo.push(func() error { return os.Remove(pidFile) })
	}
	if !h.started() {
		if err := unix.Renameat(h.dir.fd, newSock, h.dir.fd, startSock); err != nil {
			return fmt.Errorf("rename %q: %w", filepath.Join(h.dir.path, newSock), err)
		}
		if err := h.socket.Answer(); err != nil {
			return h.initDied(err)
		}
	}
	h.undo = nil
	return nil
}

// startNow lets init go on to execve, and returns when it has succeeded.
func (h *host) startNow() error {
	if !h.init.Straight {
		if err := h.socket.Answer(); err != nil {
			return h.initDied(err)
		}
		if _, err := h.receive(); err != nil { // boot.Exec
			return err
		}
	}
	// The end of the socket is close-on-exec at work; a failure speaks first.
	for {
		m, err := h.socket.Receive(time.Now().Add(patience), h.interrupt.fd)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, boot.ErrWoken):
			return h.interrupt.err()
		case errors.Is(err, boot.ErrTimeout):
		case err != nil:
			return err
		case m.Type == boot.Failed:
			return initFailed(m)
		}
	}
}

// writePidFile writes a pid without a newline (callers parse the whole file),
// complete from the moment it can be seen.
func writePidFile(path string, pid int) error {
	temporary := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d", filepath.Base(path), os.Getpid()))
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	_, err = fmt.Fprintf(f, "%d", pid)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		os.Remove(temporary)
		return fmt.Errorf("pid file: %w", err)
	}
	return nil
}

// sendPidfd hands the process to whoever listens at path.
func sendPidfd(path string, pidfd int) error {
	f, err := connect(path, unix.SOCK_STREAM)
	if err != nil {
		return fmt.Errorf("pidfd socket %q: %w", path, err)
	}
	defer f.Close()
	if err := unix.Sendmsg(int(f.Fd()), []byte("pidfd"), unix.UnixRights(pidfd), nil, unix.MSG_NOSIGNAL); err != nil {
		return fmt.Errorf("pidfd socket %q: %w", path, err)
	}
	return nil
}
