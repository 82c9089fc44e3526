package rootfs

import (
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func cgroupMode(t testing.TB) (v1 bool) {
	var fs unix.Statfs_t
	if err := unix.Statfs(cgroupRoot, &fs); err != nil {
		t.Skip("no cgroups")
	}
	return fs.Type != unix.CGROUP2_SUPER_MAGIC
}

// The container sees its own directory of every hierarchy of v1, read-only.
func TestCgroup1(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	if !cgroupMode(t) {
		t.Skip("needs cgroup v1")
	}
	b := newBundle(t)
	b.mount("/proc", "proc", "proc")
	b.mount("/cg", "cgroup", "cgroup", "ro", "nosuid", "nodev", "noexec", "relatime")
	b.must("mount")
	hierarchies, err := ownCgroups()
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hierarchies {
		if h.controllers == "" {
			continue
		}
		dir := b.path("rootfs/cg/" + h.dir())
		i := info(t, dir)
		if i.FSType != "cgroup" || i.Root != h.path {
			t.Errorf("%s: %+v", h.dir(), i)
		}
		has(t, i.Options, "ro", "nosuid", "nodev", "noexec")
		tasks, err := os.ReadFile(dir + "/tasks")
		if err != nil || !strings.Contains(string(tasks), "\n") {
			t.Errorf("%s: %v", dir, err)
		}
	}
	has(t, info(t, b.path("rootfs/cg")).Options, "ro", "nosuid", "nodev", "noexec")

	b = newBundle(t)
	b.mount("/cg", "cgroup", "cgroup", "rprivate", "rnoexec", "noatime")
	b.must("mount")
	has(t, info(t, b.path("rootfs/cg/memory")).Options, "noexec", "noatime")
	has(t, info(t, b.path("rootfs/cg")).Options, "rw")
	has(t, info(t, b.path("rootfs/cg/memory")).Options, "rw")
}

func TestCgroup1InNamespace(t *testing.T) {
	if !inside(t, unix.CLONE_NEWCGROUP) {
		return
	}
	if !cgroupMode(t) {
		t.Skip("needs cgroup v1")
	}
	b := newBundle(t)
	b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	b.mount("/cg", "cgroup", "cgroup", "ro", "nosuid", "nodev", "noexec")
	b.must("mount")
	hierarchies, _ := ownCgroups()
	for _, h := range hierarchies {
		if h.controllers == "" {
			continue
		}
		i := info(t, b.path("rootfs/cg/"+h.dir()))
		if i.FSType != "cgroup" || i.Root != "/" {
			t.Errorf("%s: %+v", h.dir(), i)
		}
		for name := range strings.SplitSeq(h.controllers, ",") {
			has(t, i.Super, name)
		}
		has(t, i.Options, "ro", "nosuid", "nodev", "noexec")
	}
}

// pure2 makes the host one with cgroup2 alone.
func pure2(t testing.TB) {
	t.Helper()
	for {
		if unix.Unmount(cgroupRoot, unix.MNT_DETACH) != nil {
			break
		}
	}
	if err := unix.Mount("cgroup2", cgroupRoot, "cgroup2", 0, ""); err != nil {
		t.Fatal(err)
	}
}

func TestCgroup2(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	pure2(t)
	b := newBundle(t)
	b.mount("/cg", "cgroup", "cgroup", "ro", "nosuid", "nodev", "noexec")
	p := b.must("mount")
	if !p.Cgroup2 {
		t.Error("not recognised")
	}
	i := info(t, b.path("rootfs/cg"))
	if i.FSType != "cgroup2" || i.Root != "/" {
		t.Errorf("%+v", i)
	}
	has(t, i.Options, "ro", "nosuid", "nodev", "noexec")
}

func TestCgroup2InNamespace(t *testing.T) {
	if !inside(t, unix.CLONE_NEWCGROUP) {
		return
	}
	pure2(t)
	b := newBundle(t)
	b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	b.mount("/cg", "cgroup2", "cgroup", "rw", "nosuid", "nodev", "noexec")
	b.must("mount")
	i := info(t, b.path("rootfs/cg"))
	if i.FSType != "cgroup2" || i.Root != "/" {
		t.Errorf("%+v", i)
	}
	has(t, i.Options, "rw", "nosuid", "nodev", "noexec")
}

// In a user namespace without a cgroup namespace the container sees no more than
// its own cgroup, and nothing it could write to (CVE-2023-25809).
func TestCgroup2InUserNamespace(t *testing.T) {
	if os.Getenv("ROOTFS_TEST_PURE2") == "" {
		if !inside(t, 0) {
			return
		}
		pure2(t)
		own := cgroupRoot + "/rt-rootfs-test"
		if err := os.Mkdir(own, 0o755); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(own)
		if err := os.WriteFile(own+"/cgroup.procs", []byte("0"), 0); err != nil {
			t.Fatal(err)
		}
		defer os.WriteFile(cgroupRoot+"/cgroup.procs", []byte("0"), 0)
		t.Setenv("ROOTFS_TEST_PURE2", "1")
		os.Unsetenv("ROOTFS_TEST_CHILD")
		inside(t, unix.CLONE_NEWUSER, rootMap...)
		return
	}
	if !inside(t, 0) {
		return
	}
	b := newBundle(t)
	b.mount("/cg", "cgroup", "cgroup", "ro")
	b.must("mount")
	if i := info(t, b.path("rootfs/cg")); i.FSType != "cgroup2" || i.Root != "/rt-rootfs-test" {
		t.Errorf("%+v", i)
	}
	if err := os.Mkdir(b.path("rootfs/cg/x"), 0o755); err == nil {
		t.Error("made a cgroup")
		os.Remove(b.path("rootfs/cg/x"))
	}
}
