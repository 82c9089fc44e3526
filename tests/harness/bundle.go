package harness

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/tests/data"
)

// A Change makes the specification of one test from the plain one.
type Change func(*specs.Spec)

// Args sets the program of the container.
func Args(args ...string) Change {
	return func(s *specs.Spec) { s.Process.Args = args }
}

// Shell sets the program to a shell with this script.
func Shell(script string) Change { return Args("sh", "-c", script) }

// Env adds variables.
func Env(variables ...string) Change {
	return func(s *specs.Spec) { s.Process.Env = append(s.Process.Env, variables...) }
}

// Terminal gives the program a terminal.
func Terminal(s *specs.Spec) { s.Process.Terminal = true }

// Mount adds a mount.
func Mount(m specs.Mount) Change {
	return func(s *specs.Spec) { s.Mounts = append(s.Mounts, m) }
}

// Bind adds a bind mount.
func Bind(source, destination string, options ...string) Change {
	return Mount(specs.Mount{Destination: destination, Source: source, Type: "bind", Options: append([]string{"bind"}, options...)})
}

// Namespace adds a namespace, or replaces the one of its type. With a path it is
// joined.
func Namespace(kind specs.LinuxNamespaceType, path string) Change {
	return func(s *specs.Spec) {
		WithoutNamespace(kind)(s)
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: kind, Path: path})
	}
}

// WithoutNamespace takes a namespace away: the container stays in the host's.
func WithoutNamespace(kind specs.LinuxNamespaceType) Change {
	return func(s *specs.Spec) {
		var kept []specs.LinuxNamespace
		for _, n := range s.Linux.Namespaces {
			if n.Type != kind {
				kept = append(kept, n)
			}
		}
		s.Linux.Namespaces = kept
	}
}

// UserNamespace maps the container's ids 0 and up to host ids from first on.
func UserNamespace(first uint32) Change {
	return func(s *specs.Spec) {
		Namespace(specs.UserNamespace, "")(s)
		s.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: first, Size: 65536}}
		s.Linux.GIDMappings = s.Linux.UIDMappings
	}
}

// capabilities are those that Docker grants.
var capabilities = strings.Fields(`CAP_CHOWN CAP_DAC_OVERRIDE CAP_FSETID CAP_FOWNER CAP_MKNOD
	CAP_NET_RAW CAP_SETGID CAP_SETUID CAP_SETFCAP CAP_SETPCAP CAP_NET_BIND_SERVICE
	CAP_SYS_CHROOT CAP_KILL CAP_AUDIT_WRITE`)

// Plain is the specification that tests start from: what an engine writes for a
// container that is to run for a while.
func Plain() *specs.Spec {
	return &specs.Spec{
		Version: "1.0.2",
		Root:    &specs.Root{Path: "rootfs"},
		Process: &specs.Process{
			Args: []string{"sleep", "1000"},
			Env:  []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"},
			Cwd:  "/",
			Capabilities: &specs.LinuxCapabilities{
				Bounding: capabilities, Effective: capabilities, Permitted: capabilities,
			},
			NoNewPrivileges: true,
		},
		Hostname: "harness",
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: strings.Fields("nosuid strictatime mode=755 size=65536k")},
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: strings.Fields("nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5")},
			{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: strings.Fields("nosuid noexec nodev mode=1777 size=65536k")},
			{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: strings.Fields("nosuid noexec nodev")},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: strings.Fields("nosuid noexec nodev ro")},
		},
		Linux: &specs.Linux{
			Resources: &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}}},
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace}, {Type: specs.IPCNamespace},
				{Type: specs.UTSNamespace}, {Type: specs.MountNamespace},
			},
			MaskedPaths:   []string{"/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"},
			ReadonlyPaths: []string{"/proc/bus", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
}

// Docker returns the specification that Docker wrote for a plain container.
func Docker(t testing.TB) *specs.Spec {
	t.Helper()
	var s specs.Spec
	if err := json.Unmarshal(data.DockerBundle, &s); err != nil {
		t.Fatal(err)
	}
	s.Linux.CgroupsPath = ""
	return &s
}

// applets are the commands of busybox, asked once.
var applets = sync.OnceValues(func() ([]string, error) {
	out, err := exec.Command("busybox", "--list").Output()
	return strings.Fields(string(out)), err
})

// MakeRootfs makes a root with busybox at dir, which must not exist.
func MakeRootfs(t testing.TB, dir string) {
	t.Helper()
	if err := makeRootfs(dir); err != nil {
		t.Fatalf("root filesystem: %v", err)
	}
}

func makeRootfs(dir string) error {
	for _, d := range strings.Fields("bin dev etc home mnt proc root run sys tmp var") {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return err
		}
	}
	path, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("%w (tests/install-deps installs busybox-static)", err)
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "bin/busybox"), program, 0o755); err != nil {
		return err
	}
	names, err := applets()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := os.Symlink("busybox", filepath.Join(dir, "bin", name)); err != nil && !os.IsExist(err) {
			return err
		}
	}
	passwd := "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home:/bin/sh\n"
	if err := os.WriteFile(filepath.Join(dir, "etc/passwd"), []byte(passwd), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "etc/group"), []byte("root:x:0:\nuser:x:1000:\n"), 0o644); err != nil {
		return err
	}
	return os.Chmod(filepath.Join(dir, "tmp"), 0o1777)
}
