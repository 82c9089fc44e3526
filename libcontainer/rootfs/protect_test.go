package rootfs

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMaskedPaths(t *testing.T) {
	if !inside(t, containerNamespaces) {
		return
	}
	b := newBundle(t)
	b.write("rootfs/file", "secret")
	b.write("rootfs/file2", "secret")
	b.write("rootfs/dir/file", "secret")
	b.write("rootfs/dir2/file", "secret")
	b.link("/file2", "rootfs/link")
	b.link("../../../dir2", "rootfs/dirlink")
	b.mount("/dev", "tmpfs", "tmpfs")
	b.spec.Linux.MaskedPaths = []string{"/file", "/dir", "/link", "/dirlink", "/gone", "/file/x", "/dir"}
	b.must("")
	for _, name := range []string{"/file", "/file2"} {
		if text, err := os.ReadFile(name); err != nil || len(text) != 0 {
			t.Errorf("%s has %q, %v", name, text, err)
		}
		if err := os.WriteFile(name, []byte("x"), 0); err != nil {
			t.Error(err)
		}
		if err := os.Chmod(name, 0); err == nil || !strings.Contains(err.Error(), "read-only file system") {
			t.Errorf("chmod of %s: %v", name, err)
		}
		if a, b := stat(t, name), stat(t, "/dev/null"); a.Dev != b.Dev || a.Ino != b.Ino {
			t.Errorf("%s is not the container's own null", name)
		}
	}
	for _, name := range []string{"/dir", "/dir2"} {
		if entries, err := os.ReadDir(name); err != nil || len(entries) != 0 {
			t.Errorf("%s has %v, %v", name, entries, err)
		}
		if err := os.WriteFile(name+"/x", nil, 0o600); !os.IsPermission(err) && !strings.Contains(err.Error(), "read-only") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if a, b := stat(t, "/dir"), stat(t, "/dir2"); a.Dev != b.Dev {
		t.Error("masked directories are not one superblock")
	}
}

func TestReadonlyPaths(t *testing.T) {
	if !inside(t, containerNamespaces) {
		return
	}
	b := newBundle(t)
	b.write("rootfs/file", "")
	b.write("rootfs/dir/file", "")
	b.mkdir("rootfs/rw", "rootfs/noexec")
	b.link("/dir", "rootfs/link")
	b.mount("/dir/sub", "tmpfs", "tmpfs")
	b.mount("/noexec", "tmpfs", "tmpfs", "noexec", "nosuid")
	b.spec.Linux.ReadonlyPaths = []string{"/file", "/link", "/gone", "/noexec"}
	for _, propagation := range []string{"", "shared", "rshared", "slave", "private", "rprivate", "unbindable", "runbindable"} {
		b.spec.Linux.RootfsPropagation = propagation
		if err := unix.Setns(host, unix.CLONE_NEWNS); err != nil {
			t.Fatal(err)
		}
		b.must("")
		for _, name := range []string{"/file", "/dir/new", "/dir/file", "/noexec/x"} {
			if err := os.WriteFile(name, nil, 0o600); err == nil || !strings.Contains(err.Error(), "read-only file system") {
				t.Errorf("%s: %s: %v", propagation, name, err)
			}
		}
		for _, name := range []string{"/rw/x", "/dir/sub/x"} {
			if err := os.WriteFile(name, nil, 0o600); err != nil {
				t.Errorf("%s: %v", propagation, err)
			}
		}
		if attr, _ := attributesOf(t, "/noexec"); attr != ro|noexec|nosuid {
			t.Errorf("/noexec lost flags: %#x", attr)
		}
	}
}

func TestReadonlyRoot(t *testing.T) {
	if !inside(t, containerNamespaces) {
		return
	}
	b := newBundle(t)
	b.spec.Root.Readonly = true
	b.mount("/dev", "tmpfs", "tmpfs", "ro", "mode=755")
	b.mount("/dev/shm", "tmpfs", "shm")
	b.mount("/tmp", "tmpfs", "tmpfs", "rro")
	b.mount("/tmp/sub", "tmpfs", "tmpfs")
	b.must("")
	for _, name := range []string{"/x", "/dev/x", "/tmp/x"} {
		if err := os.WriteFile(name, nil, 0o600); err == nil || !strings.Contains(err.Error(), "read-only file system") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"/dev/shm/x", "/tmp/sub/x"} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Error(err)
		}
	}
	if st := stat(t, "/dev/null"); st.Rdev != unix.Mkdev(1, 3) {
		t.Error("no /dev/null")
	}
}

// The root has the propagation that linux.rootfsPropagation says, and the host
// never sees a mount of the container.
func TestRootPropagation(t *testing.T) {
	if !inside(t, containerNamespaces) {
		return
	}
	for word, want := range map[string]string{
		"": "master", "slave": "master", "rslave": "master", "private": "", "rprivate": "",
		"shared": "shared", "rshared": "shared", "unbindable": "unbindable", "runbindable": "unbindable",
	} {
		b := newBundle(t)
		b.mkdir("vol")
		b.spec.Linux.RootfsPropagation = word
		b.mount("/proc", "proc", "proc")
		b.mount("/x", "tmpfs", "tmpfs")
		b.mount("/vol", "", "vol", "rbind")
		b.mount("/vol/below", "tmpfs", "tmpfs")
		b.spec.Linux.MaskedPaths = []string{"/x"}
		before := hostMounts(t)
		b.must("")
		if got := propagationOf(t, "/"); got != want {
			t.Errorf("%q: root is %q, want %q", word, got, want)
		}
		sub := ""
		if strings.HasPrefix(want, "shared") && word[0] == 'r' {
			sub = "shared"
		}
		if word == "runbindable" {
			sub = want
		}
		if got := propagationOf(t, "/x"); got != sub && word != "shared" {
			t.Errorf("%q: /x is %q, want %q", word, got, sub)
		}
		if after := hostMounts(t); after != before {
			t.Errorf("%q: the host had\n%sand has\n%s", word, before, after)
		}
		// Nothing of the host is left.
		data, _ := os.ReadFile("/proc/thread-self/mountinfo")
		if strings.Contains(string(data), b.dir) {
			t.Errorf("%q: the host's tree is still there:\n%s", word, data)
		}
	}
}

// hostMounts is the mount table of the namespace that plays the host.
func hostMounts(t testing.TB) string {
	t.Helper()
	done := make(chan string)
	go func() { // another thread, which has never left it
		data, err := os.ReadFile("/proc/thread-self/mountinfo")
		if err != nil {
			done <- err.Error()
			return
		}
		done <- string(data)
	}()
	return <-done
}

// A volume with rshared carries mounts back to the host, if the root is shared.
func TestSharedVolume(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	for root, want := range map[string]bool{"rshared": true, "rslave": false} {
		b := newBundle(t)
		b.mkdir("vol")
		if err := unix.Mount("tmpfs", b.path("vol"), "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
		b.mkdir("vol/sub")
		b.spec.Linux.RootfsPropagation = root
		b.mount("/vol", "", "vol", "rbind", "rshared")
		b.must("mount")
		if err := unix.Mount("tmpfs", b.path("rootfs/vol/sub"), "tmpfs", 0, ""); err != nil {
			t.Fatal(err)
		}
		if err := unix.Setns(host, unix.CLONE_NEWNS); err != nil {
			t.Fatal(err)
		}
		data, _ := os.ReadFile("/proc/thread-self/mountinfo")
		if got := strings.Contains(string(data), " "+b.path("vol/sub")+" "); got != want {
			t.Errorf("%s: the host sees the mount: %v", root, got)
		}
		_ = unix.Unmount(b.path("vol/sub"), unix.MNT_DETACH)
	}
}

func TestNoPivot(t *testing.T) {
	if !inside(t, containerNamespaces) {
		return
	}
	b := newBundle(t)
	b.mount("/proc", "proc", "proc")
	b.write("rootfs/mark", "")
	p := b.plan()
	b.enter()
	for _, step := range []func() error{p.Private, p.Mount, p.Devices, func() error { return p.Pivot(true) }, p.Protect} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat("/mark"); err != nil {
		t.Error(err)
	}
	if dir, err := os.Getwd(); dir != "/" || err != nil {
		t.Errorf("working directory %q, %v", dir, err)
	}
	data, _ := os.ReadFile("/proc/thread-self/mountinfo")
	if n := strings.Count(string(data), " - proc "); n != 1 {
		t.Errorf("%d procfs are in reach:\n%s", n, data)
	}
}

// Without a mount namespace there is a change of root and nothing else.
func TestNoNamespace(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	b := newBundle(t)
	b.spec.Linux.Namespaces = nil
	b.write("rootfs/mark", "")
	before := hostMounts(t)
	b.must("")
	if _, err := os.Stat("/mark"); err != nil {
		t.Error(err)
	}
	stat(t, "/dev/null")
	if after := hostMounts(t); after != before {
		t.Errorf("mounts were\n%sand are\n%s", before, after)
	}
}

func TestRootErrors(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	b := newBundle(t)
	b.write("file", "")
	b.link("rootfs", "link")
	for path, want := range map[string]string{
		"gone": "no such file or directory",
		"file": "not a directory",
		"link": "it is a symbolic link: not a directory",
	} {
		b.spec.Root.Path = path
		_, err := b.steps("private")
		wantText(t, err, `root.path: open "`+b.path(path)+`": `+want)
	}
	b.spec.Linux.MountLabel = "system_u:object_r:container_file_t:s0:c1,c2"
	if _, err := b.steps("private"); !selinuxEnabled() {
		wantText(t, err, "linux.mountLabel: SELinux is not enabled on this host")
	}
}

// Nothing stays open for the time between create and start, and a standard stream
// that was the host's /dev/null is the container's.
func TestDescriptors(t *testing.T) {
	if !inside(t, containerNamespaces) {
		return
	}
	null, err := os.OpenFile("/dev/null", os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Dup3(int(null.Fd()), 0, 0); err != nil {
		t.Fatal(err)
	}
	b := newBundle(t)
	dockerLike(b)
	before := descriptors()
	b.must("")
	if after := descriptors(); after != before {
		t.Errorf("had %s, have %s", before, after)
	}
	var own, now unix.Stat_t
	if err := unix.Fstat(0, &now); err != nil {
		t.Fatal(err)
	}
	if own = stat(t, "/dev/null"); own.Dev != now.Dev || own.Ino != now.Ino {
		t.Error("standard input is not the container's /dev/null")
	}
	if flags, _ := unix.FcntlInt(0, unix.F_GETFL, 0); flags&unix.O_NONBLOCK != 0 {
		t.Error("standard input does not block")
	}
}

func descriptors() string {
	var out strings.Builder
	for fd := range 100 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			out.WriteString(strconv.Itoa(fd) + " ")
		}
	}
	return out.String()
}

func TestTmpfsInherits(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	b := newBundle(t)
	for _, name := range []string{"a", "b", "c"} {
		b.mkdir("rootfs/" + name)
		if err := os.Chown(b.path("rootfs/"+name), 5, 6); err != nil {
			t.Fatal(err)
		}
		if err := unix.Chmod(b.path("rootfs/"+name), 0o2710); err != nil {
			t.Fatal(err)
		}
		b.write("rootfs/"+name+"/sub/file", "text")
		b.link("sub/file", "rootfs/"+name+"/link")
	}
	if err := os.Chown(b.path("rootfs/c/sub/file"), 9, 9); err != nil {
		t.Fatal(err)
	}
	b.mount("/a", "tmpfs", "tmpfs")
	b.mount("/b", "tmpfs", "tmpfs", "mode=1777", "uid=0")
	b.mount("/c", "tmpfs", "tmpfs", "tmpcopyup", "ro")
	b.mount("/new", "tmpfs", "tmpfs")
	p := b.must("mount")
	if err := p.Protect(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][3]uint32{"a": {0o2710, 5, 6}, "b": {0o1777, 0, 6}, "c": {0o2710, 5, 6}, "new": {0o1777, 0, 0}} {
		st := stat(t, b.path("rootfs/"+name))
		if st.Mode&0o7777 != want[0] || st.Uid != want[1] || st.Gid != want[2] {
			t.Errorf("%s: %o %d:%d, want %o", name, st.Mode&0o7777, st.Uid, st.Gid, want)
		}
	}
	if _, err := os.Stat(b.path("rootfs/a/sub")); err == nil {
		t.Error("a was copied")
	}
	if text, err := os.ReadFile(b.path("rootfs/c/link")); err != nil || string(text) != "text" {
		t.Errorf("copy is %q, %v", text, err)
	}
	if st := stat(t, b.path("rootfs/c/sub/file")); st.Uid != 9 || st.Mode&0o7777 != 0o644 {
		t.Errorf("copy has %o and owner %d", st.Mode, st.Uid)
	}
	if attr, _ := attributesOf(t, b.path("rootfs/c")); attr != ro {
		t.Errorf("c has %#x", attr)
	}
}
