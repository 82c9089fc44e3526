package main

import (
	"os"

	"github.com/c9b5e2ae/rt/libcontainer"
	"github.com/c9b5e2ae/rt/libcontainer/signals"
	"golang.org/x/sys/unix"
)

// foreground starts a process and stays with it until it ends: signals are
// passed on, and a terminal, if the process has one, is held. start gets the
// socket over which init may send the terminal, and the size of it, which must be
// there before the program asks for it. The error is the exitStatus of the
// process, unless start failed.
func foreground(start func(libcontainer.Console) (*libcontainer.Process, error)) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "console"), os.NewFile(uintptr(pair[1]), "console")
	defer ours.Close()
	caught, err := catchSignals() // before start: none may find rt with its default effect
	if err != nil {
		return err
	}
	outer := outerTerminal()
	width, height := sizeOf(outer)
	p, err := start(libcontainer.Console{Socket: theirs, Width: width, Height: height})
	theirs.Close()
	if err != nil {
		return err
	}
	term, err := receiveTerminal(ours, outer)
	if err != nil {
		report.warn(err.Error())
	}
	report.flush() // the container may take its time
	if term != nil {
		term.begin()
		defer term.end()
	}
	return wait(p, term, caught)
}

// catchSignals catches all signals that may be meant for the process, for good:
// rt cleans up after it. In the background a process that catches SIGTTOU and sets
// its terminal's mode would be told so for ever (termios(3)).
func catchSignals() (*signals.Caught, error) {
	var set []unix.Signal
	for n := unix.Signal(1); n <= sigRTMax; n++ {
		switch n {
		case unix.SIGKILL, unix.SIGSTOP, unix.SIGCHLD, unix.SIGURG, unix.SIGTTIN, unix.SIGTTOU:
		default:
			set = append(set, n)
		}
	}
	return signals.Catch(set)
}

// wait passes signals on until the process ends, and reaps it.
func wait(p *libcontainer.Process, term *terminal, caught *signals.Caught) error {
	if p.Caught != 0 {
		pass(p, term, p.Caught)
	}
	// Not Wait at once: it closes the descriptor by which signals are passed.
	fds := []unix.PollFd{{Fd: int32(p.Pidfd()), Events: unix.POLLIN}, {Fd: int32(caught.Fd()), Events: unix.POLLIN}}
	for fds[0].Revents == 0 {
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			break
		}
		for _, s := range caught.Take() {
			pass(p, term, s)
		}
	}
	status, err := p.Wait()
	if err != nil {
		return err
	}
	if status.Signaled() {
		return exitStatus(128 + int(status.Signal()))
	}
	return exitStatus(status.ExitStatus())
}

// pass passes a signal on, unless it speaks of rt's own pipes or terminal.
func pass(p *libcontainer.Process, term *terminal, s unix.Signal) {
	switch s {
	case unix.SIGPIPE:
	case unix.SIGWINCH:
		if term != nil {
			term.resize()
		}
	default:
		p.Signal(s) // ESRCH: it has ended, which wait will see
	}
}
