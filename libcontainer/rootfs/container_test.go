package rootfs

import (
	"os"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// dockerLike is the mounts, masks and read-only paths that Docker asks for.
func dockerLike(b *bundle) {
	b.mount("/proc", "proc", "proc", "nosuid", "noexec", "nodev")
	b.mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k")
	b.mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5")
	b.mount("/sys", "sysfs", "sysfs", "nosuid", "noexec", "nodev", "ro")
	b.mount("/sys/fs/cgroup", "cgroup", "cgroup", "ro", "nosuid", "noexec", "nodev")
	b.mount("/dev/mqueue", "mqueue", "mqueue", "nosuid", "noexec", "nodev")
	b.mount("/dev/shm", "tmpfs", "shm", "nosuid", "noexec", "nodev", "mode=1777", "size=67108864")
	b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces,
		specs.LinuxNamespace{Type: specs.PIDNamespace}, specs.LinuxNamespace{Type: specs.IPCNamespace}, specs.LinuxNamespace{Type: specs.NetworkNamespace})
	b.spec.Linux.MaskedPaths = []string{"/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"}
	b.spec.Linux.ReadonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
}

const containerNamespaces = unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWNET

func TestDockerLike(t *testing.T) {
	if !inside(t, containerNamespaces) {
		return
	}
	b := newBundle(t)
	dockerLike(b)
	p := b.plan()
	b.enter()
	if err := p.Open(nil); err != nil {
		t.Fatal(err)
	}
	for _, s := range stepsOf(p) {
		begin := time.Now()
		if err := s.run(); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		t.Logf("%-12s %v", s.name, time.Since(begin))
	}
	data, _ := os.ReadFile("/proc/self/mountinfo")
	t.Logf("%s", data)
	has(t, info(t, "/proc").Options, "rw", "nosuid", "nodev", "noexec", "relatime")
	has(t, info(t, "/sys").Options, "ro", "nosuid", "nodev", "noexec")
	has(t, info(t, "/dev").Options, "rw", "nosuid", "!relatime", "!noatime")
	has(t, info(t, "/dev").Super, "size=65536k", "mode=755")
	has(t, info(t, "/proc/sys").Options, "ro", "nosuid", "nodev", "noexec")
	has(t, info(t, "/dev/pts").Super, "gid=5", "mode=620", "ptmxmode=666")
	if st := stat(t, "/dev/null"); st.Mode != unix.S_IFCHR|0o666 || st.Rdev != unix.Mkdev(1, 3) {
		t.Errorf("/dev/null has mode %o", st.Mode)
	}
	if text, err := os.ReadFile("/proc/keys"); err != nil || len(text) != 0 {
		t.Errorf("/proc/keys has %d bytes, %v", len(text), err)
	}
	for name, want := range map[string]string{"/dev/ptmx": "pts/ptmx", "/dev/fd": "/proc/self/fd", "/dev/stderr": "/proc/self/fd/2"} {
		if got, _ := os.Readlink(name); got != want {
			t.Errorf("%s leads to %q", name, got)
		}
	}
	if _, err := os.Stat("/dev/ptmx"); err != nil {
		t.Error(err)
	}
}
