package config

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Facts are what a plan may know of the host. They are read once, by ReadFacts,
// and given to every Plan function, so that plans are pure and a test can plan
// for any host.
type Facts struct {
	EUID, EGID int    // effective ids of rt itself
	Rootless   bool   // rt lacks real root: euid is not 0, or it is 0 of a user namespace that is not the initial one
	Bounding   uint64 // capability bounding set of rt: what a container can be granted at most
	LastCap    int    // highest capability number of the kernel
	CgroupMode CgroupMode
}

// CgroupMode says which cgroup hierarchies the host has at /sys/fs/cgroup.
type CgroupMode int

const (
	CgroupV2     CgroupMode = iota // cgroup2 at /sys/fs/cgroup
	CgroupV1                       // controllers in v1 hierarchies only
	CgroupHybrid                   // v1, and cgroup2 at /sys/fs/cgroup/unified
)

const cgroupRoot = "/sys/fs/cgroup"

// ReadFacts reads the host. rootless is the --rootless flag: "true", "false" or
// "auto" ("" is "auto").
func ReadFacts(rootless string) (*Facts, error) {
	f := &Facts{EUID: os.Geteuid(), EGID: os.Getegid(), CgroupMode: cgroupMode()}
	switch rootless {
	case "true":
		f.Rootless = true
	case "false":
	default:
		f.Rootless = f.EUID != 0 || inUserNamespace()
	}
	// PR_CAPBSET_READ answers EINVAL above the last capability (capabilities(7)),
	// which tells the number without opening /proc/sys/kernel/cap_last_cap.
	// It cannot block, so the scheduler need not know of each call.
	for c := range 64 {
		set, _, errno := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_CAPBSET_READ, uintptr(c), 0)
		if errno != 0 {
			break
		}
		f.LastCap = c
		f.Bounding |= uint64(set) << c
	}
	return f, nil
}

func cgroupMode() CgroupMode {
	var s unix.Statfs_t
	if unix.Statfs(cgroupRoot, &s) == nil && s.Type == unix.CGROUP2_SUPER_MAGIC {
		return CgroupV2
	}
	if unix.Statfs(cgroupRoot+"/unified", &s) == nil && s.Type == unix.CGROUP2_SUPER_MAGIC {
		return CgroupHybrid
	}
	return CgroupV1
}

// inUserNamespace tells whether ids here are not the kernel's own: the initial
// user namespace maps all of them to themselves (user_namespaces(7)). Its inode
// number is a constant of the kernel (PROC_USER_INIT_INO, since 3.8) and can be had
// with one call; kernels that are not Linux's own have other numbers.
func inUserNamespace() bool {
	const initial = 0xeffffffd
	var st unix.Stat_t
	if unix.Stat("/proc/self/ns/user", &st) == nil && st.Ino == initial {
		return false
	}
	data, err := ReadFile("/proc/self/uid_map", 64<<10)
	if err != nil {
		return false
	}
	fields := strings.Fields(string(data))
	return len(fields) != 3 || fields[0] != "0" || fields[1] != "0" || fields[2] != "4294967295"
}
