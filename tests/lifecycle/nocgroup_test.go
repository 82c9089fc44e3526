package lifecycle

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// A user's container without a cgroup is known by its pid namespace: ps lists it,
// and kill --all reaches all of it.
func TestRootlessWithoutCgroup(t *testing.T) {
	c := rootless(t, harness.Shell("trap 'echo usr1 >/got' USR1; echo >/ready; while :; do sleep 0.1; done"))
	defer func() { as(t, c, "delete", "--force", c.ID) }()
	if r := as(t, c, "run", "--detach", "--bundle", c.Bundle, c.ID); r.Code != 0 {
		t.Fatal(r)
	}
	harness.Eventually(t, "ready", func() bool { return c.Has("ready") })
	if r := as(t, c, "exec", "--detach", "--pid-file", c.Root+"/exec.pid", c.ID, "sh", "-c", "trap 'echo usr1 >/exec' USR1; echo >/too; while :; do sleep 0.1; done"); r.Code != 0 {
		t.Fatal(r)
	}
	harness.Eventually(t, "ready too", func() bool { return c.Has("too") })
	if r := as(t, c, "ps", "--format", "json", c.ID); r.Code != 0 || strings.Count(r.Stdout, ",") < 1 {
		t.Error(r)
	}
	if r := as(t, c, "kill", "--all", c.ID, "USR1"); r.Code != 0 {
		t.Error(r)
	}
	harness.Eventually(t, "both signalled", func() bool { return c.Has("got") && c.Has("exec") })
	if r := as(t, c, "kill", "--all", c.ID, "KILL"); r.Code != 0 {
		t.Error(r)
	}
	text, err := os.ReadFile(c.Root + "/exec.pid")
	if err != nil {
		t.Fatal(err)
	}
	pid, _ := strconv.Atoi(string(text))
	harness.WaitOrphan(t, pid) // init's end waits for it
	harness.Eventually(t, "stopped", func() bool { return strings.Contains(as(t, c, "state", c.ID).Stdout, `"stopped"`) })
	if r := as(t, c, "ps", "--format", "json", c.ID); r.Code != 0 || r.Stdout != "[]\n" && r.Stdout != "null\n" {
		t.Error(r)
	}
	if r := as(t, c, "kill", "--all", c.ID, "KILL"); r.Code != 0 {
		t.Error(r)
	}
}

// Where the state of a user's containers can't be, rt says where it can.
func TestRootlessWithoutRuntimeDirectory(t *testing.T) {
	if err := os.MkdirAll("/run/rt", 0o700); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat("/run/rt"); err != nil || info.Mode().Perm()&0o007 != 0 {
		t.Skip("everybody may use /run/rt")
	}
	defer os.Remove("/run/rt") // unless it was there and is used
	c := harness.Command{Args: []string{harness.PublicRuntime(t), "list"}, Env: []string{"HOME=/"}}
	c.Tune = func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ordinary, Gid: ordinary}}
	}
	if r := c.Run(t); r.Code != 1 || r.Stderr != "rt: /run/rt: permission denied: a user who is not root sets XDG_RUNTIME_DIR, or gives --root\n" {
		t.Error(r)
	}
}
