package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/tests/harness"
)

func TestMounts(t *testing.T) {
	tmpfs := func(destination string, options ...string) specs.Mount {
		return specs.Mount{Destination: destination, Type: "tmpfs", Source: "tmpfs", Options: options}
	}
	c := harness.New(t, func(s *specs.Spec) {
		s.Mounts = append(s.Mounts,
			tmpfs("/mnt", "size=1m"), tmpfs("/mnt/inner", "size=2m"), tmpfs("/mnt/inner/most", "size=3m"),
			tmpfs("/over", "size=4m"), tmpfs("/over", "size=5m"),
			tmpfs("relative/path", "size=6m"),
			tmpfs("/data", "size=7m", "mode=0750", "uid=5", "nr_inodes=99"))
	})
	c.Create()
	sentence(t, "configMounts.1", func(t *testing.T) {
		var got []string
		for _, m := range mounts(t, c) {
			if m.fs == "tmpfs" && ours.MatchString(m.point) {
				got = append(got, m.point)
			}
		}
		want := "/mnt /mnt/inner /mnt/inner/most /over /over /relative/path /data"
		if strings.Join(got, " ") != want {
			t.Errorf("mounts, in their order, are\n\t%s\nwant\n\t%s", strings.Join(got, " "), want)
		}
		if m := mountAt(t, c, "/over"); !slices.Contains(m.super, "size=5120k") {
			t.Errorf("the last at /over is %v", m)
		}
	})
	sentence(t, "configMounts.4", func(t *testing.T) { mountAt(t, c, "/relative/path") })
	sentence(t, "configLinuxMountOptions.4", func(t *testing.T) {
		m := mountAt(t, c, "/data")
		for _, option := range strings.Fields("size=7168k mode=750 uid=5 nr_inodes=99") {
			if !slices.Contains(m.super, option) {
				t.Errorf("%s is missing: %v", option, m)
			}
		}
		c := harness.New(t, harness.Mount(tmpfs("/mnt", "nosuch=1")))
		refused(t, c, `init: mounts: mounts[6]: mount "tmpfs" on "/mnt": option "nosuch=1": tmpfs: Unknown parameter 'nosuch': invalid argument`)
	})
}

var ours = regexp.MustCompile(`^/(mnt|over|relative|data)`)

func TestReadonlyRoot(t *testing.T) {
	sentence(t, "configRoot.8", func(t *testing.T) {
		for _, readonly := range []bool{true, false} {
			c := harness.New(t, func(s *specs.Spec) { s.Root.Readonly = readonly }, harness.Shell("echo x >/made"))
			if r := c.Run(); (r.Code != 0) != readonly {
				t.Errorf("readonly is %v, and a program can write: %v", readonly, r)
			}
		}
	})
}

// mount8 are options whose effect is compared with mount(8)'s. A pair that
// contradicts itself is given in both orders.
var mount8 = strings.Fields(`
	async sync dirsync defaults dev nodev exec noexec suid nosuid ro rw
	atime noatime diratime nodiratime relatime norelatime strictatime nostrictatime
	iversion noiversion lazytime nolazytime loud silent
	sync,async async,sync dev,nodev nodev,dev exec,noexec noexec,exec suid,nosuid nosuid,suid ro,rw rw,ro
	atime,noatime noatime,atime diratime,nodiratime nodiratime,diratime
	relatime,norelatime norelatime,relatime strictatime,nostrictatime nostrictatime,strictatime
	lazytime,nolazytime nolazytime,lazytime
	noatime,relatime relatime,noatime strictatime,relatime relatime,strictatime strictatime,noatime
	ro,nosuid,nodev,noexec,noatime ro,defaults defaults,ro nosuid,nodiratime,sync`)

func TestOptionsAreMount8s(t *testing.T) {
	dir := harness.Dir(t)
	var changes []harness.Change
	want := map[string]string{}
	for i, options := range mount8 {
		point := filepath.Join(dir, "point")
		if err := os.MkdirAll(point, 0o755); err != nil {
			t.Fatal(err)
		}
		harness.Must(t, "mount", "-t", "tmpfs", "-o", options, "tmpfs", point)
		all := mountsOf(read(t, "/proc/self/mountinfo"))
		harness.Must(t, "umount", point)
		want[options] = effect(all[len(all)-1])
		changes = append(changes, harness.Mount(specs.Mount{
			Destination: fmt.Sprintf("/opt/%d", i), Type: "tmpfs", Source: "tmpfs", Options: strings.Split(options, ","),
		}))
	}
	got := map[string]string{}
	c := harness.New(t, changes...)
	if _, ok := create(c); ok {
		for i, options := range mount8 {
			got[options] = effect(mountAt(t, c, fmt.Sprintf("/opt/%d", i)))
		}
	} else {
		for i, options := range mount8 {
			c.Spec = harness.Plain()
			c.Edit(changes[i])
			if _, ok := create(c); !ok {
				got[options] = "refused"
				continue
			}
			got[options] = effect(mountAt(t, c, fmt.Sprintf("/opt/%d", i)))
			c.Delete("--force")
		}
	}
	sentence(t, "configLinuxMountOptions.2", func(t *testing.T) {
		for _, options := range mount8 {
			if got[options] != want[options] {
				t.Errorf("%s: %s; by mount(8): %s", options, got[options], want[options])
			}
		}
		readonlyDevice(t)
	})
	sentence(t, "configLinuxMountOptions.3", func(t *testing.T) { customOptions(t, mountOptionsOfFeatures(t)) })
}

// effect is what options did.
func effect(m mountLine) string {
	slices.Sort(m.options)
	super := slices.DeleteFunc(slices.Sorted(slices.Values(m.super)), func(o string) bool {
		// A tmpfs that is ro may be so by its mount alone; its mode is the mount point's.
		return o == "seclabel" || o == "inode64" || o == "ro" || o == "rw" || strings.HasPrefix(o, "mode=")
	})
	return strings.Join(m.options, ",") + " - " + strings.Join(super, ",")
}

// readonlyDevice wants ro to be an option of the filesystem too: a disk that can't be
// written can't be mounted else.
func readonlyDevice(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		return
	}
	device := loop(t, "1M", "--read-only")
	c := harness.New(t, harness.Mount(specs.Mount{Destination: "/mnt", Type: "ext4", Source: device, Options: []string{"ro"}}))
	c.Create()
	if m := mountAt(t, c, "/mnt"); !m.has("ro") || !slices.Contains(m.super, "ro") {
		t.Errorf("a read-only disk is %v", m)
	}
	c.Delete("--force")
}

// loop makes a disk of a file, with an ext4 on it.
func loop(t *testing.T, size string, flags ...string) string {
	t.Helper()
	image := filepath.Join(harness.Dir(t), "image")
	harness.Must(t, "truncate", "--size="+size, image)
	harness.Must(t, "mkfs.ext4", "-q", image)
	args := append([]string{"losetup", "--find", "--show"}, flags...)
	device := strings.TrimSpace(harness.Must(t, append(args, image)...))
	t.Cleanup(func() { harness.Must(t, "losetup", "--detach", device) })
	return device
}

// customOptions wants the options that a runtime has beyond the specification's, and
// that mount(8) knows, to do as there.
func customOptions(t *testing.T, options []string) {
	t.Helper()
	known := map[string]bool{}
	for _, o := range mountOptions {
		known[o.option] = true
	}
	dir := harness.Dir(t)
	for _, option := range options {
		if known[option] || option == "idmap" || option == "ridmap" {
			continue
		}
		r := harness.Command{Args: []string{"mount", "-t", "tmpfs", "-o", option, "tmpfs", dir}}.Run(t)
		if r.Code != 0 {
			continue // mount(8) does not know it
		}
		all := mountsOf(read(t, "/proc/self/mountinfo"))
		harness.Must(t, "umount", dir)
		want := effect(all[len(all)-1])
		c := harness.New(t, harness.Mount(specs.Mount{Destination: "/mnt", Type: "tmpfs", Source: "tmpfs", Options: []string{option}}))
		if r, ok := create(c); !ok {
			t.Errorf("%s: %s", option, r.Stderr)
			continue
		}
		if got := effect(mountAt(t, c, "/mnt")); got != want {
			t.Errorf("%s: %s; by mount(8): %s", option, got, want)
		}
	}
}

// Whatever the root's propagation is, a mount has the one that it wants.
func TestPropagation(t *testing.T) {
	dir := trees(t)
	wants := map[string]string{"rprivate": "", "rshared": "shared", "rslave": "master"}
	for _, root := range []string{"private", "slave", "shared", "unbindable", "rprivate", "rslave", "rshared"} {
		t.Run(root, func(t *testing.T) {
			c := harness.New(t, func(s *specs.Spec) { s.Linux.RootfsPropagation = root })
			for option := range wants {
				c.Edit(harness.Mount(specs.Mount{Destination: "/opt/" + option, Source: filepath.Join(dir, "soft"), Type: "none", Options: []string{"rbind", option}}))
			}
			c.Create()
			for option, want := range wants {
				m := mountAt(t, c, "/opt/"+option)
				if want == "" && m.propagation != "" || !strings.Contains(m.propagation, want) {
					// A mount can't be a slave of peers that a private root cut off.
					if option == "rslave" && m.propagation == "" && want != "" && root != "slave" && root != "rslave" {
						continue
					}
					t.Errorf("%s is %v", option, m)
				}
			}
			want := map[string]string{"shared": "shared", "slave": "master", "unbindable": "unbindable", "private": ""}[strings.TrimPrefix(root, "r")]
			if m := mountAt(t, c, "/"); want == "" && m.propagation != "" || want != "master" && !strings.Contains(m.propagation, want) {
				t.Errorf("the root is %v", m)
			}
		})
	}
}
