package rootfs

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Flags of mounts that came from a more privileged namespace are locked: the
// options may add to them, and taking one away is an error that names it.
func TestLockedFlags(t *testing.T) {
	if os.Getenv("ROOTFS_TEST_CHILD") == "" {
		if os.Geteuid() != 0 {
			t.Skip("needs root")
		}
		// The parent of the user namespace mounts; the child is given the namespace.
		inside(t, 0)
		return
	}
	if os.Getenv("ROOTFS_TEST_LOCKED") == "" {
		dir := t.TempDir()
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NODEV|unix.MS_NOSUID|unix.MS_RDONLY|unix.MS_NOATIME, ""); err != nil {
			t.Fatal(err)
		}
		defer unix.Unmount(dir, unix.MNT_DETACH)
		t.Setenv("ROOTFS_TEST_LOCKED", dir)
		os.Unsetenv("ROOTFS_TEST_CHILD")
		inside(t, unix.CLONE_NEWUSER, rootMap...)
		return
	}
	if !inside(t, 0) {
		return
	}
	source := os.Getenv("ROOTFS_TEST_LOCKED")
	for options, want := range map[string]string{
		"":                "",
		"noexec":          "",
		"ro,nodev":        "",
		"noatime":         "",
		"exec":            "",
		"rw":              "clear ro, which the owner of the mount has locked: operation not permitted",
		"dev,suid":        "clear nodev, nosuid, which the owner of the mount has locked: operation not permitted",
		"strictatime":     "clear the access time mode, which the owner of the mount has locked: operation not permitted",
		"rrw":             "clear ro, which the owner of the mount has locked: operation not permitted",
		"noexec,relatime": "clear the access time mode, which the owner of the mount has locked: operation not permitted",
	} {
		b := newBundle(t)
		b.mount("/x", "", source, append(strings.Split(options, ","), "rbind")...)
		if want != "" {
			want = `mounts[0]: mount "` + source + `" on "/x": ` + want
		} else {
			want = "<nil>"
		}
		_, err := b.steps("mount")
		wantText(t, err, want)
	}
}

// child starts a process in new user and mount namespaces that holds them, and
// returns its user namespace.
func userNamespace(t testing.TB, maps []specs.LinuxIDMapping) *os.File {
	t.Helper()
	f, err := mappedNamespace(maps, maps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestIDMap(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	maps := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 1000}}
	own := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 200000, Size: 1000}}
	for name, tt := range map[string]struct {
		options []string
		maps    []specs.LinuxIDMapping
		top     uint32
		below   uint32
	}{
		"none":           {[]string{"rbind"}, nil, 7, 8},
		"container":      {[]string{"rbind", "idmap"}, nil, 100007, 8},
		"container, all": {[]string{"rbind", "ridmap"}, nil, 100007, 100008},
		"own":            {[]string{"rbind", "idmap"}, own, 200007, 8},
		"own, all":       {[]string{"rbind", "ridmap"}, own, 200007, 200008},
		"own, no option": {[]string{"rbind"}, own, 200007, 8},
		"own, ro":        {[]string{"rbind", "ro", "idmap", "rprivate"}, own, 200007, 8},
	} {
		b := newBundle(t)
		b.mkdir("src")
		if err := unix.Mount("tmpfs", b.path("src"), "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
		b.mkdir("src/sub")
		if err := unix.Mount("tmpfs", b.path("src/sub"), "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
		b.write("src/file", "")
		b.write("src/sub/file", "")
		_ = os.Chown(b.path("src/file"), 7, 7)
		_ = os.Chown(b.path("src/sub/file"), 8, 8)
		b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		b.mount("/x", "", "src", tt.options...)
		b.spec.Mounts[0].UIDMappings, b.spec.Mounts[0].GIDMappings = tt.maps, tt.maps
		p := b.plan()
		if err := p.Open(userNamespace(t, maps)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if p.Mounts[0].File == nil {
			t.Errorf("%s: the source was not opened", name)
		}
		b.enter()
		for _, step := range []func() error{p.Private, p.Mount} {
			if err := step(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		p.Close()
		if st := stat(t, b.path("rootfs/x/file")); st.Uid != tt.top || st.Gid != tt.top {
			t.Errorf("%s: owner at the top is %d, want %d", name, st.Uid, tt.top)
		}
		if st := stat(t, b.path("rootfs/x/sub/file")); st.Uid != tt.below {
			t.Errorf("%s: owner below is %d, want %d", name, st.Uid, tt.below)
		}
		if got := propagationOf(t, b.path("rootfs/x")); strings.Contains(got, "shared") {
			t.Errorf("%s: the clone is a peer of the host: %s", name, got)
		}
	}
}

func TestIDMapOfFilesystem(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	maps := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 1000}}
	b := newBundle(t)
	b.mount("/x", "tmpfs", "tmpfs", "idmap", "noexec", "mode=711")
	b.spec.Mounts[0].UIDMappings, b.spec.Mounts[0].GIDMappings = maps, maps
	b.must("mount")
	if st := stat(t, b.path("rootfs/x")); st.Uid != 100000 || st.Mode&0o7777 != 0o711 {
		t.Errorf("owner %d, mode %o", st.Uid, st.Mode)
	}
	if attr, _ := attributesOf(t, b.path("rootfs/x")); attr&^unix.MOUNT_ATTR_IDMAP != noexec {
		t.Errorf("attributes %#x", attr)
	}

	b = newBundle(t)
	b.mount("/x", "proc", "proc", "idmap")
	b.spec.Mounts[0].UIDMappings, b.spec.Mounts[0].GIDMappings = maps, maps
	_, err := b.steps("mount")
	wantText(t, err, `mounts[0]: map ids of "proc" on "/x": the filesystem does not map ids: invalid argument`)
}

// A container in a user namespace that shares the host's network gets the host's
// sysfs, all of it read-only.
func TestSysfsInUserNamespace(t *testing.T) {
	if !inside(t, unix.CLONE_NEWUSER, rootMap...) {
		return
	}
	b := newBundle(t)
	b.mount("/sys", "sysfs", "sysfs", "ro", "nosuid", "noexec", "nodev")
	b.must("mount")
	if attr, _ := attributesOf(t, b.path("rootfs/sys/fs/cgroup")); attr&all != ro|nosuid|noexec|nodev {
		t.Errorf("below sysfs: %#x", attr)
	}
	if _, err := os.Stat(b.path("rootfs/sys/kernel")); err != nil {
		t.Error(err)
	}
}

// The whole container of Docker, in a user namespace.
func TestDockerLikeInUserNamespace(t *testing.T) {
	if !inside(t, unix.CLONE_NEWUSER|containerNamespaces, syscall.SysProcIDMap{ContainerID: 0, HostID: 100000, Size: 65536}) {
		return
	}
	b := newBundle(t)
	dockerLike(b)
	b.spec.Linux.Namespaces = append(b.spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
	b.must("")
	if text, err := os.ReadFile("/proc/keys"); err != nil || len(text) != 0 {
		t.Errorf("/proc/keys has %d bytes, %v", len(text), err)
	}
	has(t, info(t, "/sys").Options, "ro", "nosuid", "nodev", "noexec")
	if st := stat(t, "/dev/null"); st.Rdev != unix.Mkdev(1, 3) {
		t.Error("no /dev/null")
	}
}
