package procfs

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inMountNamespace runs the calling test again, as root of new mount (and, if
// asked, user) namespaces in which it may spoil /proc. It reports whether this
// is that second run.
func inMountNamespace(t *testing.T, flags uintptr) bool {
	t.Helper()
	if os.Getenv("PROCFS_TEST_CHILD") == t.Name() {
		runtime.LockOSThread()
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Fatal(err)
		}
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.count=1", "-test.v")
	cmd.Env = append(os.Environ(), "PROCFS_TEST_CHILD="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | flags, Pdeathsig: syscall.SIGKILL}
	if flags&unix.CLONE_NEWUSER != 0 {
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

func open(t *testing.T) *Proc {
	t.Helper()
	p, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestReadAndWrite(t *testing.T) {
	p := open(t)
	got, err := p.ReadFile("thread-self/status")
	if err != nil || !strings.Contains(got, "\nTgid:\t"+strconv.Itoa(os.Getpid())+"\n") {
		t.Errorf("not our own status: %q, %v", got, err)
	}
	if err := p.WriteFile("self/oom_score_adj", "1"); err != nil {
		t.Error(err)
	}
	if got, _ := p.ReadFile("self/oom_score_adj"); got != "1\n" {
		t.Errorf("oom_score_adj is %q", got)
	}
	_ = p.WriteFile("self/oom_score_adj", "0")
	f, err := p.Open("sys/kernel/ostype", unix.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if flags, _ := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0); flags&unix.FD_CLOEXEC == 0 {
		t.Error("descriptor would leak through execve")
	}
}

func TestRefused(t *testing.T) {
	p := open(t)
	for path, want := range map[string]string{
		"self/root/etc/passwd": "open /proc/self/root/etc/passwd: too many levels of symbolic links",
		"self/fd/0":            "open /proc/self/fd/0: too many levels of symbolic links",
		"../etc/passwd":        "open /proc/../etc/passwd: invalid cross-device link",
		"/etc/passwd":          "open /proc//etc/passwd: invalid cross-device link",
		"sys/no/such":          "open /proc/sys/no/such: no such file or directory",
	} {
		_, err := p.ReadFile(path)
		wantError(t, err, want)
	}
	wantError(t, p.WriteFile("self/oom_score_adj", "x"), "write /proc/self/oom_score_adj: invalid argument")
	_, err := p.ReadFile("nothing")
	if !errors.Is(err, unix.ENOENT) {
		t.Errorf("errors.Is does not see the errno in %v", err)
	}
}

// What an attacker mounted over /proc, or over a file in it, is not seen.
func TestOvermounted(t *testing.T) {
	if !inMountNamespace(t, 0) {
		return
	}
	fake := t.TempDir() + "/fake"
	if err := os.WriteFile(fake, []byte("fake"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(fake, "/proc/sys/kernel/ostype", "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	if got, err := open(t).ReadFile("sys/kernel/ostype"); got != "Linux\n" {
		t.Errorf("ostype is %q, %v", got, err)
	}
	root, err := verified(hostProc)
	if err != nil {
		t.Fatal(err)
	}
	_, err = (&Proc{root}).ReadFile("sys/kernel/ostype")
	wantError(t, err, "open /proc/sys/kernel/ostype: invalid cross-device link")

	if err := unix.Mount("/proc/sys", "/proc", "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	_, err = verified(hostProc)
	wantError(t, err, "verify /proc: not the root of a procfs")
	if err := unix.Mount("tmpfs", "/proc", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	_, err = verified(hostProc)
	wantError(t, err, "verify /proc: not the root of a procfs")
}

// Without a pid namespace of its own, a user namespace may not mount procfs:
// the host's serves.
func TestFallback(t *testing.T) {
	if !inMountNamespace(t, unix.CLONE_NEWUSER) {
		return
	}
	if f, err := private(); err == nil {
		f.Close()
		t.Error("expected the kernel to refuse")
	}
	if got, err := open(t).ReadFile("sys/kernel/ostype"); got != "Linux\n" {
		t.Errorf("ostype is %q, %v", got, err)
	}
}

func TestOpenHost(t *testing.T) {
	p, err := OpenHost()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if got, err := p.ReadFile("sys/kernel/ostype"); got != "Linux\n" {
		t.Errorf("ostype is %q, %v", got, err)
	}
	if got, err := ReadHost("sys/kernel/ostype"); got != "Linux\n" {
		t.Errorf("ostype is %q, %v", got, err)
	}
	if _, err := ReadHost("nosuch"); !errors.Is(err, unix.ENOENT) {
		t.Error(err)
	}
}

func BenchmarkOpenHost(b *testing.B) {
	for b.Loop() {
		p, err := OpenHost()
		if err != nil {
			b.Fatal(err)
		}
		p.Close()
	}
}

func BenchmarkOpen(b *testing.B) {
	for b.Loop() {
		p, err := Open()
		if err != nil {
			b.Fatal(err)
		}
		p.Close()
	}
}
