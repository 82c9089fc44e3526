package namespaces

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/c9b5e2ae/rt/libcontainer/procfs"
)

// A Sysctl is one key of linux.sysctl. Path is below /proc.
type Sysctl struct {
	Name, Path, Value string
}

// The keys below kernel/ of which each ipc namespace has its own
// (ipc_namespaces(7)).
var ipcKeys = [...]string{"msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"}

// planSysctl resolves linux.sysctl. A key that belongs to no namespace of the
// container is refused: it would change the host.
func (p *Plan) planSysctl(l *specs.Linux, ps *config.Problems) {
	// Sorted, so that errors and keys that depend on another do not change from run to run.
	for _, name := range sorted(l.Sysctl) {
		s := Sysctl{Name: name, Value: l.Sysctl[name]}
		at := fmt.Sprintf("linux.sysctl[%q]", name)
		key, ok := sysctlPath(name)
		if !ok {
			ps.Addf(at, "is not the name of a sysctl")
			continue
		}
		s.Path = "sys/" + key
		flag := sysctlOwner(key)
		switch {
		case flag == 0:
			ps.Addf(at, "is not in a namespace, it would change the host")
		case key == "kernel/hostname":
			ps.Addf(at, "is what hostname sets")
		case key == "kernel/domainname" && p.Domainname != "" && p.Domainname != s.Value:
			ps.Addf(at, "%q is not what domainname says, %q", s.Value, p.Domainname)
		case !p.has(flag):
			ps.Addf(at, "needs %s namespace in linux.namespaces", withArticle(flag))
		case strings.IndexByte(s.Value, 0) >= 0:
			ps.Addf(at, "%q has a NUL byte", s.Value)
		}
		for _, o := range p.Sysctl {
			if o.Path == s.Path {
				ps.Addf(at, "is the same key as linux.sysctl[%q]", o.Name)
			}
		}
		p.Sysctl = append(p.Sysctl, s)
	}
}

// sysctlPath turns the name of a key into its path below /proc/sys, as sysctl(8)
// does: the first separator decides. A name with '/' is a path already; in one
// with '.' the two change places, so that "net.ipv4.conf.eth0/100.forwarding"
// and "net/ipv4/conf/eth0.100/forwarding" both mean the interface eth0.100.
func sysctlPath(name string) (string, bool) {
	path := []byte(name)
	if i := strings.IndexAny(name, "./"); i >= 0 && name[i] == '.' {
		for i, c := range path {
			switch c {
			case '.':
				path[i] = '/'
			case '/':
				path[i] = '.'
			}
		}
	}
	for part := range strings.SplitSeq(string(path), "/") {
		if part == "" || part == "." || part == ".." || strings.IndexByte(part, 0) >= 0 {
			return "", false
		}
	}
	return string(path), true
}

// sysctlOwner returns CLONE_NEW* of the kind of namespace that has its own value
// of a key, or 0 if the kernel has one value for all.
func sysctlOwner(key string) uint32 {
	switch {
	case strings.HasPrefix(key, "net/"):
		return unix.CLONE_NEWNET
	case strings.HasPrefix(key, "fs/mqueue/"):
		return unix.CLONE_NEWIPC
	case key == "kernel/hostname", key == "kernel/domainname":
		return unix.CLONE_NEWUTS
	}
	if base, ok := strings.CutPrefix(key, "kernel/"); ok && slices.Contains(ipcKeys[:], base) {
		return unix.CLONE_NEWIPC
	}
	return 0
}

func withArticle(flag uint32) string {
	if flag == unix.CLONE_NEWIPC {
		return "an ipc"
	}
	for _, k := range kinds {
		if k.flag == flag {
			return "a " + k.name
		}
	}
	return "a"
}

// SetSysctls writes the keys from inside: the files below sys/ speak of the
// namespaces of the task that opens them. It comes before init gives up its
// capabilities, and after SetNames.
func (p *Plan) SetSysctls(proc *procfs.Proc) error {
	for _, s := range p.Sysctl {
		if err := proc.WriteFile(s.Path, s.Value); err != nil {
			return sysctlError(s, err)
		}
	}
	return nil
}

// sysctlError words what the kernel said. Engines search an error for "no such
// file or directory" and "permission denied" and then say that the container's
// command is missing, or not executable; so these words are not used.
func sysctlError(s Sysctl, err error) error {
	switch {
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("sysctl %s: this kernel has no such key", s.Name)
	case errors.Is(err, unix.EISDIR):
		return fmt.Errorf("sysctl %s: is a group of keys", s.Name)
	case errors.Is(err, unix.ENOTDIR):
		return fmt.Errorf("sysctl %s: a part of the name is a key, not a group of keys", s.Name)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		// Read-only in every network namespace but the first, or guarded by a
		// capability of the host's user namespace, or by an LSM.
		return fmt.Errorf("sysctl %s: the kernel does not let a container write it", s.Name)
	case errors.Is(err, unix.EXDEV):
		return fmt.Errorf("sysctl %s: something is mounted over it", s.Name)
	}
	return fmt.Errorf("sysctl %s: the kernel refuses the value %q: %w", s.Name, s.Value, plain(err))
}
