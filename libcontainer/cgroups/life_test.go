package cgroups

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/c9b5e2ae/rt/tests/needs"
)

// TestKillForks kills a program that forks faster than anyone can list it.
func TestKillForks(t *testing.T) {
	for _, paused := range []bool{false, true} {
		c := create(t, resources(t, `{"pids": {"limit": 200}}`))
		cmd := start(t, c, `f() { while :; do (f) 2>/dev/null & done; }; exec 2>/dev/null; f`)
		if err := errorsOf(c.Apply(), c.ApplyLast()); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "many processes", func() bool {
			pids, _ := c.Pids()
			return len(pids) > 50
		})
		if paused {
			if err := c.Freeze(); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		if err := c.Remove(); err != nil {
			t.Errorf("paused %v: %v", paused, err)
		}
	}
}

func TestSignal(t *testing.T) {
	c := create(t, nil)
	cmd := start(t, c, `trap "exit 7" TERM; sleep 100 & wait`)
	waitFor(t, "its child", func() bool {
		pids, _ := c.Pids()
		return len(pids) == 2
	})
	if err := c.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 7 {
		t.Errorf("exit code %d", code)
	}
	waitFor(t, "all to end", func() bool {
		pids, _ := c.Pids()
		return len(pids) == 0
	})
}

// TestNested removes what a container made inside its cgroup, and kills what is
// there, frozen or not.
func TestNested(t *testing.T) {
	c := create(t, nil)
	dir := c.state.Paths[c.members()]
	if err := os.MkdirAll(dir+"/a/b/c", 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := start(t, c, fmt.Sprintf("sleep 100 & echo $! >%s/a/b/cgroup.procs; exec sleep 100", dir))
	waitFor(t, "both", func() bool {
		pids, _ := c.Pids()
		data, _ := os.ReadFile(dir + "/a/b/cgroup.procs")
		return len(pids) == 2 && len(data) > 0
	})
	fd, err := open(unix.AT_FDCWD, dir+"/a/b", unix.O_PATH)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := freeze(fd, c.members() == ""); err != nil {
		t.Fatal(err)
	}
	if err := c.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if err := c.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("%s is left", dir)
	}
}

// below is what exec does.
func below(c *Cgroup, pid int, sub map[string]string) ([]*os.File, *os.File, error) {
	b, err := c.Below(pid, sub)
	if err != nil {
		return nil, nil, err
	}
	joins, err := c.Joins(b)
	if err != nil {
		return nil, nil, err
	}
	clone, err := c.CloneFD(b)
	return joins, clone, err
}

func TestBelow(t *testing.T) {
	c := create(t, nil)
	for _, dir := range c.state.Paths {
		if err := os.Mkdir(dir+"/sub", 0o755); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(dir, "/cpuset/") {
			for _, f := range []string{"cpuset.cpus", "cpuset.mems"} {
				data, _ := os.ReadFile(filepath.Join(dir, f))
				if err := os.WriteFile(filepath.Join(dir, "sub", f), data, 0); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	init := start(t, c, "exec sleep 100")
	where := func(cmd *exec.Cmd) string {
		in, err := whereIs(cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, name := range c.names() {
			if strings.HasSuffix(in[name], "/sub") {
				out = append(out, name)
			}
		}
		return strings.Join(out, " ")
	}
	all := strings.Join(c.names(), " ")
	one := c.members()
	for _, tt := range []struct {
		name string
		sub  map[string]string
		want string
	}{
		{"init's", nil, ""},
		{"all", map[string]string{"": "sub"}, all},
		{"absolute", map[string]string{"": "/sub/"}, all},
		{"one", map[string]string{one: "sub"}, one},
	} {
		if one == "" && tt.name == "one" {
			tt.want = all
		}
		joins, clone, err := below(c, init.Process.Pid, tt.sub)
		if err != nil {
			t.Fatal(err)
		}
		if got := where(enter(t, c, joins, clone, "exec sleep 100")); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}

	// Init may have moved itself, as systemd in a container does.
	for _, name := range c.names() {
		if err := os.WriteFile(c.state.Paths[name]+"/sub/cgroup.procs", []byte(strconv.Itoa(init.Process.Pid)), 0); err != nil {
			t.Fatal(err)
		}
	}
	joins, clone, err := below(c, init.Process.Pid, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := where(enter(t, c, joins, clone, "exec sleep 100")); got != all {
		t.Errorf("init moved: got %q, want %q", got, all)
	}

	for _, tt := range []struct {
		sub  map[string]string
		want string
	}{
		{map[string]string{"": "../.."}, `cgroup "../.." is not below the container's`},
		{map[string]string{"": "sub/../.."}, `cgroup "sub/../.." is not below the container's`},
		{map[string]string{"nosuch": "sub"}, `the container has no cgroup of controller "nosuch"`},
		{map[string]string{"": "nosuch"}, "/nosuch"},
	} {
		_, _, err := below(c, init.Process.Pid, tt.sub)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "no such file") {
			t.Errorf("got  %v\nwant … %s", err, tt.want)
		}
	}
}

func TestStatsAndOOM(t *testing.T) {
	c := create(t, resources(t, `{"memory": {"limit": 16777216, "swap": 16777216}, "pids": {"limit": 100}, "cpu": {"quota": 10000, "period": 100000}}`))
	if err := c.Apply(); err != nil {
		t.Fatal(err)
	}
	start(t, c, `i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; exec sleep 100`)
	waitFor(t, "some use of the processor", func() bool {
		s, err := c.Stats()
		return err == nil && s.CPU.Throttling.ThrottledPeriods > 0 && s.CPU.Usage.User > 0
	})
	s, err := c.Stats()
	if err != nil {
		t.Fatal(err)
	}
	if s.Memory.Usage.Limit != 16777216 || s.Memory.Usage.Usage == 0 || len(s.Memory.Raw) < 10 || s.Memory.Swap.Limit != 16777216 ||
		s.Pids.Current != 1 || s.Pids.Limit != 100 || s.CPU.Usage.Total < 1e6 || len(s.CPUSet.CPUs) == 0 {
		data, _ := json.Marshal(s)
		t.Errorf("%s", data)
	}
	if n, err := c.OOMKills(); n != 0 || err != nil {
		t.Errorf("%d kills, %v", n, err)
	}
	hog := start(t, c, `x=x; while :; do x=$x$x; done`)
	if err := hog.Wait(); err == nil {
		t.Fatal("a hog survived")
	}
	if n, err := c.OOMKills(); n == 0 || err != nil {
		t.Errorf("%d kills, %v", n, err)
	}
}

// TestHostRefusals are what only the kernel can refuse.
func TestHostRefusals(t *testing.T) {
	v2 := facts(t).CgroupMode == config.CgroupV2
	for name, tt := range map[string]struct{ in, v1, v2 string }{
		"weight": {`{"blockIO": {"weightDevice": [{"major": 999, "minor": 9, "weight": 100}]}}`,
			`linux.resources.blockIO.weightDevice[0]: write "999:9 100" to blkio.`, `linux.resources.blockIO.weightDevice[0]: write "999:9 1`},
		"period": {`{"cpu": {"quota": 1000, "period": 5}}`,
			`linux.resources.cpu.period: write "5" to cpu.cfs_period_us: invalid argument`, `linux.resources.cpu.quota: write "1000 5" to cpu.max: invalid argument`},
		"pages": {`{"hugepageLimits": [{"pageSize": "3MB", "limit": 5}]}`,
			`linux.resources.hugepageLimits[0].limit: write "5" to hugetlb.3MB.`, `linux.resources.hugepageLimits[0].limit: write "5" to hugetlb.3MB.max: this kernel has no such control file`},
	} {
		t.Run(name, func(t *testing.T) {
			var ps config.Problems
			p := PlanCgroup(&specs.Spec{Linux: &specs.Linux{CgroupsPath: testPath(), Resources: resources(t, tt.in)}}, "x", false, facts(t), &ps)
			if ps.Err() != nil {
				t.Skip(ps.Err())
			}
			c, err := p.Create()
			if err == nil {
				err = c.Apply()
				c.Remove()
			}
			want := tt.v1
			if v2 {
				want = tt.v2
			}
			if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "no such file") {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

// TestHostNoController: a cgroup that holds processes hands no controllers on.
func TestHostNoController(t *testing.T) {
	needs.All(t, "cgroup2")
	c := create(t, nil)
	start(t, c, "exec sleep 100")
	dir := strings.TrimPrefix(c.state.Paths[""], c.host.v2.mount)
	_, err := plan(t, dir+"/in", resources(t, `{"memory": {"limit": 33554432}}`)).Create()
	want := "linux.resources.memory.limit: needs the memory controller: " + c.state.Paths[""] + " can't pass it on: processes are in it"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if _, err := os.Stat(c.state.Paths[""] + "/in"); err == nil {
		t.Error("it is left")
	}
	in, err := plan(t, dir+"/in", nil).Create()
	if err != nil {
		t.Fatalf("without limits: %v", err)
	}
	start(t, in, "exit").Wait()
	if err := in.Remove(); err != nil {
		t.Error(err)
	}
}

func TestHostOwner(t *testing.T) {
	f := facts(t)
	needs.All(t, "cgroup2")
	s := &specs.Spec{
		Process: &specs.Process{User: specs.User{UID: 5}},
		Mounts:  []specs.Mount{{Source: "cgroup", Destination: "/sys/fs/cgroup", Type: "cgroup"}},
		Linux: &specs.Linux{CgroupsPath: testPath(), UIDMappings: []specs.LinuxIDMapping{{ContainerID: 0, HostID: 5000, Size: 10}},
			Namespaces: []specs.LinuxNamespace{{Type: "cgroup"}, {Type: "user"}}},
	}
	var ps config.Problems
	c, err := PlanCgroup(s, "x", false, f, &ps).Create()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Remove()
	dir := c.state.Paths[""]
	var owned []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if ownerOf(t, filepath.Join(dir, e.Name())) == 5005 {
			owned = append(owned, e.Name())
		}
	}
	if ownerOf(t, dir) != 5005 || !slices.Contains(owned, "cgroup.procs") || !slices.Contains(owned, "cgroup.subtree_control") ||
		slices.Contains(owned, "memory.max") || slices.Contains(owned, "cgroup.freeze") {
		t.Errorf("%d owns %v", ownerOf(t, dir), owned)
	}
}

func ownerOf(t *testing.T, file string) uint32 {
	var st unix.Stat_t
	if err := unix.Stat(file, &st); err != nil {
		t.Fatal(err)
	}
	return st.Uid
}

func TestPlanOwner(t *testing.T) {
	good := func() *specs.Spec {
		return &specs.Spec{
			Process: &specs.Process{User: specs.User{UID: 5}},
			Mounts:  []specs.Mount{{Source: "cgroup", Destination: "/sys/fs/cgroup", Type: "cgroup", Options: []string{"rw"}}},
			Linux:   &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: "cgroup"}}},
		}
	}
	userns := func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: "user"})
		s.Linux.UIDMappings = []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 1}, {ContainerID: 1, HostID: 100000, Size: 65535}}
	}
	for name, tt := range map[string]struct {
		change func(*specs.Spec)
		host   *host
		want   int
	}{
		"good":             {func(*specs.Spec) {}, allV2, 5},
		"mapped":           {userns, allV2, 100004},
		"not mapped":       {func(s *specs.Spec) { userns(s); s.Linux.UIDMappings = s.Linux.UIDMappings[:1] }, allV2, -1},
		"v1":               {func(*specs.Spec) {}, allV1, -1},
		"read-only":        {func(s *specs.Spec) { s.Mounts[0].Options = []string{"ro"} }, allV2, -1},
		"no mount":         {func(s *specs.Spec) { s.Mounts = nil }, allV2, -1},
		"other source":     {func(s *specs.Spec) { s.Mounts[0].Source = "cgroup2" }, allV2, -1},
		"host's namespace": {func(s *specs.Spec) { s.Linux.Namespaces = nil }, allV2, -1},
		"joined namespace": {func(s *specs.Spec) { s.Linux.Namespaces[0].Path = "/x" }, allV2, -1},
		"joined users": {func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: "user", Path: "/x"})
		}, allV2, -1},
		"no process":        {func(s *specs.Spec) { s.Process = nil }, allV2, -1},
		"ours anyway, root": {func(s *specs.Spec) { s.Process.User.UID = 0 }, allV2, -1},
	} {
		s := good()
		tt.change(s)
		if got := planOwner(s, &config.Facts{}, tt.host); got != tt.want {
			t.Errorf("%s: got %d, want %d", name, got, tt.want)
		}
	}
}

// TestRemoveDeadline: a process that does not die is named, and soon.
func TestRemoveDeadline(t *testing.T) {
	c := create(t, nil)
	cmd := start(t, c, "exec sleep 100")
	begin := time.Now()
	err := c.Remove()
	if took := time.Since(begin); took > 1500*time.Millisecond {
		t.Errorf("took %v", took)
	}
	if want := fmt.Sprintf("device or resource busy: still in it: %d (", cmd.Process.Pid); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got  %v\nwant … %s", err, want)
	}
}
