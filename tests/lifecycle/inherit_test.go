package lifecycle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// mountsBelow counts the mounts of this machine below a directory.
func mountsBelow(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), " "+dir)
}

// config-linux.md: "If a namespace type is not specified in the namespaces array,
// the container MUST inherit the runtime namespace of that type". What such a
// container mounts, rt has to take away.
func TestNoMountNamespace(t *testing.T) {
	volume := harness.Dir(t)
	if err := os.WriteFile(filepath.Join(volume, "file"), []byte("of the host"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := harness.New(t, harness.WithoutNamespace(specs.MountNamespace), harness.Bind(volume, "/mnt", "rbind"),
		harness.Bind("/sys/fs", "/fs", "rbind"))
	cgroups := mountsBelow(t, "/sys/fs/cgroup")
	c.Create()
	if got := mustReadlink(t, fmt.Sprintf("/proc/%d/ns/mnt", c.Init)); got != mustReadlink(t, "/proc/self/ns/mnt") {
		t.Errorf("init is in the mount namespace %s", got)
	}
	if mountsBelow(t, c.Rootfs()) < 5 {
		t.Error("nothing is mounted below the root filesystem")
	}
	c.Start()
	if out := c.Exec("cat", "/mnt/file"); out != "of the host" {
		t.Errorf("the volume has %q", out)
	}
	if out := c.Exec("ls", "/"); strings.Contains(out, "boot\n") || !strings.Contains(out, "mnt\n") {
		t.Errorf("exec sees this root:\n%s", out)
	}
	c.Kill("KILL")
	c.Delete()
	if n := mountsBelow(t, c.Rootfs()); n > 0 {
		t.Errorf("%d mounts are left", n)
	}
	if n := mountsBelow(t, "/sys/fs/cgroup"); n != cgroups {
		t.Errorf("the machine has %d cgroup mounts and had %d", n, cgroups)
	}
	c.WantNothing()
}

func TestNoMountNamespaceTakenBack(t *testing.T) {
	c := harness.New(t, harness.WithoutNamespace(specs.MountNamespace), harness.Args("/nowhere"))
	c.CreateFails("no such file or directory")
	if n := mountsBelow(t, c.Rootfs()); n > 0 {
		t.Errorf("%d mounts are left", n)
	}
	c.WantNothing()
}

func mustReadlink(t *testing.T, path string) string {
	t.Helper()
	link, err := os.Readlink(path)
	if err != nil {
		t.Fatal(err)
	}
	return link
}
