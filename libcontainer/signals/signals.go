// Package signals turns signals into something readable, for a program that waits
// in poll(2).
//
// It is not os/signal because each signal that is caught there wakes another
// thread and waits for it, twice: catching all of them takes longer than making a
// container, and keeps two threads.
package signals

// #include "catch.h"
import "C"

import (
	"fmt"
	"os/signal"

	"golang.org/x/sys/unix"
)

// Caught are the signals that came and were not taken yet.
type Caught struct {
	fd int
}

// Catch begins to catch a set of signals, for the rest of the process' life and
// once in it. One that is ignored stays so (nohup(1)).
func Catch(set []unix.Signal) (*Caught, error) {
	var bits C.uint64_t
	for _, s := range set {
		switch {
		case s == unix.SIGPIPE:
			// The Go runtime ends a process that writes to a closed stdout or
			// stderr, by this signal, unless it knows of somebody who minds.
			signal.Ignore(s)
		case signal.Ignored(s):
			continue
		}
		bits |= 1 << (s - 1)
	}
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, fmt.Errorf("pipe for signals: %w", err)
	}
	C.catch_signals(C.int(fds[1]), bits)
	return &Caught{fds[0]}, nil
}

// Fd becomes readable when a signal comes.
func (c *Caught) Fd() int { return c.fd }

// Take returns the signals that have come since the last call, in their order.
func (c *Caught) Take() []unix.Signal {
	var out []unix.Signal
	var buf [64]byte
	for {
		n, err := unix.Read(c.fd, buf[:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || n <= 0 { // EAGAIN: that was all
			return out
		}
		for _, s := range buf[:n] {
			out = append(out, unix.Signal(s))
		}
	}
}
