// Package apparmor knows whether AppArmor is there and confines the next execve
// of this thread. It loads no profiles: that is the engine's.
package apparmor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/c9b5e2ae/rt/libcontainer/procfs"
	"golang.org/x/sys/unix"
)

// Unconfined is the name by which a process asks for no profile.
const Unconfined = "unconfined"

// profiles is the list of the loaded policy, in securityfs; root may read it.
const profiles = "/sys/kernel/security/apparmor/profiles"

// Enabled tells whether the kernel's AppArmor is built in and switched on.
func Enabled() bool {
	fd, err := unix.Open("/sys/module/apparmor/parameters/enabled", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var b [1]byte
	n, err := unix.Read(fd, b[:])
	return err == nil && n == 1 && b[0] == 'Y'
}

// Loaded tells whether a profile of that name is in the policy. It fails where
// securityfs is not mounted or not readable, as inside a container.
func Loaded(profile string) (bool, error) {
	data, err := os.ReadFile(profiles)
	if err != nil {
		return false, err
	}
	for line := range bytes.Lines(data) { // "docker-default (enforce)"
		if end := bytes.LastIndex(line, []byte(" (")); end >= 0 && string(line[:end]) == profile {
			return true, nil
		}
	}
	return false, nil
}

// ExecLabel makes the kernel change to profile at the next execve of this thread
// (aa_change_onexec(3)). The file of AppArmor alone exists since 5.8; the older one
// belongs to whichever security module is first.
func ExecLabel(p *procfs.Proc, profile string) error {
	const own, shared = "thread-self/attr/apparmor/exec", "thread-self/attr/exec"
	if strings.ContainsAny(profile, "\x00\n") {
		return fmt.Errorf("profile %q contains a NUL byte or a line end", profile)
	}
	file := own
	err := p.WriteFile(file, "exec "+profile)
	if err != nil && errors.Is(err, unix.ENOENT) && !exists(p, own) {
		file = shared
		err = p.WriteFile(file, "exec "+profile)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOENT): // the kernel's word for an unknown profile
		return fmt.Errorf("profile %q is not loaded", profile)
	}
	var cause *os.PathError
	if errors.As(err, &cause) {
		err = cause.Err
	}
	// Podman knows this error by the path in back-quotes.
	return fmt.Errorf("profile %q: write `/proc/%s`: %w", profile, file, err)
}

func exists(p *procfs.Proc, path string) bool {
	f, err := p.Open(path, unix.O_WRONLY)
	if err != nil {
		return false
	}
	f.Close()
	return true
}
