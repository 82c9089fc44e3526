package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// Everything that the config wants but the program is there after create.
func TestCreateAppliesTheConfig(t *testing.T) {
	limit := int64(77)
	c := harness.New(t, harness.Shell(program), func(s *specs.Spec) {
		s.Root.Readonly = true
		s.Hostname, s.Domainname = "made", "made.example"
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/mnt", Type: "tmpfs", Source: "tmpfs", Options: []string{"size=64k"}})
		s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/made", Type: "c", Major: 1, Minor: 5}}
		s.Linux.Resources.Pids = &specs.LinuxPids{Limit: &limit}
		s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"}
	})
	c.Create()
	sentence(t, "runtimeCreate.4 runtimeLifecycle.1", func(t *testing.T) {
		for _, name := range strings.Fields("pid net ipc uts mnt") {
			if namespace(t, c.Init, name) == namespace(t, os.Getpid(), name) {
				t.Errorf("the %s namespace is the host's", name)
			}
		}
		if name := in(t, c, "--uts", "hostname"); name != "made" {
			t.Errorf("hostname is %q", name)
		}
		if name := in(t, c, "--uts", "cat", "/proc/sys/kernel/domainname"); name != "made.example" {
			t.Errorf("domainname is %q", name)
		}
		if value := in(t, c, "--net", "cat", "/proc/sys/net/ipv4/ip_forward"); value != "1" {
			t.Errorf("ip_forward is %s", value)
		}
		if m := mountAt(t, c, "/mnt"); m.fs != "tmpfs" || !strings.Contains(strings.Join(m.super, ","), "size=64k") {
			t.Errorf("mount: %v", m)
		}
		if m := mountAt(t, c, "/"); !m.has("ro") {
			t.Errorf("root: %v", m)
		}
		if value := read(t, cgroup(t, c, "pids"), "pids.max"); value != "77" {
			t.Errorf("pids.max is %s", value)
		}
		var s unix.Stat_t
		if err := unix.Stat(inRoot(c, "/dev/made"), &s); err != nil || s.Rdev != unix.Mkdev(1, 5) {
			t.Errorf("device %x, %v", s.Rdev, err)
		}
	})
}

// failures are configs that are good in themselves, and that the kernel can't be
// made to obey.
var failures = []struct {
	name   string
	change harness.Change
	says   string
}{
	{"no such filesystem", harness.Mount(specs.Mount{Destination: "/mnt", Type: "nosuchfs", Source: "none"}), `init: mounts: mounts[6]: mount "none" on "/mnt": unknown filesystem type "nosuchfs": no such device`},
	{"no such mount option", harness.Mount(specs.Mount{Destination: "/mnt", Type: "tmpfs", Source: "none", Options: []string{"nosuch=1"}}), `init: mounts: mounts[6]: mount "none" on "/mnt": option "nosuch=1": tmpfs: Unknown parameter 'nosuch': invalid argument`},
	{"no source", harness.Bind("/no/such/source", "/mnt"), `init: mounts: mounts[6]: mount "/no/such/source" on "/mnt": source: no such file or directory`},
	{"file over directory", harness.Bind("/etc/passwd", "/tmp"), `init: mounts: mounts[6]: mount "/etc/passwd" on "/tmp": the source is a file and the mount point is a directory: not a directory`},
	{"no such sysctl", func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net.no.such": "1"} }, `init: sysctl: sysctl net.no.such: this kernel has no such key`},
	{"sysctl refuses", func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "x"} }, `init: sysctl: sysctl net.ipv4.ip_forward: the kernel refuses the value "x": invalid argument`},
	{"no such namespace", harness.Namespace(specs.NetworkNamespace, "/no/such/namespace"), `namespaces: linux.namespaces[4].path: there is nothing at "/no/such/namespace"`},
	{"no such interface", func(s *specs.Spec) { s.Linux.NetDevices = map[string]specs.LinuxNetDevice{"nosuch0": {}} }, `linux.netDevices["nosuch0"]: the host has no such interface`},
	{"no room for a cgroup", func(s *specs.Spec) { s.Linux.CgroupsPath = "/" + strings.Repeat("x", 300) }, `config.json: linux.cgroupsPath: a component of 300 bytes is longer than 255`},
	{"no AppArmor", func(s *specs.Spec) { s.Process.ApparmorProfile = "no-such-profile" }, `config.json: process.apparmorProfile: AppArmor is not enabled on this host`},
	{"no SELinux", func(s *specs.Spec) { s.Process.SelinuxLabel = "no-such-label" }, `config.json: process.selinuxLabel: SELinux is not enabled on this host`},
	{"no such program", harness.Args("/no/such/program"), `init: executable: exec: "/no/such/program": no such file or directory`},
	{"not executable", harness.Args("/etc/passwd"), `init: executable: exec: "/etc/passwd": permission denied`},
	{"realtime limit", func(s *specs.Spec) {
		runtime, period := int64(1_000_000_000), uint64(1_000_000)
		s.Linux.Resources.CPU = &specs.LinuxCPU{RealtimeRuntime: &runtime, RealtimePeriod: &period}
	}, ``},
	{"no such cpu", func(s *specs.Spec) { s.Linux.Resources.CPU = &specs.LinuxCPU{Cpus: "4000"} }, ``},
}

func TestCreateFails(t *testing.T) {
	c := harness.New(t)
	var accepted, left []string
	before := host(t, c)
	for _, f := range failures {
		c.Spec = harness.Plain()
		c.Edit(f.change)
		r, ok := create(c)
		if ok {
			accepted = append(accepted, f.name)
			c.Do("delete", "--force", c.ID)
			before = host(t, c)
			continue
		}
		t.Run(f.name, func(t *testing.T) { says(t, c, r, f.says) })
		after := host(t, c)
		for range 50 { // a killed process may take a moment
			if after == before {
				break
			}
			time.Sleep(20 * time.Millisecond)
			after = host(t, c)
		}
		if after != before {
			left = append(left, f.name+": there is also\n"+more(before, after))
			before = after
		}
	}
	sentence(t, "runtimeCreate.6 runtimeLifecycle.2", func(t *testing.T) {
		if len(accepted) > 0 {
			t.Errorf("create succeeded with: %s", strings.Join(accepted, ", "))
		}
	})
	sentence(t, "runtimeErrors.1", func(t *testing.T) {
		for _, text := range left {
			t.Error(text)
		}
	})
}

// more are the lines of after that before has not.
func more(before, after string) string {
	var lines []string
	for line := range strings.SplitSeq(after, "\n") {
		if !strings.Contains("\n"+before+"\n", "\n"+line+"\n") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// host is what an operation without effect leaves as it is.
func host(t *testing.T, c *harness.Container) string {
	t.Helper()
	lines := harness.Residue()
	for _, name := range names(t, c.Root) {
		lines = append(lines, "state "+name)
	}
	for _, path := range strings.Fields("self/mountinfo net/dev sys/kernel/hostname sys/kernel/domainname") {
		text := read(t, "/proc", path)
		if path == "net/dev" {
			text, _, _ = strings.Cut(text, "lo:")
		}
		lines = append(lines, path+" "+text)
	}
	return strings.Join(lines, "\n")
}

func TestWarning(t *testing.T) {
	sentence(t, "runtimeWarnings.1", func(t *testing.T) {
		c := harness.New(t, func(s *specs.Spec) {
			s.Process.Capabilities.Bounding = append(s.Process.Capabilities.Bounding, "CAP_FOO")
		})
		c.Up()
		c.WantStatus("running")
		if set := status(t, c, "CapBnd"); set == "0000000000000000" {
			t.Error("no capability was granted")
		}
	})
}

func TestDelete(t *testing.T) {
	// A cgroup, a directory and a network namespace that were there before.
	made := harness.Dir(t)
	c := harness.New(t, harness.Shell(program), harness.Bind(made, "/mnt"), func(s *specs.Spec) {
		s.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/made", Type: "c", Major: 1, Minor: 5}}
	})
	path := fmt.Sprintf("/before-%d", os.Getpid())
	roots := cgroupDirs(t, "cgroup.procs")
	for _, root := range roots {
		dir := filepath.Join(filepath.Dir(root), path)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(dir)
	}
	c.Edit(func(s *specs.Spec) { s.Linux.CgroupsPath = path + "/" + c.ID })
	c.Up()
	harness.Eventually(t, "the program is ready", func() bool { return strings.Contains(c.Read("log"), "ready") })
	running := cgroupDirs(t, path+"/"+c.ID)
	c.Kill("TERM")
	c.Delete()
	sentence(t, "runtimeDelete.3 runtimeLifecycle.16", func(t *testing.T) {
		c := on(t, c)
		if len(running) == 0 {
			t.Error("there was no cgroup")
		}
		if left := cgroupDirs(t, path+"/"+c.ID); len(left) > 0 {
			t.Errorf("cgroups %v", left)
		}
		c.WantNothing()
		if len(names(t, c.Root)) > 0 {
			t.Errorf("state directory has %v", names(t, c.Root))
		}
		// The id is free again.
		c.Create()
		c.Delete("--force")
	})
	sentence(t, "runtimeDelete.4", func(t *testing.T) {
		if left := cgroupDirs(t, path); len(left) != len(roots) {
			t.Errorf("of %d cgroups that were there before, %d are left", len(roots), len(left))
		}
		if _, err := os.Stat(made); err != nil {
			t.Error(err)
		}
		if !c.Has("bin/busybox") {
			t.Error("the root is gone")
		}
		ownCgroup(t)
	})
}

// ownCgroup wants a cgroup that was there before, and that the container was put
// into, to stay.
func ownCgroup(t *testing.T) {
	t.Helper()
	c := harness.New(t)
	path := "/" + c.ID
	roots := cgroupDirs(t, "cgroup.procs")
	for _, root := range roots {
		dir := filepath.Join(filepath.Dir(root), path)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(dir)
	}
	c.Edit(func(s *specs.Spec) { s.Linux.CgroupsPath = path })
	c.Up()
	c.Kill("KILL")
	c.Delete()
	if left := cgroupDirs(t, path); len(left) != len(roots) {
		t.Errorf("of the container's %d cgroups, which were there before it, %d are left", len(roots), len(left))
	}
	for _, root := range roots {
		os.Remove(filepath.Join(filepath.Dir(root), path))
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names
}
