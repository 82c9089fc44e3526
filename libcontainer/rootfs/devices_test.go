package rootfs

import (
	"os"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func number[T any](n T) *T { return &n }

func TestDevices(t *testing.T) {
	if !inside(t, containerNamespaces) {
		return
	}
	b := newBundle(t)
	b.mount("/proc", "proc", "proc")
	b.mount("/dev", "tmpfs", "tmpfs", "mode=755")
	b.mkdir("rootfs/dev", "rootfs/opt")
	if err := unix.Mknod(b.path("rootfs/opt/there"), unix.S_IFBLK|0o600, int(unix.Mkdev(8, 1))); err != nil {
		t.Fatal(err)
	}
	b.spec.Linux.Devices = []specs.LinuxDevice{
		{Type: "c", Path: "/dev/fuse", Major: 10, Minor: 229, FileMode: number(os.FileMode(0o622)), UID: number(uint32(7)), GID: number(uint32(8))},
		{Type: "b", Path: "/opt/x/sda", Major: 8, Minor: 0, FileMode: number(os.FileMode(0o6660)), UID: number(uint32(1))},
		{Type: "u", Path: "/dev/u", Major: 4, Minor: 300},
		{Type: "p", Path: "/run/fifo", FileMode: number(os.FileMode(0o640))},
		{Type: "c", Path: "/dev/zero", Major: 1, Minor: 5, FileMode: number(os.FileMode(0o600))},
		{Type: "b", Path: "/opt/there", Major: 8, Minor: 1, FileMode: number(os.FileMode(0o666))},
	}
	defer unix.Umask(unix.Umask(0o077))
	b.must("devices")
	for name, want := range map[string]struct {
		mode     uint32
		rdev     uint64
		uid, gid uint32
	}{
		"dev/null":    {mode: unix.S_IFCHR | 0o666, rdev: unix.Mkdev(1, 3)},
		"dev/zero":    {mode: unix.S_IFCHR | 0o600, rdev: unix.Mkdev(1, 5)},
		"dev/full":    {mode: unix.S_IFCHR | 0o666, rdev: unix.Mkdev(1, 7)},
		"dev/random":  {mode: unix.S_IFCHR | 0o666, rdev: unix.Mkdev(1, 8)},
		"dev/urandom": {mode: unix.S_IFCHR | 0o666, rdev: unix.Mkdev(1, 9)},
		"dev/tty":     {mode: unix.S_IFCHR | 0o666, rdev: unix.Mkdev(5, 0)},
		"dev/fuse":    {mode: unix.S_IFCHR | 0o622, rdev: unix.Mkdev(10, 229), uid: 7, gid: 8},
		"dev/u":       {mode: unix.S_IFCHR | 0o666, rdev: unix.Mkdev(4, 300)},
		"opt/x/sda":   {mode: unix.S_IFBLK | 0o6660, rdev: unix.Mkdev(8, 0), uid: 1},
		"run/fifo":    {mode: unix.S_IFIFO | 0o640},
		"opt/there":   {mode: unix.S_IFBLK | 0o600, rdev: unix.Mkdev(8, 1)},
		"opt/x":       {mode: unix.S_IFDIR | 0o755},
	} {
		st := stat(t, b.path("rootfs/"+name))
		if st.Mode != want.mode || st.Rdev != want.rdev || st.Uid != want.uid || st.Gid != want.gid {
			t.Errorf("%s: mode %o, device %x, owner %d:%d; want %+v", name, st.Mode, st.Rdev, st.Uid, st.Gid, want)
		}
	}
	links := map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2", "ptmx": "pts/ptmx"}
	for name, want := range links {
		if got, _ := os.Readlink(b.path("rootfs/dev/" + name)); got != want {
			t.Errorf("%s leads to %q", name, got)
		}
	}
}

func TestDeviceErrors(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	b := newBundle(t)
	b.write("rootfs/dev/x", "")
	b.spec.Linux.Devices = []specs.LinuxDevice{{Type: "c", Path: "/dev/x", Major: 10, Minor: 5}}
	_, err := b.steps("devices")
	wantText(t, err, `linux.devices[0].path: "/dev/x" exists and is not c 10:5`)

	b = newBundle(t)
	b.mkdir("rootfs/dev")
	b.link("/dev/null", "rootfs/dev/x")
	b.spec.Linux.Devices = []specs.LinuxDevice{{Type: "p", Path: "/dev/x"}}
	_, err = b.steps("devices")
	wantText(t, err, `linux.devices[0].path: "/dev/x" exists and is not a fifo`)

	b = newBundle(t)
	b.write("rootfs/dev", "")
	_, err = b.steps("devices")
	wantText(t, err, `create "/dev": not a directory`)
}

// The image's own ptmx would be the host's; what mounts[] put there stays.
func TestPtmx(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	b := newBundle(t)
	b.mkdir("rootfs/dev")
	if err := unix.Mknod(b.path("rootfs/dev/ptmx"), unix.S_IFCHR|0o666, int(unix.Mkdev(5, 2))); err != nil {
		t.Fatal(err)
	}
	b.must("devices")
	if got, _ := os.Readlink(b.path("rootfs/dev/ptmx")); got != "pts/ptmx" {
		t.Errorf("ptmx leads to %q", got)
	}

	b = newBundle(t)
	b.write("ptmx", "mine")
	b.write("rootfs/dev/ptmx", "")
	b.mount("/dev/ptmx", "", "ptmx", "bind")
	b.must("devices")
	if text, _ := os.ReadFile(b.path("rootfs/dev/ptmx")); string(text) != "mine" {
		t.Errorf("ptmx is %q", text)
	}
}

// Somebody else's /dev is left alone; devices elsewhere are made.
func TestDevBound(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	b := newBundle(t)
	b.mkdir("dev")
	b.mount("/dev", "", "dev", "bind")
	b.spec.Linux.Devices = []specs.LinuxDevice{
		{Type: "c", Path: "/dev/x", Major: 10, Minor: 5}, {Type: "c", Path: "/dev/net/tun", Major: 10, Minor: 200}, {Type: "c", Path: "/x", Major: 10, Minor: 5}}
	b.must("devices")
	if entries, _ := os.ReadDir(b.path("dev")); len(entries) != 0 {
		t.Errorf("/dev has %v", entries)
	}
	stat(t, b.path("rootfs/x"))
}

var rootMap = []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1000}, {ContainerID: 1000, HostID: 100000, Size: 1000}}

// In a user namespace nodes are the host's.
func TestDevicesInUserNamespace(t *testing.T) {
	if !inside(t, unix.CLONE_NEWUSER, rootMap...) {
		return
	}
	b := newBundle(t)
	b.mount("/dev", "tmpfs", "tmpfs", "mode=755")
	b.spec.Linux.Devices = []specs.LinuxDevice{{Type: "p", Path: "/dev/fifo"}, {Type: "c", Path: "/dev/kmsg", Major: 1, Minor: 11}}
	b.must("devices")
	for name, minor := range map[string]uint32{"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9, "kmsg": 11} {
		if st := stat(t, b.path("rootfs/dev/"+name)); st.Rdev != unix.Mkdev(1, minor) || st.Mode&unix.S_IFMT != unix.S_IFCHR {
			t.Errorf("%s is %x", name, st.Rdev)
		}
	}
	f, err := os.OpenFile(b.path("rootfs/dev/null"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()

	b = newBundle(t)
	b.spec.Linux.Devices = []specs.LinuxDevice{{Type: "c", Path: "/dev/kmsg", Major: 1, Minor: 12}}
	_, err = b.steps("devices")
	wantText(t, err, `device "/dev/kmsg" of the host is not c 1:12`)
	b.spec.Linux.Devices = []specs.LinuxDevice{{Type: "c", Path: "/dev/nosuch", Major: 1, Minor: 12}}
	_, err = b.steps("devices")
	wantText(t, err, `device "/dev/nosuch" of the host: no such file or directory`)
}
