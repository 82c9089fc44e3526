package boot

// #include "bootstrap.h"
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Init's main goroutine stays on the main thread: the signal of rt's death is
// tied to it, and an execve by another thread first waits for the main one to
// end, which takes milliseconds.
func init() {
	if C.boot_socket >= 0 {
		runtime.LockOSThread()
	}
}

// A Bootstrap tells the C constructor of init what to do before the Go runtime
// starts there.
type Bootstrap struct {
	Cgroups  []*os.File // files to which the lone init writes "0"
	Joins    []*os.File // namespaces to join
	Types    []uint32   // CLONE_NEW* of each of Joins
	Unshare  uint32     // CLONE_NEW* of the namespaces to create, but for CLONE_NEWUSER
	NewUser  bool       // create a user namespace: init asks Maps
	UserRoot bool       // become uid and gid 0 of the user namespace
	Offsets  bool       // init asks Offsets for its new time namespace
	Fork     bool       // init is a child of the launched process: it sends its Pid
}

// SendBootstrap sends b. The files stay the caller's.
func (s *Socket) SendBootstrap(b *Bootstrap) error {
	if len(b.Joins) > 8 || len(b.Joins) != len(b.Types) || len(b.Cgroups)+len(b.Joins) > C.BOOT_MAX_FDS {
		return fmt.Errorf("bootstrap: %d namespaces and %d cgroups are too many", len(b.Joins), len(b.Cgroups))
	}
	c := C.struct_bootstrap{
		magic:    C.BOOT_MAGIC,
		ncgroup:  C.uint32_t(len(b.Cgroups)),
		njoin:    C.uint32_t(len(b.Joins)),
		unshare:  C.uint32_t(b.Unshare),
		newuser:  flag(b.NewUser),
		userroot: flag(b.UserRoot),
		offsets:  flag(b.Offsets),
		fork:     flag(b.Fork),
	}
	for i, t := range b.Types {
		c.join[i] = C.uint32_t(t)
	}
	fds := make([]int, 0, len(b.Cgroups)+len(b.Joins))
	for _, files := range [][]*os.File{b.Cgroups, b.Joins} {
		for _, f := range files {
			fds = append(fds, int(f.Fd()))
		}
	}
	return s.send(unsafe.Slice((*byte)(unsafe.Pointer(&c)), unsafe.Sizeof(c)), fds)
}

func flag(b bool) C.uint32_t {
	if b {
		return 1
	}
	return 0
}

// Inside returns init's end of the socket, or nil where this process was not
// launched as init.
func Inside() *Socket {
	if C.boot_socket < 0 {
		return nil
	}
	unix.CloseOnExec(int(C.boot_socket))
	return &Socket{fd: int(C.boot_socket)}
}

// Name is that of init's process: execve changes it.
const Name = C.BOOT_NAME

// Nofile is RLIMIT_NOFILE as rt's caller had it: the Go runtime raises the soft
// limit at its start, and execve would hand that on to the container.
func Nofile() unix.Rlimit {
	return unix.Rlimit{Cur: uint64(C.boot_nofile.rlim_cur), Max: uint64(C.boot_nofile.rlim_max)}
}

// Times are CLOCK_MONOTONIC in ns when the constructor began and ended.
func Times() (begin, end int64) {
	return int64(C.boot_begin), int64(C.boot_end)
}
