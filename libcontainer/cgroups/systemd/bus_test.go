package systemd

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/cgroups"
	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/c9b5e2ae/rt/tests/needs"
)

// These tests need a systemd, the machine's for root and the user's for others.

func facts(t *testing.T) *config.Facts {
	t.Helper()
	f, err := config.ReadFacts("")
	if err != nil {
		t.Fatal(err)
	}
	s, err := connect(f.Rootless)
	if err != nil {
		t.Fatal(err)
	}
	s.close()
	return f
}

func create(t *testing.T, name string, s *specs.Spec) *cgroups.Cgroup {
	t.Helper()
	var ps config.Problems
	s.Linux.CgroupsPath = "rttest-sub.slice:rt-test:" + name
	p := cgroups.PlanCgroup(s, name, true, facts(t), &ps)
	if err := ps.Err(); err != nil {
		t.Fatal(err)
	}
	intent := p.Intent()
	c, err := p.Create()
	if err != nil {
		t.Fatal(err)
	}
	if intent.Scope != "rt-test-"+name+".scope" || intent.Driver != "systemd" {
		t.Errorf("intent %+v", intent)
	}
	return c
}

// A child waits at its gate until it is in the cgroup, as rt's init does.
type child struct {
	cmd  *exec.Cmd
	gate io.WriteCloser
}

func launch(t *testing.T) *child {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", "read -r go; exec sleep 100")
	cmd.Stderr = os.Stderr
	gate, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return &child{cmd, gate}
}

func (ch *child) join(t *testing.T, c *cgroups.Cgroup) {
	t.Helper()
	if err := c.Enter(ch.cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(ch.gate, "go")
	if err := c.Apply(); err != nil {
		t.Fatal(err)
	}
	for range 300 {
		comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", ch.cmd.Process.Pid))
		if string(comm) == "sleep\n" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := c.ApplyLast(); err != nil {
		t.Fatal(err)
	}
}

func show(t *testing.T, f *config.Facts, unit string, properties ...string) string {
	t.Helper()
	args := []string{"show", "--property=" + strings.Join(properties, ","), unit}
	if f.Rootless {
		args = append([]string{"--user"}, args...)
	}
	out, err := exec.Command("systemctl", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.ReplaceAll(strings.TrimSpace(string(out)), "\n", " ")
}

const resources = `{
	"memory": {"limit": 33554432, "swap": 33554432},
	"cpu": {"shares": 2048, "quota": 20500, "period": 50000},
	"pids": {"limit": 20},
	"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 1, "minor": 11, "access": "r"}]
}`

func spec(t *testing.T, resources string) *specs.Spec {
	t.Helper()
	var r specs.LinuxResources
	if err := json.Unmarshal([]byte(resources), &r); err != nil {
		t.Fatal(err)
	}
	return &specs.Spec{Linux: &specs.Linux{Resources: &r}}
}

func TestScope(t *testing.T) {
	needs.All(t, "systemd")
	f := facts(t)
	if f.Rootless && f.CgroupMode != config.CgroupV2 {
		t.Skip("cgroup v1 has no limits that users can set")
	}
	s := spec(t, resources)
	s.Annotations = map[string]string{
		"org.systemd.property.TimeoutStopUSec": "uint64 7000000",
		"org.systemd.property.KillSignal":      "37",
		"org.systemd.property.After":           "['rt-test-nothing.service']",
		"org.systemd.property.ExecStartPost":   "'/bin/false'",
	}
	c := create(t, "c1", s)
	ch := launch(t)
	pid := ch.cmd.Process.Pid
	ch.join(t, c)

	st := c.State()
	in, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		t.Fatal(err)
	}
	for name, dir := range st.Paths {
		if st.Inodes[name] == 0 {
			t.Errorf("%s: no inode", dir)
		}
		if !strings.Contains(string(in), ":"+name+":") || !strings.HasSuffix(dir, "/rttest.slice/rttest-sub.slice/rt-test-c1.scope") {
			t.Errorf("%q: %s", name, dir)
		}
	}
	for line := range strings.Lines(string(in)) {
		_, rest, _ := strings.Cut(line, ":")
		name, at, _ := strings.Cut(strings.TrimSpace(rest), ":")
		if dir, ok := st.Paths[name]; ok && !strings.HasSuffix(dir, at) {
			t.Errorf("the process is in %s, not in %s", at, dir)
		}
	}
	for _, p := range cgroups.Verify(pid, s) {
		t.Error(p)
	}
	got := show(t, f, st.Scope, "Slice", "Delegate", "TimeoutStopUSec", "KillSignal", "After", "DefaultDependencies", "CollectMode", "TasksMax", "MemoryMax", "MemoryLimit",
		"CPUQuotaPerSecUSec", "DevicePolicy", "CPUWeight", "CPUShares")
	for _, want := range []string{"Slice=rttest-sub.slice", "Delegate=yes", "TimeoutStopUSec=7s", "KillSignal=37", "DefaultDependencies=no", "CollectMode=inactive-or-failed",
		"TasksMax=20", "=33554432", "CPUQuotaPerSecUSec=410ms", "rt-test-nothing.service", "DevicePolicy=strict"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in %s", want, got)
		}
	}

	c, err = cgroups.Load(st)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Freeze(); err != nil {
		t.Error(err)
	}
	if frozen, err := c.Frozen(); !frozen || err != nil {
		t.Errorf("frozen %v, %v", frozen, err)
	}
	if pids, err := c.Pids(); len(pids) != 1 || pids[0] != pid || err != nil {
		t.Errorf("pids %v, %v", pids, err)
	}
	up := spec(t, `{"memory": {"limit": 67108864, "swap": 67108864}, "cpu": {"quota": 10000, "period": 50000}, "pids": {"limit": 30}, "devices": [{"allow": false, "access": "rwm"}]}`)
	if err := c.Update(up.Linux.Resources); err != nil {
		t.Fatal(err)
	}
	reload := []string{"daemon-reload"}
	if f.Rootless {
		reload = append(reload, "--user")
	}
	if out, err := exec.Command("systemctl", reload...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	time.Sleep(300 * time.Millisecond)
	up.Linux.Resources.Devices = s.Linux.Resources.Devices
	for _, p := range cgroups.Verify(pid, up) {
		t.Errorf("after a reload: %s", p)
	}
	if err := c.Kill(); err != nil {
		t.Error(err)
	}
	ch.cmd.Wait()
	if err := c.Remove(); err != nil {
		t.Fatal(err)
	}
	if err := c.Remove(); err != nil {
		t.Errorf("again: %v", err)
	}
	for _, dir := range st.Paths {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s is left", dir)
		}
	}
	if got := show(t, f, st.Scope, "LoadState"); got != "LoadState=not-found" {
		t.Errorf("the unit is left: %s", got)
	}
}

// TestScopeTwice: the name of a scope is free again as soon as it was removed,
// also if it was removed by what Intent knew.
func TestScopeTwice(t *testing.T) {
	needs.All(t, "systemd")
	for range 2 {
		c := create(t, "c2", &specs.Spec{Linux: &specs.Linux{}})
		ch := launch(t)
		ch.join(t, c)
		st := c.State()
		st.Inodes = nil
		c, err := cgroups.Load(st)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Kill(); err != nil {
			t.Fatal(err)
		}
		ch.cmd.Wait()
		if err := c.Remove(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestScopeExists(t *testing.T) {
	needs.All(t, "systemd")
	c := create(t, "c3", &specs.Spec{Linux: &specs.Linux{}})
	first := launch(t)
	first.join(t, c)
	defer c.Remove()
	defer c.Kill()
	c2 := create(t, "c3", &specs.Spec{Linux: &specs.Linux{}})
	second := launch(t)
	err := c2.Enter(second.cmd.Process.Pid)
	want := "start unit rt-test-c3.scope: there is one of that name"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	// Its rollback must not harm the first.
	if err := c2.Kill(); err != nil {
		t.Error(err)
	}
	if err := c2.Remove(); err != nil {
		t.Error(err)
	}
	if pids, err := c.Pids(); len(pids) != 1 || err != nil {
		t.Errorf("the first one has %v, %v", pids, err)
	}
	if unix.Kill(first.cmd.Process.Pid, 0) != nil {
		t.Error("the first one is dead")
	}
}

func TestNoBus(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	_, err := connect(true)
	if err == nil || !strings.Contains(err.Error(), "neither XDG_RUNTIME_DIR nor DBUS_SESSION_BUS_ADDRESS is set; log in by a session of systemd") {
		t.Errorf("got %v", err)
	}
	t.Setenv("XDG_RUNTIME_DIR", "/nowhere")
	_, err = connect(true)
	if err == nil || !strings.Contains(err.Error(), "unix:path=/nowhere/bus: there is no such socket; ") || strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %v", err)
	}
}

// TestSilentBus: a peer that accepts and never answers does not hold us.
func TestSilentBus(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	old := deadline
	deadline = 200 * time.Millisecond
	defer func() { deadline = old }()
	begin := time.Now()
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+path)
	_, err = connect(true)
	if err == nil || !strings.Contains(err.Error(), "no answer within 200ms; log in") || time.Since(begin) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}
