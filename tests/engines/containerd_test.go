package engines

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/c9b5e2ae/rt/tests/harness"
	"github.com/c9b5e2ae/rt/tests/needs"
)

// A containerd of our own, used through its client ctr, with busybox as a root
// directory in place of an image.
type containerd struct {
	*box
	socket, runtime, rootfs string
}

func newContainerd(t *testing.T) *containerd {
	t.Helper()
	dir := harness.Dir(t)
	t.Cleanup(func() { harness.RemoveCgroups(harness.Prefix() + "ctr") })
	c := &containerd{newBox(t), dir + "/containerd.sock", harness.Runtime(t), dir + "/rootfs"}
	config := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(config, []byte("version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	harness.MakeRootfs(t, c.rootfs)
	daemon := c.command("containerd", "--config", config, "--address", c.socket, "--log-level", "warn",
		"--root", filepath.Join(dir, "root"), "--state", filepath.Join(dir, "state"))
	daemon.Limit *= 5
	log := daemon.Start(t)
	t.Cleanup(func() {
		c.command("pkill", "-x", "containerd").Run(t) // in the box is no other
		if r := log.Wait(); t.Failed() {
			t.Logf("errors in the log of containerd:\n%s", linesWith(r.Stderr, "level=error"))
		}
	})
	harness.EventuallyIn(t, time.Minute, "containerd answers", func() bool { return c.do("version").Code == 0 })
	return c
}

func (c *containerd) ctr(args ...string) harness.Command {
	return c.command(append([]string{"ctr", "--address", c.socket}, args...)...)
}

func (c *containerd) do(args ...string) harness.Result { c.t.Helper(); return c.ctr(args...).Run(c.t) }

func (c *containerd) must(args ...string) string {
	c.t.Helper()
	r := c.do(args...)
	if r.Code != 0 {
		c.t.Fatal(r)
	}
	return strings.TrimSpace(r.Stdout)
}

// run is `ctr run` of a program under a name.
func (c *containerd) run(name string, flags []string, program ...string) []string {
	args := append([]string{"run", "--runc-binary", c.runtime, "--env", "PATH=/bin", "--cgroup", "/" + harness.Prefix() + "ctr/" + name}, flags...)
	return append(append(args, "--rootfs", c.rootfs, name), program...)
}

func TestContainerd(t *testing.T) {
	needs.All(t, "root", "command:containerd", "command:ctr")
	c := newContainerd(t)

	wantOutput(t, c.do(c.run("hello", []string{"--rm"}, "echo", "hello")...), "hello")
	if r := c.do(c.run("seven", []string{"--rm"}, "sh", "-c", "exit 7")...); r.Code != 7 {
		t.Errorf("want exit status 7: %v", r)
	}
	if r := c.do(c.run("missing", []string{"--rm"}, "no-such-program")...); r.Code == 0 || !strings.Contains(r.Stderr, "executable file not found") {
		t.Error(r)
	}

	running, console := inTerminal(t, c.ctr(c.run("terminal", []string{"--rm", "-t"}, "sh")...))
	console.Expect("/ #")
	console.Type("echo $((6*7)); exit 3\n")
	console.Expect("42")
	if r := running.Wait(); r.Code != 3 {
		t.Error(r)
	}

	c.must(c.run("life", []string{"-d"}, "sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.1; done")...)
	status := func() string {
		for line := range strings.Lines(c.must("task", "ls")) {
			if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "life" {
				return fields[2]
			}
		}
		return ""
	}
	if s := status(); s != "RUNNING" {
		t.Errorf("status %s", s)
	}
	wantOutput(t, c.do("task", "exec", "--exec-id", "one", "life", "echo", "in exec"), "in exec")
	if r := c.do("task", "exec", "--exec-id", "two", "life", "sh", "-c", "exit 9"); r.Code != 9 {
		t.Errorf("want exit status 9: %v", r)
	}
	if list := c.must("task", "ps", "life"); len(strings.Split(list, "\n")) < 2 {
		t.Errorf("task ps: %s", list)
	}
	c.must("task", "pause", "life")
	if s := status(); s != "PAUSED" {
		t.Errorf("status %s", s)
	}
	c.must("task", "resume", "life")
	if metrics := c.must("task", "metrics", "life"); !strings.Contains(metrics, "memory") {
		t.Errorf("task metrics: %s", metrics)
	}
	c.must("task", "kill", "--signal", "SIGTERM", "life")
	harness.Eventually(t, "the task stops", func() bool { return status() == "STOPPED" })
	c.must("task", "rm", "life")
	c.must("container", "rm", "life")
}
