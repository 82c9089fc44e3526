package seccomp

import (
	"unsafe"

	"github.com/opencontainers/runtime-spec/specs-go/features"
	"golang.org/x/sys/unix"
)

// Features is the linux.seccomp of the features document (features-linux.md):
// what the tables hold, and the flags that this kernel takes.
func Features() *features.Seccomp {
	enabled := true
	f := &features.Seccomp{Enabled: &enabled, SupportedFlags: []string{}}
	for i := range actions {
		f.Actions = append(f.Actions, actions[i].name)
	}
	for i := range operators {
		f.Operators = append(f.Operators, operators[i].name)
	}
	for i := range archs {
		f.Archs = append(f.Archs, archs[i].name)
	}
	for i := range flags {
		f.KnownFlags = append(f.KnownFlags, flags[i].name)
		if flagSupported(flags[i].value) == nil {
			f.SupportedFlags = append(f.SupportedFlags, flags[i].name)
		}
	}
	return f
}

// flagSupported asks the kernel about one flag with a filter that is not
// there: EFAULT says that only the filter was wrong (seccomp(2)). Other errors
// come from what confines rt itself, and say nothing.
func flagSupported(flag uint32) error {
	if flag == unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV {
		flag |= unix.SECCOMP_FILTER_FLAG_NEW_LISTENER // EINVAL without it
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, uintptr(flag), 0)
	if errno == unix.EINVAL {
		return errno
	}
	return nil
}

// actionSupported asks the kernel about one action (since 4.14; older ones
// answer EINVAL, and have only the actions that need no question).
func actionSupported(action uint32) error {
	action &= unix.SECCOMP_RET_ACTION_FULL
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action)))
	if errno == unix.EOPNOTSUPP || errno == unix.EINVAL {
		return errno
	}
	return nil
}
