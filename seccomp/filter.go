package seccomp

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Filter is a compiled profile, ready for the kernel: what crosses from the
// host to init.
type Filter struct {
	Program          []byte // an array of struct sock_filter, in this machine's byte order
	Flags            uint32 // SECCOMP_FILTER_FLAG_*, without NEW_LISTENER
	Notify           bool   // some call is the agent's to decide: Load returns a listener
	ListenerPath     string
	ListenerMetadata string
}

const (
	instructionSize = unix.SizeofSockFilter
	maxInstructions = 4096 // BPF_MAXINSNS (linux/bpf_common.h)
)

// errNoTSUPP is the kernel's own ENOTSUPP, which has no name outside of it:
// the JIT compiler has no memory left (net.core.bpf_jit_limit).
const errNoTSUPP = unix.Errno(524)

// Load gives the filter to the calling thread, which must be locked: filters
// are per thread, and only execve of the main one carries it over. Without
// no_new_privs it needs CAP_SYS_ADMIN in the thread's user namespace (EACCES).
//
// The listener is -1 if the filter has none. Else it is a new descriptor with
// O_CLOEXEC, and from now on every call that the profile notifies of waits for
// an agent that does not have it yet: hand it over with write(2), which
// PlanSeccomp keeps out of that.
//
// Nothing is allocated and no other system call is made, so the Go runtime is
// not asked for anything while the filter takes effect.
func (f *Filter) Load() (listener int, err error) {
	if len(f.Program) == 0 || len(f.Program)%instructionSize != 0 || len(f.Program)/instructionSize > maxInstructions {
		return -1, fmt.Errorf("load filter: %d bytes are no filter", len(f.Program))
	}
	prog := unix.SockFprog{
		Len:    uint16(len(f.Program) / instructionSize),
		Filter: (*unix.SockFilter)(unsafe.Pointer(unsafe.SliceData(f.Program))),
	}
	set := f.Flags
	if f.Notify {
		set |= unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
	}
	r, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, uintptr(set), uintptr(unsafe.Pointer(&prog)))
	switch {
	case errno != 0:
		return -1, loadError(errno, f.Notify)
	case f.Notify:
		return int(r), nil
	}
	return -1, nil
}

// loadError says what the errno means here, from seccomp(2) and kernel/seccomp.c.
func loadError(errno unix.Errno, notify bool) error {
	switch {
	case errno == errNoTSUPP:
		return errors.New("load filter: the kernel has no memory left for BPF programs, raise net.core.bpf_jit_limit: not supported (524)")
	case errno == unix.EACCES:
		return fmt.Errorf("load filter: needs no_new_privs or CAP_SYS_ADMIN: %w", errno)
	case errno == unix.EBUSY && notify:
		return fmt.Errorf("load filter: a filter of this process has a listener already, and the kernel allows one: %w", errno)
	}
	return fmt.Errorf("load filter: %w", errno)
}
