package process

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/c9b5e2ae/rt/apparmor"
	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/c9b5e2ae/rt/libcontainer/procfs"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// planLabels resolves the labels of the security modules. They fail closed: one
// that the host cannot enforce would leave the container unconfined.
func planLabels(out *Plan, p *specs.Process, ps *config.Problems) {
	switch profile := p.ApparmorProfile; {
	case profile == "":
	case strings.ContainsAny(profile, "\x00\n"):
		ps.Addf("process.apparmorProfile", "%q contains a NUL byte or a line end", profile)
	case apparmor.Enabled():
		out.AppArmor = profile
	case profile != apparmor.Unconfined: // that is what everything is then
		ps.Addf("process.apparmorProfile", "AppArmor is not enabled on this host")
	}
	switch label := p.SelinuxLabel; {
	case label == "":
	case strings.ContainsAny(label, "\x00\n"):
		ps.Addf("process.selinuxLabel", "%q contains a NUL byte or a line end", label)
	case !selinuxEnabled():
		ps.Addf("process.selinuxLabel", "SELinux is not enabled on this host")
	default:
		out.SELinux = label
	}
}

// selinuxEnabled tells whether SELinux is there, enforcing or not: its file system
// is mounted then, always at this place.
func selinuxEnabled() bool {
	var s unix.Statfs_t
	return unix.Statfs("/sys/fs/selinux", &s) == nil && uint32(s.Type) == unix.SELINUX_MAGIC
}

// Label makes the kernel give this thread its labels at execve. Only what is
// known to be procfs is written to: elsewhere the write would succeed and do
// nothing (CVE-2019-16884, CVE-2025-52881).
func (p *Plan) Label(proc *procfs.Proc) error {
	if p.SELinux != "" {
		if err := proc.WriteFile("thread-self/attr/exec", p.SELinux); err != nil {
			return fmt.Errorf("process.selinuxLabel: write %q to `/proc/thread-self/attr/exec`: %w", p.SELinux, unwrapPath(err))
		}
	}
	if p.AppArmor != "" {
		if err := apparmor.ExecLabel(proc, p.AppArmor); err != nil {
			return fmt.Errorf("process.apparmorProfile: %w", err)
		}
	}
	return nil
}

// unwrapPath takes the path from an error that names it otherwise.
func unwrapPath(err error) error {
	var cause *os.PathError
	if errors.As(err, &cause) {
		return cause.Err
	}
	return err
}
