package rootfs

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// specOptions are the names in the table of config.md of runtime-spec 1.3, with
// rnodev, which only a footnote of it implies.
const specOptions = `async atime bind defaults dev diratime dirsync exec idmap iversion lazytime loud mand noatime nodev nodiratime
noexec noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime remount rexec ridmap
rnoatime rnodev rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared rslave rstrictatime
rsuid rsymfollow runbindable rw shared silent slave strictatime suid symfollow sync tmpcopyup unbindable`

func TestOptionTable(t *testing.T) {
	got := MountOptions()
	if !slices.IsSorted(got) {
		t.Errorf("not sorted, and the lookup is binary: %v", got)
	}
	if want := strings.Fields(specOptions); !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	for _, name := range got {
		if o, ok := lookupOption(name); !ok || o.Name != name {
			t.Errorf("%s is not found", name)
		}
	}
}

const (
	ro      = unix.MOUNT_ATTR_RDONLY
	nosuid  = unix.MOUNT_ATTR_NOSUID
	nodev   = unix.MOUNT_ATTR_NODEV
	noexec  = unix.MOUNT_ATTR_NOEXEC
	noatime = unix.MOUNT_ATTR_NOATIME
	strict  = unix.MOUNT_ATTR_STRICTATIME
	nodir   = unix.MOUNT_ATTR_NODIRATIME
	nosym   = unix.MOUNT_ATTR_NOSYMFOLLOW
	all     = ro | nosuid | nodev | noexec | nodir | nosym
)

// attributesOf reads MOUNT_ATTR_* back from the kernel.
func attributesOf(t testing.TB, path string) (attr uint64, super uint32) {
	t.Helper()
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("open %s: %v", path, err)
	}
	defer unix.Close(fd)
	number, err := mountID(fd)
	if err != nil {
		t.Fatal(err)
	}
	attr, super, err = readBack(fd, number)
	if err != nil {
		t.Fatal(err)
	}
	return attr, super
}

// Every option of a filesystem mount, and contradictory ones, where the last wins.
func TestFilesystemOptions(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	for options, want := range map[string]struct {
		attr  uint64
		super uint32
	}{
		"": {}, "defaults": {}, "rw": {}, "suid": {}, "dev": {}, "exec": {}, "atime": {}, "relatime": {}, "norelatime": {}, "nostrictatime": {},
		"diratime": {}, "symfollow": {}, "async": {}, "nolazytime": {}, "nomand": {}, "loud": {}, "noiversion": {}, "silent": {}, "iversion": {},
		"ro": {attr: ro}, "nosuid": {attr: nosuid}, "nodev": {attr: nodev}, "noexec": {attr: noexec}, "nosymfollow": {attr: nosym},
		"noatime": {attr: noatime}, "strictatime": {attr: strict}, "nodiratime": {attr: nodir},
		"rro": {attr: ro}, "rrw": {}, "rnosuid": {attr: nosuid}, "rsuid": {}, "rnodev": {attr: nodev}, "rdev": {}, "rnoexec": {attr: noexec}, "rexec": {},
		"rnoatime": {attr: noatime}, "ratime": {}, "rstrictatime": {attr: strict}, "rnostrictatime": {}, "rrelatime": {}, "rnorelatime": {},
		"rnodiratime": {attr: nodir}, "rdiratime": {}, "rnosymfollow": {attr: nosym}, "rsymfollow": {},
		"sync": {super: unix.MS_SYNCHRONOUS}, "dirsync": {super: unix.MS_DIRSYNC}, "lazytime": {super: unix.MS_LAZYTIME}, "mand": {},
		"ro,rw": {}, "rw,ro": {attr: ro}, "nosuid,suid": {}, "suid,nosuid": {attr: nosuid}, "sync,async": {}, "async,sync": {super: unix.MS_SYNCHRONOUS},
		"noatime,atime": {}, "noatime,relatime": {attr: noatime}, "noatime,strictatime": {attr: strict}, "strictatime,noatime": {attr: strict},
		"strictatime,relatime": {attr: strict}, "relatime,noatime,atime": {}, "strictatime,noatime,nostrictatime": {attr: noatime}, "rstrictatime,rnoatime": {attr: strict},
		"strictatime,nostrictatime": {}, "noatime,nostrictatime": {attr: noatime}, "strictatime,norelatime": {attr: strict},
		"lazytime,nolazytime": {}, "silent,loud": {}, "nosymfollow,symfollow": {}, "nodiratime,noatime": {attr: nodir | noatime},
		"rro,rrw": {}, "ro,rrw": {}, "rrw,ro": {attr: ro}, "rro,rw": {}, "rnoatime,strictatime": {attr: strict}, "strictatime,rnoatime": {attr: noatime}, "rnoexec,nosuid": {attr: noexec | nosuid}, "silent,nosuid,ro,noatime,sync": {attr: nosuid | ro | noatime, super: unix.MS_SYNCHRONOUS},
		"iversion,nosymfollow,nodiratime,strictatime": {attr: nosym | nodir | strict},
	} {
		b := newBundle(t)
		b.mount("/x", "tmpfs", "tmpfs", strings.Split(options, ",")...)
		p := b.must("mount")
		if err := p.Protect(); err != nil {
			t.Fatal(err)
		}
		attr, super := attributesOf(t, b.path("rootfs/x"))
		if attr != want.attr || super&^unix.MS_RDONLY != want.super {
			t.Errorf("%s: got %#x %#x, want %#x %#x", options, attr, super, want.attr, want.super)
		}
		if options == "mand" {
			has(t, info(t, b.path("rootfs/x")).Super, "mand")
		}
	}
}

// What an option of a bind mount names changes, and the rest is inherited: from a
// source with all flags, and from one with none.
func TestBindOptions(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	for options, want := range map[string][2]uint64{ // from none, from all and noatime
		"": {0, all | noatime}, "defaults": {0, all | noatime},
		"ro": {ro, all | noatime}, "rw": {0, all&^ro | noatime},
		"nosuid": {nosuid, all | noatime}, "suid": {0, all&^nosuid | noatime},
		"nodev": {nodev, all | noatime}, "dev": {0, all&^nodev | noatime},
		"noexec": {noexec, all | noatime}, "exec": {0, all&^noexec | noatime},
		"nodiratime": {nodir, all | noatime}, "diratime": {0, all&^nodir | noatime},
		"nosymfollow": {nosym, all | noatime}, "symfollow": {0, all&^nosym | noatime},
		"noatime": {noatime, all | noatime}, "atime": {0, all}, "relatime": {0, all}, "strictatime": {strict, all | strict},
		"nostrictatime": {0, all | noatime}, "norelatime": {0, all | noatime},
		"rro": {ro, all | noatime}, "rrw": {0, all&^ro | noatime},
		"rnosuid": {nosuid, all | noatime}, "rsuid": {0, all&^nosuid | noatime},
		"rnodev": {nodev, all | noatime}, "rdev": {0, all&^nodev | noatime},
		"rnoexec": {noexec, all | noatime}, "rexec": {0, all&^noexec | noatime},
		"rnodiratime": {nodir, all | noatime}, "rdiratime": {0, all&^nodir | noatime},
		"rnosymfollow": {nosym, all | noatime}, "rsymfollow": {0, all&^nosym | noatime},
		"rnoatime": {noatime, all | noatime}, "ratime": {0, all}, "rrelatime": {0, all}, "rstrictatime": {strict, all | strict},
		"rnostrictatime": {0, all}, "rnorelatime": {0, all | noatime},
		"sync": {0, all | noatime}, "async": {0, all | noatime}, "dirsync": {0, all | noatime}, "mand": {0, all | noatime}, "nomand": {0, all | noatime},
		"iversion": {0, all | noatime}, "noiversion": {0, all | noatime}, "lazytime": {0, all | noatime}, "nolazytime": {0, all | noatime},
		"silent": {0, all | noatime}, "loud": {0, all | noatime},
		"rw,suid,dev,exec,diratime,symfollow,relatime": {0, 0},
		"ro,nosuid,nodev,noexec":                       {ro | nosuid | nodev | noexec, all | noatime},
		"ro,rrw":                                       {0, all&^ro | noatime},
		"rw,ro":                                        {ro, all | noatime},
		"relatime,norelatime":                          {0, all | noatime},
		"noatime,atime":                                {0, all},
		"noatime,nostrictatime":                        {noatime, all | noatime},
		"rrw,ro":                                       {ro, all | noatime},
	} {
		b := newBundle(t)
		b.mkdir("none/sub", "all/sub")
		for i, dir := range []string{"none", "none/sub", "all", "all/sub"} {
			if err := unix.Mount("tmpfs", b.path(dir), "tmpfs", 0, ""); err != nil {
				t.Fatal(err)
			}
			if i%2 == 0 {
				b.mkdir(dir + "/sub")
			}
		}
		for _, dir := range []string{"all", "all/sub"} {
			fd, err := unix.Open(b.path(dir), unix.O_PATH, 0)
			if err != nil {
				t.Fatal(err)
			}
			if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: all | noatime, Attr_clr: unix.MOUNT_ATTR__ATIME}); err != nil {
				t.Fatal(err)
			}
			unix.Close(fd)
		}
		words := append([]string{"rbind"}, strings.Split(options, ",")...)
		b.mount("/none", "bind", "none", words...)
		b.mount("/all", "", b.path("all"), words...)
		b.must("mount")
		for i, dir := range []string{"none", "all"} {
			if got, _ := attributesOf(t, b.path("rootfs/"+dir)); got != want[i] {
				t.Errorf("%s from %s: got %#x, want %#x", options, dir, got, want[i])
			}
			// Below, only the recursive options reach.
			below := []uint64{0, all | noatime}[i]
			if o, ok := lookupOption(options); ok && (o.Kind == optRecursive || o.Kind == optRatime) {
				below = want[i]
			}
			if strings.Contains(options, "rrw") {
				below &^= ro
			}
			if got, _ := attributesOf(t, b.path("rootfs/"+dir+"/sub")); got != below {
				t.Errorf("%s below %s: got %#x, want %#x", options, dir, got, below)
			}
		}
	}
}

// A bind takes one mount, an rbind all of them.
func TestBindDepth(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	b := newBundle(t)
	b.mkdir("src/sub")
	if err := unix.Mount("tmpfs", b.path("src/sub"), "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	b.write("src/sub/file", "")
	b.mount("/one", "none", "src", "bind")
	b.mount("/all", "", "src", "rbind")
	b.must("mount")
	if _, err := os.Stat(b.path("rootfs/one/sub/file")); err == nil {
		t.Error("bind took the mount below")
	}
	if _, err := os.Stat(b.path("rootfs/all/sub/file")); err != nil {
		t.Error(err)
	}
}

// Every propagation word, on binds and on new filesystems, at the top and below.
func TestPropagationOptions(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	for word, want := range map[string][3]string{ // bind of a slave, its submount, tmpfs
		"":             {"master", "master", ""},
		"private":      {"", "master", ""},
		"rprivate":     {"", "", ""},
		"slave":        {"master", "master", ""},
		"rslave":       {"master", "master", ""},
		"shared":       {"shared master", "master", "shared"},
		"rshared":      {"shared master", "shared master", "shared"},
		"unbindable":   {"unbindable", "master", "unbindable"},
		"runbindable":  {"unbindable", "unbindable", "unbindable"},
		"rshared,priv": {"", "shared master", "shared"},
	} {
		b := newBundle(t)
		b.mkdir("src/sub")
		for _, dir := range []string{"src", "src/sub"} {
			if err := unix.Mount("tmpfs", b.path(dir), "tmpfs", 0, ""); err != nil {
				t.Fatal(err)
			}
			b.mkdir("src/sub")
		}
		words := []string{word}
		if word == "rshared,priv" {
			words = []string{"rshared", "private"}
		}
		b.mount("/bind", "bind", "src", append(words, "rbind")...)
		b.mount("/tmpfs", "tmpfs", "tmpfs", words...)
		b.must("mount")
		if word == "rshared,priv" {
			want[2] = ""
		}
		for i, dir := range []string{"bind", "bind/sub", "tmpfs"} {
			if got := propagationOf(t, b.path("rootfs/"+dir)); got != want[i] {
				t.Errorf("%s on %s: got %q, want %q", word, dir, got, want[i])
			}
		}
	}
}

func propagationOf(t testing.TB, point string) string {
	var words []string
	for _, p := range info(t, point).Peers {
		word, _, _ := strings.Cut(p, ":")
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func TestRemount(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	b := newBundle(t)
	b.mkdir("src")
	if err := unix.Mount("tmpfs", b.path("src"), "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	b.mount("/bind", "bind", "src", "bind")
	b.mount("/bind", "none", "", "remount", "bind", "ro", "noexec")
	b.mount("/new", "tmpfs", "tmpfs", "nosuid", "size=1m")
	b.mount("/new", "tmpfs", "tmpfs", "remount", "ro", "size=2m")
	b.must("mount")
	if attr, _ := attributesOf(t, b.path("rootfs/bind")); attr != ro|noexec {
		t.Errorf("bind: %#x", attr)
	}
	has(t, info(t, b.path("src")).Super, "rw")
	i := info(t, b.path("rootfs/new"))
	has(t, i.Options, "ro", "nosuid")
	has(t, i.Super, "ro", "size=2048k")

	b = newBundle(t)
	b.mkdir("rootfs/dir")
	b.mount("/dir", "none", "", "remount", "ro", "bind")
	_, err := b.steps("mount")
	wantText(t, err, `mounts[0]: remount "/dir": not a mount point: invalid argument`)
}

// What does not fit into fsconfig(2) goes through mount(2), into the same place.
func TestOldCall(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	b := newBundle(t)
	long := strings.Repeat("lower", 40)
	b.write(long+"/a/file", "a")
	b.write(long+"/b/other", "b")
	b.mkdir("rootfs/real")
	b.link("/real", "rootfs/link")
	b.mount("/link", "overlay", "overlay", "lowerdir="+b.path(long+"/a")+":"+b.path(long+"/b"), "ro", "nodev", "rprivate")
	cwd, _ := os.Getwd()
	b.must("mount")
	if text, err := os.ReadFile(b.path("rootfs/real/file")); err != nil || string(text) != "a" {
		t.Errorf("%q, %v", text, err)
	}
	has(t, info(t, b.path("rootfs/real")).Options, "ro", "nodev")
	if got := propagationOf(t, b.path("rootfs/real")); got != "" {
		t.Errorf("propagation %q", got)
	}
	if now, _ := os.Getwd(); now != cwd {
		t.Errorf("working directory %q became %q", cwd, now)
	}

	b = newBundle(t)
	b.mount("/x", "nosuch.fs", "", "silent")
	_, err := b.steps("mount")
	wantText(t, err, `mounts[0]: mount "nosuch.fs" on "/x": no such device`)
	b = newBundle(t)
	b.mount("/x", "tmpfs", "tmpfs", "silent", "size=lots")
	_, err = b.steps("mount")
	wantText(t, err, `mounts[0]: mount "tmpfs" on "/x": invalid argument`)
}

func TestFilesystemErrors(t *testing.T) {
	if !inside(t, 0) {
		return
	}
	for want, m := range map[string][]string{
		`mounts[0]: mount "nosuchfs" on "/x": unknown filesystem type "nosuchfs": no such device`:                                {"nosuchfs"},
		`mounts[0]: mount "tmpfs" on "/x": option "size=lots": tmpfs: Bad value for 'size': invalid argument`:                    {"tmpfs", "size=lots"},
		`mounts[0]: mount "tmpfs" on "/x": option "sise=1m": tmpfs: Unknown parameter 'sise': invalid argument`:                  {"tmpfs", "sise=1m"},
		`mounts[0]: mount "mqueue" on "/x": the filesystem ignored sync`:                                                         {"mqueue", "sync"},
		`mounts[0]: mount "sysfs" on "/x": the filesystem ignored lazytime`:                                                      {"sysfs", "lazytime"},
		`mounts[0]: mount "tmpfs" on "/x": option "context=user_u:r:t:s0": tmpfs: Unknown parameter 'context': invalid argument`: {"tmpfs", "context=user_u:r:t:s0"},
	} {
		b := newBundle(t)
		b.mount("/x", m[0], "", m[1:]...)
		_, err := b.steps("mount")
		wantText(t, err, want)
	}
}
