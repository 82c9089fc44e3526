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

// owned makes a directory with a file of user 5 and group 6, and a mount in it with
// another one.
func owned(t *testing.T) string {
	t.Helper()
	dir := harness.Dir(t)
	sub := filepath.Join(dir, "sub")
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	other := harness.Dir(t)
	if err := unix.Mount(other, sub, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(sub, unix.MNT_DETACH) })
	for _, d := range []string{dir, sub} {
		file := filepath.Join(d, "file")
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(file, 5, 6); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// owner is who owns a file of the container, in ids of the host.
func owner(t *testing.T, c *harness.Container, path string) string {
	t.Helper()
	var s unix.Stat_t
	if err := unix.Stat(inRoot(c, path), &s); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return fmt.Sprintf("%d:%d", s.Uid, s.Gid)
}

func ids(container, host, size uint32) []specs.LinuxIDMapping {
	return []specs.LinuxIDMapping{{ContainerID: container, HostID: host, Size: size}}
}

func TestIDMappedMounts(t *testing.T) {
	dir := owned(t)
	mapped := func(at string, options ...string) harness.Change {
		return harness.Mount(specs.Mount{Destination: at, Source: dir, Type: "none", Options: options,
			UIDMappings: ids(0, 7000, 1000), GIDMappings: ids(0, 8000, 1000)})
	}
	bare := func(at string, options ...string) harness.Change {
		return harness.Mount(specs.Mount{Destination: at, Source: dir, Type: "none", Options: options})
	}
	for _, tt := range []struct {
		option, bind, sub string
	}{
		{"idmap", "rbind", "5:6"},
		{"ridmap", "rbind", "7005:8006"},
	} {
		t.Run(tt.option, func(t *testing.T) {
			c := harness.New(t, mapped("/mnt", tt.bind, tt.option))
			r, made := create(c)
			check := func(t *testing.T, path, want string) {
				t.Helper()
				if !made {
					t.Fatal(r)
				}
				if got := owner(t, c, path); got != want {
					t.Errorf("the owner of %s is %s, want %s", path, got, want)
				}
			}
			mapping := func(t *testing.T) { check(t, "/mnt/file", "7005:8006") }
			submount := func(t *testing.T) { check(t, "/mnt/sub/file", tt.sub) }
			kernel := func(t *testing.T) {
				check(t, "/mnt/file", "7005:8006")
				byKernel(t, c, dir)
			}
			fallback := func(t *testing.T) {
				// A mount without mappings has the container's, or is refused.
				c := harness.New(t, harness.UserNamespace(100000), bare("/mnt", tt.bind, tt.option))
				if _, ok := create(c); !ok {
					c.WantNothing()
					return
				}
				if got := owner(t, c, "/mnt/file"); got != "100005:100006" {
					t.Errorf("the owner is %s", got)
				}
			}
			if tt.option == "idmap" {
				sentence(t, "configLinuxMountOptions.idmap configLinuxMountOptions.idmap.2 configLinuxMountOptions.idmap.4", mapping)
				sentence(t, "configLinuxMountOptions.idmap.5", fallback)
				sentence(t, "configLinuxMountOptions.idmap.7 configPOSIXMounts.1 configPOSIXMounts.4", kernel)
				sentence(t, "configLinuxMountOptions.idmap.3", func(t *testing.T) { notPassed(t, "idmap") })
				t.Run("is not recursive", submount)
			} else {
				sentence(t, "configLinuxMountOptions.ridmap configLinuxMountOptions.ridmap.4", mapping)
				sentence(t, "configLinuxMountOptions.ridmap.2", submount)
				sentence(t, "configLinuxMountOptions.ridmap.5", fallback)
				sentence(t, "configLinuxMountOptions.ridmap.7", kernel)
				sentence(t, "configLinuxMountOptions.ridmap.3", func(t *testing.T) { notPassed(t, "ridmap") })
			}
		})
	}
}

// byKernel wants the kernel to do it, of which mount_setattr(2) is the only way: the
// files are the same ones, and their owners what they were.
func byKernel(t *testing.T, c *harness.Container, dir string) {
	t.Helper()
	var outside, inside unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, "file"), &outside); err != nil {
		t.Fatal(err)
	}
	if err := unix.Stat(inRoot(c, "/mnt/file"), &inside); err != nil {
		t.Fatal(err)
	}
	if outside.Ino != inside.Ino || outside.Dev != inside.Dev {
		t.Errorf("the file inside is another one")
	}
	if outside.Uid != 5 || outside.Gid != 6 || inside.Uid != 7005 {
		t.Errorf("the owner is %d:%d outside, %d inside", outside.Uid, outside.Gid, inside.Uid)
	}
}

// notPassed wants the option to go no further than the runtime: tmpfs refuses options
// that it doesn't know. A runtime may refuse it for a tmpfs by itself.
func notPassed(t *testing.T, option string) {
	t.Helper()
	c := harness.New(t, harness.Mount(specs.Mount{Destination: "/mnt", Source: "tmpfs", Type: "tmpfs", Options: []string{option},
		UIDMappings: ids(0, 7000, 1000), GIDMappings: ids(0, 8000, 1000)}))
	r, ok := create(c)
	if !ok {
		if isRT(t) || strings.Contains(r.Stderr, "nvalid argument") {
			t.Error(r)
		}
		return
	}
	if got := owner(t, c, "/mnt"); got != "7000:8000" {
		t.Errorf("the owner of the tmpfs is %s", got)
	}
}
