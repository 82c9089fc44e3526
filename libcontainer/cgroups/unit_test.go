package cgroups

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

func TestPlanUnit(t *testing.T) {
	for name, tt := range map[string]struct {
		path     string
		rootless bool
		own      string
		want     string // the directory, or the problem
	}{
		"absent":        {"", false, "", "/system.slice/rt-c1.scope"},
		"Docker's":      {"system.slice:docker:abc", false, "", "/system.slice/docker-abc.scope"},
		"nested slices": {"a-b-c.slice:p:n", false, "", "/a.slice/a-b.slice/a-b-c.slice/p-n.scope"},
		"no slice":      {":p:n", false, "", "/system.slice/p-n.scope"},
		"root slice":    {"-:p:n", false, "", "/p-n.scope"},
		"root slice 2":  {"-.slice:p:n", false, "", "/p-n.scope"},
		"no prefix":     {"a.slice::n", false, "", "/a.slice/n.scope"},
		"a slice":       {"a.slice:p:a-b.slice", false, "", "/a.slice/a-b.slice"},
		"user, inside":  {"", true, "/user.slice/user-7.slice/user@7.service/app.slice/x.service", "/user.slice/user-7.slice/user@7.service/user.slice/rt-c1.scope"},
		"user, beside":  {"", true, "/user.slice/user-7.slice/session-3.scope", "/user.slice/user-7.slice/user@7.service/user.slice/rt-c1.scope"},
		"a path":        {"/a/b", false, "", `linux.cgroupsPath: "/a/b" is not of the form "slice:prefix:name", which the systemd driver needs`},
		"not a slice":   {"a:p:n", false, "", `linux.cgroupsPath: "a" is not the name of a slice`},
		"two dashes":    {"a--b.slice:p:n", false, "", `linux.cgroupsPath: "a--b.slice" is not the name of a slice`},
		"dash first":    {"-a.slice:p:n", false, "", `linux.cgroupsPath: "-a.slice" is not the name of a slice`},
		"escape":        {"../a.slice:p:n", false, "", `linux.cgroupsPath: "../a.slice" is not the name of a slice`},
		"escape too":    {"a.slice:p:../n", false, "", `linux.cgroupsPath: "p-../n.scope" is not the name of a unit`},
		"nothing":       {"a.slice::", false, "", `linux.cgroupsPath: ".scope" is not the name of a unit`},
		"NUL":           {"a.slice:p:\x00", false, "", `linux.cgroupsPath: "p-\x00.scope" is not the name of a unit`},
		"long":          {"a.slice:p:" + strings.Repeat("n", 250), false, "", `linux.cgroupsPath: "p-` + strings.Repeat("n", 250) + `.scope" is not the name of a unit`},
	} {
		t.Run(name, func(t *testing.T) {
			var ps config.Problems
			u := planUnit(&specs.Spec{Linux: &specs.Linux{CgroupsPath: tt.path}}, "c1", &config.Facts{Rootless: tt.rootless}, &ps)
			got := u.dir(&hierarchy{own: tt.own})
			if ps.Err() != nil {
				got = strings.TrimPrefix(ps.Error(), "config.json: ")
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestPlanAnnotations(t *testing.T) {
	for name, tt := range map[string]struct{ key, value, want string }{
		"number":           {"KillSignal", "37", "KillSignal int32 37"},
		"typed number":     {"TimeoutStopUSec", "uint64 5000000", "TimeoutStopUSec uint64 5000000"},
		"seconds":          {"TimeoutStopSec", "2.5", "TimeoutStopUSec uint64 2500000"},
		"bool":             {"DefaultDependencies", "true", "DefaultDependencies bool true"},
		"string":           {"CollectMode", "'inactive'", "CollectMode string inactive"},
		"strings":          {"After", "['a.service', \"b.service\"]", "After []string [a.service b.service]"},
		"no strings":       {"Before", "[]", "Before []string []"},
		"unknown":          {"ExecStopPost", "[('/bin/sh', ['sh'], false)]", "warning: ignored: this property can't be set by an annotation"},
		"triggers":         {"OnFailure", "['evil.service']", "warning: ignored: this property can't be set by an annotation"},
		"not a number":     {"KillSignal", "'TERM'", `problem: "'TERM'" is not a number`},
		"too large":        {"KillSignal", "4294967296", `problem: "4294967296" is not a number`},
		"not a bool":       {"SendSIGHUP", "1", `problem: "1" is neither true nor false`},
		"not a string":     {"CollectMode", "inactive", `problem: "inactive" is not a string in quotes`},
		"open string":      {"CollectMode", "'inactive", `problem: "'inactive" is not a string in quotes`},
		"not strings":      {"After", "'a.service'", `problem: "'a.service'" is not a list of strings`},
		"open list":        {"After", "['a.service'", `problem: "['a.service'" is not a list of strings`},
		"negative seconds": {"TimeoutStopSec", "-1", `problem: "-1" is not a number of seconds`},
	} {
		t.Run(name, func(t *testing.T) {
			var ps config.Problems
			key := annotation + tt.key
			u := planUnit(&specs.Spec{Annotations: map[string]string{key: tt.value, "other": "x"}}, "c1", &config.Facts{}, &ps)
			got := ""
			for _, p := range u.Properties {
				if strings.HasPrefix(tt.want, p.Name+" ") {
					got = fmt.Sprintf("%s %T %v", p.Name, p.Value, p.Value)
				}
			}
			for _, p := range ps.List {
				got += "problem: " + p.Text
			}
			for _, p := range ps.Warnings {
				got += "warning: " + p.Text
			}
			if all := append(ps.List, ps.Warnings...); len(all) > 0 && all[0].Path != fmt.Sprintf("annotations[%q]", key) {
				t.Errorf("path %s", all[0].Path)
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestPlanProperties(t *testing.T) {
	for name, tt := range map[string]struct{ in, v1, v2 string }{
		"none":   {`{}`, "", ""},
		"memory": {`{"memory": {"limit": 100, "swap": 150, "reservation": 50}}`, "MemoryLimit=100", "MemoryMax=100 MemoryLow=50 MemorySwapMax=50"},
		"no end": {`{"memory": {"limit": -1}, "pids": {"limit": -1}, "cpu": {"quota": -1}}`, "MemoryLimit=max CPUQuotaPerSecUSec=max TasksMax=max", "MemoryMax=max MemorySwapMax=max CPUQuotaPerSecUSec=max TasksMax=max"},
		"cpu": {`{"cpu": {"shares": 1024, "quota": 10100, "period": 50000, "cpus": "0-1,9", "mems": "0"}}`,
			"CPUShares=1024 CPUQuotaPeriodUSec=50000 CPUQuotaPerSecUSec=210000 AllowedCPUs=[3 2] AllowedMemoryNodes=[1]",
			"CPUWeight=100 CPUQuotaPeriodUSec=50000 CPUQuotaPerSecUSec=210000 AllowedCPUs=[3 2] AllowedMemoryNodes=[1]"},
		"idle":   {`{"cpu": {"idle": 1, "shares": 5}}`, "CPUShares=5", "CPUWeight=0"},
		"weight": {`{"blockIO": {"weight": 500}}`, "BlockIOWeight=500", "IOWeight=4950"},
		"unified": {`{"unified": {"memory.high": "5", "memory.max": "max", "cpu.max": "1000 100000", "cpuset.cpus": "1", "pids.max": "7", "cpu.idle": "1", "io.max": "8:0 rbps=1"}}`, "",
			"CPUWeight=0 CPUQuotaPeriodUSec=100000 CPUQuotaPerSecUSec=10000 AllowedCPUs=[2] MemoryHigh=5 MemoryMax=max TasksMax=7"},
	} {
		t.Run(name, func(t *testing.T) {
			var r specs.LinuxResources
			if err := json.Unmarshal([]byte(tt.in), &r); err != nil {
				t.Fatal(err)
			}
			for i, h := range []*host{allV1, allV2} {
				var out []string
				for _, p := range resourceProperties(&r, h) {
					v := fmt.Sprint(p.Value)
					if p.Value == uint64(infinity) {
						v = "max"
					}
					out = append(out, p.Name+"="+v)
				}
				got, want := strings.Join(out, " "), []string{tt.v1, tt.v2}[i]
				if got != want {
					t.Errorf("v%d\ngot  %s\nwant %s", i+1, got, want)
				}
			}
		})
	}
}

func TestPlanDeviceProperties(t *testing.T) {
	var ps config.Problems
	rules := planDevices([]specs.LinuxDeviceCgroup{{Allow: true, Type: "b", Major: ptr(int64(8)), Minor: ptr(int64(1)), Access: "rw"}}, &ps)
	got := fmt.Sprint(deviceProperties(rules))
	want := "[{DevicePolicy strict 0} {DeviceAllow [{/dev/block/8:1 rw} {char-* m} {block-* m} {/dev/char/1:3 rwm} {/dev/char/1:5 rwm} {/dev/char/1:7 rwm} " +
		"{/dev/char/1:8 rwm} {/dev/char/1:9 rwm} {/dev/char/5:0 rwm} {/dev/char/5:2 rwm} {char-pts rwm} {/dev/char/10:200 rwm}] 0}]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	rules = planDevices([]specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}, &ps)
	if got, want := fmt.Sprint(deviceProperties(rules)), "[{DevicePolicy auto 0} {DeviceAllow [] 0}]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
