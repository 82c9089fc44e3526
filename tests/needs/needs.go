// Package needs lets a test say what it needs from the machine.
//
//	func TestScope(t *testing.T) {
//		needs.All(t, "cgroup2", "systemd")
//
// A test whose needs are not met here is skipped with the text "needs systemd",
// which the end of the whole run counts, and `make lab` runs it in a virtual
// machine that has what was missing. A test that calls nothing of this package
// runs on the machine where `go test` was typed, and nowhere else.
//
// A guest runs the test functions in which "needs.All(" stands, so it must stand
// in the test function itself, not in a helper.
package needs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Names of the environment variables that tests/lab/run sets in a guest.
const (
	// labCovered lists the machines that were before this one, each as
	// "name:fact,fact,…" and separated by ";". What one of them could run is not
	// run again.
	labCovered = "RT_LAB_COVERED"
	// labWhole is set for the packages that run wholly in a guest too.
	labWhole = "RT_LAB_WHOLE"
)

// A fact is something that a machine has or has not.
type fact struct {
	name string
	have func() bool
}

// facts are all that a test can need, besides capabilities ("CAP_SYS_RESOURCE")
// and commands ("command:dockerd").
var facts = []fact{
	{"root", func() bool { return os.Geteuid() == 0 }},
	{"cgroup1", func() bool { return exists("/sys/fs/cgroup/memory/cgroup.procs") }},
	{"cgroup2", func() bool { return isCgroup2("/sys/fs/cgroup") }},
	{"hybrid", func() bool { return isCgroup2("/sys/fs/cgroup/unified") }},
	{"systemd", func() bool { return exists("/run/systemd/private") }},
	{"apparmor", func() bool { return strings.HasPrefix(read("/sys/module/apparmor/parameters/enabled"), "Y") }},
	{"selinux", func() bool { return exists("/sys/fs/selinux/enforce") }},
	{"enforcing", func() bool { return strings.HasPrefix(read("/sys/fs/selinux/enforce"), "1") }},
	{"overlayfs", func() bool { return strings.Contains(read("/proc/filesystems"), "\toverlay\n") }},
	{"hugetlb", func() bool { return exists("/sys/kernel/mm/hugepages/hugepages-2048kB") }},
	{"hugepages", func() bool {
		return strings.TrimSpace(read("/proc/sys/vm/nr_hugepages")) != "0" && exists("/proc/sys/vm/nr_hugepages")
	}},
	{"bfq", func() bool {
		return exists("/sys/fs/cgroup/blkio/blkio.bfq.weight") || exists("/sys/fs/cgroup/system.slice/io.bfq.weight")
	}},
	{"resctrl", func() bool { return strings.Contains(read("/proc/filesystems"), "\tresctrl\n") }},
	{"net_cls", func() bool { return exists("/sys/fs/cgroup/net_cls/net_cls.classid") }},
	{"net_prio", func() bool { return exists("/sys/fs/cgroup/net_prio/net_prio.ifpriomap") }},
	{"rdma", func() bool {
		return exists("/sys/fs/cgroup/rdma/cgroup.procs") || strings.Contains(read("/sys/fs/cgroup/cgroup.controllers"), "rdma")
	}},
	{"statmount", func() bool { return since(6, 8) }},
	{"idmapped-tmpfs", func() bool { return since(6, 3) }},
	{"time-namespace", func() bool { return exists("/proc/self/ns/time") }},
	{"keyrings", func() bool { return exists("/proc/keys") }},
	{"criu", func() bool { return hasCommand("criu") }},
	{"lab-user", func() bool { return exists("/usr/local/bin/lab-user") }},
}

// commands are those that only some machines have. On the host each of them is
// installed by tests/install-deps.
var commands = []string{"containerd", "crun", "ctr", "docker", "dockerd", "ip", "mmdebstrap", "podman", "runc", "setpriv", "strace"}

// All skips the test unless this machine has everything named, or if a machine
// that was tested before had it too.
func All(t testing.TB, names ...string) {
	t.Helper()
	var missing []string
	for _, name := range names {
		have, known := lookUp(name)
		if !known {
			t.Fatalf("needs: unknown name %q", name)
		}
		if !have {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		text := "needs " + strings.Join(missing, ", ")
		if os.Getenv("CI") != "" && !InLab() && slices.ContainsFunc(missing, isCommand) {
			t.Fatal(text + ", which tests/install-deps should install")
		}
		t.Skip(text)
	}
	if machine := coveredBy(names); machine != "" && os.Getenv(labWhole) == "" {
		t.Skip("ran on " + machine)
	}
}

// Have tells whether this machine has everything named.
func Have(names ...string) bool {
	for _, name := range names {
		if have, _ := lookUp(name); !have {
			return false
		}
	}
	return true
}

// InLab tells whether this is a guest of tests/lab.
func InLab() bool { return os.Getenv(labCovered) != "" }

// Facts returns the names of everything that this machine has.
func Facts() []string {
	var names []string
	for _, f := range facts {
		if f.have() {
			names = append(names, f.name)
		}
	}
	for _, c := range commands {
		if hasCommand(c) {
			names = append(names, "command:"+c)
		}
	}
	for number, name := range capabilities {
		if hasCapability(number) {
			names = append(names, name)
		}
	}
	return names
}

// coveredBy returns the name of an earlier machine that has all of names.
func coveredBy(names []string) string {
	for machine := range strings.SplitSeq(os.Getenv(labCovered), ";") {
		name, list, _ := strings.Cut(machine, ":")
		have := strings.Split(list, ",")
		lacks := func(n string) bool { return !slices.Contains(have, n) }
		if name != "" && !slices.ContainsFunc(names, lacks) {
			return name
		}
	}
	return ""
}

func lookUp(name string) (have, known bool) {
	if command, ok := strings.CutPrefix(name, "command:"); ok {
		return hasCommand(command), slices.Contains(commands, command)
	}
	if number := slices.Index(capabilities, name); number >= 0 {
		return hasCapability(number), true
	}
	for _, f := range facts {
		if f.name == name {
			return f.have(), true
		}
	}
	return false, false
}

func isCommand(name string) bool { return strings.HasPrefix(name, "command:") }

func hasCommand(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

func hasCapability(number int) bool {
	set, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(number), 0, 0, 0)
	return err == nil && set == 1
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// read returns the text of a file, and "" for one that is not there.
func read(path string) string {
	data, _ := os.ReadFile(path)
	return string(data)
}

func isCgroup2(dir string) bool {
	var s unix.Statfs_t
	return unix.Statfs(dir, &s) == nil && s.Type == unix.CGROUP2_SUPER_MAGIC
}

// since tells whether the kernel is of this version or a later one.
func since(major, minor int) bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	var a, b int
	if _, err := fmt.Sscanf(string(bytes.TrimRight(u.Release[:], "\x00")), "%d.%d", &a, &b); err != nil {
		return false
	}
	return a > major || a == major && b >= minor
}
