package namespaces

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/procfs"
)

// SetNames sets the host and the domain name of the uts namespace that the
// calling thread is in.
func (p *Plan) SetNames() error {
	if p.Hostname != "" {
		if err := unix.Sethostname([]byte(p.Hostname)); err != nil {
			return fmt.Errorf("sethostname %q: %w", p.Hostname, plain(err))
		}
	}
	if p.Domainname != "" {
		if err := unix.Setdomainname([]byte(p.Domainname)); err != nil {
			return fmt.Errorf("setdomainname %q: %w", p.Domainname, plain(err))
		}
	}
	return nil
}

// Explain adds to an error of clone(2), unshare(2) or setns(2) what its errno
// means for namespaces. The error stays wrapped.
func Explain(err error) error {
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EUSERS): // EUSERS: Linux before 4.9
		return fmt.Errorf("%w: a limit of %s is reached, or 32 levels of nesting", err, limits())
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w: namespaces need CAP_SYS_ADMIN, and user namespaces may be closed to this user (%s)", err,
			"kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns, seccomp")
	case errors.Is(err, unix.EAGAIN):
		return fmt.Errorf("%w: a limit of processes is reached, linux.resources.pids.limit or RLIMIT_NPROC", err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%w: this kernel lacks one of the kinds of namespaces", err)
	}
	return err
}

// limits names the limits that forbid a kind of namespace altogether, or all.
func limits() string {
	const all = "user.max_*_namespaces"
	proc, err := procfs.OpenHost()
	if err != nil {
		return all
	}
	defer proc.Close()
	var zero []string
	for _, k := range kinds {
		name := "max_" + k.file + "_namespaces"
		text, err := proc.ReadFile("sys/user/" + name)
		if n, bad := strconv.Atoi(strings.TrimSpace(text)); err == nil && bad == nil && n == 0 {
			zero = append(zero, "user."+name+" (0)")
		}
	}
	if zero == nil {
		return all
	}
	return strings.Join(zero, ", ")
}

func sorted[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}

// plain is the system's own error without the path and the call around it. It
// avoids the words that engines search for, to tell that the container's
// command is missing or not executable: here they would be wrong.
func plain(err error) error {
	var e unix.Errno
	if !errors.As(err, &e) {
		return err
	}
	switch e {
	case unix.EPERM, unix.EACCES:
		return errors.New("the kernel does not allow it")
	case unix.ENOENT, unix.ENOTDIR:
		return errors.New("the kernel does not have it")
	case unix.ESRCH:
		return ErrGone
	}
	return e
}
