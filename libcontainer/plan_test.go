package libcontainer

import (
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func TestAllows(t *testing.T) {
	rule := func(action specs.LinuxSeccompAction, args []specs.LinuxSeccompArg, names ...string) specs.LinuxSyscall {
		return specs.LinuxSyscall{Names: names, Action: action, Args: args}
	}
	condition := []specs.LinuxSeccompArg{{Index: 2, Value: 4, Op: specs.OpEqualTo}}
	for name, tt := range map[string]struct {
		profile *specs.LinuxSeccomp
		want    bool
	}{
		"no profile":       {nil, true},
		"by default":       {&specs.LinuxSeccomp{DefaultAction: specs.ActAllow}, true},
		"logged":           {&specs.LinuxSeccomp{DefaultAction: specs.ActLog}, true},
		"not by default":   {&specs.LinuxSeccomp{DefaultAction: specs.ActErrno}, false},
		"killed":           {&specs.LinuxSeccomp{DefaultAction: specs.ActKill, Syscalls: []specs.LinuxSyscall{rule(specs.ActAllow, nil, "read")}}, false},
		"listed":           {&specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{rule(specs.ActAllow, nil, "read", "madvise")}}, true},
		"denied":           {&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{rule(specs.ActErrno, nil, "madvise")}}, false},
		"on a condition":   {&specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{rule(specs.ActAllow, condition, "madvise")}}, false},
		"with another":     {&specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{rule(specs.ActAllow, nil, "madvise"), rule(specs.ActKill, condition, "madvise")}}, false},
		"another before":   {&specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Syscalls: []specs.LinuxSyscall{rule(specs.ActKill, nil, "madvise"), rule(specs.ActAllow, nil, "madvise")}}, false},
		"another is meant": {&specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{rule(specs.ActKill, nil, "process_madvise")}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := allows(tt.profile, "madvise"); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}
