package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/tests/harness"
	"github.com/c9b5e2ae/rt/tests/needs"
)

// The same holds of both versions of cgroups.
func TestCgroups(t *testing.T) { cgroups(t) }
func TestCgroupsV2(t *testing.T) {
	needs.All(t, "cgroup2")
	cgroups(t)
}

// control reads a file of a container's cgroup, which has another name in each
// version.
func control(t *testing.T, c *harness.Container, controller, v1, v2 string) string {
	t.Helper()
	if unified() {
		return read(t, cgroup(t, c, controller), v2)
	}
	return read(t, cgroup(t, c, controller), v1)
}

func resources(change func(*specs.LinuxResources)) harness.Change {
	return func(s *specs.Spec) { change(s.Linux.Resources) }
}

func cgroups(t *testing.T) {
	sentence(t, "configLinuxControlGroups.1", func(t *testing.T) {
		first := harness.New(t)
		first.Edit(func(s *specs.Spec) { s.Linux.CgroupsPath = "/" + first.ID })
		first.Create()
		second := first.Another(func(s *specs.Spec) { s.Linux.CgroupsPath = "/" + first.ID })
		r, ok := create(second)
		if ok {
			// It need not look. What happens to the first is not in this sentence.
			second.Delete("--force")
		}
		if isRT(t) {
			if want := first.ID + fmt.Sprintf(" is not empty: process %d is in it", first.Init); ok || !strings.Contains(r.Stderr, want) {
				t.Errorf("want %q: %v", want, r)
			}
			first.Start()
			first.WantStatus("running")
			first.Exec("true")
			frozen(t)
		}
	})
	sentence(t, "configLinuxCgroupsPath.1 configLinuxCgroupsPath.3", func(t *testing.T) {
		for _, path := range []string{"/%s-abs", "%s-rel"} {
			var before string
			for range 2 {
				c := harness.New(t)
				c.Edit(func(s *specs.Spec) {
					s.Linux.CgroupsPath = fmt.Sprintf(path, strings.TrimRight(c.ID, "0123456789")+"same")
				})
				r, ok := create(c)
				if !ok {
					t.Fatal(r)
				}
				at := c.ProcFile("cgroup")
				if before != "" && at != before {
					t.Errorf("%s is at\n%s\nand was at\n%s", path, at, before)
				}
				before = at
				c.Delete("--force")
			}
		}
	})
	sentence(t, "configLinuxCgroupsPath.2", func(t *testing.T) {
		c := harness.New(t)
		path := "/" + c.ID
		c.Edit(func(s *specs.Spec) { s.Linux.CgroupsPath = path })
		c.Create()
		for line := range strings.Lines(c.ProcFile("cgroup")) {
			if !mounted(line) {
				continue
			}
			// A runtime may put the process further below.
			if rest, ok := strings.CutPrefix(strings.SplitN(strings.TrimSpace(line), ":", 3)[2], path); !ok || rest != "" && rest[0] != '/' {
				t.Errorf("%s is at %s", path, line)
			}
		}
	})
	sentence(t, "configLinuxCgroupsPath.4", func(t *testing.T) {
		// The host's own cgroups, or what is above: a container there, or one that
		// takes the path for another, is not what was asked for.
		for _, path := range []string{"/", "/..", "../..", "/a/../../.."} {
			c := harness.New(t, func(s *specs.Spec) { s.Linux.CgroupsPath = path })
			r, ok := create(c)
			if ok {
				if isRT(t) || strings.Contains(c.ProcFile("cgroup"), ":/\n") {
					t.Errorf("%s was taken: %s", path, c.ProcFile("cgroup"))
				}
				continue
			}
			if isRT(t) && !strings.HasPrefix(r.Stderr, "rt: config.json: linux.cgroupsPath: ") {
				t.Error(r)
			}
			c.WantNothing()
		}
	})
	t.Run("devices", deviceRules)
	sentence(t, "configLinuxMemory.3", func(t *testing.T) {
		limit, check := int64(200<<20), true
		c := harness.New(t, harness.Shell("x=$(head -c 30000000 /dev/zero | tr '\\0' x); touch /full; sleep 1000; echo $x"),
			resources(func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Limit: &limit} }))
		c.Up()
		harness.Eventually(t, "the memory is used", func() bool { return c.Has("full") })
		command := c.Command("update", "--resources", "-", c.ID)
		command.Stdin = fmt.Sprintf(`{"memory": {"limit": 10000000, "checkBeforeUpdate": %v}}`, check)
		if r := command.Run(t); r.Code == 0 {
			t.Errorf("a limit below the usage was taken: %v", r)
		}
		if got := control(t, c, "memory", "memory.limit_in_bytes", "memory.max"); got != fmt.Sprint(limit) {
			t.Errorf("the limit is %s", got)
		}
		c.WantStatus("running")
	})
	sentence(t, "configLinuxPIDS.1", func(t *testing.T) {
		// With no task allowed, the one that is there can't make another.
		none := int64(0)
		c := harness.New(t, harness.Shell("(:); echo forked"), resources(func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: &none} }))
		if r := c.Run(); strings.Contains(r.Stdout, "forked") || !strings.Contains(r.Stderr, "fork") {
			t.Errorf("a limit of 0 tasks: %v", r)
		}
	})
}

// mounted tells whether the hierarchy of a line of /proc/PID/cgroup is mounted here,
// and has what a container can't do without. That is not so of v2 on a hybrid host;
// and one of a test elsewhere on this machine may come and go.
func mounted(line string) bool {
	f := strings.SplitN(line, ":", 3)
	name, _, _ := strings.Cut(strings.TrimPrefix(f[1], "name="), ",")
	if name == "" {
		return unified()
	}
	_, err := os.Stat(filepath.Join("/sys/fs/cgroup", name))
	return err == nil
}

// frozen wants a cgroup that is frozen to be refused.
func frozen(t *testing.T) {
	t.Helper()
	c := harness.New(t)
	c.Edit(func(s *specs.Spec) { s.Linux.CgroupsPath = "/" + c.ID })
	dir, file, on, off := filepath.Join("/sys/fs/cgroup/freezer", c.ID), "freezer.state", "FROZEN", "THAWED"
	if unified() {
		dir, file, on, off = filepath.Join("/sys/fs/cgroup", c.ID), "cgroup.freeze", "1", "0"
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(dir)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0); err != nil {
			t.Fatal(err)
		}
	}
	write(on)
	r, ok := create(c)
	write(off)
	if ok || !strings.Contains(r.Stderr, c.ID+" is frozen") {
		t.Error(r)
	}
}

// deviceRules are about devices without a driver: where the rules allow to open one,
// the kernel says that there is none, and otherwise that it isn't permitted.
func deviceRules(t *testing.T) {
	number := func(n int64) *int64 { return &n }
	rule := func(allow bool, minor int64, access string) specs.LinuxDeviceCgroup {
		return specs.LinuxDeviceCgroup{Allow: allow, Type: "c", Major: number(240), Minor: number(minor), Access: access}
	}
	rules := []specs.LinuxDeviceCgroup{
		rule(true, 1, "rwm"),
		{Allow: false, Access: "rwm"},
		rule(true, 2, "rw"), rule(false, 2, "w"),
		rule(false, 3, "r"), rule(true, 3, "r"),
		rule(true, 4, "r"), rule(true, 4, "w"),
	}
	want := map[string]string{
		"1": "", // the rule that denies all came later
		"2": "r", "3": "r", "4": "rw",
		"5": "", // no rule allows it
	}
	c := harness.New(t, resources(func(r *specs.LinuxResources) { r.Devices = rules }),
		harness.Shell(`for n in 1 2 3 4 5; do (: </dev/$n) 2>&1 | sed "s/^/$n r /"; (: >>/dev/$n) 2>&1 | sed "s/^/$n w /"; done`))
	for n := range want {
		var minor int64
		fmt.Sscan(n, &minor)
		c.Edit(func(s *specs.Spec) {
			s.Linux.Devices = append(s.Linux.Devices, specs.LinuxDevice{Path: "/dev/" + n, Type: "c", Major: 240, Minor: minor})
		})
	}
	r := c.Run()
	got := map[string]string{}
	for line := range strings.Lines(r.Stdout) {
		f := strings.Fields(line)
		if strings.Contains(line, "No such device") {
			got[f[0]] += f[1]
		} else if !strings.Contains(line, "not permitted") {
			t.Fatalf("%s\n%v", line, r)
		}
	}
	sentence(t, "configLinuxDeviceAllowedlist.1", func(t *testing.T) {
		for _, n := range []string{"1", "2", "3", "4"} {
			if got[n] != want[n] {
				t.Errorf("device %s can be opened for %q, want %q", n, got[n], want[n])
			}
		}
	})
	sentence(t, "configLinuxDeviceAllowedlist.2", func(t *testing.T) {
		for n := range want {
			if got[n] != want[n] {
				t.Errorf("device %s can be opened for %q, want %q", n, got[n], want[n])
			}
		}
	})
}

func TestBlockIO(t *testing.T) { blockIO(t) }
func TestBlockIOV2(t *testing.T) {
	needs.All(t, "cgroup2")
	blockIO(t)
}

// disk is a device that can be throttled: a partition can't be.
func disk(t *testing.T) (major, minor int64) {
	t.Helper()
	all, err := os.ReadDir("/sys/block")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		if dir := filepath.Join("/sys/block", d.Name()); !strings.HasPrefix(d.Name(), "loop") && read(t, dir, "size") != "0" {
			if _, err := fmt.Sscanf(read(t, dir, "dev"), "%d:%d", &major, &minor); err != nil {
				t.Fatal(err)
			}
			return major, minor
		}
	}
	t.Fatal("no disk")
	return 0, 0
}

func blockIO(t *testing.T) {
	major, minor := disk(t)
	throttle := func(rate uint64) []specs.LinuxThrottleDevice {
		d := specs.LinuxThrottleDevice{Rate: rate}
		d.Major, d.Minor = major, minor
		return []specs.LinuxThrottleDevice{d}
	}
	c := harness.New(t, resources(func(r *specs.LinuxResources) {
		r.BlockIO = &specs.LinuxBlockIO{
			ThrottleReadBpsDevice: throttle(1 << 20), ThrottleWriteBpsDevice: throttle(2 << 20),
			ThrottleReadIOPSDevice: throttle(300), ThrottleWriteIOPSDevice: throttle(400),
		}
	}))
	r, ok := create(c)
	check := func(kind string) func(*testing.T) {
		return func(t *testing.T) {
			if !ok {
				t.Fatal(r)
			}
			for direction, rate := range map[string]int{"bps read": 1 << 20, "bps write": 2 << 20, "iops read": 300, "iops write": 400} {
				if !strings.HasPrefix(direction, kind) {
					continue
				}
				_, way, _ := strings.Cut(direction, " ")
				want := fmt.Sprintf("%d:%d %d", major, minor, rate)
				file := fmt.Sprintf("blkio.throttle.%s_%s_device", way, kind)
				if unified() {
					want, file = fmt.Sprintf("%s%s=%d", way[:1], kind, rate), "io.max"
				}
				if got := read(t, cgroup(t, c, "blkio"), file); !strings.Contains(got, want) || !strings.Contains(got, fmt.Sprintf("%d:%d ", major, minor)) {
					t.Errorf("%s is %q, want %q", file, got, want)
				}
			}
		}
	}
	sentence(t, "configLinuxBlockIO.3 configLinuxBlockIO.4", check("bps"))
	sentence(t, "configLinuxBlockIO.5 configLinuxBlockIO.6", check("iops"))
}

func TestBlockIOWeight(t *testing.T) {
	sentence(t, "configLinuxBlockIO.1", func(t *testing.T) {
		major, minor := bfqDisk(t)
		weight := uint16(500)
		d := specs.LinuxWeightDevice{Weight: &weight}
		d.Major, d.Minor = major, minor
		c := harness.New(t, resources(func(r *specs.LinuxResources) {
			r.BlockIO = &specs.LinuxBlockIO{WeightDevice: []specs.LinuxWeightDevice{d}}
		}))
		c.Create()
		if got := control(t, c, "blkio", "blkio.bfq.weight_device", "io.bfq.weight"); !strings.Contains(got, fmt.Sprintf("%d:%d 500", major, minor)) {
			t.Errorf("weights are %q", got)
		}
	})
}

// bfqDisk makes a disk whose scheduler is bfq, the one that knows weights.
func bfqDisk(t *testing.T) (major, minor int64) {
	t.Helper()
	device := loop(t, "1M")
	dir := filepath.Join("/sys/block", filepath.Base(device))
	if err := os.WriteFile(filepath.Join(dir, "queue/scheduler"), []byte("bfq"), 0); err != nil {
		t.Skip("needs bfq")
	}
	t.Cleanup(func() { os.WriteFile(filepath.Join(dir, "queue/scheduler"), []byte("none"), 0) })
	if _, err := fmt.Sscanf(read(t, dir, "dev"), "%d:%d", &major, &minor); err != nil {
		t.Fatal(err)
	}
	return major, minor
}

func TestNetworkPriority(t *testing.T) {
	needs.All(t, "cgroup1", "net_prio")
	id := uint32(0x100001)
	c := harness.New(t, resources(func(r *specs.LinuxResources) {
		r.Network = &specs.LinuxNetwork{ClassID: &id, Priorities: []specs.LinuxInterfacePriority{{Name: "lo", Priority: 7}}}
	}))
	c.Create()
	sentence(t, "configLinuxNetwork.1 configLinuxNetwork.2", func(t *testing.T) {
		if got := read(t, cgroup(t, c, "net_prio"), "net_prio.ifpriomap"); !strings.Contains(got, "lo 7") {
			t.Errorf("priorities are %q", got)
		}
		if got := read(t, cgroup(t, c, "net_cls"), "net_cls.classid"); got != fmt.Sprint(id) {
			t.Errorf("the class is %s", got)
		}
	})
}

func TestHugePages(t *testing.T) {
	needs.All(t, "hugetlb")
	sentence(t, "configLinuxHugePageLimits.4", func(t *testing.T) {
		if _, err := os.Stat("/sys/fs/cgroup/hugetlb"); err != nil && !unified() && !needs.Have("hybrid") {
			t.Skip("needs a hierarchy with hugetlb")
		}
		const limit = 6 << 20
		c := harness.New(t, resources(func(r *specs.LinuxResources) {
			r.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: limit}}
		}))
		c.Create()
		found := 0
		for _, dir := range cgroupDirs(t, c.ID) {
			for _, pattern := range []string{"hugetlb.2MB.rsvd.limit_in_bytes", "hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.rsvd.max", "hugetlb.2MB.max"} {
				if _, err := os.Stat(filepath.Join(dir, pattern)); err != nil {
					continue
				}
				found++
				if got := read(t, dir, pattern); got != fmt.Sprint(limit) {
					t.Errorf("%s is %s", pattern, got)
				}
				if procs := read(t, dir, "cgroup.procs"); procs != fmt.Sprint(c.Init) {
					t.Errorf("in the cgroup with the limit is process %q, not %d", procs, c.Init)
				}
			}
		}
		if found == 0 {
			t.Error("no control file")
		}
	})
}

func TestUnified(t *testing.T) {
	needs.All(t, "cgroup2")
	c := harness.New(t, resources(func(r *specs.LinuxResources) {
		r.Unified = map[string]string{
			"memory.high": "100000000", "pids.max": "33", "cpu.weight": "77", "memory.oom.group": "1", "cgroup.max.depth": "5",
		}
	}))
	r, ok := create(c)
	sentence(t, "configLinuxUnified.1", func(t *testing.T) {
		if !ok {
			t.Fatal(r)
		}
		enabled := strings.Fields(read(t, filepath.Dir(cgroup(t, c, "")), "cgroup.subtree_control"))
		for _, controller := range []string{"memory", "pids", "cpu"} {
			if !slices.Contains(enabled, controller) {
				t.Errorf("%s is not enabled: %v", controller, enabled)
			}
		}
	})
	sentence(t, "configLinuxUnified.2", func(t *testing.T) {
		if !ok {
			t.Fatal(r)
		}
		for file, want := range map[string]string{"memory.high": "99999744", "pids.max": "33", "cpu.weight": "77", "memory.oom.group": "1", "cgroup.max.depth": "5"} {
			if got := read(t, cgroup(t, c, ""), file); got != want {
				t.Errorf("%s is %s, want %s", file, got, want)
			}
		}
	})
	sentence(t, "configLinuxUnified.4", func(t *testing.T) {
		swappiness, id, truth := uint64(10), uint32(5), true
		for name, change := range map[string]func(*specs.LinuxResources){
			"memory.swappiness":       func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{Swappiness: &swappiness} },
			"memory.disableOOMKiller": func(r *specs.LinuxResources) { r.Memory = &specs.LinuxMemory{DisableOOMKiller: &truth} },
			"network.classID":         func(r *specs.LinuxResources) { r.Network = &specs.LinuxNetwork{ClassID: &id} },
			"network.priorities": func(r *specs.LinuxResources) {
				r.Network = &specs.LinuxNetwork{Priorities: []specs.LinuxInterfacePriority{{Name: "lo", Priority: 5}}}
			},
			"blockIO.leafWeight": func(r *specs.LinuxResources) {
				weight := uint16(100)
				r.BlockIO = &specs.LinuxBlockIO{LeafWeight: &weight}
			},
			"cpu.realtimeRuntime": func(r *specs.LinuxResources) {
				runtime := int64(1000)
				r.CPU = &specs.LinuxCPU{RealtimeRuntime: &runtime}
			},
		} {
			c := harness.New(t, resources(change))
			r, ok := create(c)
			if ok {
				t.Errorf("%s was ignored", name)
			} else if isRT(t) && !strings.HasPrefix(r.Stderr, "rt: config.json: linux.resources."+name) {
				t.Error(r)
			}
		}
	})
}

func TestUnifiedWithoutController(t *testing.T) {
	sentence(t, "configLinuxUnified.3", func(t *testing.T) {
		for _, key := range []string{"nosuch.max", "memory.high"} {
			if key == "memory.high" && unified() {
				continue // the controller is there
			}
			c := harness.New(t, resources(func(r *specs.LinuxResources) { r.Unified = map[string]string{key: "1"} }))
			r, ok := create(c)
			if ok {
				t.Errorf("%s was ignored", key)
			} else if isRT(t) && !strings.Contains(r.Stderr, `linux.resources.unified["`+key+`"]`) {
				t.Error(r)
			}
			c.Do("delete", "--force", c.ID)
			c.WantNothing()
		}
	})
}
