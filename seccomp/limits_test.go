package seccomp

import (
	"fmt"
	"os"
	"os/exec"
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

// TestCompileHangs needs a process of its own, because libseccomp's thread can
// only end with it.
func TestCompileHangs(t *testing.T) {
	hang := Plan{defaultAction: unix.SECCOMP_RET_ALLOW, rules: []rule{
		{[]string{"vhangup"}, unix.SECCOMP_RET_ERRNO | 1, []condition{{0, opNE, 1, 0}, {1, opMaskedEQ, 1<<64 - 3, 0}}},
		{[]string{"vhangup"}, unix.SECCOMP_RET_ERRNO | 1, []condition{{0, opNE, 1, 0}, {2, opGT, 3, 0}}},
	}}
	if _, err := compileOwn(&hang, archSet("X86_64")); err != nil {
		t.Fatal(err) // it is no problem by itself
	}
	if os.Getenv("SECCOMP_HANG") != "" {
		hang.rules = append(hang.rules,
			rule{[]string{"ioctl"}, unix.SECCOMP_RET_ERRNO | 1, []condition{{0, opGT, 1, 0}}},
			rule{[]string{"ioctl"}, unix.SECCOMP_RET_ERRNO | 2, []condition{{1, opGT, 1, 0}}})
		_, err := hang.Compile()
		fmt.Println(err)
		os.Exit(0)
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestCompileHangs$")
	cmd.Env = append(os.Environ(), "SECCOMP_HANG=1")
	out, err := cmd.Output()
	if got := strings.TrimSpace(string(out)); err != nil || got != errTooLong.Error() {
		t.Errorf("got  %s, %v\nwant %s", got, err, errTooLong)
	}
}
