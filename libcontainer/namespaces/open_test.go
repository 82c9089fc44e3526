package namespaces

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

func TestHostOpen(t *testing.T) {
	needRoot(t)
	pid := start(t, "wait", unix.CLONE_NEWNET|unix.CLONE_NEWUTS|unix.CLONE_NEWUSER, 0).pid
	dir := t.TempDir()
	fifo, file := filepath.Join(dir, "fifo"), filepath.Join(dir, "file")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	theirs := func(file string) string { return fmt.Sprintf("/proc/%d/ns/%s", pid, file) }
	join := func(kv ...string) *specs.Linux {
		l := &specs.Linux{}
		for i := 0; i < len(kv); i += 2 {
			l.Namespaces = append(l.Namespaces, specs.LinuxNamespace{Type: specs.LinuxNamespaceType(kv[i]), Path: kv[i+1]})
		}
		return l
	}
	for name, tt := range map[string]struct {
		in   *specs.Linux
		host string
		ctl  string
		want string // the error, or the types of the opened ones
	}{
		"good": {in: join("network", theirs("net"), "uts", theirs("uts"), "user", theirs("user"), "pid", ""), host: "h", ctl: "net.a",
			want: "user network uts"},
		"fifo":         {in: join("pid", "", "network", fifo), want: fmt.Sprintf(`linux.namespaces[1].path: %q is not a network namespace`, fifo)},
		"file":         {in: join("network", file), want: fmt.Sprintf(`linux.namespaces[0].path: %q is not a network namespace`, file)},
		"directory":    {in: join("network", dir), want: fmt.Sprintf(`linux.namespaces[0].path: %q is not a network namespace`, dir)},
		"device":       {in: join("network", "/dev/null"), want: `linux.namespaces[0].path: "/dev/null" is not a network namespace`},
		"wrong type":   {in: join("network", theirs("uts")), want: fmt.Sprintf(`linux.namespaces[0].path: %q is not a network namespace`, theirs("uts"))},
		"second wrong": {in: join("network", theirs("net"), "ipc", file), want: fmt.Sprintf(`linux.namespaces[1].path: %q is not an ipc namespace`, file)},
		"missing":      {in: join("network", dir+"/no"), want: fmt.Sprintf(`linux.namespaces[0].path: there is nothing at %q`, dir+"/no")},
		"below a file": {in: join("network", file+"/no"), want: fmt.Sprintf(`linux.namespaces[0].path: there is nothing at %q`, file+"/no")},
		"own user":     {in: join("network", "/proc/self/ns/net", "user", "/proc/self/ns/user"), want: "network"},
		"host's name": {in: join("uts", "/proc/self/ns/uts"), host: "h",
			want: `hostname: linux.namespaces[0].path "/proc/self/ns/uts" is the namespace of the host`},
		"host's sysctl": {in: join("network", "/proc/self/ns/net"), ctl: "net.a",
			want: `linux.sysctl["net.a"]: linux.namespaces[0].path "/proc/self/ns/net" is the namespace of the host`},
	} {
		t.Run(name, func(t *testing.T) {
			s := &specs.Spec{Hostname: tt.host, Linux: tt.in}
			if tt.ctl != "" {
				s.Linux.Sysctl = map[string]string{tt.ctl: "1"}
			}
			p, problems := plan(s, &config.Facts{})
			if problems != "" {
				t.Fatal(problems)
			}
			before := countFds(t)
			files, err := p.Open()
			var got []string
			if err != nil {
				got = []string{err.Error()}
			} else if len(files) != len(p.Join) {
				t.Errorf("%d files for %d joins", len(files), len(p.Join))
			}
			for i, f := range files {
				got = append(got, p.Join[i].Type)
				f.Close()
			}
			if got := strings.Join(got, " "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if after := countFds(t); after != before {
				t.Errorf("%d descriptors before, %d after", before, after)
			}
		})
	}
}

func countFds(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestHostOfProcess(t *testing.T) {
	needRoot(t)
	kindsOf := func(found []Namespace) string {
		var names []string
		for i, n := range found {
			if user := n.Flag&unix.CLONE_NEWUSER != 0; user && (i != 0 || n.Flag != unix.CLONE_NEWUSER) {
				t.Errorf("entry %d is of %#x", i, n.Flag)
			}
			for _, k := range kinds {
				if k.flag&n.Flag != 0 {
					names = append(names, k.name)
				}
			}
			n.File.Close()
		}
		return strings.Join(names, " ")
	}
	const all = unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP
	c := start(t, "wait", all, unix.CLONE_NEWTIME)
	before := countFds(t)
	for _, tt := range []struct {
		types []string
		want  string
	}{
		{nil, "user pid network mount ipc uts cgroup time"},
		{[]string{"network", "user"}, "user network"},
		{[]string{}, ""},
	} {
		found, err := OfProcess(c.pid, c.pidfd, tt.types)
		if got := kindsOf(found); got != tt.want || err != nil {
			t.Errorf("%v: got %q, %v, want %q", tt.types, got, err, tt.want)
		}
	}
	self, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := OfProcess(os.Getpid(), self, nil); len(found) > 0 || err != nil {
		t.Errorf("of this process: %v, %v", found, err)
	}
	unix.Close(self)

	dead := exec.Command("true")
	var deadfd int
	dead.SysProcAttr = &syscall.SysProcAttr{PidFD: &deadfd}
	if err := dead.Start(); err != nil {
		t.Fatal(err)
	}
	if !ends(deadfd, 5*time.Second) {
		t.Error("true does not end")
	}
	if _, err := OfProcess(dead.Process.Pid, deadfd, nil); err != ErrGone {
		t.Errorf("of a zombie: %v", err)
	}
	dead.Wait()
	if _, err := OfProcess(dead.Process.Pid, deadfd, nil); err != ErrGone {
		t.Errorf("of a dead process: %v", err)
	}
	// The number lives again: the pidfd tells.
	if _, err := OfProcess(c.pid, deadfd, nil); err != ErrGone {
		t.Errorf("of a number used again: %v", err)
	}
	unix.Close(deadfd)
	if after := countFds(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// A process enters all of them by two calls of setns.
func TestHostEnter(t *testing.T) {
	needRoot(t)
	const all = unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP
	c := start(t, "wait", all, unix.CLONE_NEWTIME)
	found, err := OfProcess(c.pid, c.pidfd, []string{"network", "ipc", "uts", "cgroup", "pid"})
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	defer closeAll(found)
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // the thread ends here
		err := enter(found)
		for _, file := range []string{"net", "ipc", "uts", "cgroup", "pid_for_children"} {
			own, _ := os.Readlink("/proc/thread-self/ns/" + file)
			theirs, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", c.pid, strings.TrimSuffix(file, "_for_children")))
			if own != theirs {
				t.Errorf("%s: %s, want %s", file, own, theirs)
			}
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func BenchmarkOfProcess(b *testing.B) {
	pidfd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		b.Fatal(err)
	}
	defer unix.Close(pidfd)
	for b.Loop() {
		if _, err := OfProcess(os.Getpid(), pidfd, nil); err != nil {
			b.Fatal(err)
		}
	}
}
