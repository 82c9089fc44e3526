package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/tests/harness"
	"github.com/c9b5e2ae/rt/tests/needs"
)

// delegated is a container whose user, 5 inside and 100005 outside, might own its
// cgroup: it has a cgroup namespace, and options of a mount of it.
func delegated(t *testing.T, cgroupNamespace bool, options ...string) *harness.Container {
	t.Helper()
	c := harness.New(t, harness.UserNamespace(100000), func(s *specs.Spec) {
		s.Process.User = specs.User{UID: 5, GID: 5}
		if cgroupNamespace {
			harness.Namespace(specs.CgroupNamespace, "")(s)
		}
		if options != nil {
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: options})
		}
	})
	c.Create()
	return c
}

// ownedFiles lists what the container's user owns of its cgroups; "." is a directory.
func ownedFiles(t *testing.T, c *harness.Container) []string {
	t.Helper()
	var owned []string
	for _, dir := range cgroupDirs(t, c.ID) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		names := []string{"."}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		for _, name := range names {
			var s syscall.Stat_t
			if err := syscall.Lstat(filepath.Join(dir, name), &s); err == nil && s.Uid == 100005 {
				owned = append(owned, name)
			}
		}
	}
	slices.Sort(owned)
	return owned
}

func wantOwned(t *testing.T, c *harness.Container, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := ownedFiles(t, c); !slices.Equal(got, want) {
		t.Errorf("the container's user owns %q, want %q", got, want)
	}
}

func TestCgroupOwnershipOnV1(t *testing.T) {
	needs.All(t, "cgroup1")
	sentence(t, "cgroup-ownership.1", func(t *testing.T) {
		wantOwned(t, delegated(t, true, "nosuid", "noexec", "nodev", "rw"))
	})
}

func TestCgroupOwnership(t *testing.T) {
	needs.All(t, "cgroup2")
	const list = "/sys/kernel/cgroup/delegate"
	existing := func(t *testing.T, c *harness.Container, names string) []string {
		t.Helper()
		want := []string{"."}
		for name := range strings.FieldsSeq(names) {
			if _, err := os.Stat(filepath.Join(cgroup(t, c, ""), name)); err == nil {
				want = append(want, name)
			}
		}
		return want
	}
	sentence(t, "cgroup-ownership.2", func(t *testing.T) {
		wantOwned(t, delegated(t, false, "rw"))
	})
	sentence(t, "cgroup-ownership.3", func(t *testing.T) {
		if owned := ownedFiles(t, delegated(t, true, "nosuid")); !slices.Contains(owned, ".") || !slices.Contains(owned, "cgroup.procs") {
			t.Errorf("with a writable mount the container's user owns %q", owned)
		}
		wantOwned(t, delegated(t, true, "nosuid", "ro"))
	})
	sentence(t, "cgroup-ownership.4", func(t *testing.T) {
		wantOwned(t, delegated(t, true))
	})
	sentence(t, "cgroup-ownership.5 cgroup-ownership.8", func(t *testing.T) {
		c := delegated(t, true, "rw")
		wantOwned(t, c, existing(t, c, read(t, list))...)
	})
	sentence(t, "cgroup-ownership.6", func(t *testing.T) {
		names := filepath.Join(harness.Dir(t), "delegate")
		if err := os.WriteFile(names, []byte("cgroup.procs\nno.such.file\ncgroup.freeze\n"), 0o444); err != nil {
			t.Fatal(err)
		}
		cover(t, names, list)
		wantOwned(t, delegated(t, true, "rw"), ".", "cgroup.procs", "cgroup.freeze")
	})
	sentence(t, "cgroup-ownership.7", func(t *testing.T) {
		empty := harness.Dir(t)
		cover(t, empty, filepath.Dir(list))
		c := delegated(t, true, "rw")
		wantOwned(t, c, existing(t, c, "cgroup.procs cgroup.subtree_control cgroup.threads")...)
	})
}

// cover binds one path over another until the test has ended.
func cover(t *testing.T, source, target string) {
	t.Helper()
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(fmt.Errorf("bind over %s: %w", target, err))
	}
	t.Cleanup(func() { unix.Unmount(target, unix.MNT_DETACH) })
}
