package cgroups

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

func resources(t testing.TB, text string) *specs.LinuxResources {
	t.Helper()
	var r specs.LinuxResources
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

const manyLimits = `{
	"memory": {"limit": 33554432, "reservation": 16777216},
	"cpu": {"shares": 2048, "quota": 20000, "period": 50000, "burst": 10000, "cpus": "0", "mems": "0"},
	"pids": {"limit": 20},
	"devices": [{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 1, "minor": 11, "access": "r"}]
}`

// TestHostApply sets limits and lets Verify find them in the kernel.
func TestHostApply(t *testing.T) {
	for name, text := range map[string]string{"none": `{}`, "Docker": dockerResources, "many": manyLimits,
		"TCP buffers": `{"memory": {"kernelTCP": 33554432}}`,
		"weights":     `{"cpu": {"idle": 1, "shares": 100}}`, "real time": `{"cpu": {"realtimePeriod": 500000}}`} {
		t.Run(name, func(t *testing.T) {
			if name == "real time" && facts(t).CgroupMode == config.CgroupV2 {
				t.Skip("cgroup v2 has no real-time limits")
			}
			if name == "real time" {
				if _, err := os.Stat("/sys/fs/cgroup/cpu/cpu.rt_period_us"); err != nil {
					t.Skip("the kernel has no RT_GROUP_SCHED")
				}
			}
			r := resources(t, text)
			c := create(t, r)
			cmd := start(t, c, "exec sleep 100")
			if err := c.Apply(); err != nil {
				t.Fatal(err)
			}
			if err := c.ApplyLast(); err != nil {
				t.Fatal(err)
			}
			for _, p := range Verify(cmd.Process.Pid, &specs.Spec{Linux: &specs.Linux{Resources: r}}) {
				t.Error(p)
			}
		})
	}
}

func TestVerifySeesDifferences(t *testing.T) {
	c := create(t, resources(t, `{}`))
	cmd := start(t, c, "exec sleep 100")
	var got []string
	for _, p := range Verify(cmd.Process.Pid, &specs.Spec{Linux: &specs.Linux{Resources: resources(t, manyLimits)}}) {
		got = append(got, p.Path)
	}
	for _, want := range []string{"memory.limit", "memory.reservation", "cpu.shares", "cpu.quota", "cpu.burst", "pids.limit"} {
		if !strings.Contains(strings.Join(got, " "), "linux.resources."+want) {
			t.Errorf("%s is not missed, only %v", want, got)
		}
	}
}

// shell runs a script in the container, and returns what it says.
func shell(t *testing.T, c *Cgroup, script string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	cmd := start(t, c, script+" >"+out+" 2>&1")
	cmd.Wait()
	data, _ := os.ReadFile(out)
	return string(data)
}

func TestHostDevices(t *testing.T) {
	for name, tt := range map[string]struct{ rules, script, want string }{
		"default": {`[]`, "head -c1 /dev/null; head -c1 /dev/kmsg || true", "head: cannot open '/dev/kmsg' for reading: Operation not permitted"},
		"all":     {`[{"allow": true, "access": "rwm"}]`, "test -r /dev/kmsg; dd if=/dev/mem of=/dev/null bs=1 count=0 2>&1 | grep -c permitted", "0"},
		"read only": {`[{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 1, "minor": 11, "access": "r"}]`,
			"echo x >/dev/kmsg", "/dev/kmsg: Operation not permitted"},
		"taken back": {`[{"allow": true, "access": "rwm"}, {"allow": false, "type": "c", "major": 1, "minor": 11, "access": "w"}]`,
			"echo x >/dev/kmsg", "/dev/kmsg: Operation not permitted"},
		"any node may be made": {`[]`, "D=$(mktemp -d) && mknod $D/x b 7 0 && head -c1 $D/x; rm -r $D", "Operation not permitted"},
		"the last one wins": {`[{"allow": false, "access": "rwm"}, {"allow": true, "type": "c", "major": 1, "minor": 11, "access": "rw"}, {"allow": false, "type": "c", "major": 1, "minor": 11, "access": "w"}]`,
			"echo x >/dev/kmsg", "/dev/kmsg: Operation not permitted"},
	} {
		t.Run(name, func(t *testing.T) {
			c := create(t, resources(t, `{"devices": `+tt.rules+`}`))
			if err := c.Apply(); err != nil {
				t.Fatal(err)
			}
			if got := shell(t, c, "("+tt.script+")"); !strings.Contains(got, tt.want) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestHostUpdate(t *testing.T) {
	f := facts(t)
	v2 := f.CgroupMode == config.CgroupV2
	c := create(t, resources(t, `{"memory": {"limit": 33554432, "swap": 33554432}, "cpu": {"quota": 20000, "period": 50000}, "pids": {"limit": 100}}`))
	if err := c.Apply(); err != nil {
		t.Fatal(err)
	}
	c, err := Load(c.State())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	read := func() string {
		if v2 {
			return strings.Join([]string{content(t, c, "", "memory.max"), content(t, c, "", "memory.swap.max"), content(t, c, "", "cpu.max"), content(t, c, "", "pids.max")}, ", ")
		}
		return strings.Join([]string{content(t, c, "memory", "memory.limit_in_bytes"), content(t, c, "memory", "memory.memsw.limit_in_bytes"),
			content(t, c, "cpu", "cpu.cfs_quota_us") + " " + content(t, c, "cpu", "cpu.cfs_period_us"), content(t, c, "pids", "pids.max")}, ", ")
	}
	for _, tt := range []struct{ name, in, v1, v2 string }{
		{"nothing", `{}`, "33554432, 33554432, 20000 50000, 100", "33554432, 0, 20000 50000, 100"},
		{"zeros", `{"memory": {"limit": 0, "reservation": 0, "kernel": 0}, "cpu": {"shares": 0}, "pids": {"limit": 0}, "devices": [{"allow": false, "access": "rwm"}]}`,
			"33554432, 33554432, 20000 50000, 100", "33554432, 0, 20000 50000, 100"},
		{"both up", `{"memory": {"limit": 67108864, "swap": 134217728}}`, "67108864, 134217728, 20000 50000, 100", "67108864, 67108864, 20000 50000, 100"},
		{"both down", `{"memory": {"limit": 16777216, "swap": 33554432}}`, "16777216, 33554432, 20000 50000, 100", "16777216, 16777216, 20000 50000, 100"},
		{"swap alone", `{"memory": {"swap": 67108864}}`, "16777216, 67108864, 20000 50000, 100", "16777216, 50331648, 20000 50000, 100"},
		{"memory alone", `{"memory": {"limit": 33554432}}`, "33554432, 67108864, 20000 50000, 100", "33554432, 50331648, 20000 50000, 100"},
		{"no end", `{"memory": {"limit": -1}, "pids": {"limit": -1}}`, "9223372036854771712, 9223372036854771712, 20000 50000, max", "max, max, 20000 50000, max"},
		{"period", `{"cpu": {"period": 100000}}`, "9223372036854771712, 9223372036854771712, 20000 100000, max", "max, max, 20000 100000, max"},
		{"quota", `{"cpu": {"quota": -1}}`, "9223372036854771712, 9223372036854771712, -1 100000, max", "max, max, max 100000, max"},
	} {
		if err := c.Update(resources(t, tt.in)); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		want := tt.v1
		if v2 {
			want = tt.v2
		}
		if got := read(); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.name, got, want)
		}
	}
	for _, tt := range []struct{ in, want string }{
		{`{"memory": {"limit": 5, "swap": 4}}`, "resources: memory.swap: 4 is memory and swap together, so it can't be less than the memory.limit 5"},
		{`{"cpu": {"idle": 7}}`, "resources: cpu.idle: 7 is neither 0 nor 1"},
		{`{"cpu": {"cpus": "4000"}}`, `cpu.cpus: write "4000" to cpuset.cpus: `},
	} {
		if err := c.Update(resources(t, tt.in)); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("got  %v\nwant %s", err, tt.want)
		}
	}
}

func TestHostCreateRefuses(t *testing.T) {
	c := create(t, nil)
	c.Close()
	dir := strings.TrimPrefix(c.state.Paths[c.members()], mountOf(t, c))
	cmd := start(t, c, "exec sleep 100")
	_, err := plan(t, dir, nil).Create()
	if want := fmt.Sprintf("is not empty: process %d is in it", cmd.Process.Pid); err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got  %v\nwant … %s", err, want)
	}
	if _, err := os.Stat(c.state.Paths[c.members()]); err != nil {
		t.Errorf("the refused cgroup was removed: %v", err)
	}
	if err := errorsOf(c.Kill()); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if err := c.Freeze(); err != nil {
		t.Fatal(err)
	}
	_, err = plan(t, dir, nil).Create()
	if err == nil || !strings.HasSuffix(err.Error(), "is frozen") {
		t.Errorf("got  %v\nwant … is frozen", err)
	}
	if err := c.Thaw(); err != nil {
		t.Fatal(err)
	}

	// An empty one is taken, and given back.
	c2, err := plan(t, dir, nil).Create()
	if err != nil {
		t.Fatal(err)
	}
	if err := c2.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.state.Paths[c.members()]); err != nil {
		t.Errorf("a cgroup that was there before is gone: %v", err)
	}
}

func mountOf(t *testing.T, c *Cgroup) string {
	for _, x := range c.plan.host.hierarchies {
		if x.name == c.members() {
			return x.mount
		}
	}
	t.Fatal("no mount")
	return ""
}

// TestHostCreateUndoes lets Create and Apply fail, and looks for what is left.
func TestHostCreateUndoes(t *testing.T) {
	p := plan(t, testPath(), resources(t, `{"cpu": {"cpus": "4000"}}`))
	intent := p.Intent()
	c, err := p.Create()
	if err == nil {
		err = c.Apply() // v2 sets it here
		c.Remove()
	}
	if want := `linux.resources.cpu.cpus: write "4000" to cpuset.cpus: `; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got  %v\nwant %s…", err, want)
	}
	for _, dir := range intent.Paths {
		if _, err := os.Stat(filepath.Dir(dir)); err == nil {
			t.Errorf("%s is left", filepath.Dir(dir))
		}
	}
}

// TestHostIntent removes by the intent alone what a killed create left behind.
func TestHostIntent(t *testing.T) {
	keep := create(t, nil) // keeps the parent
	p := plan(t, testPath(), nil)
	intent := p.Intent()
	c, err := p.Create()
	if err != nil {
		t.Fatal(err)
	}
	cmd := start(t, c, "exec sleep 100")
	c.Close()
	c, err = Load(intent)
	if err != nil {
		t.Fatal(err)
	}
	if err := errorsOf(c.Kill()); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if err := c.Remove(); err != nil {
		t.Fatal(err)
	}
	for name, dir := range intent.Paths {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s is left", dir)
		}
		if _, err := os.Stat(keep.state.Paths[name]); err != nil {
			t.Error(err)
		}
	}
}

// TestHostNotOurs: a state that was altered, or is old, harms nobody.
func TestHostNotOurs(t *testing.T) {
	victim := create(t, nil)
	cmd := start(t, victim, "exec sleep 100")
	for name, change := range map[string]func(*State){
		"other inode": func(s *State) {
			for k := range s.Inodes {
				s.Inodes[k]++
			}
		},
		"was there before": func(s *State) { s.Inodes, s.Made = nil, nil },
		"root": func(s *State) {
			s.Inodes = nil
			for k, dir := range s.Paths {
				for i := range victim.host.hierarchies {
					if x := &victim.host.hierarchies[i]; strings.HasPrefix(dir, x.mount+"/") && x.name == k {
						s.Paths[k], s.Made[k] = x.mount, 1
					}
				}
			}
		},
	} {
		data, _ := json.Marshal(victim.State())
		var s State
		if err := json.Unmarshal(data, &s); err != nil {
			t.Fatal(err)
		}
		change(&s)
		c, err := Load(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := errorsOf(c.Kill(), c.Remove()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if pids, _ := c.Pids(); len(pids) > 0 {
			t.Errorf("%s: shows the processes %v", name, pids)
		}
	}
	if err := unix.Kill(cmd.Process.Pid, 0); err != nil {
		t.Errorf("the victim is dead: %v", err)
	}
	if pids, _ := victim.Pids(); len(pids) != 1 {
		t.Errorf("the victim has processes %v", pids)
	}
}
