package cgroups

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// These tests make cgroups below /rt-test-PID, and leave none.

func facts(t testing.TB) *config.Facts {
	t.Helper()
	f, err := config.ReadFacts("")
	if err != nil {
		t.Fatal(err)
	}
	if f.Rootless {
		t.Skip("needs root")
	}
	return f
}

var serial atomic.Int32

func testPath() string {
	return fmt.Sprintf("/rt-test-%d/c%d", os.Getpid(), serial.Add(1))
}

func plan(t testing.TB, dir string, r *specs.LinuxResources) *Plan {
	t.Helper()
	var ps config.Problems
	p := PlanCgroup(&specs.Spec{Linux: &specs.Linux{CgroupsPath: dir, Resources: r}}, "x", false, facts(t), &ps)
	if err := ps.Err(); err != nil {
		t.Fatal(err)
	}
	return p
}

func create(t testing.TB, r *specs.LinuxResources) *Cgroup {
	t.Helper()
	c, err := plan(t, testPath(), r).Create()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errorsOf(c.Kill(), c.Remove()); err != nil {
			t.Error(err)
		}
	})
	return c
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// enter starts a shell in the cgroup, the way a container's init gets there.
func enter(t testing.TB, c *Cgroup, joins []*os.File, clone *os.File, script string) *exec.Cmd {
	t.Helper()
	var b strings.Builder
	for i := range joins {
		fmt.Fprintf(&b, "echo 0 >&%d || exit 9\n", 3+i)
	}
	b.WriteString("echo in >&1\n" + script)
	cmd := exec.Command("/bin/bash", "-c", b.String())
	cmd.ExtraFiles = joins
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &unix.SysProcAttr{}
	if clone != nil {
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, int(clone.Fd())
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	closeAll(joins)
	if clone != nil {
		clone.Close()
	}
	if _, err := out.Read(make([]byte, 3)); err != nil {
		t.Fatal("the process did not get into its cgroup: ", err)
	}
	return cmd
}

func start(t testing.TB, c *Cgroup, script string) *exec.Cmd {
	t.Helper()
	joins, err := c.Joins(nil)
	if err != nil {
		t.Fatal(err)
	}
	clone, err := c.CloneFD(nil)
	if err != nil {
		t.Fatal(err)
	}
	return enter(t, c, joins, clone, script)
}

// content reads a control file of the container.
func content(t testing.TB, c *Cgroup, controller, file string) string {
	t.Helper()
	dir := c.state.Paths[c.with(controller)]
	data, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

func ptr[T any](v T) *T { return &v }

func TestLifecycle(t *testing.T) {
	p := plan(t, testPath(), nil)
	intent := p.Intent()
	for name, dir := range intent.Paths {
		if intent.Made[name] != 2 {
			t.Errorf("%s: %d components to make, want 2", dir, intent.Made[name])
		}
	}
	c, err := p.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Remove()
	cmd := start(t, c, "sleep 100 & exec sleep 100")
	if err := c.Apply(); err != nil {
		t.Fatal(err)
	}
	in, err := whereIs(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	for name, dir := range intent.Paths {
		if !strings.HasSuffix(dir, in[name]) || in[name] == "/" {
			t.Errorf("it is in %s, not in %s", in[name], dir)
		}
	}

	data, err := json.Marshal(c.State())
	if err != nil {
		t.Fatal(err)
	}
	var s State
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	c2, err := Load(s)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "two processes", func() bool {
		pids, err := c2.Pids()
		return err == nil && len(pids) == 2 && slices.Contains(pids, cmd.Process.Pid)
	})
	if frozen, err := c2.Frozen(); frozen || err != nil {
		t.Errorf("frozen %v, %v", frozen, err)
	}
	// As a Freeze leaves it that is killed: on v1 it may stay half-way.
	if freezing, err := c2.Freezing(); freezing || err != nil {
		t.Errorf("freezing %v, %v", freezing, err)
	}
	if dir, name, err := c2.freezer(); err != nil || setFrozen(dir, name == "", true) != nil {
		t.Fatal("not told to freeze: ", err)
	}
	if freezing, err := c2.Freezing(); !freezing || err != nil {
		t.Errorf("told to freeze: freezing %v, %v", freezing, err)
	}
	if err := c2.Freeze(); err != nil {
		t.Fatal(err)
	}
	if frozen, err := c2.Frozen(); !frozen || err != nil {
		t.Errorf("frozen %v, %v", frozen, err)
	}
	if err := c2.Remove(); err == nil || !strings.Contains(err.Error(), "still in it: ") {
		t.Errorf("removed although frozen processes are in it: %v", err)
	}
	if err := c2.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := c2.Remove(); err != nil {
		t.Fatal(err)
	}
	if err := c2.Remove(); err != nil {
		t.Errorf("again: %v", err)
	}
	if frozen, err := c2.Frozen(); frozen || err != nil {
		t.Errorf("gone: frozen %v, %v", frozen, err)
	}
	if pids, err := c2.Pids(); len(pids) != 0 || err != nil {
		t.Errorf("gone: pids %v, %v", pids, err)
	}
	if err := c2.Kill(); err != nil {
		t.Errorf("gone: kill: %v", err)
	}
	for _, dir := range intent.Paths {
		if _, err := os.Stat(filepath.Dir(dir)); err == nil {
			t.Errorf("%s is left", filepath.Dir(dir))
		}
	}
}

func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 500 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("waited in vain for ", what)
}
