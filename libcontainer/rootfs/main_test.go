package rootfs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// inside runs the calling test again in new namespaces and reports whether this
// is that second run. Whatever it mounts goes with it.
func inside(t testing.TB, flags uintptr, maps ...syscall.SysProcIDMap) bool {
	t.Helper()
	if os.Getenv("ROOTFS_TEST_CHILD") == t.Name() {
		runtime.LockOSThread()
		// As on most hosts: everything is shared, in peer groups of this namespace.
		how := uintptr(unix.MS_SHARED)
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|how, ""); err != nil {
			t.Fatal(err)
		}
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.count=1", "-test.v")
	cmd.Env = append(os.Environ(), "ROOTFS_TEST_CHILD="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | flags, Pdeathsig: syscall.SIGKILL}
	if flags&unix.CLONE_NEWUSER != 0 {
		cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings = maps, maps
		cmd.SysProcAttr.Credential = &syscall.Credential{NoSetGroups: true}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	} else if bytes.Contains(out, []byte("--- SKIP")) {
		t.Skipf("%s", out)
	} else if testing.Verbose() {
		t.Logf("%s", out)
	}
	return false
}

// A bundle for one container.
type bundle struct {
	t    testing.TB
	dir  string
	spec *specs.Spec
}

// host is the mount namespace in which bundles are made, 0 until the first.
var host int

// newBundle makes a bundle with an empty root filesystem on a tmpfs, in the mount
// namespace that plays the host.
func newBundle(t testing.TB) *bundle {
	t.Helper()
	if host == 0 {
		fd, err := unix.Open("/proc/thread-self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		host = fd
		if err := unix.Unshare(unix.CLONE_FS); err != nil { // setns wants that
			t.Fatal(err)
		}
	} else if err := unix.Setns(host, unix.CLONE_NEWNS); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := unix.Mount("bundle", dir, "tmpfs", 0, "mode=755"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = unix.Setns(host, unix.CLONE_NEWNS)
		_ = unix.Unmount(dir, unix.MNT_DETACH)
	})
	b := &bundle{t: t, dir: dir, spec: &specs.Spec{
		Root:  &specs.Root{Path: "rootfs"},
		Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}}},
	}}
	b.mkdir("rootfs")
	return b
}

func (b *bundle) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bundle) mkdir(names ...string) {
	b.t.Helper()
	for _, name := range names {
		if err := os.MkdirAll(b.path(name), 0o755); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *bundle) write(name, text string) {
	b.t.Helper()
	b.mkdir(filepath.Dir(name))
	if err := os.WriteFile(b.path(name), []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) link(target, name string) {
	b.t.Helper()
	if err := os.Symlink(target, b.path(name)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bundle) mount(dest, typ, source string, options ...string) {
	b.spec.Mounts = append(b.spec.Mounts, specs.Mount{Destination: dest, Type: typ, Source: source, Options: options})
}

func (b *bundle) plan() *Plan {
	b.t.Helper()
	var ps config.Problems
	facts, err := config.ReadFacts("auto")
	if err != nil {
		b.t.Fatal(err)
	}
	p := PlanRootfs(b.spec, b.dir, facts, &ps)
	if ps.Err() != nil {
		b.t.Fatal(ps.Err())
	}
	return p
}

// A step of init.
type step struct {
	name string
	run  func() error
}

// stepsOf are the init-side methods in their order.
func stepsOf(p *Plan) []step {
	return []step{
		{"private", p.Private},
		{"mount", p.Mount},
		{"devices", p.Devices},
		{"pivot", func() error { return p.Pivot(false) }},
		{"propagation", p.Propagation},
		{"protect", p.Protect},
	}
}

// steps goes through the steps up to the named one, in a mount namespace of its
// own; "" is all of them.
func (b *bundle) steps(last string) (*Plan, error) {
	b.t.Helper()
	p := b.plan()
	if err := p.Open(nil); err != nil {
		return p, err
	}
	defer p.Close()
	b.enter()
	for _, s := range stepsOf(p) {
		if err := s.run(); err != nil {
			return p, err
		}
		if s.name == last {
			break
		}
	}
	return p, nil
}

// enter makes the container's mount namespace.
func (b *bundle) enter() {
	b.t.Helper()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		b.t.Fatal(err)
	}
}

// must is steps without an error.
func (b *bundle) must(last string) *Plan {
	b.t.Helper()
	p, err := b.steps(last)
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// info returns the mount at a path that this process sees, the topmost one.
func info(t testing.TB, point string) (found mountInfo) {
	t.Helper()
	data, err := os.ReadFile("/proc/thread-self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if i := parseMountInfo(line); i.Point == point {
			found = i
		}
	}
	if found.Point == "" {
		t.Fatalf("nothing is mounted on %s:\n%s", point, data)
	}
	return found
}

func wantText(t testing.TB, err error, want string) {
	t.Helper()
	got := "<nil>"
	if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func has(t testing.TB, list string, words ...string) {
	t.Helper()
	for _, word := range words {
		if not, ok := strings.CutPrefix(word, "!"); ok {
			if hasWord(list, not) {
				t.Errorf("%s has %s", list, not)
			}
		} else if !hasWord(list, word) {
			t.Errorf("%s lacks %s", list, word)
		}
	}
}

func stat(t testing.TB, path string) unix.Stat_t {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		t.Fatal(fmt.Errorf("stat %s: %w", path, err))
	}
	return st
}
