package process

import (
	"fmt"
	"slices"
	"unsafe"

	"github.com/c9b5e2ae/rt/libcontainer/config"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// capabilityNames are the names of capabilities(7); the index is the number in
// linux/capability.h.
var capabilityNames = [...]string{
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
}

// CapSets are the five sets of a process, a bit for each capability.
type CapSets struct {
	Bounding, Effective, Inheritable, Permitted, Ambient uint64

	Last int // the kernel's highest capability
}

// Capabilities lists the names that rt knows, by number.
func Capabilities() []string { return slices.Clone(capabilityNames[:]) }

// grantable is what a container can be given at most. In a user namespace of
// its own that is everything (user_namespaces(7)), else what rt itself has.
func grantable(userns bool, f *config.Facts) uint64 {
	if userns {
		return uint64(1)<<(f.LastCap+1) - 1
	}
	return f.Bounding
}

// planCapabilities resolves process.capabilities. Without the object all sets are
// empty: the spec is silent, and full sets would be the most dangerous reading.
// What cannot be granted is left out with one warning (config.md, "Linux Process").
func planCapabilities(c *specs.LinuxCapabilities, grantable uint64, last int, ps *config.Problems) CapSets {
	out := CapSets{Last: last}
	if c == nil {
		return out
	}
	r := capabilityReader{grantable: grantable, last: last, ps: ps}
	out.Bounding = r.set("bounding", c.Bounding, ^uint64(0), "")
	out.Permitted = r.set("permitted", c.Permitted, ^uint64(0), "")
	out.Inheritable = r.set("inheritable", c.Inheritable, ^uint64(0), "")
	// capset(2) and PR_CAP_AMBIENT_RAISE refuse anything beyond these.
	out.Effective = r.set("effective", c.Effective, out.Permitted, "permitted")
	out.Ambient = r.set("ambient", c.Ambient, out.Permitted&out.Inheritable, "permitted and inheritable")
	return out
}

type capabilityReader struct {
	grantable uint64
	last      int
	ps        *config.Problems
	warned    []string // names: one warning each, though engines repeat them in all sets
}

// set reads one set. within is what it has to be a subset of, in the sets called
// names.
func (r *capabilityReader) set(field string, list []string, within uint64, names string) uint64 {
	var out uint64
	for i, name := range list {
		n := slices.Index(capabilityNames[:], name)
		switch {
		case n < 0:
			r.warnf(name, field, i, "unknown capability %q", name)
		case n > r.last:
			r.warnf(name, field, i, "this kernel has no %s", name)
		case r.grantable&(1<<n) == 0:
			r.warnf(name, field, i, "%s cannot be granted: rt does not have it", name)
		case within&(1<<n) == 0:
			r.warnf(name, field, i, "%s cannot be granted: it is not in %s", name, names)
		default:
			out |= 1 << n
		}
	}
	return out
}

func (r *capabilityReader) warnf(name, field string, i int, format string, args ...any) {
	if slices.Contains(r.warned, name) {
		return
	}
	r.warned = append(r.warned, name)
	r.ps.Warnf(fmt.Sprintf("process.capabilities.%s[%d]", field, i), format, args...)
}

// capabilityName is the name of a number, for errors.
func capabilityName(n int) string {
	if n < len(capabilityNames) {
		return capabilityNames[n]
	}
	return fmt.Sprintf("capability %d", n)
}

// The three sets of capget(2) and capset(2) in version 3 of their struct, which
// splits them into two halves.
type threads [2]unix.CapUserData

func (t *threads) set(effective, permitted, inheritable uint64) {
	for i := range t {
		t[i].Effective = uint32(effective >> (32 * i))
		t[i].Permitted = uint32(permitted >> (32 * i))
		t[i].Inheritable = uint32(inheritable >> (32 * i))
	}
}

func (t *threads) get() (effective, permitted, inheritable uint64) {
	for i := range t {
		effective |= uint64(t[i].Effective) << (32 * i)
		permitted |= uint64(t[i].Permitted) << (32 * i)
		inheritable |= uint64(t[i].Inheritable) << (32 * i)
	}
	return
}

func capget(t *threads) error {
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	_, _, errno := unix.RawSyscall(unix.SYS_CAPGET, uintptr(unsafe.Pointer(&h)), uintptr(unsafe.Pointer(t)), 0)
	return result("capget", errno)
}

func capset(t *threads) error {
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	_, _, errno := unix.RawSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&h)), uintptr(unsafe.Pointer(t)), 0)
	return result("capset", errno)
}

// prctl is prctl(2) on this thread.
func prctl(option int, args ...uintptr) (int, unix.Errno) {
	var a [4]uintptr
	copy(a[:], args)
	r, _, errno := unix.RawSyscall6(unix.SYS_PRCTL, uintptr(option), a[0], a[1], a[2], a[3], 0)
	return int(r), errno
}

// result makes an error of an errno, nil of none.
func result(operation string, errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", operation, errno)
}

// bound makes the bounding set what it is to be (capabilities(7)): the caps that
// are not in it are dropped. It needs CAP_SETPCAP, so it comes before the user.
func (c *CapSets) bound() error {
	// capset limits the inheritable set to what is in the bounding set or was
	// inheritable before. So what is to be inheritable only, becomes so first.
	if c.Inheritable&^c.Bounding != 0 {
		var t threads
		if err := capget(&t); err != nil {
			return err
		}
		effective, permitted, inheritable := t.get()
		t.set(effective, permitted, inheritable|c.Inheritable)
		if err := capset(&t); err != nil {
			return fmt.Errorf("inheritable set: %w", err)
		}
	}
	for n := 0; n <= c.Last; n++ {
		if c.Bounding&(1<<n) != 0 {
			continue
		}
		if _, errno := prctl(unix.PR_CAPBSET_DROP, uintptr(n)); errno != 0 {
			// Without CAP_SETPCAP it is no loss if the capability is gone already.
			if set, e := prctl(unix.PR_CAPBSET_READ, uintptr(n)); errno == unix.EPERM && e == 0 && set == 0 {
				continue
			}
			return result("drop "+capabilityName(n)+" from the bounding set: prctl", errno)
		}
	}
	return nil
}

// apply sets the other four sets, after the user. All are smaller than or equal
// to what setresuid with PR_SET_KEEPCAPS left in the permitted set.
func (c *CapSets) apply() error {
	// First: rt may have been started with ambient capabilities itself.
	if _, errno := prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL); errno != 0 && errno != unix.EINVAL {
		return result("clear the ambient set: prctl", errno)
	}
	var t threads
	t.set(c.Effective, c.Permitted, c.Inheritable)
	if err := capset(&t); err != nil {
		return err
	}
	for n := 0; n <= c.Last; n++ {
		if c.Ambient&(1<<n) == 0 {
			continue
		}
		if _, errno := prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, uintptr(n)); errno != 0 {
			return result("add "+capabilityName(n)+" to the ambient set: prctl", errno)
		}
	}
	return nil
}
