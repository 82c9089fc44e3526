package lifecycle

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/tests/harness"
)

func TestExecExitCodes(t *testing.T) {
	c := harness.New(t)
	c.Up()
	for script, want := range map[string]int{"exit 0": 0, "exit 42": 42, "kill -9 $$": 137, "kill -TERM $$": 143} {
		if r := c.Do("exec", c.ID, "sh", "-c", script); r.Code != want {
			t.Errorf("%s: want exit status %d: %v", script, want, r)
		}
	}
	c.Fails(255, []string{`"no-such-program"`, "executable file not found in"}, "exec", c.ID, "no-such-program")
}

func TestExecInOtherStates(t *testing.T) {
	c := harness.New(t)
	c.Create()
	if r := c.Do("exec", c.ID, "echo", "here"); r.Code != 0 || r.Stdout != "here\n" {
		t.Errorf("created: %v", r)
	}
	c.Start()
	c.Must("pause", c.ID)
	c.Fails(255, []string{"paused"}, "exec", c.ID, "true")
	c.Must("resume", c.ID)
	c.Kill("KILL")
	c.Fails(255, []string{"stopped"}, "exec", c.ID, "true")
}

func TestExecJoinsEverything(t *testing.T) {
	c := harness.New(t)
	c.Up()
	for _, kind := range []string{"mnt", "pid", "net", "ipc", "uts"} {
		want, err := os.Readlink("/proc/" + strconv.Itoa(c.Init) + "/ns/" + kind)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(c.Exec("readlink", "/proc/self/ns/"+kind)); got != want {
			t.Errorf("%s namespace %s, init has %s", kind, got, want)
		}
	}
	// The cgroup is init's, whatever the hierarchy.
	running := c.Command("exec", c.ID, "sleep", "1000").Start(t)
	pid := 0
	harness.Eventually(t, "exec's process shows in ps", func() bool {
		var pids []int
		if err := json.Unmarshal([]byte(c.Must("ps", "--format", "json", c.ID).Stdout), &pids); err != nil {
			t.Fatal(err)
		}
		for _, p := range pids {
			if comm, _ := os.ReadFile("/proc/" + strconv.Itoa(p) + "/comm"); p != c.Init && string(comm) == "sleep\n" {
				pid = p
			}
		}
		return pid != 0
	})
	got, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if want := c.ProcFile("cgroup"); string(got) != want {
		t.Errorf("cgroups of exec:\n%s\nof init:\n%s", got, want)
	}
	unix.Kill(pid, unix.SIGKILL)
	if r := running.Wait(); r.Code != 137 {
		t.Error(r)
	}
}

func TestExecFlags(t *testing.T) {
	c := harness.New(t)
	c.Up()
	for name, tt := range map[string]struct {
		flags  []string
		script string
		want   string
	}{
		"cwd":       {[]string{"--cwd", "/tmp"}, "pwd", "/tmp"},
		"env":       {[]string{"--env", "A=1", "--env", "B=2 3"}, "echo $A $B", "1 2 3"},
		"user":      {[]string{"--user", "1000:7"}, "id -u; id -g", "1000\n7"},
		"only uid":  {[]string{"-u", "1000"}, "id -u", "1000"},
		"groups":    {[]string{"--user", "1:1", "-g", "5", "-g", "6"}, "id -G", "1 5 6"},
		"args":      {nil, "echo a  b", "a b"},
		"home":      {nil, "echo $HOME", "/root"},
		"stdin":     {nil, "cat", ""},
		"nnp":       {[]string{"--no-new-privs"}, "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1"},
		"=value":    {[]string{"--cwd=/tmp"}, "pwd", "/tmp"},
		"one dash":  {[]string{"-cwd", "/tmp"}, "pwd", "/tmp"},
		"add a cap": {[]string{"--cap", "CAP_NET_ADMIN"}, "grep CapEff /proc/self/status", "CapEff:\t00000000a80435fb"},
	} {
		t.Run(name, func(t *testing.T) {
			args := append(append([]string{"exec"}, tt.flags...), c.ID, "sh", "-c", tt.script)
			r := c.Do(args...)
			if got := strings.TrimSpace(r.Stdout); r.Code != 0 || got != tt.want || r.Stderr != "" {
				t.Errorf("want %q: %v", tt.want, r)
			}
		})
	}
}

func TestExecBadUsers(t *testing.T) {
	c := harness.New(t)
	c.Up()
	for _, user := range []string{"-1", "4294967295", "4294967296", "1:4294967296", "1:", ":1", "0x10", " 1", "1 ", "root", "18446744073709551616"} {
		r := c.Do("exec", "--user", user, c.ID, "id", "-u")
		if r.Code == 0 {
			t.Errorf("--user %q ran as %s", user, r.Stdout)
		}
	}
}

func TestExecProcess(t *testing.T) {
	c := harness.New(t)
	c.Up()
	process := specs.Process{
		Args: []string{"sh", "-c", "echo $WORD; pwd; id -u; umask"}, Env: []string{"PATH=/bin", "WORD=hello"}, Cwd: "/tmp",
		User: specs.User{UID: 1000, GID: 1000},
	}
	file := filepath.Join(harness.Dir(t), "process.json")
	writeJSON(t, file, process)
	if r := c.Must("exec", "--process", file, c.ID); r.Stdout != "hello\n/tmp\n1000\n0022\n" {
		t.Error(r)
	}
	process.Cwd = "tmp"
	writeJSON(t, file, process)
	c.Fails(255, []string{"cwd", `"tmp"`}, "exec", "--process", file, c.ID)
	c.Fails(255, []string{"/no/such/file", "no such file or directory"}, "exec", "--process", "/no/such/file", c.ID)
}

func TestExecDetached(t *testing.T) {
	c := harness.New(t)
	c.Up()
	pidFile := filepath.Join(harness.Dir(t), "pid")
	c.Must("exec", "--detach", "--pid-file", pidFile, c.ID, "sh", "-c", "sleep 0.2; exit 9")
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(string(text))
	if err != nil {
		t.Fatalf("pid file: %v", err)
	}
	if status := harness.WaitOrphan(t, pid); status.ExitStatus() != 9 {
		t.Errorf("wait status %v", status)
	}
	os.Remove(pidFile)
	c.Fails(255, nil, "exec", "--detach", "--pid-file", pidFile, c.ID, "/no/such/program")
	if _, err := os.Stat(pidFile); err == nil {
		t.Error("a failed exec left a pid file: conmon takes it for success")
	}
}

func TestExecSeesTheContainersProcessesOnly(t *testing.T) {
	c := harness.New(t)
	c.Up()
	if out := c.Exec("ps"); !strings.Contains(out, "    1 root") || strings.Count(out, "\n") > 4 {
		t.Errorf("ps in the container:\n%s", out)
	}
}

func TestPreservedDescriptors(t *testing.T) {
	c := harness.New(t)
	c.Up()
	path := filepath.Join(harness.Dir(t), "three")
	if err := os.WriteFile(path, []byte("text of three\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	three, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer three.Close()
	command := c.Command("exec", "--preserve-fds", "1", c.ID, "sh", "-c", "cat <&3; ls /proc/self/fd")
	command.Files = []*os.File{three, three, three}
	r := command.Run(t)
	if got := strings.Fields(r.Stdout); r.Code != 0 || strings.Join(got, " ") != "text of three 0 1 2 3 4" {
		t.Errorf("want descriptors 0 to 3, and the 4 of ls: %v", r)
	}
	command = c.Command("exec", c.ID, "ls", "/proc/self/fd")
	command.Files = []*os.File{three, three}
	if got := strings.Fields(command.Run(t).Stdout); strings.Join(got, " ") != "0 1 2 3" {
		t.Errorf("descriptors of the caller leaked: %v", got)
	}
}

func writeJSON(t *testing.T, path string, value any) {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
