package seccomp

import (
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

func plan(t testing.TB, in specs.LinuxSeccomp) (*Plan, *config.Problems) {
	t.Helper()
	var ps config.Problems
	return PlanSeccomp(&specs.Spec{Linux: &specs.Linux{Seccomp: &in}}, &ps), &ps
}

func uintp(u uint) *uint { return &u }

func TestPlanSeccomp(t *testing.T) {
	allow := func(l ...specs.LinuxSyscall) specs.LinuxSeccomp {
		return specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: l}
	}
	call := func(action specs.LinuxSeccompAction, ret *uint, names ...string) specs.LinuxSyscall {
		return specs.LinuxSyscall{Names: names, Action: action, ErrnoRet: ret}
	}
	arg := func(a specs.LinuxSeccompArg) specs.LinuxSeccomp {
		return allow(specs.LinuxSyscall{Names: []string{"read"}, Action: specs.ActErrno, Args: []specs.LinuxSeccompArg{a}})
	}
	notify := func(path, metadata string, names ...string) specs.LinuxSeccomp {
		s := allow(call(specs.ActNotify, nil, names...))
		s.ListenerPath, s.ListenerMetadata = path, metadata
		return s
	}
	for name, tt := range map[string]struct {
		in   specs.LinuxSeccomp
		want string // every problem, or "" for a good config
	}{
		"allow all":         {in: allow()},
		"errno":             {in: allow(call(specs.ActErrno, uintp(38), "clone3"))},
		"errno 0":           {in: allow(call(specs.ActErrno, uintp(0), "chown"))},
		"trace message":     {in: allow(call(specs.ActTrace, uintp(65535), "chown"))},
		"unknown call":      {in: allow(call(specs.ActErrno, nil, "call_of_the_future"))},
		"default errno":     {in: specs.LinuxSeccomp{DefaultAction: specs.ActErrno, DefaultErrnoRet: uintp(1)}},
		"notify":            {in: notify("/run/agent", "x", "mount")},
		"path, no notify":   {in: specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerPath: "relative"}},
		"no default":        {in: specs.LinuxSeccomp{}, want: `linux.seccomp.defaultAction: is missing`},
		"unknown default":   {in: specs.LinuxSeccomp{DefaultAction: "allow"}, want: `linux.seccomp.defaultAction: unknown action "allow"`},
		"default notify":    {in: specs.LinuxSeccomp{DefaultAction: specs.ActNotify}, want: `linux.seccomp.defaultAction: SCMP_ACT_NOTIFY would stop init itself, before the agent has the listener`},
		"default no errno":  {in: specs.LinuxSeccomp{DefaultAction: specs.ActKill, DefaultErrnoRet: uintp(1)}, want: `linux.seccomp.defaultErrnoRet: SCMP_ACT_KILL has no errno`},
		"default big errno": {in: specs.LinuxSeccomp{DefaultAction: specs.ActErrno, DefaultErrnoRet: uintp(4096)}, want: `linux.seccomp.defaultErrnoRet: 4096 is above 4095`},
		"unknown arch": {in: specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Architectures: []specs.Arch{specs.ArchX86, "x86_64"}},
			want: `linux.seccomp.architectures[1]: unknown architecture "x86_64"`},
		"unknown flag": {in: specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Flags: []specs.LinuxSeccompFlag{"LOG"}},
			want: `linux.seccomp.flags[0]: unknown flag "LOG"`},
		"no names":      {in: allow(call(specs.ActErrno, nil)), want: `linux.seccomp.syscalls[0].names: needs at least one name`},
		"empty name":    {in: allow(call(specs.ActErrno, nil, "read", "")), want: `linux.seccomp.syscalls[0].names[1]: is empty`},
		"no action":     {in: allow(call("", nil, "read")), want: `linux.seccomp.syscalls[0].action: is missing`},
		"unknown":       {in: allow(call(specs.ActErrno, nil, "read"), call("SCMP_ACT_FOO", nil, "read")), want: `linux.seccomp.syscalls[1].action: unknown action "SCMP_ACT_FOO"`},
		"no errno":      {in: allow(call(specs.ActTrap, uintp(1), "read")), want: `linux.seccomp.syscalls[0].errnoRet: SCMP_ACT_TRAP has no errno`},
		"big errno":     {in: allow(call(specs.ActErrno, uintp(5000), "read")), want: `linux.seccomp.syscalls[0].errnoRet: 5000 is above 4095`},
		"big message":   {in: allow(call(specs.ActTrace, uintp(65536), "read")), want: `linux.seccomp.syscalls[0].errnoRet: 65536 is above 65535`},
		"argument 6":    {in: arg(specs.LinuxSeccompArg{Index: 6, Op: specs.OpEqualTo}), want: `linux.seccomp.syscalls[0].args[0].index: 6 is above 5`},
		"unknown op":    {in: arg(specs.LinuxSeccompArg{Op: "=="}), want: `linux.seccomp.syscalls[0].args[0].op: unknown operator "=="`},
		"no listener":   {in: notify("", "", "mount"), want: `linux.seccomp.listenerPath: is missing, and SCMP_ACT_NOTIFY needs it`},
		"relative":      {in: notify("agent", "", "mount"), want: `linux.seccomp.listenerPath: "agent" is not an absolute path`},
		"long path":     {in: notify("/"+strings.Repeat("x", 107), "", "mount"), want: `linux.seccomp.listenerPath: is longer than a socket's path can be, 107 bytes`},
		"only metadata": {in: specs.LinuxSeccomp{DefaultAction: specs.ActAllow, ListenerMetadata: "x"}, want: `linux.seccomp.listenerMetadata: needs linux.seccomp.listenerPath`},
		"notify write":  {in: notify("/run/agent", "", "mount", "write"), want: `linux.seccomp.syscalls[0].names[1]: SCMP_ACT_NOTIFY on write would stop init itself, before the agent has the listener`},
	} {
		t.Run(name, func(t *testing.T) {
			_, ps := plan(t, tt.in)
			if got := strings.TrimPrefix(ps.Error(), "config.json: "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	if p := PlanSeccomp(&specs.Spec{}, nil); p != nil {
		t.Errorf("no profile: got a plan")
	}
}

func TestPlanNamesOfTheSpec(t *testing.T) {
	for _, a := range []specs.Arch{specs.ArchX86, specs.ArchX86_64, specs.ArchX32, specs.ArchARM, specs.ArchAARCH64, specs.ArchMIPS,
		specs.ArchMIPS64, specs.ArchMIPS64N32, specs.ArchMIPSEL, specs.ArchMIPSEL64, specs.ArchMIPSEL64N32, specs.ArchPPC, specs.ArchPPC64,
		specs.ArchPPC64LE, specs.ArchS390, specs.ArchS390X, specs.ArchPARISC, specs.ArchPARISC64, specs.ArchRISCV64, specs.ArchLOONGARCH64,
		specs.ArchM68K, specs.ArchSH, specs.ArchSHEB} {
		if archByName(string(a)) == nil {
			t.Errorf("%s is not known", a)
		}
	}
	for _, a := range []specs.LinuxSeccompAction{specs.ActKill, specs.ActKillProcess, specs.ActKillThread, specs.ActTrap, specs.ActErrno,
		specs.ActTrace, specs.ActAllow, specs.ActLog, specs.ActNotify} {
		if _, ok := actionValue(string(a)); !ok {
			t.Errorf("%s is not known", a)
		}
	}
	for _, o := range []specs.LinuxSeccompOperator{specs.OpNotEqual, specs.OpLessThan, specs.OpLessEqual, specs.OpEqualTo, specs.OpGreaterEqual,
		specs.OpGreaterThan, specs.OpMaskedEqual} {
		if _, ok := operatorValue(string(o)); !ok {
			t.Errorf("%s is not known", o)
		}
	}
	for _, f := range []specs.LinuxSeccompFlag{"SECCOMP_FILTER_FLAG_TSYNC", specs.LinuxSeccompFlagLog, specs.LinuxSeccompFlagSpecAllow,
		specs.LinuxSeccompFlagWaitKillableRecv} {
		if _, ok := flagValue(string(f)); !ok {
			t.Errorf("%s is not known", f)
		}
	}
}
