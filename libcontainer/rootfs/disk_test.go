package rootfs

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A filesystem on a disk is mounted before init loses the use of the device, and
// a read-only disk can be mounted read-only.
func TestDisk(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	b := newBundle(t)
	b.mkdir("rootfs/mnt")
	image := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 1<<20); err != nil {
		t.Fatal(err)
	}
	tool := func(args ...string) string {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil {
			t.Skipf("%v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	tool("mkfs.ext4", "-q", "-F", image)
	disk := tool("losetup", "--find", "--show", "--read-only", image)
	defer tool("losetup", "--detach", disk)

	b.mount("/mnt", "ext4", disk)
	_, err := b.steps("mount")
	// What the kernel says before "permission denied" is its own affair.
	if err == nil || !strings.HasPrefix(err.Error(), `mounts[0]: mount "`+disk+`" on "/mnt": `) || !errors.Is(err, unix.EACCES) {
		t.Errorf("read-write: %v", err)
	}

	b = newBundle(t)
	b.mkdir("rootfs/mnt")
	b.mount("/mnt", "ext4", disk, "ro", "nodev")
	b.mount("/tmp", "tmpfs", "/dev/null")
	p := b.plan()
	if err := p.Open(nil); err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.Mounts[0].File == nil || p.Mounts[1].File != nil {
		t.Errorf("%+v", p.Mounts)
	}
	b.enter()
	if err := p.Private(); err != nil {
		t.Fatal(err)
	}
	if err := p.Mount(); err != nil {
		t.Fatal(err)
	}
	has(t, info(t, b.path("rootfs/mnt")).Options, "ro", "nodev")

}
