package process

import (
	"fmt"
	"unsafe"

	"github.com/c9b5e2ae/rt/libcontainer/procfs"
	"golang.org/x/sys/unix"
)

// Permissions of a session keyring (keyrings(7), linux/key.h). The kernel gives a
// new one all rights of its possessor, and its user view, read and link.
const (
	keyPossessorAll = 0x3f000000
	keyUserDefault  = 0x00130000
	keyUserSearch   = 0x00080000
	keyOtherSearch  = 0x00000008
)

// JoinKeyring gives this process the session keyring called name, made if it is
// not there, in place of the one of rt's caller, whose keys it could use
// (session-keyring(7)). The name lets the processes of exec find it.
func (p *Plan) JoinKeyring(proc *procfs.Proc, name string) error {
	if p.SELinux != "" {
		const file = "thread-self/attr/keycreate"
		if err := proc.WriteFile(file, p.SELinux); err != nil {
			return fmt.Errorf("label of the session keyring: %w", err)
		}
		defer proc.WriteFile(file, "")
	}
	errno := joinSession(name)
	switch errno {
	case 0:
	case unix.ENOSYS: // a kernel without CONFIG_KEYS has none to leak
		return nil
	case unix.EDQUOT:
		return fmt.Errorf("session keyring %q: the user has no quota left for keys, see /proc/sys/kernel/keys", name)
	case unix.EPERM, unix.EACCES:
		return fmt.Errorf("session keyring %q: keyctl is not allowed here; --no-new-keyring does without", name)
	default:
		return fmt.Errorf("session keyring %q: keyctl join: %w", name, errno)
	}
	if !p.First {
		return nil
	}
	// The right to search is what finding it by name takes. In a user namespace
	// of its own the keyring's user is another one for those who come from outside.
	perm := uintptr(keyPossessorAll | keyUserDefault | keyUserSearch)
	if p.NewUserns {
		perm |= keyOtherSearch
	}
	const session = ^uintptr(2) // KEY_SPEC_SESSION_KEYRING, -3
	_, _, errno = unix.RawSyscall(unix.SYS_KEYCTL, unix.KEYCTL_SETPERM, session, perm)
	return result("session keyring: keyctl setperm", errno)
}

func joinSession(name string) unix.Errno {
	b, err := unix.BytePtrFromString(name)
	if err != nil {
		return unix.EINVAL
	}
	_, _, errno := unix.RawSyscall(unix.SYS_KEYCTL, unix.KEYCTL_JOIN_SESSION_KEYRING, uintptr(unsafe.Pointer(b)), 0)
	return errno
}
