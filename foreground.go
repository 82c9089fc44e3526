package main

import (
	"os"
	"os/signal"

	"github.com/c9b5e2ae/rt/libcontainer"
	"golang.org/x/sys/unix"
)

// foreground starts a process and stays with it until it ends: signals are
// passed on, and a terminal, if the process has one, is held. start gets the
// socket over which init may send the terminal. The error is the exitStatus of
// the process, unless start failed.
func foreground(start func(console *os.File) (*libcontainer.Process, error)) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "console"), os.NewFile(uintptr(pair[1]), "console")
	defer ours.Close()
	signals := catchSignals() // before start: none may find rt with its default effect
	var term *terminal
	var termErr error
	received := make(chan struct{})
	outer := outerTerminal()
	receive := func() {
		term, termErr = receiveTerminal(ours, outer)
		close(received)
	}
	if outer != nil {
		go receive() // the size must be there before the program asks for it
	}
	p, err := start(theirs)
	theirs.Close()
	if outer == nil {
		receive()
	}
	<-received
	if err != nil {
		return err
	}
	if termErr != nil {
		report.warn(termErr.Error())
	}
	report.flush() // the container may take its time
	if term != nil {
		term.begin()
		defer term.end()
	}
	return wait(p, term, signals)
}

// catchSignals catches all signals that may be meant for the process, for good:
// rt cleans up after it. What was ignored when rt began stays so (nohup(1)). In
// the background a process that catches SIGTTOU and sets its terminal's mode
// would be told so for ever (termios(3)).
func catchSignals() <-chan os.Signal {
	var caught []os.Signal
	for n := unix.Signal(1); n <= sigRTMax; n++ {
		switch n {
		case unix.SIGKILL, unix.SIGSTOP, unix.SIGCHLD, unix.SIGURG, unix.SIGTTIN, unix.SIGTTOU:
			continue
		}
		if !signal.Ignored(n) {
			caught = append(caught, n)
		}
	}
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, caught...)
	return signals
}

// wait passes signals on until the process ends, and reaps it.
func wait(p *libcontainer.Process, term *terminal, signals <-chan os.Signal) error {
	if p.Caught != 0 {
		pass(p, term, p.Caught)
	}
	ended, idle := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(idle)
		for {
			select {
			case s := <-signals:
				pass(p, term, s.(unix.Signal))
			case <-ended:
				return
			}
		}
	}()
	// Not Wait at once: it closes the descriptor by which signals are passed.
	fds := []unix.PollFd{{Fd: int32(p.Pidfd()), Events: unix.POLLIN}}
	for fds[0].Revents == 0 {
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			break
		}
	}
	close(ended)
	<-idle
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
