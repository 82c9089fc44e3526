package seccomp

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDifferences holds each difference from runc with libseccomp that the
// package documentation lists: where they are gone, the list is wrong.
func TestDifferences(t *testing.T) {
	const (
		allow = unix.SECCOMP_RET_ALLOW
		eperm = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
		kill  = unix.SECCOMP_RET_KILL_PROCESS
	)
	for name, tt := range map[string]struct {
		plan     Plan
		archs    []*arch
		call     call
		rt, runc uint32
		why      string
	}{
		"ranges with different high words": {
			plan: Plan{defaultAction: eperm, rules: []rule{
				{names: []string{"personality"}, action: allow, conditions: []condition{{0, opLE, 1, 0}}},
				{names: []string{"personality"}, action: allow, conditions: []condition{{0, opLE, 1<<32 + 5, 0}}},
			}},
			archs: archSet("X86_64"), call: call{nr: 135, args: [6]uint64{2}},
			rt: allow, runc: eperm, why: differRanges,
		},
		"sys_debug_setcontext": {
			plan:  Plan{defaultAction: allow, rules: []rule{{names: []string{"sys_debug_setcontext"}, action: eperm}}},
			archs: archSet("PPC"), call: call{nr: 256},
			rt: eperm, runc: allow, why: differDebug,
		},
		"the number is not loaded": {
			// Needs two architectures and conditions; the second one's calls are
			// then compared with its audit value.
			plan: Plan{defaultAction: kill, rules: []rule{
				{names: []string{"read"}, action: allow, conditions: []condition{{0, opEQ, 2, 0}, {1, opMaskedEQ, 2, 0}}},
				{names: []string{"accept"}, action: eperm, conditions: []condition{{1, opLT, 1<<64 - 2, 0}, {1, opMaskedEQ, 1 << 32, 0}}},
			}},
			archs: archSet("X86_64", "X86"), call: call{nr: 3, args: [6]uint64{2}},
			rt: allow, runc: kill, why: differLoad,
		},
		"a call inside socketcall by its own number": {
			plan:  Plan{defaultAction: eperm, rules: []rule{{names: []string{"read", "socket"}, action: allow}}},
			archs: archSet("X86"), call: call{nr: 359},
			rt: allow, runc: refENOSYS, why: differDirect,
		},
		"a call inside socketcall": {
			plan:  Plan{defaultAction: eperm, rules: []rule{{names: []string{"read", "socket"}, action: allow}}},
			archs: archSet("X86"), call: call{nr: 102, args: [6]uint64{1}},
			rt: allow, runc: refENOSYS, why: differDirect,
		},
		"a new call beside ARM's own": {
			plan:  Plan{defaultAction: eperm, rules: []rule{{names: []string{"read", "cacheflush"}, action: allow}}},
			archs: archSet("ARM"), call: call{nr: 470},
			rt: refENOSYS, runc: eperm, why: differGap,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := tt.call
			c.arch = tt.archs[len(tt.archs)-1].audit
			order := byteOrder(tt.archs[0].little())
			data := c.bytes(order)
			program, err := compileOwn(&tt.plan, tt.archs)
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := emulate(program, &data, order); got != tt.rt {
				t.Errorf("rt: got %#x, want %#x", got, tt.rt)
			}
			o, err := newOracle(t, &tt.plan, tt.archs, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got := o.run(&c, &data); got != tt.runc {
				t.Errorf("runc: got %#x, want %#x", got, tt.runc)
			}
			d := difference{c, tt.rt, tt.runc, ""}
			if why := d.known(&tt.plan, o, tt.archs); why != tt.why {
				t.Errorf("it is known as %q, want %q", why, tt.why)
			}
		})
	}

	t.Run("a contradiction that does not matter", func(t *testing.T) {
		p := &Plan{defaultAction: eperm, rules: []rule{
			{names: []string{"personality"}, action: allow, conditions: []condition{{0, opEQ, 1, 0}}},
			{names: []string{"personality"}, action: kill, conditions: []condition{{0, opEQ, 1, 0}}},
			{names: []string{"personality"}, action: allow},
		}}
		if _, err := compileOwn(p, archSet("X86_64")); err != nil {
			t.Error(err)
		}
		if _, err := newOracle(t, p, archSet("X86_64"), 0); !errors.Is(err, unix.EEXIST) {
			t.Errorf("libseccomp: %v", err)
		}
	})
}
