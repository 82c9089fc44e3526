package hooks

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sh is a hook that runs a script.
func sh(script string, args ...string) Hook {
	return Hook{Path: "/bin/sh", Args: append([]string{"sh", "-c", script, "sh"}, args...), Env: []string{"PATH=" + os.Getenv("PATH")}}
}

// try runs hooks in a directory of their own, and says how long they took.
func try(t *testing.T, state string, list ...Hook) (dir string, took time.Duration, err string) {
	t.Helper()
	dir = t.TempDir()
	before := resources(t)
	begin := time.Now()
	e := Run("createRuntime", list, []byte(state), dir)
	took = time.Since(begin)
	if after := resources(t); after != before {
		t.Errorf("descriptors, subreaper: %s before, %s after", before, after)
	}
	if e != nil {
		err = e.Error()
	}
	return dir, took, err
}

func resources(t *testing.T) string {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	f := adopt()
	defer f.release()
	return fmt.Sprint(len(fds), f.unset)
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Error(err)
	}
	return string(data)
}

// alive tells whether a process that a script wrote to a file still runs.
func alive(t *testing.T, path ...string) bool {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(read(t, path...)))
	if err != nil {
		t.Fatal(err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return state[0] != 'Z'
}

func TestRunErrors(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	format := filepath.Join(dir, "format")
	if err := os.WriteFile(format, []byte("x"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		list []Hook
		want string
	}{
		"good":        {list: []Hook{sh("echo a; echo b >&2")}},
		"status":      {list: []Hook{sh("true"), sh("exit 7")}, want: `hooks.createRuntime[1]: "/bin/sh": exit status 7`},
		"says why":    {list: []Hook{sh("echo one; echo two >&2; exit 7")}, want: "hooks.createRuntime[0]: \"/bin/sh\": exit status 7: one\ntwo"},
		"signal":      {list: []Hook{sh("echo x; kill -9 $$")}, want: `hooks.createRuntime[0]: "/bin/sh": killed by signal 9: x`},
		"missing":     {list: []Hook{{Path: "/nowhere/x", Args: []string{"x"}}}, want: `hooks.createRuntime[0]: exec "/nowhere/x": no such file or directory`},
		"no program":  {list: []Hook{{Path: plain, Args: []string{"x"}}}, want: fmt.Sprintf(`hooks.createRuntime[0]: exec %q: permission denied`, plain)},
		"directory":   {list: []Hook{{Path: dir, Args: []string{"x"}}}, want: fmt.Sprintf(`hooks.createRuntime[0]: exec %q: permission denied`, dir)},
		"format":      {list: []Hook{{Path: format, Args: []string{"x"}}}, want: fmt.Sprintf(`hooks.createRuntime[0]: exec %q: exec format error`, format)},
		"not UTF-8":   {list: []Hook{sh(`printf 'a\377b'; exit 1`)}, want: "hooks.createRuntime[0]: \"/bin/sh\": exit status 1: a\uFFFDb"},
		"in time":     {list: []Hook{withTimeout(sh("exit 0"), 1)}},
		"long limit":  {list: []Hook{withTimeout(sh("exit 3"), 1<<31-1)}, want: `hooks.createRuntime[0]: "/bin/sh": exit status 3`},
		"not in time": {list: []Hook{withTimeout(sh("echo x; sleep 60"), 1)}, want: `hooks.createRuntime[0]: "/bin/sh": did not end within 1 s and was killed`},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, got := try(t, "{}", tt.list...); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	if got := Run("poststart", []Hook{sh("true")}, nil, "/nowhere"); got == nil || got.Error() != "hooks.poststart[0]: working directory: stat /nowhere: no such file or directory" {
		t.Error(got)
	}
}

func withTimeout(h Hook, seconds int) Hook {
	h.Timeout = seconds
	return h
}

func TestRunOrder(t *testing.T) {
	dir, _, err := try(t, "", sh("echo 1 >>log"), sh("echo 2 >>log"), sh("echo 3 >>log; exit 1"), sh("echo 4 >>log"))
	if err != `hooks.createRuntime[2]: "/bin/sh": exit status 1` || read(t, dir, "log") != "1\n2\n3\n" {
		t.Error(err, read(t, dir, "log"))
	}
	errs := (&Runner{Dir: dir}).Each("poststop", []Hook{sh("echo 1 >log; exit 1"), sh("echo 2 >>log"), {Path: "/nowhere"}}, nil)
	if got, want := fmt.Sprint(errs), `[hooks.poststop[0]: "/bin/sh": exit status 1 hooks.poststop[2]: exec "/nowhere": no such file or directory]`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := read(t, dir, "log"); got != "1\n2\n" {
		t.Errorf("%q", got)
	}
}

func TestRunEnvironment(t *testing.T) {
	env := func(name string, env ...string) string {
		dir, _, err := try(t, "", Hook{Path: "/bin/sh", Args: []string{name, "-c", `cat /proc/self/environ >env; tr '\0' ' ' </proc/$$/cmdline >cmdline`}, Env: env})
		if err != "" {
			t.Error(err)
		}
		if got := read(t, dir, "cmdline"); !strings.HasPrefix(got, name+" -c ") {
			t.Errorf("args[0]: %q", got)
		}
		return read(t, dir, "env")
	}
	t.Setenv("RT_TEST_LEAK", "1")
	// The shell adds PWD and the like for its children, but not the environment of rt.
	if got := env("other", "PATH=/usr/bin:/bin", "A=b c"); !strings.Contains(got, "A=b c\x00") || strings.Contains(got, "RT_TEST_LEAK") {
		t.Errorf("%q", got)
	}
	dir := t.TempDir()
	// /proc/self/environ of the hook itself: nothing at all.
	if err := Run("prestart", []Hook{{Path: "/bin/cp", Args: []string{"cp", "/proc/self/environ", "env"}}}, nil, dir); err != nil {
		t.Fatal(err)
	}
	if got := read(t, dir, "env"); got != "" {
		t.Errorf("no env: %q", got)
	}
}

func TestRunProcess(t *testing.T) {
	// As rt does at its start: callers leak descriptors.
	if err := unix.CloseRange(3, 1<<31-1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	dir, _, err := try(t, "", sh(`exec ls /proc/self/fd >fd`), sh(`pwd >cwd; cut -d' ' -f1,5 /proc/$$/stat >group`))
	if err != "" {
		t.Error(err)
	}
	// 3 is ls's own.
	if got := strings.Join(strings.Fields(read(t, dir, "fd")), " "); got != "0 1 2 3" {
		t.Errorf("descriptors %s", got)
	}
	if got := strings.TrimSpace(read(t, dir, "cwd")); got != dir {
		t.Errorf("working directory %s", got)
	}
	if got := strings.Fields(read(t, dir, "group")); len(got) != 2 || got[0] != got[1] {
		t.Errorf("pid and process group %s", got)
	}
}

func TestRunState(t *testing.T) {
	for _, size := range []int{0, 10, 64 << 10, 64<<10 + 1, 1 << 20, 3 << 20} {
		state := strings.Repeat("x", size)
		dir, took, err := try(t, state, sh("cat >state; cat >more"), sh("exec cat >again"), sh("exit 0"), sh("exec <&-; sleep 0.01"))
		if err != "" || took > 5*time.Second {
			t.Error(size, err, took)
		}
		if read(t, dir, "state") != state || read(t, dir, "again") != state || read(t, dir, "more") != "" {
			t.Errorf("%d bytes did not arrive", size)
		}
	}
}

// a flood of output costs neither memory nor a long error.
func TestRunFlood(t *testing.T) {
	_, took, err := try(t, "", sh("yes abcdefg | head -c 200000000; echo the end >&2; exit 1"))
	if len(err) > keepOutput+100 || !strings.HasPrefix(err, `hooks.createRuntime[0]: "/bin/sh": exit status 1: `) || !strings.HasSuffix(err, "abcdefg\nthe end") {
		t.Errorf("%d bytes: %.100s", len(err), err)
	}
	t.Log(took)
}

// a daemon that holds stdout is not waited for, and lives on.
func TestRunDaemon(t *testing.T) {
	dir, took, err := try(t, "", sh("setsid sleep 60 & echo $! >pid; sleep 0.1"), sh("sleep 60 & echo $! >pid2"), sh("exit 0"))
	defer func() {
		for _, f := range []string{"pid", "pid2"} {
			pid, _ := strconv.Atoi(strings.TrimSpace(read(t, dir, f)))
			unix.Kill(pid, unix.SIGKILL)
			unix.Wait4(pid, nil, 0, nil) // it came to us, a subreaper at that time
		}
	}()
	if err != "" || took > 5*time.Second {
		t.Error(err, took)
	}
	if !alive(t, dir, "pid") || !alive(t, dir, "pid2") {
		t.Error("the daemon is dead")
	}
}

// at the end of its time, everything that a hook started is dead.
func TestRunTimeoutKillsAll(t *testing.T) {
	_, known := unixChildren(t)
	dir, took, err := try(t, "", withTimeout(sh(`
		sleep 60 & echo $! >same-group
		setsid sh -c 'echo $$ >new-session; sleep 60'&
		setsid sh -c 'setsid sh -c "echo \$\$ >orphan; trap \"\" TERM HUP; sleep 60; sleep 60" & exit'
		while ! [ -s orphan -a -s new-session ]; do sleep 0.01; done
		sleep 60`), 1))
	if err != `hooks.createRuntime[0]: "/bin/sh": did not end within 1 s and was killed` {
		t.Error(err)
	}
	if took < time.Second || took > 1500*time.Millisecond {
		t.Error(took)
	}
	for _, f := range []string{"same-group", "new-session", "orphan"} {
		if alive(t, dir, f) {
			t.Errorf("%s is alive", f)
		}
	}
	if _, now := unixChildren(t); now != known {
		t.Errorf("%d children before, %d after", known, now)
	}
}

func unixChildren(t *testing.T) ([]int, int) {
	t.Helper()
	f := adopt()
	defer f.release()
	if f.proc == nil {
		t.Skip("needs CONFIG_PROC_CHILDREN")
	}
	f.look()
	return f.known, len(f.known)
}

// What an earlier hook left is not the later one's.
func TestRunFailureKillsOwn(t *testing.T) {
	dir, _, err := try(t, "",
		sh("setsid sleep 60 & echo $! >first; sleep 0.1"),
		sh("setsid sleep 60 & echo $! >second; sleep 0.1; exit 1"))
	if err != `hooks.createRuntime[1]: "/bin/sh": exit status 1` {
		t.Error(err)
	}
	if !alive(t, dir, "first") || alive(t, dir, "second") {
		t.Error("first alive:", alive(t, dir, "first"), "second alive:", alive(t, dir, "second"))
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(read(t, dir, "first")))
	unix.Kill(pid, unix.SIGKILL)
	unix.Wait4(pid, nil, 0, nil)
}

func TestRunStop(t *testing.T) {
	stop, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(stop)
	time.AfterFunc(200*time.Millisecond, func() { unix.Write(stop, []byte{1, 0, 0, 0, 0, 0, 0, 0}) })
	runner := &Runner{Dir: "/", Stop: stop}
	begin := time.Now()
	err = runner.Run("prestart", []Hook{sh("sleep 60 & sleep 60"), sh("exit 0")}, nil)
	if err == nil || err.Error() != `hooks.prestart[0]: "/bin/sh": was killed, because rt was told to end` {
		t.Error(err)
	}
	if took := time.Since(begin); took > time.Second {
		t.Error(took)
	}
	err = runner.Run("prestart", []Hook{sh("exit 0")}, nil)
	if err == nil || err.Error() != `hooks.prestart[0]: "/bin/sh": not started, rt was told to end` {
		t.Error(err)
	}
}

func TestStdinIsAPipe(t *testing.T) {
	dir, _, err := try(t, strings.Repeat("x", 100), sh("[ -p /dev/stdin ] || exit 9; cat /dev/stdin >state"))
	if err != "" || len(read(t, dir, "state")) != 100 {
		t.Error(err)
	}
	fd, e := memory(bytes.Repeat([]byte("x"), 100))
	if e != nil {
		t.Fatal(e)
	}
	defer unix.Close(fd)
	buf := make([]byte, 200)
	if n, e := unix.Read(fd, buf); n != 100 || e != nil {
		t.Error(n, e)
	}
}

// A seccomp filter may keep pidfds from init.
func TestWaitWithoutPidfd(t *testing.T) {
	for script, want := range map[string]string{
		"echo x; exit 0":   "",
		"echo x; sleep 60": "did not end within 1 s and was killed",
	} {
		h := sh(script)
		p, err := start(&h, nil, "/", 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(p.pidfd)
		p.pidfd = -1
		got := ""
		if err := p.wait(1, 0); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		unix.Kill(-p.pid, unix.SIGKILL)
		p.gone(time.Now().Add(time.Second))
		if _, err := reap(p.pid, unix.WNOHANG); err != nil || strings.TrimSpace(string(p.tail)) != "x" {
			t.Errorf("%v, output %q", err, p.tail)
		}
		p.close()
	}
}

func BenchmarkRun(b *testing.B) {
	list := []Hook{{Path: "/bin/true", Args: []string{"true"}}}
	for b.Loop() {
		if err := Run("prestart", list, []byte("{}"), "/"); err != nil {
			b.Fatal(err)
		}
	}
}
