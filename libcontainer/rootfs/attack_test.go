package rootfs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// snapshot lists every file below a directory with its type and size.
func snapshot(t testing.TB, dir string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.Walk(dir, func(path string, i os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		out.WriteString(strings.TrimPrefix(path, dir) + " " + i.Mode().String() + "\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// procfs and sysfs go on an ordinary directory only (CVE-2019-19921, CVE-2023-27561).
func TestProcMountPoint(t *testing.T) {
	if !inside(t, containerNamespaces) {
		return
	}
	for _, fstype := range []string{"proc", "sysfs"} {
		name := map[string]string{"proc": "proc", "sysfs": "sys"}[fstype]
		for kind, make := range map[string]func(b *bundle, name string){
			"absolute link": func(b *bundle, name string) { b.link("/tmp", name); b.mkdir("rootfs/tmp") },
			"parent link":   func(b *bundle, name string) { b.link("../../..", name) },
			"inside link":   func(b *bundle, name string) { b.link("tmp", name); b.mkdir("rootfs/tmp") },
			"loop":          func(b *bundle, name string) { b.link(filepath.Base(name), name) },
			"dangling":      func(b *bundle, name string) { b.link("nowhere", name) },
			"file":          func(b *bundle, name string) { b.write(name, "") },
			"fifo":          func(b *bundle, name string) { _ = unix.Mkfifo(b.path(name), 0o600) },
		} {
			b := newBundle(t)
			make(b, "rootfs/"+name)
			b.mount("/"+name, fstype, fstype)
			before := snapshot(t, b.dir)
			_, err := b.steps("mount")
			wantText(t, err, `mounts[0]: mount "`+fstype+`" on "/`+name+`": the mount point is not an ordinary directory`)
			if after := snapshot(t, b.dir); after != before {
				t.Errorf("%s: changed to\n%s", kind, after)
			}
		}
	}
}

// Nothing but procfs is mounted on /proc or inside, whatever the links say.
func TestProcIsGuarded(t *testing.T) {
	if !inside(t, containerNamespaces) {
		return
	}
	b := newBundle(t)
	b.mkdir("src")
	b.mount("/proc", "bind", "src", "bind")
	_, err := b.steps("mount")
	wantText(t, err, `mounts[0]: mount "`+b.path("src")+`" on "/proc": not a procfs`)

	b = newBundle(t)
	b.mount("/proc", "bind", "/proc", "rbind")
	b.must("mount")

	for _, target := range []string{"/proc/sys/kernel", "proc/../proc/sys", "/proc/self/attr"} {
		b = newBundle(t)
		b.mkdir("src", "rootfs/proc")
		b.link(target, "rootfs/link")
		b.mount("/proc", "proc", "proc")
		b.mount("/link", "bind", "src", "bind")
		_, err = b.steps("mount")
		wantText(t, err, `mounts[1]: mount "`+b.path("src")+`" on "/link": the mount point is inside /proc`)
	}

	b = newBundle(t)
	b.mkdir("src", "rootfs/proc")
	b.link("/proc/self/root", "rootfs/link")
	b.mount("/proc", "proc", "proc")
	b.mount("/link/etc", "bind", "src", "bind")
	_, err = b.steps("mount")
	wantText(t, err, `mounts[1]: create mount point "/link/etc": too many levels of symbolic links`)

	b = newBundle(t)
	b.write("meminfo", "fake")
	b.mount("/proc", "proc", "proc")
	b.mount("/proc/meminfo", "bind", "meminfo", "bind")
	b.must("mount")
	if text, _ := os.ReadFile(b.path("rootfs/proc/meminfo")); string(text) != "fake" {
		t.Errorf("meminfo is %q", text)
	}
}

// Links of the image are resolved inside the root, and what is missing is made there.
func TestMountPoints(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	for name, tt := range map[string]struct {
		prepare func(b *bundle)
		dest    string
		want    string // where it must be, in the bundle
	}{
		"missing":              {nil, "/a/b/c", "rootfs/a/b/c"},
		"absolute link":        {func(b *bundle) { b.link("/etc", "rootfs/l"); b.mkdir("rootfs/etc") }, "/l/x", "rootfs/etc/x"},
		"absolute dangling":    {func(b *bundle) { b.link("/etc/deep", "rootfs/l") }, "/l/x", "rootfs/etc/deep/x"},
		"dangling last":        {func(b *bundle) { b.link("/etc/deep", "rootfs/l") }, "/l", "rootfs/etc/deep"},
		"up and out":           {func(b *bundle) { b.link("../../../../etc", "rootfs/l") }, "/l/x", "rootfs/etc/x"},
		"relative dangling":    {func(b *bundle) { b.mkdir("rootfs/a"); b.link("../z/y", "rootfs/a/l") }, "/a/l/x", "rootfs/z/y/x"},
		"chain of dangling":    {func(b *bundle) { b.link("l2", "rootfs/l1"); b.link("/l3", "rootfs/l2"); b.link("q", "rootfs/l3") }, "/l1/x", "rootfs/q/x"},
		"dots in destination":  {nil, "/a/../../b", "rootfs/b"},
		"link in made parents": {func(b *bundle) { b.mkdir("rootfs/run"); b.link("/run", "rootfs/var") }, "/var/lock/x", "rootfs/run/lock/x"},
	} {
		for _, file := range []bool{false, true} {
			b := newBundle(t)
			b.mkdir("dir")
			b.write("file", "text")
			if tt.prepare != nil {
				tt.prepare(b)
			}
			if file {
				b.mount(tt.dest, "", "file", "bind")
			} else {
				b.mount(tt.dest, "tmpfs", "tmpfs")
			}
			outside := snapshot(t, b.path("dir")) + snapshot(t, b.path("file"))
			b.must("mount")
			info(t, b.path(tt.want))
			if snapshot(t, b.path("dir"))+snapshot(t, b.path("file")) != outside {
				t.Errorf("%s: changed something outside", name)
			}
			if entries, _ := os.ReadDir(b.dir); len(entries) != 3 {
				t.Errorf("%s: %v", name, entries)
			}
		}
	}
}

func TestMountPointErrors(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	for name, tt := range map[string]struct {
		prepare func(b *bundle)
		dest    string
		source  string
		want    string
	}{
		"loop":         {func(b *bundle) { b.link("l", "rootfs/l") }, "/l/x", "dir", `mounts[0]: create mount point "/l/x": too many levels of symbolic links`},
		"file on way":  {func(b *bundle) { b.write("rootfs/f", "") }, "/f/x", "dir", `mounts[0]: create mount point "/f/x": not a directory`},
		"no source":    {nil, "/x", "gone", `mounts[0]: mount "BUNDLE/gone" on "/x": source: no such file or directory`},
		"dir on file":  {func(b *bundle) { b.write("rootfs/f", "") }, "/f", "dir", `mounts[0]: mount "BUNDLE/dir" on "/f": the source is a directory and the mount point is a file: not a directory`},
		"file on dir":  {func(b *bundle) { b.mkdir("rootfs/d") }, "/d", "file", `mounts[0]: mount "BUNDLE/file" on "/d": the source is a file and the mount point is a directory: not a directory`},
		"link to root": {func(b *bundle) { b.link("/", "rootfs/l") }, "/l", "dir", `mounts[0]: mount "BUNDLE/dir" on "/l": the mount point was moved or covered while it was in use`},
		"read-only":    {func(b *bundle) { b.readonly() }, "/x", "dir", `mounts[0]: create mount point "/x": read-only file system`},
		"climbing":     {func(b *bundle) { b.link("gone/../../x", "rootfs/l") }, "/l/y", "dir", `mounts[0]: create mount point "/l/y": no such file or directory`},
	} {
		b := newBundle(t)
		b.mkdir("dir")
		b.write("file", "text")
		if tt.prepare != nil {
			tt.prepare(b)
		}
		b.mount(tt.dest, "", tt.source, "bind")
		_, err := b.steps("mount")
		if err != nil && strings.Contains(err.Error(), b.dir) {
			tt.want = strings.ReplaceAll(tt.want, "BUNDLE", b.dir)
		}
		t.Log(name)
		wantText(t, err, tt.want)
	}
}

// readonly makes the image read-only, as an image on squashfs is.
func (b *bundle) readonly() {
	b.t.Helper()
	if err := unix.Mount("", b.dir, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
		b.t.Fatal(err)
	}
}

// An image whose /dev is a link gets its nodes where the link leads inside the
// root, and nothing of the host is touched (CVE-2026-41579, CVE-2026-47766).
func TestDevIsLink(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	for _, target := range []string{"HOST", "../HOST", "../../../../../../HOST"} {
		b := newBundle(t)
		b.mkdir("host/dev")
		b.write("host/dev/ptmx", "precious")
		b.link(strings.ReplaceAll(target, "HOST", b.path("host/dev")), "rootfs/dev")
		b.spec.Linux.Devices = []specs.LinuxDevice{{Type: "c", Path: "/dev/fuse", Major: 10, Minor: 229}, {Type: "p", Path: "/dev/sub/fifo"}}
		before := snapshot(t, b.path("host"))
		p := b.plan()
		b.enter()
		if err := p.Private(); err != nil {
			t.Fatal(err)
		}
		err := p.Devices()
		if after := snapshot(t, b.path("host")); after != before {
			t.Errorf("%s: the host has\n%s", target, after)
		}
		if err != nil {
			t.Errorf("%s: %v", target, err)
		}
		if st := stat(t, filepath.Join(b.path("rootfs"), b.path("host/dev"), "fuse")); st.Rdev != unix.Mkdev(10, 229) {
			t.Errorf("%s: fuse is %x", target, st.Rdev)
		}
	}
}

// What masks a file is the host's /dev/null, whatever the image has at its place
// (CVE-2025-31133).
func TestMaskWithFalseNull(t *testing.T) {
	if !inside(t, containerNamespaces) {
		return
	}
	b := newBundle(t)
	b.mkdir("evil")
	b.link("/proc/sys/kernel/core_pattern", "evil/null")
	b.write("rootfs/secret", "secret")
	b.mount("/proc", "proc", "proc")
	b.mount("/dev", "bind", "evil", "bind")
	b.spec.Linux.MaskedPaths = []string{"/secret"}
	b.must("")
	if st := stat(t, "/secret"); st.Rdev != unix.Mkdev(1, 3) || st.Mode&unix.S_IFMT != unix.S_IFCHR {
		t.Errorf("/secret has mode %o", st.Mode)
	}
	if err := os.Chmod("/secret", 0o600); err == nil || !strings.Contains(err.Error(), "read-only file system") {
		t.Errorf("chmod of the host's /dev/null: %v", err)
	}

	// The container's own, exchanged after it was made.
	b = newBundle(t)
	b.write("rootfs/secret", "secret")
	b.mount("/dev", "tmpfs", "tmpfs")
	b.spec.Linux.MaskedPaths = []string{"/secret"}
	p := b.must("devices")
	if err := os.Remove(b.path("rootfs/dev/null")); err != nil {
		t.Fatal(err)
	}
	b.link("/secret", "rootfs/dev/null")
	wantText(t, p.Protect(), `mask "/secret": /dev/null is not c 1:3`)

	// A default device that is something else is refused.
	b = newBundle(t)
	b.write("rootfs/dev/null", "")
	_, err := b.steps("devices")
	wantText(t, err, `default device "/dev/null" exists and is not c 1:3`)
}

// exchange swaps two names as fast as it can until the returned function is
// called, which tells how often it did.
func exchange(a, z string) (stop func() int) {
	end, done := make(chan struct{}), make(chan int)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-end:
				done <- n
				return
			default:
				if unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, z, unix.RENAME_EXCHANGE) != nil {
					n-- // in use as a mount point
				}
			}
		}
	}()
	return func() int { close(end); return <-done }
}

// While paths are masked and made read-only, somebody exchanges them. A container
// that starts has them so.
func TestProtectRace(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	b := newBundle(t)
	b.write("vol/a/secret", "secret")
	b.mkdir("vol/b", "rootfs/inside")
	b.write("rootfs/inside/secret", "other")
	b.link("/inside", "vol/link")
	b.mount("/vol", "", "vol", "bind")
	b.spec.Linux.MaskedPaths = []string{"/vol/a/secret"}
	b.spec.Linux.ReadonlyPaths = []string{"/vol/a"}
	for _, other := range []string{"vol/b", "vol/link"} {
		stop := exchange(b.path("vol/a"), b.path(other))
		good, bad := 0, 0
		for begin := time.Now(); time.Since(begin) < 500*time.Millisecond; {
			if err := unix.Setns(host, unix.CLONE_NEWNS); err != nil {
				t.Fatal(err)
			}
			if _, err := b.steps(""); err != nil {
				bad++
			} else {
				good++
			}
		}
		n := stop()
		if err := unix.Setns(host, unix.CLONE_NEWNS); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d good, %d refused, %d exchanges", other, good, bad, n)
		if n%2 == 1 {
			_ = unix.Renameat2(unix.AT_FDCWD, b.path("vol/a"), unix.AT_FDCWD, b.path(other), unix.RENAME_EXCHANGE)
		}
		for name, want := range map[string]string{"vol/a/secret": "secret", "rootfs/inside/secret": "other"} {
			if text, err := os.ReadFile(b.path(name)); err != nil || string(text) != want {
				t.Errorf("%s is %q, %v", name, text, err)
			}
		}
	}
}

// While a mount is made, somebody exchanges the mount point with a link that leads
// out. Whatever the outcome, nothing outside changes, and a success is real.
func TestExchangeRace(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	b := newBundle(t)
	b.mkdir("vol/a", "src", "outside")
	b.write("src/mark", "")
	b.link(b.path("outside"), "vol/b")
	stop := exchange(b.path("vol/a"), b.path("vol/b"))
	b.mount("/vol", "", "vol", "bind")
	b.mount("/vol/a", "", "src", "bind")
	b.mount("/vol/a/new", "tmpfs", "tmpfs")
	good, bad := 0, 0
	for begin := time.Now(); time.Since(begin) < time.Second; {
		if err := unix.Setns(host, unix.CLONE_NEWNS); err != nil {
			t.Fatal(err)
		}
		if _, err := b.steps("mount"); err != nil {
			bad++
		} else {
			good++
		}
	}
	t.Logf("%d good, %d refused, %d exchanges", good, bad, stop())
	if err := unix.Setns(host, unix.CLONE_NEWNS); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(b.path("outside")); len(entries) != 0 {
		t.Errorf("outside: %v", entries)
	}
	if good == 0 {
		t.Error("never succeeded")
	}
}
