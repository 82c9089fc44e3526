package cgroups

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

func v1Host(names ...string) *host {
	h := &host{}
	for _, name := range names {
		h.hierarchies = append(h.hierarchies, hierarchy{name, "/nowhere/" + name, "/"})
	}
	return h
}

func v2Host(controllers string) *host {
	h := &host{asked: true, controllers: " " + controllers + " ", hierarchies: []hierarchy{{"", "/nowhere", "/user/me"}}}
	h.v2 = &h.hierarchies[0]
	return h
}

func hybridHost(controllers string, names ...string) *host {
	h := v1Host(append(names, "")...)
	h.asked, h.controllers, h.v2 = true, " "+controllers+" ", &h.hierarchies[len(names)]
	return h
}

var (
	allV1 = v1Host("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "hugetlb", "net_cls", "net_prio", "rdma", "name=systemd")
	allV2 = v2Host("cpuset cpu io memory hugetlb pids rdma misc")
)

func planJSON(t *testing.T, h *host, linux string) (*Plan, *config.Problems) {
	t.Helper()
	var s specs.Spec
	if err := json.Unmarshal([]byte(`{"linux": `+linux+`}`), &s); err != nil {
		t.Fatal(err)
	}
	var ps config.Problems
	return planCgroup(&s, "c1", false, &config.Facts{}, h, &ps), &ps
}

func TestPlanPath(t *testing.T) {
	mount := t.TempDir()
	if err := os.MkdirAll(mount+"/user/me", 0o755); err != nil {
		t.Fatal(err)
	}
	v1 := hierarchy{"memory", mount, "/user/me"}
	for name, tt := range map[string]struct{ path, want, wantV2 string }{
		"absolute":   {"/docker/x", "/m/docker/x", "/m/docker/x"},
		"relative":   {"a/b", "/m/user/me/a/b", "/m/user/a/b"},
		"absent":     {"", "/m/user/me/c1", "/m/user/c1"},
		"not clean":  {"//a/./b/", "/m/a/b", "/m/a/b"},
		"dots":       {"/a/..b/c..", "/m/a/..b/c..", "/m/a/..b/c.."},
		"root":       {"/", `linux.cgroupsPath: "/" is the root cgroup, which holds the whole machine`, ""},
		"root too":   {"/./", `linux.cgroupsPath: "/./" is the root cgroup, which holds the whole machine`, ""},
		"here":       {".", `linux.cgroupsPath: "." is the root cgroup, which holds the whole machine`, ""},
		"up":         {"/a/../b", `linux.cgroupsPath: "/a/../b" holds a ".."`, ""},
		"up from us": {"..", `linux.cgroupsPath: ".." holds a ".."`, ""},
		"NUL":        {"/a\x00b", `linux.cgroupsPath: "/a\x00b" holds a NUL byte`, ""},
		"line":       {"/a\nb", `linux.cgroupsPath: "/a\nb" holds a line break`, ""},
		"long name":  {"/" + strings.Repeat("a", 256), `linux.cgroupsPath: a component of 256 bytes is longer than 255`, ""},
		"long":       {strings.Repeat("/aaaaaaa", 512), `linux.cgroupsPath: 4096 bytes are too long for a path`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var ps config.Problems
			p, _ := planPath(&specs.Spec{Linux: &specs.Linux{CgroupsPath: tt.path}}, "c1", &ps)
			got, gotV2 := v1.dir(p, false), ""
			if tt.wantV2 != "" {
				gotV2 = v1.dir(p, true)
			}
			if ps.Err() != nil {
				got = strings.TrimPrefix(ps.Error(), "config.json: ")
			}
			got, gotV2 = strings.Replace(got, mount, "/m", 1), strings.Replace(gotV2, mount, "/m", 1)
			if got != tt.want || gotV2 != tt.wantV2 {
				t.Errorf("got  %s, %s\nwant %s, %s", got, gotV2, tt.want, tt.wantV2)
			}
		})
	}
}

// show is a setting as a shell would make it.
func show(list []setting) string {
	var out []string
	for _, s := range list {
		line := s.file + "=" + s.value
		if s.other != "" {
			line += "|" + s.other + "=" + s.otherValue
		}
		for _, f := range []struct {
			on   bool
			name string
		}{{s.optional, "optional"}, {s.early, "early"}, {s.late, "late"}, {s.checked, "checked"}, {s.lessMax, "lessMax"}, {s.keepQuota, "keepQuota"}} {
			if f.on {
				line += " " + f.name
			}
		}
		out = append(out, line)
	}
	return strings.Join(out, "; ")
}

func TestPlanResources(t *testing.T) {
	for name, tt := range map[string]struct{ in, v1, v2 string }{
		"none":           {in: `{}`},
		"Docker's zeros": {in: `{"memory": {"reservation": 0, "kernel": 0, "disableOOMKiller": false}, "cpu": {"shares": 0}, "blockIO": {"weight": 0}}`},
		"memory": {`{"memory": {"limit": 100, "swap": 150, "reservation": 50}}`,
			"memory.limit_in_bytes=100; memory.memsw.limit_in_bytes=150; memory.soft_limit_in_bytes=50",
			"memory.max=100; memory.swap.max=50; memory.low=50"},
		"memory without swap": {`{"memory": {"limit": 100, "swap": 100, "checkBeforeUpdate": true}}`,
			"memory.limit_in_bytes=100; memory.memsw.limit_in_bytes=100",
			"memory.max=100 checked; memory.swap.max=0 optional"},
		"memory without end": {`{"memory": {"limit": -1}}`,
			"memory.limit_in_bytes=-1; memory.memsw.limit_in_bytes=-1 optional",
			"memory.max=max; memory.swap.max=max optional"},
		"swap without end": {`{"memory": {"limit": 100, "swap": -1}}`,
			"memory.limit_in_bytes=100; memory.memsw.limit_in_bytes=-1 optional",
			"memory.max=100; memory.swap.max=max optional"},
		"TCP buffers": {`{"memory": {"kernelTCP": 5}}`, "memory.kmem.tcp.limit_in_bytes=5", ""},
		"memory, v1 only": {`{"memory": {"swappiness": 0, "disableOOMKiller": true, "useHierarchy": false}}`,
			"memory.swappiness=0; memory.oom_control=1; memory.use_hierarchy=0",
			`linux.resources.memory.swappiness: cgroup v2 has none; linux.resources.memory.disableOOMKiller: cgroup v2 can't; ` +
				`linux.resources.memory.useHierarchy: cgroup v2 is always hierarchical`},
		"cpu": {`{"cpu": {"shares": 1024, "quota": 5000, "period": 10000, "burst": 100}}`,
			"cpu.shares=1024; cpu.cfs_period_us=10000; cpu.cfs_quota_us=5000; cpu.cfs_burst_us=100",
			"cpu.weight=100; cpu.max=5000 10000; cpu.max.burst=100"},
		"cpu, idle": {`{"cpu": {"shares": 1024, "idle": 1}}`, "cpu.idle=1", "cpu.idle=1"},
		"cpu without end": {`{"cpu": {"quota": -1, "burst": 0, "idle": 0}}`,
			"cpu.cfs_quota_us=-1; cpu.cfs_burst_us=0 optional; cpu.idle=0 optional",
			"cpu.max=max; cpu.max.burst=0 optional; cpu.idle=0 optional"},
		"cpu period": {`{"cpu": {"period": 10000}}`, "cpu.cfs_period_us=10000", "cpu.max=10000 keepQuota"},
		"real time": {`{"cpu": {"realtimeRuntime": 5, "realtimePeriod": 10}}`,
			"cpu.rt_period_us=10 early; cpu.rt_runtime_us=5 early",
			"linux.resources.cpu.realtimeRuntime: cgroup v2 has none; linux.resources.cpu.realtimePeriod: cgroup v2 has none"},
		"burst": {`{"cpu": {"quota": 10, "burst": 11}}`,
			"linux.resources.cpu.burst: 11 is above the quota 10", "="},
		"idle": {`{"cpu": {"idle": 2}}`, "linux.resources.cpu.idle: 2 is neither 0 nor 1", "="},
		"shares": {`{"cpu": {"shares": 1}}`,
			"linux.resources.cpu.shares: 1 is not in 2..262144", "cpu.weight=1"},
		"cpuset": {`{"cpu": {"cpus": "0-1", "mems": "0"}}`,
			"cpuset.cpus=0-1 early; cpuset.mems=0 early", "cpuset.cpus=0-1; cpuset.mems=0"},
		"cpuset, all it may be": {`{"cpu": {"cpus": "0,2-3, 8-63:1/4,70-N", "mems": "all"}}`,
			"cpuset.cpus=0,2-3, 8-63:1/4,70-N early; cpuset.mems=all early", "cpuset.cpus=0,2-3, 8-63:1/4,70-N; cpuset.mems=all"},
		"cpuset, no list": {`{"cpu": {"cpus": "0-x,1,3-1", "mems": "0-,-1\n,0-1:2,+1"}}`,
			`linux.resources.cpu.cpus: "0-x" is neither a CPU nor a range of them; linux.resources.cpu.cpus: "3-1" is neither a CPU nor a range of them; ` +
				`linux.resources.cpu.mems: "0-" is neither a node nor a range of them; linux.resources.cpu.mems: "-1\n" is neither a node nor a range of them; ` +
				`linux.resources.cpu.mems: "0-1:2" is neither a node nor a range of them; linux.resources.cpu.mems: "+1" is neither a node nor a range of them`, "="},
		"pids":             {`{"pids": {"limit": 100}}`, "pids.max=100", "="},
		"few pids":         {`{"pids": {"limit": 7}}`, "pids.max=7 late", "="},
		"no pids":          {`{"pids": {"limit": 0}}`, "pids.max=1 late", "="},
		"pids without end": {`{"pids": {"limit": -1}}`, "pids.max=max", "="},
		"pids below":       {`{"pids": {"limit": -2}}`, "linux.resources.pids.limit: -2 is neither a number of tasks nor -1", "="},
		"pids unset":       {`{"pids": {}}`, "", "="},
		"block IO": {`{"blockIO": {"weight": 500, "weightDevice": [{"major": 8, "minor": 0, "weight": 10}], "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 600}],
				"throttleWriteIOPSDevice": [{"major": 8, "minor": 16, "rate": 0}]}}`,
			"blkio.bfq.weight=500|blkio.weight=500; blkio.bfq.weight_device=8:0 10|blkio.weight_device=8:0 10; " +
				"blkio.throttle.read_bps_device=8:0 600; blkio.throttle.write_iops_device=8:16 0",
			"io.bfq.weight=500|io.weight=default 4950; io.bfq.weight=8:0 10|io.weight=8:0 1; io.max=8:0 rbps=600; io.max=8:16 wiops=max"},
		"leaf weight": {`{"blockIO": {"leafWeight": 10, "weightDevice": [{"major": 8, "minor": 0, "leafWeight": 10}, {"major": 8, "minor": 1}]}}`,
			"linux.resources.blockIO.weightDevice[1]: has neither weight nor leafWeight",
			"linux.resources.blockIO.leafWeight: cgroup v2 has none; linux.resources.blockIO.weightDevice[0].leafWeight: cgroup v2 has none; " +
				"linux.resources.blockIO.weightDevice[1]: has neither weight nor leafWeight"},
		"huge pages": {`{"hugepageLimits": [{"pageSize": "2MB", "limit": 9}]}`,
			"hugetlb.2MB.rsvd.limit_in_bytes=9 optional; hugetlb.2MB.limit_in_bytes=9",
			"hugetlb.2MB.rsvd.max=9 optional; hugetlb.2MB.max=9"},
		"page sizes": {`{"hugepageLimits": [{"pageSize": "2mb"}, {"pageSize": "MB"}, {"pageSize": "02MB"}, {"pageSize": "../2MB"}]}`,
			`linux.resources.hugepageLimits[0].pageSize: "2mb" is not a size like "2MB"; linux.resources.hugepageLimits[1].pageSize: "MB" is not a size like "2MB"; ` +
				`linux.resources.hugepageLimits[2].pageSize: "02MB" is not a size like "2MB"; linux.resources.hugepageLimits[3].pageSize: "../2MB" is not a size like "2MB"`, "="},
		"network": {`{"network": {"classID": 7, "priorities": [{"name": "eth0", "priority": 3}]}}`,
			"net_cls.classid=7; net_prio.ifpriomap=eth0 3",
			"linux.resources.network.classID: this host has no net_cls controller; linux.resources.network.priorities[0]: this host has no net_prio controller"},
		"rdma": {`{"rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10}, "a": {"hcaObjects": 1}}}`,
			"rdma.max=a hca_object=1; rdma.max=mlx5_1 hca_handle=3 hca_object=10", "="},
		"rdma, empty": {`{"rdma": {"a": {}}}`, `linux.resources.rdma["a"]: has neither hcaHandles nor hcaObjects`, "="},
		"unified": {`{"unified": {"memory.high": "5", "misc.max": "a 1", "cgroup.max.depth": "3"}}`,
			`linux.resources.unified["cgroup.max.depth"]: this host has no cgroup v2 hierarchy; ` +
				`linux.resources.unified["memory.high"]: this host has no cgroup v2 hierarchy; linux.resources.unified["misc.max"]: this host has no cgroup v2 hierarchy`,
			"cgroup.max.depth=3; memory.high=5; misc.max=a 1"},
		"unified, unknown": {`{"unified": {"foo.bar": "5"}}`, `linux.resources.unified["foo.bar"]: this host has no cgroup v2 hierarchy`,
			`linux.resources.unified["foo.bar"]: the cgroup v2 hierarchy of this host has no foo controller`},
		"unified, escapes": {`{"unified": {"../memory.max": "5", "x/memory.max": "5", "memory": "5", "memory..max": "1", "cgroup.procs": "1"}}`,
			`linux.resources.unified["../memory.max"]: is not the name of a control file; linux.resources.unified["cgroup.procs"]: is not a limit; ` +
				`linux.resources.unified["memory"]: is not the name of a control file; linux.resources.unified["memory..max"]: is not the name of a control file; ` +
				`linux.resources.unified["x/memory.max"]: is not the name of a control file`, "="},
		"swap alone": {`{"memory": {"swap": 100}}`,
			"linux.resources.memory.swap: is memory and swap together, so it needs a memory.limit", "="},
		"swap below": {`{"memory": {"limit": 100, "swap": 99}}`,
			"linux.resources.memory.swap: 99 is memory and swap together, so it can't be less than the memory.limit 100", "="},
		"negative":   {`{"memory": {"limit": -2}}`, "linux.resources.memory.limit: -2 is neither a size nor -1", "="},
		"swappiness": {`{"memory": {"swappiness": 101}}`, "linux.resources.memory.swappiness: 101 is not in 0..100", "="},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.v2 == "=" {
				tt.v2 = tt.v1
			}
			for i, h := range []*host{allV1, allV2} {
				p, ps := planJSON(t, h, `{"resources": `+tt.in+`}`)
				got := show(p.settings)
				if ps.Err() != nil {
					got = strings.TrimPrefix(ps.Error(), "config.json: ")
				}
				if want := []string{tt.v1, tt.v2}[i]; got != want {
					t.Errorf("v%d\ngot  %s\nwant %s", i+1, got, want)
				}
			}
		})
	}
}

func TestPlanWithoutController(t *testing.T) {
	_, ps := planJSON(t, v1Host("freezer", "name=systemd"), `{"resources": {"memory": {"limit": 5}, "cpu": {"shares": 5, "cpus": "0"}, "pids": {"limit": 1},
		"blockIO": {"weight": 10}, "hugepageLimits": [{"pageSize": "2MB", "limit": 9}], "rdma": {"a": {"hcaHandles": 1}}}}`)
	want := `linux.resources.cpu.shares: this host has no cpu controller
linux.resources.cpu.cpus: this host has no cpuset controller
linux.resources.memory.limit: this host has no memory controller
linux.resources.blockIO: this host has no blkio or io controller
linux.resources.hugepageLimits[0]: this host has no hugetlb controller
linux.resources.rdma["a"]: this host has no rdma controller
linux.resources.pids.limit: this host has no pids controller`
	if got := lines(ps.List); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func lines(list []config.Problem) string {
	var out []string
	for _, p := range list {
		out = append(out, p.String())
	}
	return strings.Join(out, "\n")
}

func TestPlanHybrid(t *testing.T) {
	h := hybridHost("hugetlb", "memory", "devices", "cpu,cpuacct")
	p, ps := planJSON(t, h, `{"resources": {"memory": {"limit": 5}, "cpu": {"shares": 5}, "hugepageLimits": [{"pageSize": "2MB", "limit": 9}], "unified": {"hugetlb.1GB.max": "8"}}}`)
	want := "cpu.shares=5; memory.limit_in_bytes=5; hugetlb.2MB.rsvd.max=9 optional; hugetlb.2MB.max=9; hugetlb.1GB.max=8"
	if got := show(p.settings); got != want || ps.Err() != nil {
		t.Errorf("got  %s %v\nwant %s", got, ps.Err(), want)
	}
}

func TestPlanWarnings(t *testing.T) {
	_, ps := planJSON(t, allV1, `{"resources": {"memory": {"kernel": 5, "kernelTCP": 5}}}`)
	want := "linux.resources.memory.kernel: ignored: Linux has no limit of kernel memory since 5.16"
	if got := lines(ps.Warnings); got != want || ps.Err() != nil {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	_, ps = planJSON(t, allV2, `{"resources": {"memory": {"kernelTCP": 5}}}`)
	want = "linux.resources.memory.kernelTCP: ignored: cgroup v2 counts TCP buffers as memory, and has no other limit of them"
	if got := lines(ps.Warnings); got != want || ps.Err() != nil {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, ps = planJSON(t, allV1, `{"resources": {"memory": {"kernel": -1, "kernelTCP": 0}}}`); len(ps.Warnings) > 0 {
		t.Errorf("got %s", lines(ps.Warnings))
	}
}

func TestWeightOfShares(t *testing.T) {
	for shares, want := range map[uint64]uint64{1: 1, 2: 1, 3: 2, 512: 59, 1024: 100, 2048: 174, 262143: 10000, 262144: 10000, 1 << 40: 10000} {
		if got := weightOfShares(shares); got != want {
			t.Errorf("%d: got %d, want %d", shares, got, want)
		}
	}
}

func TestPlanDevices(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"none":       {`[]`, "deny"},
		"Docker":     {"", "deny, c 1:5 rwm, c 1:3 rwm, c 1:9 rwm, c 1:8 rwm, c 5:0 rwm, c 5:1 rwm"},
		"all":        {`[{"allow": true, "access": "rwm"}]`, "allow"},
		"all, a":     {`[{"allow": false, "access": "rwm"}, {"allow": true, "type": "a", "access": "mwr"}]`, "allow"},
		"all but":    {`[{"allow": true, "access": "rwm"}, {"allow": false, "type": "b", "major": 8, "access": "w"}]`, "allow, b 8:* w"},
		"all reads":  {`[{"allow": true, "type": "a", "access": "r"}]`, "deny, b *:* rm, c *:* rm"},
		"both kinds": {`[{"allow": true, "major": 9, "minor": 1, "access": "r"}]`, "deny, b 9:1 r, c 9:1 r"},
		"taken back": {`[{"allow": true, "type": "b", "major": 8, "minor": 1, "access": "rw"}, {"allow": true, "type": "b", "major": 8, "minor": 2, "access": "r"}, {"allow": false, "type": "b", "major": 8, "access": "r"}]`, "deny, b 8:1 w"},
		"a hole": {`[{"allow": true, "type": "b", "major": 8, "access": "rw"}, {"allow": false, "type": "b", "major": 8, "minor": 3, "access": "w"}]`,
			`linux.resources.devices[1]: cgroup v1 can't take "b 8:3 w" out of "b 8:* rw"`},
		"bad": {`[{"allow": true, "type": "z", "access": "rwm"}, {"allow": true, "type": "c", "access": ""}, {"allow": true, "type": "c", "access": "rx"}, {"allow": true, "type": "u", "major": -2, "minor": 4294967296, "access": "r"}]`,
			`linux.resources.devices[0].type: "z" is not "a", "b" or "c"; linux.resources.devices[1].access: is empty; linux.resources.devices[2].access: "rx" is not made of "r", "w" and "m"; ` +
				`linux.resources.devices[3].type: "u" is not "a", "b" or "c"; linux.resources.devices[3].major: -2 is not a device number; linux.resources.devices[3].minor: 4294967296 is not a device number`},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "Docker" {
				tt.in = dockerResources
			} else {
				tt.in = `{"devices": ` + tt.in + `}`
			}
			p, ps := planJSON(t, allV1, `{"resources": `+tt.in+`}`)
			got := "deny"
			if p.list.allow {
				got = "allow"
			}
			for _, e := range p.list.exceptions {
				if e.index >= 0 {
					got += fmt.Sprintf(", %s", e)
				}
			}
			if ps.Err() != nil {
				got = strings.TrimPrefix(ps.Error(), "config.json: ")
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
