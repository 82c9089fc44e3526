package lifecycle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// Two containers of a pod share network and ipc, and nothing else.
func TestPodSharesNetworkAndIPC(t *testing.T) {
	a := harness.New(t)
	a.Up()
	b := a.Another(
		harness.Namespace(specs.NetworkNamespace, fmt.Sprintf("/proc/%d/ns/net", a.Init)),
		harness.Namespace(specs.IPCNamespace, fmt.Sprintf("/proc/%d/ns/ipc", a.Init)))
	b.Up()
	namespace := func(c *harness.Container, kind string) string {
		link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", c.Init, kind))
		if err != nil {
			t.Fatal(err)
		}
		return link
	}
	for _, kind := range []string{"net", "ipc"} {
		if namespace(a, kind) != namespace(b, kind) {
			t.Errorf("%s namespace is not shared", kind)
		}
	}
	for _, kind := range []string{"pid", "mnt", "uts"} {
		if namespace(a, kind) == namespace(b, kind) {
			t.Errorf("%s namespace is shared", kind)
		}
	}
	a.Must("exec", "--detach", a.ID, "sh", "-c", "echo hello | nc -l -p 4444 127.0.0.1")
	harness.Eventually(t, "b hears a", func() bool {
		return strings.TrimSpace(b.Do("exec", b.ID, "nc", "-w", "1", "127.0.0.1", "4444").Stdout) == "hello"
	})
	a.Exec("touch", "/dev/mqueue/queue")
	if queues := b.Exec("ls", "/dev/mqueue"); queues != "queue\n" {
		t.Errorf("b sees these message queues of a: %q", queues)
	}
	// The namespaces live on with b when a is gone.
	a.Delete("--force")
	b.Exec("true")
	b.Delete("--force")
	b.WantNothing()
}

// Two parts of rt make network namespaces: with a user namespace it is made in it.
func TestLoopbackIsUp(t *testing.T) {
	for name, changes := range map[string][]harness.Change{
		"network namespace":    nil,
		"in a user namespace":  {harness.UserNamespace(100000)},
		"and a time namespace": {harness.Namespace(specs.TimeNamespace, "")},
	} {
		t.Run(name, func(t *testing.T) {
			c := harness.New(t, append(changes, harness.Args("ifconfig", "lo"))...)
			if out := c.Run().Stdout; !strings.Contains(out, "UP LOOPBACK RUNNING") || !strings.Contains(out, "inet addr:127.0.0.1") {
				t.Errorf("lo is not up: %s", out)
			}
		})
	}
}

func TestJoinedPIDNamespace(t *testing.T) {
	a := harness.New(t)
	a.Up()
	b := a.Another(harness.Namespace(specs.PIDNamespace, fmt.Sprintf("/proc/%d/ns/pid", a.Init)), harness.Args("sleep", "2000"))
	b.Up()
	if out := a.Exec("ps"); !strings.Contains(out, "sleep 2000") {
		t.Errorf("a does not see b:\n%s", out)
	}
	b.Kill("KILL")
	a.WantStatus("running")
	// containerd does this whenever the pid namespace is shared.
	b.Must("kill", "--all", b.ID, "9")
	b.Delete()
	a.WantStatus("running")
}

func TestHostNamespaces(t *testing.T) {
	c := harness.New(t, harness.WithoutNamespace(specs.PIDNamespace), harness.WithoutNamespace(specs.NetworkNamespace), harness.WithoutNamespace(specs.IPCNamespace))
	c.Edit(func(s *specs.Spec) {
		for i, m := range s.Mounts {
			if m.Type == "sysfs" {
				s.Mounts[i] = specs.Mount{Destination: "/sys", Source: "/sys", Type: "bind", Options: []string{"rbind", "ro"}}
			}
		}
	})
	c.Up()
	for _, kind := range []string{"pid", "net", "ipc"} {
		ours, _ := os.Readlink("/proc/self/ns/" + kind)
		if got := strings.TrimSpace(c.Exec("readlink", "/proc/self/ns/"+kind)); got != ours {
			t.Errorf("%s namespace %s, the host's is %s", kind, got, ours)
		}
	}
	c.Kill("KILL")
	c.Delete()
}

// A background process of a container in the host's pid namespace dies with delete.
func TestDeleteKillsWhatIsLeftInTheCgroup(t *testing.T) {
	c := harness.New(t, harness.WithoutNamespace(specs.PIDNamespace), harness.Shell("setsid sleep 3000 & sleep 0.2"))
	c.Up()
	c.Wait()
	c.Delete("--force")
	c.WantNothing()
}

func TestUserNamespaceMapsRootToAnUnprivilegedUser(t *testing.T) {
	const first = 300000
	c := harness.New(t, harness.UserNamespace(first), harness.Shell("id -u; touch /tmp/file; mount -t tmpfs none /mnt && echo mounted; sleep 1000"))
	c.Edit(func(s *specs.Spec) {
		caps := append([]string{"CAP_SYS_ADMIN"}, s.Process.Capabilities.Bounding...)
		s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
	})
	chown(t, c.Rootfs(), first)
	c.Up()
	harness.Eventually(t, "a file is made", func() bool { return c.Has("tmp/file") })
	info, err := os.Stat(filepath.Join(c.Rootfs(), "tmp/file"))
	if err != nil {
		t.Fatal(err)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid != first {
		t.Errorf("the file belongs to uid %d, want %d", uid, first)
	}
	if status := c.ProcFile("status"); !strings.Contains(status, fmt.Sprintf("Uid:\t%d\t%d\t%d\t%d", first, first, first, first)) {
		t.Errorf("init is not uid %d on the host:\n%s", first, status)
	}
	if got := strings.Fields(c.Exec("cat", "/proc/self/uid_map")); strings.Join(got, " ") != "0 300000 65536" {
		t.Errorf("uid_map %v", got)
	}
	if got := c.Exec("sh", "-c", "id -u; id -g"); got != "0\n0\n" {
		t.Errorf("ids of exec: %q", got)
	}
	harness.Eventually(t, "root of the container may mount there", func() bool {
		return strings.Contains(c.Exec("cat", "/proc/mounts"), " /mnt tmpfs")
	})
	c.Kill("KILL")
	c.Delete()
	c.WantNothing()
}

// chown gives a tree to a host user.
func chown(t *testing.T, dir string, id int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, id, id)
	})
	if err != nil {
		t.Fatal(err)
	}
}
