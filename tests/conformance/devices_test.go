package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// node is what is at a path of the container: "c 1:3 666 5:6".
func node(t *testing.T, c *harness.Container, path string) string {
	t.Helper()
	var s unix.Stat_t
	if err := unix.Stat(inRoot(c, path), &s); err != nil {
		return err.Error()
	}
	kind := map[uint32]string{unix.S_IFCHR: "c", unix.S_IFBLK: "b", unix.S_IFIFO: "p"}[s.Mode&unix.S_IFMT]
	return fmt.Sprintf("%s %d:%d %o %d:%d", kind, unix.Major(s.Rdev), unix.Minor(s.Rdev), s.Mode&0o7777, s.Uid, s.Gid)
}

func TestDevices(t *testing.T) {
	mode := os.FileMode(0o640)
	uid, gid := uint32(5), uint32(6)
	devices := []specs.LinuxDevice{
		{Path: "/dev/char", Type: "c", Major: 10, Minor: 229, FileMode: &mode, UID: &uid, GID: &gid},
		{Path: "/dev/block", Type: "b", Major: 7, Minor: 1, FileMode: &mode},
		{Path: "/dev/unbuffered", Type: "u", Major: 1, Minor: 5, FileMode: &mode},
		{Path: "/dev/fifo", Type: "p", FileMode: &mode},
		{Path: "/opt/deep/null", Type: "c", Major: 1, Minor: 3, FileMode: &mode},
	}
	c := harness.New(t, func(s *specs.Spec) { s.Linux.Devices = devices })
	r, ok := create(c)
	want := []string{"c 10:229 640 5:6", "b 7:1 640 0:0", "c 1:5 640 0:0", "p 0:0 640 0:0", "c 1:3 640 0:0"}
	sentence(t, "configLinuxDevices.1 configLinuxDevices.5", func(t *testing.T) {
		if !ok {
			t.Fatal(r)
		}
		for i, d := range devices {
			if got := node(t, c, d.Path); got != want[i] {
				t.Errorf("%s is %s, want %s", d.Path, got, want[i])
			}
		}
	})
	sentence(t, "configLinuxDevices.4", func(t *testing.T) {
		for _, command := range []string{"mknod opt c 1 5", "mknod opt b 1 3", "mkfifo opt", "touch opt", "mkdir opt"} {
			c := harness.New(t, func(s *specs.Spec) {
				s.Linux.Devices = []specs.LinuxDevice{{Path: "/opt", Type: "c", Major: 1, Minor: 3}}
			})
			harness.Command{Args: strings.Fields(command), Dir: c.Rootfs()}.Run(t)
			if !refused(t, c, `init: devices: linux.devices[0].path: "/opt" exists and is not c 1:3`) {
				t.Logf("after %s", command)
			}
		}
		// The same device may be there.
		c := harness.New(t, func(s *specs.Spec) {
			s.Linux.Devices = []specs.LinuxDevice{{Path: "/opt", Type: "c", Major: 1, Minor: 3}}
		})
		harness.Command{Args: []string{"mknod", "opt", "c", "1", "3"}, Dir: c.Rootfs()}.Run(t)
		if r, ok := create(c); !ok {
			t.Error(r)
		}
	})
}

func TestDefaultDevices(t *testing.T) {
	sentence(t, "configLinuxDefaultDevices.1", func(t *testing.T) {
		socket := harness.NewConsoleSocket(t)
		c := harness.New(t, harness.Terminal, harness.Shell("tty </dev/console; echo hello >/dev/tty; sleep 1000"))
		c.Create("--console-socket", socket.Path)
		console := socket.Receive()
		for path, want := range map[string]string{"null": "c 1:3", "zero": "c 1:5", "full": "c 1:7", "random": "c 1:8", "urandom": "c 1:9", "tty": "c 5:0"} {
			if got := node(t, c, "/dev/"+path); got != want+" 666 0:0" {
				t.Errorf("/dev/%s is %s", path, got)
			}
		}
		if got := node(t, c, "/dev/console"); !strings.HasPrefix(got, "c 136:") { // of devpts
			t.Errorf("/dev/console is %s", got)
		}
		if got, want := node(t, c, "/dev/ptmx"), node(t, c, "/dev/pts/ptmx"); got != want {
			t.Errorf("/dev/ptmx is %s, and /dev/pts/ptmx %s", got, want)
		}
		c.Start()
		console.Expect("hello")
		c = harness.New(t)
		c.Create()
		if got := node(t, c, "/dev/console"); strings.HasPrefix(got, "c 136:") {
			t.Errorf("/dev/console is %s, without a terminal", got)
		}
	})
	sentence(t, "runtimeLinuxDevSymbolicLinks.1", func(t *testing.T) {
		c := harness.New(t)
		c.Create()
		for name, want := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
			if got, err := os.Readlink(inRoot(c, filepath.Join("/dev", name))); got != want {
				t.Errorf("/dev/%s is %q, %v", name, got, err)
			}
		}
	})
}
