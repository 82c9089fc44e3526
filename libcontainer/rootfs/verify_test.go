package rootfs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// verify reads the container of this thread back from another one, as the host.
func verify(t testing.TB, s *specs.Spec) string {
	t.Helper()
	tid := unix.Gettid()
	done := make(chan []config.Problem)
	go func() { done <- Verify(tid, s) }()
	var out []string
	for _, p := range <-done {
		out = append(out, p.String())
	}
	return strings.Join(out, "\n")
}

func TestVerify(t *testing.T) {
	if !inside(t, unix.CLONE_NEWIPC|unix.CLONE_NEWNET) {
		return
	}
	for _, propagation := range []string{"", "shared", "rslave", "private", "unbindable"} {
		b := newBundle(t)
		b.mkdir("vol")
		b.write("rootfs/secret", "x")
		dockerLike(b)
		b.mount("/vol", "", "vol", "rbind", "rro", "nosuid", "rprivate")
		b.spec.Linux.MaskedPaths = append(b.spec.Linux.MaskedPaths, "/secret")
		b.spec.Linux.Devices = []specs.LinuxDevice{{Type: "c", Path: "/dev/fuse", Major: 10, Minor: 229}}
		b.spec.Linux.RootfsPropagation = propagation
		b.spec.Root.Readonly = true
		b.must("")
		if got := verify(t, b.spec); got != "" {
			t.Errorf("%s: a good container has problems:\n%s", propagation, got)
		}
	}
}

func TestVerifyFinds(t *testing.T) {
	if !inside(t, unix.CLONE_NEWIPC|unix.CLONE_NEWNET) {
		return
	}
	b := newBundle(t)
	b.write("rootfs/secret", "x")
	b.mkdir("rootfs/dir", "rootfs/hidden")
	b.mount("/proc", "proc", "proc")
	b.mount("/dev", "tmpfs", "tmpfs")
	b.must("")
	b.mount("/dir", "tmpfs", "tmpfs")
	b.mount("/gone", "tmpfs", "tmpfs")
	b.spec.Mounts[0].Options = []string{"nosuid", "ro"}
	b.spec.Mounts[1].Type = "ramfs"
	b.spec.Root.Readonly = true
	b.spec.Linux.MaskedPaths = []string{"/secret", "/hidden"}
	b.spec.Linux.ReadonlyPaths = []string{"/dir", "/none"}
	b.spec.Linux.RootfsPropagation = "shared"
	b.spec.Linux.Devices = []specs.LinuxDevice{{Type: "c", Path: "/dev/zero", Major: 1, Minor: 5}, {Type: "p", Path: "/dev/full2"}, {Type: "b", Path: "/secret", Major: 1, Minor: 2}}
	want := `root.readonly: "/" is writable
linux.rootfsPropagation: the root has "master:"
mounts[0].options: "/proc" lacks nosuid, ro
mounts[1].type: "/dev" has a tmpfs
mounts[2].destination: nothing is mounted on "/dir"
mounts[3].destination: "/gone": no such file or directory
linux.devices[1].path: "/dev/full2": no such file or directory
linux.devices[2].path: "/secret" is not b 1:2
linux.maskedPaths[0]: "/secret" is not /dev/null
linux.maskedPaths[1]: "/hidden" is not an empty read-only directory
linux.readonlyPaths[0]: "/dir" is writable`
	got := verify(t, b.spec)
	peers := strings.Join(info(t, "/").Peers, " ")
	got = strings.Replace(got, peers, "master:", 1)
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := fmt.Sprint(Verify(1<<30, b.spec)); got != "[root: cannot be read from process 1073741824: no such file or directory]" {
		t.Error(got)
	}
}
