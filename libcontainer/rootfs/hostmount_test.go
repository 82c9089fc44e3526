package rootfs

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// sharing makes the bundle of a container without a mount namespace that mounts a
// volume of the host, which is shared and has a mount in it.
func sharing(t *testing.T) *bundle {
	t.Helper()
	b := newBundle(t)
	b.spec.Linux.Namespaces = nil
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil { // plays the host's
		t.Fatal(err)
	}
	b.mkdir("volume/disk", "rootfs/etc", "rootfs/bin")
	if err := unix.Mount("host", b.path("volume/disk"), "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	b.write("volume/disk/file", "of the host")
	b.write("rootfs/etc/secret", "x")
	return b
}

func mountsBelow(t *testing.T, dir string) (points []string) {
	t.Helper()
	text, err := os.ReadFile("/proc/thread-self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if i := parseMountInfo(line); strings.HasPrefix(i.Point, dir) {
			points = append(points, i.Point)
		}
	}
	return points
}

// config-linux.md: "If a namespace type is not specified in the namespaces array,
// the container MUST inherit the runtime namespace of that type."
func TestHostMount(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	b := sharing(t)
	b.spec.Root.Readonly = true
	b.spec.Linux.MaskedPaths = []string{"/etc/secret"}
	b.spec.Linux.ReadonlyPaths = []string{"/bin"}
	b.mount("/proc", "proc", "proc", "nosuid")
	b.mount("/dev", "tmpfs", "tmpfs", "nosuid")
	b.mount("/mnt", "", b.path("volume"), "rbind")

	p := b.plan()
	tree, mount, err := p.CloneRoot()
	if err != nil {
		t.Fatal(err)
	}
	// Before it is attached there is nothing to detach, and nothing is.
	if err := mount.Detach(); err != nil {
		t.Error(err)
	}
	if err := mount.Attach(tree); err != nil {
		t.Fatal(err)
	}
	tree.Close()
	steps := []func() error{
		func() error { return p.Open(nil) },
		p.Private, p.Mount, p.Devices, func() error { return p.Pivot(false) }, p.Propagation,
	}
	for _, run := range steps {
		if err := run(); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Protect(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile("/mnt/disk/file"); string(text) != "of the host" {
		t.Errorf("the volume's file: %q, %v", text, err)
	}
	if text, _ := os.ReadFile("/etc/secret"); len(text) > 0 {
		t.Errorf("the masked file: %q", text)
	}
	if err := os.Mkdir("/new", 0o755); err == nil {
		t.Error("the root is writable")
	}
	if st := stat(t, "/dev/null"); st.Rdev != unix.Mkdev(1, 3) {
		t.Errorf("/dev/null is %x", st.Rdev)
	}

	// Back out of the root: the namespace that plays the host.
	fd, err := unix.Open("/proc/thread-self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Setns(fd, unix.CLONE_NEWNS); err != nil {
		t.Fatal(err)
	}
	if got := mountsBelow(t, b.path("rootfs")); len(got) < 7 {
		t.Errorf("mounts: %q", got)
	}
	for range 2 { // it can be repeated
		if err := mount.Detach(); err != nil {
			t.Error(err)
		}
	}
	if got := mountsBelow(t, b.path("rootfs")); len(got) > 0 {
		t.Errorf("left: %q", got)
	}
	if text, err := os.ReadFile(b.path("volume/disk/file")); string(text) != "of the host" {
		t.Errorf("the host's own mount is gone: %q, %v", text, err)
	}
}

// What stands at the root's path and is not the container's stays.
func TestHostMountIsNotAnothers(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	b := sharing(t)
	b.mount("/proc", "proc", "proc")
	p := b.plan()
	tree, mount, err := p.CloneRoot()
	if err != nil {
		t.Fatal(err)
	}
	tree.Close()
	if err := unix.Mount("else", b.path("rootfs"), "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	if err := mount.Detach(); err != nil {
		t.Error(err)
	}
	if i := info(t, b.path("rootfs")); i.FSType != "tmpfs" {
		t.Errorf("%+v", i)
	}
	wantText(t, p.Private(), `root.path: "`+b.path("rootfs")+`": the mount point was moved or covered while it was in use`)
}
