// Package nginx runs a real server as articles about containers do it: a Debian
// root, nginx detached, and a look at it from inside and outside.
package nginx

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

const (
	memoryLimit = 64 << 20
	pidsLimit   = 40
	cpuQuota    = 20000 // of a period of 100000: a fifth of a CPU
)

// limited gives the container its limits.
func limited(s *specs.Spec) {
	memory, pids, quota, period := int64(memoryLimit), int64(pidsLimit), int64(cpuQuota), uint64(100000)
	s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &memory, Swap: &memory}
	s.Linux.Resources.Pids = &specs.LinuxPids{Limit: &pids}
	s.Linux.Resources.CPU = &specs.LinuxCPU{Quota: &quota, Period: &period}
}

// One container serves all parts: they look at it while it runs.
func TestNginx(t *testing.T) {
	archive := harness.Made(t, "make-root", ".tar")
	c := harness.NewFrom(t, harness.Docker(t), limited, harness.Args("nginx", "-g", "daemon off;"))
	if err := os.RemoveAll(c.Rootfs()); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(c.Rootfs(), 0o755); err != nil {
		t.Fatal(err)
	}
	harness.Must(t, "tar", "-xf", archive, "-C", c.Rootfs())
	page := filepath.Join(c.Rootfs(), "var/www/html/index.html")
	if err := os.WriteFile(page, []byte("served from a container\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c.Must("run", "--detach", "--bundle", c.Bundle, c.ID)
	c.Init = c.State().Pid

	for _, part := range []struct {
		name string
		run  func(*testing.T, *harness.Container)
	}{
		{"the host sees master and worker", hostSeesMasterAndWorker},
		{"inside it is pid 1 and alone", insideItIsPID1},
		{"a file of exec is seen on the host", fileOfExec},
		{"answers HTTP in its own network", answersHTTP},
		{"limits are in the cgroup files", limitsAreSet},
		{"a memory hog is killed", memoryHogIsKilled},
		{"a fork bomb is stopped", forkBombIsStopped},
		{"a busy loop is throttled", busyLoopIsThrottled},
		{"still answers", answersHTTP},
		{"the root is exported with tar", exportedWithTar},
	} {
		t.Run(part.name, func(t *testing.T) {
			inner := *c
			inner.T = t
			part.run(t, &inner)
		})
	}

	if status := c.Kill("TERM"); !status.Exited() || status.ExitStatus() != 0 {
		t.Errorf("nginx ends with 0 on TERM, not with wait status %v", status)
	}
	c.WantStatus("stopped")
	c.Delete()
	c.WantNothing()
}

func hostSeesMasterAndWorker(t *testing.T, c *harness.Container) {
	var list string
	harness.Eventually(t, "a worker", func() bool {
		list = harness.Must(t, "ps", "-e", "-o", "pid,ppid,args")
		return strings.Contains(list, "nginx: worker process")
	})
	for line := range strings.Lines(list) {
		fields := strings.Fields(line)
		if strings.Contains(line, "nginx: master process nginx -g daemon off;") && fields[0] == strconv.Itoa(c.Init) {
			return
		}
	}
	t.Errorf("no master with pid %d on the host:\n%s", c.Init, list)
}

func insideItIsPID1(t *testing.T, c *harness.Container) {
	list := strings.Split(strings.TrimSpace(c.Exec("ps", "-e", "-o", "pid=,args=")), "\n")
	if !strings.HasPrefix(strings.TrimSpace(list[0]), "1 nginx: master process") {
		t.Errorf("pid 1 is %q", list[0])
	}
	for _, line := range list[1:] {
		if !strings.Contains(line, "nginx: worker") && !strings.Contains(line, "ps -e") {
			t.Errorf("a process that is none of the container's: %q", line)
		}
	}
}

func fileOfExec(t *testing.T, c *harness.Container) {
	c.Exec("touch", "/srv/made-by-exec")
	for _, path := range []string{
		fmt.Sprintf("/proc/%d/root/srv/made-by-exec", c.Init),
		filepath.Join(c.Rootfs(), "srv/made-by-exec"),
	} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat("/srv/made-by-exec"); err == nil {
		t.Error("the file is in the host's root")
	}
}

func answersHTTP(t *testing.T, c *harness.Container) {
	network := fmt.Sprintf("--net=/proc/%d/ns/net", c.Init)
	harness.Eventually(t, "nginx answers", func() bool {
		r := harness.Command{Args: []string{"nsenter", network, "curl", "-sS", "-m", "5", "http://127.0.0.1/"}}.Run(t)
		return r.Stdout == "served from a container\n"
	})
	r := harness.Command{Args: []string{"curl", "-sS", "-m", "1", "http://127.0.0.1/"}}.Run(t)
	if strings.Contains(r.Stdout, "served from a container") {
		t.Error("it answers in the host's network too")
	}
}

func limitsAreSet(t *testing.T, c *harness.Container) {
	for _, f := range []struct{ controller, v1, v2, want1, want2 string }{
		{"memory", "memory.limit_in_bytes", "memory.max", strconv.Itoa(memoryLimit), strconv.Itoa(memoryLimit)},
		{"pids", "pids.max", "pids.max", strconv.Itoa(pidsLimit), strconv.Itoa(pidsLimit)},
		{"cpu", "cpu.cfs_quota_us", "cpu.max", strconv.Itoa(cpuQuota), strconv.Itoa(cpuQuota) + " 100000"},
	} {
		path := harness.CgroupFile(t, c.Init, f.controller, f.v1, f.v2)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := strings.TrimSpace(string(text)); got != f.want1 && got != f.want2 {
			t.Errorf("%s: %s, want %s", path, got, f.want1)
		}
	}
}

func memoryHogIsKilled(t *testing.T, c *harness.Container) {
	r := c.Do("exec", c.ID, "perl", "-e", `$x = "x" x (256 << 20); print "survived\n"`)
	if r.Code != 137 || strings.Contains(r.Stdout, "survived") {
		t.Errorf("want exit status 137: %v", r)
	}
	c.WantStatus("running")
}

func forkBombIsStopped(t *testing.T, c *harness.Container) {
	r := c.Must("exec", c.ID, "perl", "-e", `
		for $n (1 .. 500) {
			$pid = fork;
			if (!defined $pid) { print "refused after $n: $!\n"; last }
			if (!$pid) { sleep 100; exit }
			push @pids, $pid;
		}
		kill "KILL", @pids;
		waitpid $_, 0 for @pids; # the next exec wants room`)
	if !strings.Contains(r.Stdout, "Resource temporarily unavailable") {
		t.Error(r)
	}
}

func busyLoopIsThrottled(t *testing.T, c *harness.Container) {
	// A second of wall time holds a fifth of a second of CPU time, so the loop of
	// half a second takes some 2.5 s.
	begin := time.Now()
	c.Exec("perl", "-e", `while ((times)[0] < 0.5) {}`)
	if took := time.Since(begin); took < 1500*time.Millisecond {
		t.Errorf("half a second of CPU time was got within %v", took)
	}
}

func exportedWithTar(t *testing.T, c *harness.Container) {
	export := filepath.Join(harness.Dir(t), "export.tar")
	harness.Must(t, "tar", "--one-file-system", "-cf", export, "-C", c.Rootfs(), ".")
	list := harness.Must(t, "tar", "-tf", export)
	for _, path := range []string{"./etc/nginx/nginx.conf", "./srv/made-by-exec", "./usr/sbin/nginx"} {
		if !strings.Contains(list, path+"\n") {
			t.Errorf("the export lacks %s", path)
		}
	}
}
