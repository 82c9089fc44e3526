package boot

// #include <stdlib.h>
// #include "launcher.h"
import "C"

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"unsafe"
)

// A Launcher is a thread that makes the process which becomes init, while rt goes
// on with its work. That process dies with the thread until it clears that itself.
type Launcher struct {
	c       *C.struct_launcher
	gone    bool // the thread has been told to go
	null    *os.File
	process *Process
	err     error
}

// NewLauncher starts the thread, which has the CPU affinity of the caller. With
// network it makes a network namespace at once, for init to be born in, with its
// loopback interface up.
func NewLauncher(network bool) (*Launcher, error) {
	c := (*C.struct_launcher)(C.calloc(1, C.sizeof_struct_launcher))
	if network {
		c.network = 1
	}
	if n := C.launcher_start(c); n != 0 {
		C.free(unsafe.Pointer(c))
		return nil, fmt.Errorf("make a thread: %w", syscall.Errno(n))
	}
	return &Launcher{c: c}, nil
}

// A Launch describes the process that becomes init.
type Launch struct {
	Stdio       [3]*os.File // nil: /dev/null
	PreserveFDs int         // descriptors 3 to 2+PreserveFDs of rt go to the same numbers of init
	Cloneflags  uint64      // CLONE_NEW* of namespaces that clone makes at once
	Cgroup      *os.File    // directory of the cgroup2 to be born in, or nil
	Env         []string
}

// Go begins to execute binary, the handle of Seal, as init with inside as its
// socket. The files stay the caller's, who keeps them open until Wait.
func (l *Launcher) Go(launch *Launch, binary, inside *os.File) error {
	c := l.c
	n := 4 + launch.PreserveFDs
	c.nfds = C.int(n)
	c.fds = (*C.int)(C.calloc(C.size_t(n), C.sizeof_int))
	fds := unsafe.Slice(c.fds, n)
	for i := range fds {
		fds[i] = C.int(i)
	}
	fds[n-1] = C.int(inside.Fd())
	for i, f := range launch.Stdio {
		if f == nil {
			var err error
			if f, err = l.devNull(); err != nil {
				return err
			}
		}
		fds[i] = C.int(f.Fd())
	}
	c.flags = C.uint64_t(launch.Cloneflags)
	c.cgroup = -1
	if launch.Cgroup != nil {
		c.cgroup = C.int(launch.Cgroup.Fd())
	}
	c.binary = C.int(binary.Fd())
	c.argv = cStrings([]string{"rt", "init", strconv.Itoa(n - 1)})
	c.envp = cStrings(launch.Env)
	l.gone = true
	C.launcher_go(c)
	return nil
}

// devNull is for a descriptor 0 to 2 that is closed in rt: the container must not
// open a file as its stdout.
func (l *Launcher) devNull() (f *os.File, err error) {
	if l.null == nil {
		l.null, err = os.OpenFile("/dev/null", os.O_RDWR, 0)
	}
	return l.null, err
}

// cStrings is a list as execve(2) takes it, in C's memory.
func cStrings(list []string) **C.char {
	c := (**C.char)(C.calloc(C.size_t(len(list)+1), C.size_t(unsafe.Sizeof(uintptr(0)))))
	for i, s := range list {
		unsafe.Slice(c, len(list)+1)[i] = C.CString(s)
	}
	return c
}

// Wait waits until init's image is loaded, or until it is known why not. Called
// again, it returns the same. Without a Go there is no process.
func (l *Launcher) Wait() (*Process, error) {
	if l.process != nil || l.err != nil || !l.gone {
		return l.process, l.err
	}
	C.launcher_wait(l.c)
	if l.null != nil {
		l.null.Close()
	}
	if l.c.error != 0 {
		l.err = fmt.Errorf("%s: %w", C.GoString(l.c.step), syscall.Errno(l.c.error))
	} else {
		l.process = &Process{int(l.c.pid), int(l.c.pidfd)}
	}
	return l.process, l.err
}

// Network tells when the network namespace was made, CLOCK_MONOTONIC in ns, once
// Wait has returned; 0 for none.
func (l *Launcher) Network() (begin, end int64) {
	return int64(l.c.network_begin), int64(l.c.network_end)
}

// Close waits as Wait does, and lets the thread end.
func (l *Launcher) Close() {
	if l.c == nil {
		return
	}
	l.Wait()
	if !l.gone {
		l.c.give_up = 1
		C.launcher_go(l.c)
	}
	C.launcher_end(l.c)
	l.c = nil
}
