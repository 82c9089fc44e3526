package main

// #include <stdlib.h>
// #include "lane.h"
import "C"

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A lane is a thread that starts measured processes, one after the other. What the
// thread is, they are: it may have a mount namespace of its own.
type lane struct {
	work  chan func()
	err   *os.File // stderr of the processes
	env   **C.char
	clock *counter // measures in place of the wall clock, in ns; nil: it does
}

// environment is what every measured process gets: no runtime finds another's
// settings.
var environment = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "USER=root"}

// newLane starts a thread and has it run prepare first.
func newLane(prepare func() error) (*lane, error) {
	file, err := os.CreateTemp(base, "stderr")
	if err != nil {
		return nil, err
	}
	l := &lane{work: make(chan func()), err: file, env: vector(environment)}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the lane
		ready <- prepare()
		for f := range l.work {
			f()
		}
	}()
	return l, <-ready
}

// do runs f on the lane's thread.
func (l *lane) do(f func()) {
	done := make(chan struct{})
	l.work <- func() { f(); close(done) }
	<-done
}

func (l *lane) close() {
	close(l.work)
	l.err.Close()
	os.Remove(l.err.Name())
}

// hideUnified takes the cgroup2 hierarchy of a hybrid host away from this thread.
func hideUnified() error {
	if err := privateMounts(); err != nil {
		return err
	}
	if err := unix.Unmount(unified, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount %s: %w", unified, err)
	}
	return nil
}

func privateMounts() error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	return nil
}

// A run is one measured process that has ended.
type run struct {
	Took time.Duration
	CPU  time.Duration // user and system time of its tree, as far as it was waited for
	Err  error         // with what it said on stderr
}

// limit is how long a process may take before it is killed and counts as failed.
const limit = time.Minute

// run runs one command line to its end.
func (l *lane) run(args ...string) (r run) {
	if l.clock == nil {
		return l.spawn(args...)
	}
	ns, err := l.clock.count(l, func() run { r = l.spawn(args...); return r })
	r.Took = time.Duration(ns)
	if r.Err == nil {
		r.Err = err
	}
	return r
}

func (l *lane) spawn(args ...string) (r run) {
	argv := vector(args)
	defer free(argv, len(args))
	var s C.struct_spawned
	late := time.AfterFunc(limit, func() {
		if pid := atomic.LoadInt32((*int32)(unsafe.Pointer(&s.pid))); pid > 0 {
			unix.Kill(int(pid), unix.SIGKILL)
		}
	})
	l.do(func() { C.spawn_wait(&s, *argv, argv, l.env, C.int(l.err.Fd())) })
	expired := !late.Stop()
	r = run{Took: time.Duration(s.ns), CPU: time.Duration(s.cpu_us) * time.Microsecond}
	status := unix.WaitStatus(s.status)
	switch {
	case s.error != 0:
		r.Err = fmt.Errorf("%s: %w", args[0], unix.Errno(s.error))
	case expired:
		r.Err = fmt.Errorf("no end after %v", limit)
	case status != 0:
		r.Err = errors.New(l.said(status))
	}
	return r
}

// said is the last line that a failed process wrote to stderr.
func (l *lane) said(status unix.WaitStatus) string {
	data, _ := os.ReadFile(l.err.Name())
	l.err.Truncate(0)
	l.err.Seek(0, 0)
	lines := strings.Split(strings.TrimSpace(strings.Trim(string(data), "\x00")), "\n")
	text := lines[len(lines)-1]
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	if status.Signaled() {
		return fmt.Sprintf("%s: %s", unix.SignalName(status.Signal()), text)
	}
	return fmt.Sprintf("exit status %d: %s", status.ExitStatus(), text)
}

// vector is an argv in C's memory.
func vector(list []string) **C.char {
	p := C.malloc(C.size_t(len(list)+1) * C.size_t(unsafe.Sizeof(uintptr(0))))
	v := unsafe.Slice((**C.char)(p), len(list)+1)
	for i, s := range list {
		v[i] = C.CString(s)
	}
	v[len(list)] = nil
	return (**C.char)(p)
}

func free(p **C.char, n int) {
	for _, s := range unsafe.Slice(p, n) {
		C.free(unsafe.Pointer(s))
	}
	C.free(unsafe.Pointer(p))
}
