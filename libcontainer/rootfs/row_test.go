package rootfs

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Neighbours get where each alone would: on what is there, on what a link of the
// image leads to, and on what is made.
func TestRow(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	b := newBundle(t)
	b.mkdir("dir", "rootfs/m/there", "rootfs/m/twice", "rootfs/deep/target")
	b.write("file", "text")
	b.write("rootfs/m/file", "")
	b.write("rootfs/deep/file", "")
	b.link("/deep/target", "rootfs/m/link")
	b.link("../deep/file", "rootfs/m/link-to-file")
	b.link("/deep/gone", "rootfs/m/dangling")
	b.link("m", "rootfs/other")
	want := map[string]string{}
	for _, x := range []struct{ dest, source, where string }{
		{"/m/there", "dir", "m/there"},
		{"/m/missing", "dir", "m/missing"},
		{"/m/file", "file", "m/file"},
		{"/m/link", "dir", "deep/target"},
		{"/m/missing-file", "file", "m/missing-file"},
		{"/m/link-to-file", "file", "deep/file"},
		{"/m/twice", "dir", "m/twice"},
		{"/m/twice", "dir", "m/twice"},
		{"/m/dangling", "file", "deep/gone"},
		{"/other/x", "dir", "m/x"},
		{"/other/y", "dir", "m/y"},
		{"/top", "dir", "top"},
		{"/top2", "dir", "top2"},
	} {
		b.mount(x.dest, "", x.source, "bind", "ro", "nodev")
		want[x.where] = "/" + x.source
	}
	p := b.must("mount")
	for where, source := range want {
		i := info(t, b.path("rootfs/"+where))
		if i.Root != source {
			t.Errorf("%s is %s, want %s", where, i.Root, source)
		}
		has(t, i.Options, "ro", "nodev", "!noexec")
	}
	for i, m := range p.Mounts {
		if m.id.id == 0 {
			t.Errorf("mounts[%d] has no number", i)
		}
	}
}

// The attributes that need more than one system call are kept in a row.
func TestRowAttributes(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	b := newBundle(t)
	b.mkdir("dir/below")
	if err := unix.Mount("below", b.path("dir/below"), "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	b.mount("/m/one", "", "dir", "rbind", "ro")
	b.mount("/m/all", "", "dir", "rbind", "rro")
	b.mount("/m/times", "", "dir", "bind", "noexec", "noatime", "private")
	b.mount("/m/none", "", "dir", "bind")
	b.must("mount")
	has(t, info(t, b.path("rootfs/m/one")).Options, "ro")
	has(t, info(t, b.path("rootfs/m/one/below")).Options, "rw")
	has(t, info(t, b.path("rootfs/m/all")).Options, "ro")
	has(t, info(t, b.path("rootfs/m/all/below")).Options, "ro")
	has(t, info(t, b.path("rootfs/m/times")).Options, "noexec", "noatime")
	has(t, info(t, b.path("rootfs/m/none")).Options, "rw", "!noatime")
}

func TestRowErrors(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	b := newBundle(t)
	b.mkdir("dir", "rootfs/m")
	b.write("rootfs/m/file", "")
	b.link("/", "rootfs/m/root")
	for _, tt := range []struct{ dest, source, want string }{
		{"/m/file", "dir", `mounts[1]: mount "BUNDLE/dir" on "/m/file": the source is a directory and the mount point is a file: not a directory`},
		{"/m/x", "gone", `mounts[1]: mount "BUNDLE/gone" on "/m/x": source: no such file or directory`},
		{"/m/root", "dir", `mounts[1]: mount "BUNDLE/dir" on "/m/root": the mount point was moved or covered while it was in use`},
	} {
		b.spec.Mounts = nil
		b.mount("/m/first", "", "dir", "bind", "ro")
		b.mount(tt.dest, "", tt.source, "bind", "ro")
		_, err := b.steps("mount")
		wantText(t, err, strings.ReplaceAll(tt.want, "BUNDLE", b.dir))
	}
}

// While a row is mounted, somebody exchanges its directory with another, or with a
// link that leads out. Nothing outside changes. Between directories a row that
// succeeds lies in one of them; a link leads each mount where it did at its time.
func TestRowRace(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	names := []string{"1", "2", "3", "4", "5", "6"}
	for _, other := range []string{"vol/link", "vol/dir"} {
		b := newBundle(t)
		b.mkdir("vol/a", "src", "outside", "vol/dir")
		b.write("src/mark", "")
		b.link(b.path("outside"), "vol/link")
		b.mount("/vol", "", "vol", "bind")
		for _, name := range names {
			b.mount("/vol/a/"+name, "", "src", "bind", "ro")
		}
		stop := exchange(b.path("vol/a"), b.path(other))
		good, bad := 0, 0
		for begin := time.Now(); time.Since(begin) < time.Second/2; {
			if err := unix.Setns(host, unix.CLONE_NEWNS); err != nil {
				t.Fatal(err)
			}
			p, err := b.steps("mount")
			if err != nil {
				bad++
				continue
			}
			good++
			for _, dir := range []string{"/vol/a", "/" + other} {
				fd, err := p.root.open(dir, unix.O_PATH|unix.O_DIRECTORY)
				if err != nil {
					continue // a link at the moment
				}
				n := 0
				for _, name := range names {
					if unix.Faccessat(fd, name+"/mark", unix.F_OK, 0) == nil {
						n++
					}
				}
				unix.Close(fd)
				if other == "vol/dir" && n != 0 && n != len(names) {
					t.Errorf("%d of %d mounts are in the directory", n, len(names))
				}
			}
		}
		n := stop()
		if err := unix.Setns(host, unix.CLONE_NEWNS); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d good, %d refused, %d exchanges", other, good, bad, n)
		if entries, _ := os.ReadDir(b.path("outside")); len(entries) != 0 {
			t.Errorf("outside: %v", entries)
		}
		if good == 0 {
			t.Error("never succeeded")
		}
	}
}
