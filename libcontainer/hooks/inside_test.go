package hooks

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What needs a process or a namespace of its own runs this test binary again,
// with the name of one of these functions. What it returns is printed.
var inside = map[string]func(dir string) error{
	// Runs a hook that never ends; the test kills this process.
	"hang": func(dir string) error {
		return Run("prestart", []Hook{sh("echo $$ >pid.tmp; mv pid.tmp pid; exec sleep 60")}, nil, dir)
	},
	// The same with a child, and with its group written down.
	"hang with child": func(dir string) error {
		r := Runner{Dir: dir, Begin: func(g Group) error {
			data, err := json.Marshal(g)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, "group"), data, 0o600)
		}}
		return r.Run("prestart", []Hook{sh("(trap '' HUP TERM; sleep 60)& echo $! >child; echo $$ >pid.tmp; mv pid.tmp pid; sleep 60")}, nil)
	},
	// As init runs createContainer hooks: the first process of a pid namespace,
	// with the /proc of the host, in which the numbers mean other processes.
	"init": func(dir string) error {
		err := Run("createContainer", []Hook{withTimeout(sh(`
			setsid sh -c 'setsid sh -c "echo x >orphan; trap \"\" TERM HUP; sleep 60; sleep 60" & exit'
			while ! [ -s orphan ]; do sleep 0.01; done
			sleep 60`), 1)}, nil, dir)
		if left := unix.Kill(-1, 0); left != unix.ESRCH {
			return fmt.Errorf("%v, and processes are left: %v", err, left)
		}
		return err
	},
}

func TestMain(m *testing.M) {
	name := os.Getenv("RT_TEST_INSIDE")
	if name == "" {
		os.Exit(m.Run())
	}
	fmt.Println(inside[name](os.Args[1]))
}

func command(t *testing.T, name string, flags uintptr) (*exec.Cmd, string) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("/proc/self/exe", dir)
	cmd.Env = append(os.Environ(), "RT_TEST_INSIDE="+name)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
	return cmd, dir
}

func TestInitRun(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	cmd, _ := command(t, "init", unix.CLONE_NEWPID)
	out, err := cmd.CombinedOutput()
	want := `hooks.createContainer[0]: "/bin/sh": did not end within 1 s and was killed`
	if got := strings.TrimSpace(string(out)); got != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, got, want)
	}
}

// killed runs a hook that hangs in another process, and kills that.
func killed(t *testing.T, name string) (dir string) {
	t.Helper()
	cmd, dir := command(t, name, 0)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wait(t, "start", func() bool {
		_, err := os.Stat(filepath.Join(dir, "pid"))
		return err == nil
	})
	cmd.Process.Kill()
	cmd.Wait()
	// the hook does not outlive rt.
	wait(t, "death", func() bool { return !alive(t, dir, "pid") })
	return dir
}

func wait(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 5 s", what)
		}
	}
}

func TestRunDiesWithUs(t *testing.T) { killed(t, "hang") }

func TestGroupKill(t *testing.T) {
	dir := killed(t, "hang with child")
	var g Group
	if err := json.Unmarshal([]byte(read(t, dir, "group")), &g); err != nil {
		t.Fatal(err)
	}
	if !alive(t, dir, "child") {
		t.Fatal("the child is dead already")
	}
	// What only looks like the group is left alone.
	for _, other := range []Group{
		{},
		{Pid: g.Pid, Start: g.Start + 1e6, Session: g.Session},
		{Pid: g.Pid, Start: g.Start, Session: g.Session + 1},
		{Pid: os.Getpid(), Start: g.Start, Session: g.Session},
	} {
		if err := other.Kill(); err != nil || !alive(t, dir, "child") {
			t.Errorf("%+v: %v", other, err)
		}
	}
	for range 2 {
		if err := g.Kill(); err != nil || alive(t, dir, "child") {
			t.Error("alive", err)
		}
	}
}

// A hook may have children at once: its group is written down before it runs.
func TestGroupIsKnownBefore(t *testing.T) {
	dir := t.TempDir()
	r := Runner{Dir: dir, Begin: func(g Group) error {
		return os.WriteFile(filepath.Join(dir, "group"), fmt.Appendln(nil, g.Pid), 0o600)
	}}
	if err := r.Run("prestart", []Hook{sh("read group <group; set -- $(cat /proc/self/stat); [ $group = $5 ] || { echo $5 >&2; exit 1; }")}, nil); err != nil {
		t.Error(err)
	}
}

func TestBeginRefuses(t *testing.T) {
	r := Runner{Dir: "/", Begin: func(Group) error { return errors.New("disk full") }}
	begin := time.Now()
	err := r.Run("prestart", []Hook{sh("sleep 60")}, nil)
	if err == nil || err.Error() != `hooks.prestart[0]: "/bin/sh": disk full` || time.Since(begin) > 5*time.Second {
		t.Error(err)
	}
}
