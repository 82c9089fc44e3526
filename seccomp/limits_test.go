package seccomp

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestCompileLimits: hostile profiles end in an error, and soon (the times are
// generous; what they exclude took libseccomp 7 to 12 s).
func TestCompileLimits(t *testing.T) {
	many := func(n int, action func(int) uint32, conditions func(int) []condition, names ...string) Plan {
		p := Plan{defaultAction: unix.SECCOMP_RET_ERRNO | 1, rules: make([]rule, n)}
		for i := range p.rules {
			p.rules[i] = rule{names, action(i), conditions(i)}
		}
		return p
	}
	allow := func(int) uint32 { return unix.SECCOMP_RET_ALLOW }
	either := func(i int) uint32 { return []uint32{unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_LOG}[i%2] }
	equal := func(i int) []condition { return []condition{{0, opEQ, uint64(i), 0}} }
	above := func(i int) []condition { return []condition{{0, opGT, uint64(i), 0}} }
	none := func(int) []condition { return nil }
	allNames := make([]string, nameCount)
	for i := range allNames {
		allNames[i] = nameAt(i)
	}
	oneRule := many(1, allow, func(int) (out []condition) {
		for i := range 20000 {
			out = append(out, equal(i)...)
		}
		return out
	}, "ioctl")
	for name, tt := range map[string]struct {
		plan Plan
		want string // in the error, or "" if it compiles
	}{
		"as many as fit":                  {many(4060, allow, equal, "ioctl"), ""},
		"too many":                        {many(4090, allow, equal, "ioctl"), "the profile needs 4125 BPF instructions, and the kernel takes 4096"},
		"20,000 rules":                    {many(20000, allow, equal, "ioctl"), "BPF instructions, and the kernel takes 4096"},
		"20,000 conditions":               {oneRule, "BPF instructions, and the kernel takes 4096"},
		"20,000 ranges":                   {many(20000, allow, above, "ioctl"), "BPF instructions, and the kernel takes 4096"},
		"20,000 rules that overlap":       {many(20000, either, above, "ioctl"), "20000 rules with conditions are too many to find their order; 128 are possible"},
		"20,000 rules without conditions": {many(20000, either, none, "ioctl", "read"), ""},
		"all calls, 100 times":            {many(100, allow, equal, allNames...), ""},
		"all calls, 4,000 times":          {many(4000, allow, equal, allNames...), "84000 rules with conditions for one call are too many for the 4096 BPF instructions that the kernel takes"},
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			for _, a := range archSet("X86", "X32") {
				tt.plan.archs = append(tt.plan.archs, a)
			}
			if strings.HasPrefix(name, "as many") || strings.HasPrefix(name, "too many") {
				tt.plan.archs = nil
			}
			f, err := tt.plan.Compile()
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("it took %v", took)
			} else {
				t.Log(took)
			}
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got  %v\nwant %s", err, tt.want)
			case err == nil && len(f.Program)/instructionSize > maxInstructions:
				t.Error("the program is too long")
			}
		})
	}
}

// TestCompileFallbackLimit gives libseccomp as much as it may get, and looks at
// the time.
func TestCompileFallbackLimit(t *testing.T) {
	for _, op := range []operator{opEQ, opGT, opNE, opMaskedEQ} {
		p := Plan{defaultAction: unix.SECCOMP_RET_ERRNO | 1, archs: archSet("X86", "X32")}
		for i := range maxFallback {
			action := uint32(unix.SECCOMP_RET_ALLOW)
			if i == maxFallback-1 {
				action = unix.SECCOMP_RET_LOG
			}
			p.rules = append(p.rules, rule{[]string{"ioctl"}, action, []condition{{uint8(i % 2), op, uint64(i) << (i % 33), uint64(i)}, {2, op, uint64(i % 10), 0}}})
		}
		begin := time.Now()
		_, err := p.Compile()
		took := time.Since(begin)
		t.Log(op, took, err)
		if took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
	}
}

func TestCompileErrors(t *testing.T) {
	same := []condition{{0, opEQ, 1, 0}}
	for name, tt := range map[string]struct {
		plan Plan
		want string
	}{
		"a contradiction": {
			Plan{defaultAction: unix.SECCOMP_RET_ALLOW, rules: []rule{
				{[]string{"ioctl"}, unix.SECCOMP_RET_ERRNO | 1, same}, {[]string{"read", "ioctl"}, unix.SECCOMP_RET_ERRNO | 2, same},
			}},
			"two rules have different actions for the same arguments: libseccomp: rule for ioctl: file exists",
		},
	} {
		_, err := tt.plan.Compile()
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: got  %v\nwant %s", name, err, tt.want)
		}
	}
	if _, err := (&Plan{}).compile((&Plan{}).targets(archByName("SCMP_ARCH_LOONGARCH64"))); err == nil ||
		err.Error() != "no system call numbers are known for this machine's architecture" {
		t.Errorf("no numbers: %v", err)
	}
}
