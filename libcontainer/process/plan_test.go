package process

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/c9b5e2ae/rt/libcontainer/config"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/syndtr/gocapability/capability"
)

var testFacts = &config.Facts{Bounding: (1<<41 - 1) &^ (1 << capSysResource), LastCap: 40}

// good is a process that has nothing wrong.
func good() *specs.Process { return &specs.Process{Args: []string{"sh"}, Cwd: "/"} }

func TestPlanProcess(t *testing.T) {
	u32 := func(n uint32) *uint32 { return &n }
	num := func(n int) *int { return &n }
	for name, tt := range map[string]struct {
		edit func(*specs.Process)
		want string // every problem, or "" for a good config
		warn string
	}{
		"good":         {edit: func(p *specs.Process) {}},
		"no args":      {edit: func(p *specs.Process) { p.Args = nil }, want: "process.args: must have at least one entry"},
		"NUL in args":  {edit: func(p *specs.Process) { p.Args = []string{"a", "b\x00"} }, want: "process.args[1]: contains a NUL byte"},
		"empty arg":    {edit: func(p *specs.Process) { p.Args = []string{""} }},
		"no cwd":       {edit: func(p *specs.Process) { p.Cwd = "" }, want: `process.cwd: "" is not an absolute path`},
		"relative cwd": {edit: func(p *specs.Process) { p.Cwd = "app" }, want: `process.cwd: "app" is not an absolute path`},
		"NUL in cwd":   {edit: func(p *specs.Process) { p.Cwd = "/a\x00b" }, want: "process.cwd: contains a NUL byte"},
		"bad env": {
			edit: func(p *specs.Process) { p.Env = []string{"A=", "B", "=secret", "C=1\x00"} },
			want: `process.env[1]: "B" has no "="; process.env[2]: has no name before its "="; process.env[3]: contains a NUL byte`,
		},
		"uid -1":     {edit: func(p *specs.Process) { p.User.UID = math.MaxUint32 }, want: "process.user.uid: 4294967295 is not a uid"},
		"gid -1":     {edit: func(p *specs.Process) { p.User.GID = math.MaxUint32 }, want: "process.user.gid: 4294967295 is not a gid"},
		"group -1":   {edit: func(p *specs.Process) { p.User.AdditionalGids = []uint32{1, math.MaxUint32} }, want: "process.user.additionalGids[1]: 4294967295 is not a gid"},
		"highest id": {edit: func(p *specs.Process) { p.User.UID = math.MaxUint32 - 1 }},
		"umask":      {edit: func(p *specs.Process) { p.User.Umask = u32(99999) }, want: "process.user.umask: 99999 is above 511, which is 0777"},
		"unknown rlimit": {
			edit: func(p *specs.Process) { p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_FOO"}, {}} },
			want: `process.rlimits[0].type: unknown resource "RLIMIT_FOO"; process.rlimits[1].type: unknown resource ""`,
		},
		"rlimit twice": {
			edit: func(p *specs.Process) { p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_AS"}, {Type: "RLIMIT_AS"}} },
			want: "process.rlimits[1].type: RLIMIT_AS is listed twice",
		},
		"soft above hard": {
			edit: func(p *specs.Process) { p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 8, Hard: 7}} },
			want: "process.rlimits[0].soft: 8 is above the hard limit 7",
		},
		"soft is hard": {edit: func(p *specs.Process) { p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_AS", Soft: 7, Hard: 7}} }},
		"oom":          {edit: func(p *specs.Process) { p.OOMScoreAdj = num(1001) }, want: "process.oomScoreAdj: 1001 is not within -1000 to 1000"},
		"console too large": {
			edit: func(p *specs.Process) { p.Terminal, p.ConsoleSize = true, &specs.Box{Width: 65536, Height: 70000} },
			want: "process.consoleSize.width: 65536 is above 65535; process.consoleSize.height: 70000 is above 65535",
		},
		"console size without terminal": {edit: func(p *specs.Process) { p.ConsoleSize = &specs.Box{Width: 65536} }},
		"capabilities": {
			edit: func(p *specs.Process) {
				p.Capabilities = &specs.LinuxCapabilities{
					Bounding:    []string{"CAP_KILL", "CAP_FOO", "CAP_SYS_RESOURCE", "cap_chown"},
					Permitted:   []string{"CAP_KILL", "CAP_FOO"},
					Effective:   []string{"CAP_KILL", "CAP_CHOWN"},
					Inheritable: []string{"CAP_CHOWN"},
					Ambient:     []string{"CAP_KILL"},
				}
			},
			warn: `process.capabilities.bounding[1]: unknown capability "CAP_FOO"; ` +
				`process.capabilities.bounding[2]: CAP_SYS_RESOURCE cannot be granted: rt does not have it; ` +
				`process.capabilities.bounding[3]: unknown capability "cap_chown"; ` +
				`process.capabilities.effective[1]: CAP_CHOWN cannot be granted: it is not in permitted; ` +
				`process.capabilities.ambient[0]: CAP_KILL cannot be granted: it is not in permitted and inheritable`,
		},
		"io class":    {edit: func(p *specs.Process) { p.IOPriority = &specs.LinuxIOPriority{Class: "RT"} }, want: `process.ioPriority.class: unknown class "RT"`},
		"io priority": {edit: func(p *specs.Process) { p.IOPriority = &specs.LinuxIOPriority{Class: "IOPRIO_CLASS_BE", Priority: 8} }, want: "process.ioPriority.priority: 8 is not within 0 to 7"},
		"io negative": {edit: func(p *specs.Process) { p.IOPriority = &specs.LinuxIOPriority{Class: "IOPRIO_CLASS_BE", Priority: -1} }, want: "process.ioPriority.priority: -1 is not within 0 to 7"},
		"affinity": {
			edit: func(p *specs.Process) { p.ExecCPUAffinity = &specs.CPUAffinity{Initial: "1-", Final: "8192"} },
			want: `process.execCPUAffinity.initial: "1-" is neither a CPU nor a range of them; process.execCPUAffinity.final: CPU 8192 is above 8191`,
		},
		"profile with a line end": {
			edit: func(p *specs.Process) { p.ApparmorProfile = "a\nb" },
			want: `process.apparmorProfile: "a\nb" contains a NUL byte or a line end`,
		},
		"all at once": {
			edit: func(p *specs.Process) { p.Args, p.Cwd, p.User.UID = nil, "x", math.MaxUint32 },
			want: `process.user.uid: 4294967295 is not a uid; process.args: must have at least one entry; process.cwd: "x" is not an absolute path`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := good()
			tt.edit(p)
			var ps config.Problems
			PlanProcess(&specs.Spec{Process: p}, p, false, testFacts, &ps)
			if got := join(ps.List); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if got := join(ps.Warnings); got != tt.warn {
				t.Errorf("warnings\ngot  %s\nwant %s", got, tt.warn)
			}
		})
	}
}

func TestPlanWithoutProcess(t *testing.T) {
	if p := PlanProcess(&specs.Spec{}, nil, false, testFacts, &config.Problems{}); p != nil {
		t.Errorf("got %+v", p)
	}
}

func TestPlanScheduler(t *testing.T) {
	for name, tt := range map[string]struct {
		in   specs.Scheduler
		want string
	}{
		"other":          {in: specs.Scheduler{Policy: "SCHED_OTHER", Nice: -20}},
		"no policy":      {want: `process.scheduler.policy: unknown policy ""`},
		"iso":            {in: specs.Scheduler{Policy: "SCHED_ISO"}, want: "process.scheduler.policy: Linux does not implement SCHED_ISO"},
		"nice":           {in: specs.Scheduler{Policy: "SCHED_BATCH", Nice: 20}, want: "process.scheduler.nice: 20 is not within -20 to 19"},
		"fifo":           {in: specs.Scheduler{Policy: "SCHED_FIFO", Priority: 99}},
		"fifo without":   {in: specs.Scheduler{Policy: "SCHED_FIFO"}, want: "process.scheduler.priority: 0 is not within 1 to 99, as SCHED_FIFO needs it"},
		"rr too high":    {in: specs.Scheduler{Policy: "SCHED_RR", Priority: 100}, want: "process.scheduler.priority: 100 is not within 1 to 99, as SCHED_RR needs it"},
		"idle priority":  {in: specs.Scheduler{Policy: "SCHED_IDLE", Priority: 1}, want: "process.scheduler.priority: SCHED_IDLE has no priority, only SCHED_FIFO and SCHED_RR have"},
		"other runtime":  {in: specs.Scheduler{Policy: "SCHED_OTHER", Runtime: 1}, want: "process.scheduler.runtime: SCHED_OTHER has no runtime, only SCHED_DEADLINE has"},
		"deadline":       {in: specs.Scheduler{Policy: "SCHED_DEADLINE", Runtime: 5000, Deadline: 6000, Period: 7000}},
		"deadline short": {in: specs.Scheduler{Policy: "SCHED_DEADLINE", Runtime: 5000, Deadline: 4000}, want: "process.scheduler.deadline: 4000 ns is below the runtime, 5000"},
		"period short":   {in: specs.Scheduler{Policy: "SCHED_DEADLINE", Runtime: 5000, Deadline: 6000, Period: 1}, want: "process.scheduler.period: 1 ns is below the deadline, 6000"},
		"no runtime":     {in: specs.Scheduler{Policy: "SCHED_DEADLINE"}, want: "process.scheduler.runtime: 0 ns is below 1024"},
		"flag":           {in: specs.Scheduler{Policy: "SCHED_OTHER", Flags: []specs.LinuxSchedulerFlag{"SCHED_FLAG_RESET_ON_FORK", "X"}}, want: `process.scheduler.flags[1]: unknown flag "X"`},
	} {
		t.Run(name, func(t *testing.T) {
			var ps config.Problems
			planScheduler(&tt.in, &ps)
			if got := join(ps.List); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestPlanMemoryPolicy(t *testing.T) {
	const static, relative, balancing = specs.MpolFStaticNodes, specs.MpolFRelativeNodes, specs.MpolFNumaBalancing
	flags := func(f ...specs.MemoryPolicyFlagType) []specs.MemoryPolicyFlagType { return f }
	for name, tt := range map[string]struct {
		in   specs.LinuxMemoryPolicy
		mode uint32
		want string
	}{
		"default":           {in: specs.LinuxMemoryPolicy{Mode: "MPOL_DEFAULT"}},
		"bind":              {in: specs.LinuxMemoryPolicy{Mode: "MPOL_BIND", Nodes: "0", Flags: flags(static)}, mode: 2 | 1<<15},
		"unknown":           {in: specs.LinuxMemoryPolicy{Mode: "MPOL_X"}, want: `linux.memoryPolicy.mode: unknown mode "MPOL_X"`},
		"default and nodes": {in: specs.LinuxMemoryPolicy{Mode: "MPOL_DEFAULT", Nodes: "0"}, want: "linux.memoryPolicy.nodes: MPOL_DEFAULT takes no nodes"},
		"local and nodes":   {in: specs.LinuxMemoryPolicy{Mode: "MPOL_LOCAL", Nodes: "1"}, mode: 4, want: "linux.memoryPolicy.nodes: MPOL_LOCAL takes no nodes"},
		"bind alone":        {in: specs.LinuxMemoryPolicy{Mode: "MPOL_BIND"}, mode: 2, want: "linux.memoryPolicy.nodes: MPOL_BIND needs at least one node"},
		"preferred alone":   {in: specs.LinuxMemoryPolicy{Mode: "MPOL_PREFERRED"}, mode: 1},
		"bad nodes":         {in: specs.LinuxMemoryPolicy{Mode: "MPOL_BIND", Nodes: "3-1"}, mode: 2, want: `linux.memoryPolicy.nodes: "3-1" is neither a node nor a range of them`},
		"unknown flag":      {in: specs.LinuxMemoryPolicy{Mode: "MPOL_BIND", Nodes: "0", Flags: flags("F")}, mode: 2, want: `linux.memoryPolicy.flags[0]: unknown flag "F"`},
		"both placements": {
			in: specs.LinuxMemoryPolicy{Mode: "MPOL_BIND", Nodes: "0", Flags: flags(static, relative)}, mode: 2 | 3<<14,
			want: "linux.memoryPolicy.flags[1]: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other",
		},
		"static local": {
			in: specs.LinuxMemoryPolicy{Mode: "MPOL_LOCAL", Flags: flags(static)}, mode: 4 | 1<<15,
			want: "linux.memoryPolicy.flags[0]: MPOL_F_STATIC_NODES needs linux.memoryPolicy.nodes",
		},
		"balancing interleave": {
			in: specs.LinuxMemoryPolicy{Mode: "MPOL_INTERLEAVE", Nodes: "0", Flags: flags(balancing)}, mode: 3 | 1<<13,
			want: "linux.memoryPolicy.flags[0]: MPOL_F_NUMA_BALANCING needs the mode MPOL_BIND or MPOL_PREFERRED_MANY",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var ps config.Problems
			m := planMemoryPolicy(&tt.in, &ps)
			if got := join(ps.List); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if m != nil && m.Mode != tt.mode {
				t.Errorf("mode is %#x, want %#x", m.Mode, tt.mode)
			}
		})
	}
}

func TestPlanPersonality(t *testing.T) {
	var ps config.Problems
	planPersonality(&specs.LinuxPersonality{Domain: "BSD", Flags: []specs.LinuxPersonalityFlag{"F"}}, &ps)
	want := `linux.personality.domain: unknown domain "BSD"; linux.personality.flags[0]: unknown flag "F": the spec defines none`
	if got := join(ps.List); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestPlanIDs(t *testing.T) {
	for in, want := range map[string][]uint64{
		"":              nil,
		" , ":           nil,
		"0":             {1},
		"0-3,7":         {0x8f},
		" 1 , 63-64,,3": {1<<63 | 1<<3 | 1<<1, 1},
		"128":           {0, 0, 1},
	} {
		var ps config.Problems
		if got := planIDs("x", "CPU", in, &ps); !slices.Equal(got, want) || ps.Err() != nil {
			t.Errorf("%q: got %x %v, want %x", in, got, ps.List, want)
		}
	}
	for _, in := range []string{"a", "1-", "-1", "2-1", "0x1", "1--2", "+1", "99999999999999999999", "4294967296", "0-8192"} {
		var ps config.Problems
		if got := planIDs("x", "CPU", in, &ps); got != nil || len(ps.List) != 1 {
			t.Errorf("%q: got %x and %v", in, got, ps.List)
		}
	}
}

func TestPlanUnmapped(t *testing.T) {
	s := &specs.Spec{Linux: &specs.Linux{
		Namespaces:  []specs.LinuxNamespace{{Type: specs.UserNamespace}},
		UIDMappings: []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1, Size: 10}, {ContainerID: 4294967290, HostID: 20, Size: 4294967295}},
		GIDMappings: []specs.LinuxIDMapping{{ContainerID: 5, HostID: 1, Size: 1}},
	}}
	for name, tt := range map[string]struct {
		user specs.User
		want string
	}{
		"mapped":      {user: specs.User{UID: 9, GID: 5}},
		"second map":  {user: specs.User{UID: 4294967294, GID: 5}},
		"uid":         {user: specs.User{UID: 10, GID: 5}, want: "process.user.uid: 10 is not mapped by linux.uidMappings"},
		"gid":         {user: specs.User{GID: 4}, want: "process.user.gid: 4 is not mapped by linux.gidMappings"},
		"other group": {user: specs.User{GID: 5, AdditionalGids: []uint32{5, 0}}, want: "process.user.additionalGids[1]: 0 is not mapped by linux.gidMappings"},
	} {
		t.Run(name, func(t *testing.T) {
			p := good()
			p.User = tt.user
			var ps config.Problems
			PlanProcess(s, p, false, testFacts, &ps)
			if got := join(ps.List); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestPlanEnv(t *testing.T) {
	for in, want := range map[string]string{
		"A=1":             "A=1",
		"A=1 B=2 A=3 C=4": "B=2 A=3 C=4",
		"A=1=2 A==":       "A==",
		"A= AA=":          "A= AA=",
	} {
		if got := strings.Join(planEnv(strings.Fields(in), &config.Problems{}), " "); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

// What a process of exec leaves open is the container's.
func TestPlanExec(t *testing.T) {
	umask, adj := uint32(0o27), -5
	c := &specs.Process{
		User: specs.User{UID: 5, Umask: &umask}, OOMScoreAdj: &adj, NoNewPrivileges: true, Cwd: "/c", Env: []string{"A=1"},
		Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}},
		Rlimits:      []specs.POSIXRlimit{{Type: "RLIMIT_CORE", Soft: 1, Hard: 2}},
		Scheduler:    &specs.Scheduler{Policy: "SCHED_BATCH"},
		IOPriority:   &specs.LinuxIOPriority{Class: "IOPRIO_CLASS_IDLE"},
	}
	s := &specs.Spec{Process: c, Linux: &specs.Linux{
		Personality:  &specs.LinuxPersonality{Domain: "LINUX32"},
		MemoryPolicy: &specs.LinuxMemoryPolicy{Mode: "MPOL_LOCAL"},
	}}
	p := good()
	p.ExecCPUAffinity = &specs.CPUAffinity{Initial: "0", Final: "0-1"}
	var ps config.Problems
	got := PlanProcess(s, p, true, testFacts, &ps)
	if err := ps.Err(); err != nil {
		t.Fatal(err)
	}
	if got.Umask != 0o27 || *got.oomScoreAdj != -5 || got.Caps.Bounding != 1<<5 || len(got.Rlimits) != 1 ||
		got.Scheduler.Policy != 3 || got.IOPriority != 3<<13 || got.Personality.Domain != 8 || got.MemoryPolicy.Mode != 4 {
		t.Errorf("not inherited: %+v", got)
	}
	if got.UID != 0 || got.NoNewPrivileges || got.Cwd != "/" || len(got.Env) != 0 || got.First {
		t.Errorf("inherited too much: %+v", got)
	}
	if !slices.Equal(got.initialAffinity, []uint64{1}) || !slices.Equal(got.Affinity, []uint64{3}) {
		t.Errorf("affinity: %x %x", got.initialAffinity, got.Affinity)
	}
	if p := PlanProcess(s, p, false, testFacts, &ps); p.Affinity != nil || p.initialAffinity != nil {
		t.Error("execCPUAffinity is not for the container's first process")
	}
	if p.User.Umask != nil || c.Capabilities.Permitted != nil {
		t.Error("the spec was changed")
	}
}

// The table is ours because gocapability's package init opens a file; the numbers
// are the same.
func TestCapabilityNames(t *testing.T) {
	if n := len(capability.List()); n != len(capabilityNames) {
		t.Errorf("%d names, gocapability has %d", len(capabilityNames), n)
	}
	for _, c := range capability.List() {
		if got, want := capabilityNames[c], "CAP_"+strings.ToUpper(c.String()); got != want {
			t.Errorf("%d is %s, not %s", c, got, want)
		}
	}
}

func TestHomeOf(t *testing.T) {
	passwd := []byte("root:x:0:0:root:/root:/bin/sh\nbroken\n\na:x:7:7:::/bin/sh\nb:x:8:8::/home/b\nc:x:8:8::/home/c:/bin/sh\nz:x:9:9:z:/\x00")
	for uid, want := range map[uint32]string{0: "/root", 7: "/", 8: "/home/b", 9: "/", 10: "/"} {
		if got := homeOf(uid, passwd); got != want {
			t.Errorf("%d: got %s, want %s", uid, got, want)
		}
	}
}

func problemsOf(p *specs.Process) string {
	var ps config.Problems
	PlanProcess(&specs.Spec{Process: p}, p, false, testFacts, &ps)
	return join(ps.List)
}
