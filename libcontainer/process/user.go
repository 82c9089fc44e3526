package process

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

const capSetgid, capSetuid = 6, 7 // CAP_SETGID, CAP_SETUID

// NoNewPrivs sets no_new_privs on this thread if the process wants it (prctl(2)).
func (p *Plan) NoNewPrivs() error {
	if !p.NoNewPrivileges {
		return nil
	}
	_, errno := prctl(unix.PR_SET_NO_NEW_PRIVS, 1)
	return result("prctl no_new_privs", errno)
}

// SetUser makes this thread the container's user with the container's
// capabilities. A seccomp filter may be loaded already, so it uses nothing but
// what every runtime has to use here: prctl, setgroups, setresgid, setresuid,
// capget, capset. What init does after it can rely on no privilege.
//
// A change of credentials clears the parent-death signal (prctl(2)): from here on
// init is tied to rt by their socket alone.
func (p *Plan) SetUser() error {
	if err := p.Caps.bound(); err != nil {
		return err
	}
	// Otherwise setresuid from 0 to another user empties the permitted set, and
	// with it all that could be granted. execve clears the flag.
	if _, errno := prctl(unix.PR_SET_KEEPCAPS, 1); errno != 0 {
		return result("prctl keepcaps", errno)
	}
	if err := p.setGroups(); err != nil {
		return err
	}
	if errno := p.setID(sysSetresgid, sysSetgid, capSetgid, p.GID); errno != 0 {
		return idError("setresgid", p.GID, errno)
	}
	if errno := p.setID(sysSetresuid, sysSetuid, capSetuid, p.UID); errno != 0 {
		return idError("setresuid", p.UID, errno)
	}
	if err := p.Caps.apply(); err != nil {
		return err
	}
	if p.cwdAgain {
		return p.chdirAsUser()
	}
	return nil
}

// setID sets the real, effective and saved id. With the capability setuid does the
// same as setresuid (setuid(2)), and profiles that were made from what a program does
// under runc allow that one alone.
func (p *Plan) setID(all, one uintptr, capability int, id uint32) unix.Errno {
	n := uintptr(id)
	_, _, errno := unix.RawSyscall(all, n, n, n)
	if errno == 0 || !p.mayHave(capability) {
		return errno
	}
	if _, _, again := unix.RawSyscall(one, n, 0, 0); again != 0 {
		return errno
	}
	return 0
}

// setGroups replaces the supplementary groups, also by none: those of rt's caller
// would reach files of the host. A user namespace may forbid that
// (user_namespaces(7), /proc/pid/setgroups); then nobody can drop them, and only
// groups that were asked for are an error.
func (p *Plan) setGroups() error {
	errno := setgroups(p.Groups)
	if errno == unix.EPERM && p.mayHave(capSetgid) {
		if len(p.Groups) == 0 {
			return nil
		}
		return fmt.Errorf("process.user.additionalGids: this user namespace denies setgroups")
	}
	return result("setgroups", errno)
}

// mayHave tells whether the capability is effective on this thread.
func (p *Plan) mayHave(n int) bool {
	var t threads
	if capget(&t) != nil {
		return false
	}
	effective, _, _ := t.get()
	return effective&(1<<n) != 0
}

func idError(call string, id uint32, errno unix.Errno) error {
	if errno == unix.EINVAL {
		return fmt.Errorf("%s %d: the user namespace does not map this id", call, id)
	}
	return fmt.Errorf("%s %d: %w", call, id, errno)
}

func setgroups(groups []uint32) unix.Errno {
	_, _, errno := unix.RawSyscall(sysSetgroups, uintptr(len(groups)), uintptr(unsafe.Pointer(unsafe.SliceData(groups))), 0)
	return errno
}
