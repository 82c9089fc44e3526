package seccomp

import (
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// randomPlan makes a profile that provokes: few calls, many rules for each,
// values that meet. It names only calls that all of archs have.
func randomPlan(r *rand.Rand, archs []*arch) *Plan {
	pick := func(list ...uint32) uint32 { return list[r.IntN(len(list))] }
	actionsHere := []uint32{unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_ERRNO | 1, unix.SECCOMP_RET_ERRNO | 38, unix.SECCOMP_RET_KILL_PROCESS,
		unix.SECCOMP_RET_KILL_THREAD, unix.SECCOMP_RET_LOG, unix.SECCOMP_RET_TRACE | 7, unix.SECCOMP_RET_TRAP}
	p := &Plan{defaultAction: pick(actionsHere...)}
	common := pick(actionsHere...)
	variety := r.IntN(8) // how often a rule's action is another than common
	hot := []string{"personality", "clone", "ioctl", "socket", "shmat", "socketcall", "ipc", "read", "breakpoint", "setup", "call_of_the_future"}
	hot = slices.DeleteFunc(hot, func(name string) bool { return !everywhere(name, archs) })
	hot = hot[:1+r.IntN(len(hot))]
	anyName := func() string {
		for {
			if name := nameAt(r.IntN(nameCount)); everywhere(name, archs) {
				return name
			}
		}
	}
	value := func() uint64 {
		v := uint64(r.IntN(4))
		switch r.IntN(6) {
		case 0:
			v |= uint64(r.IntN(3)) << 32
		case 1:
			v = ^v
		case 2:
			v = r.Uint64()
		case 3:
			v <<= 31
		}
		return v
	}
	for range r.IntN(12) {
		rule := rule{action: common}
		if r.IntN(8) < variety {
			rule.action = pick(actionsHere...)
		}
		for range 1 + r.IntN(3) {
			if r.IntN(4) == 0 {
				rule.names = append(rule.names, anyName())
			} else {
				rule.names = append(rule.names, hot[r.IntN(len(hot))])
			}
		}
		if r.IntN(8) > 0 {
			arguments := 1 + r.IntN(3)
			for range 1 + r.IntN(3) {
				rule.conditions = append(rule.conditions, condition{index: uint8(r.IntN(arguments)), op: operator(1 + r.IntN(7)), value: value(), want: value()})
			}
		}
		if r.IntN(8) == 0 { // a long list of calls
			for range r.IntN(200) {
				rule.names = append(rule.names, anyName())
			}
			rule.conditions = nil
		}
		p.rules = append(p.rules, rule)
	}
	return p
}

func nameAt(i int) string {
	start := 0
	if i > 0 {
		start = int(word(nameEnds, i-1))
	}
	return nameText[start:word(nameEnds, i)]
}

// everywhere tells whether all of archs have a call, or none.
func everywhere(name string, archs []*arch) bool {
	if lookup(name) < 0 {
		return true
	}
	return !slices.ContainsFunc(archs, func(a *arch) bool { return len(cachedNumbers(name, a)) == 0 })
}

func TestCompileRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	total, order, refused, bad := 0, 0, 0, 0
	known := map[string]int{}
	for i := range 1500 {
		archs := sets[i%len(sets)]
		p := randomPlan(r, archs)
		program, err := compileOwn(p, archs)
		if err == errOrder {
			order++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		o, err := newOracle(t, p, archs, 0)
		if err != nil {
			refused++
			continue
		}
		cases, diffs := compare(t, r, p, program, o, newReference(p, archs), archs, 50)
		total += cases
		seen := map[string]bool{}
		for _, d := range diffs {
			if !seen[d.why] {
				known[d.why]++
				seen[d.why] = true
			}
		}
		if seen[""] || t.Failed() {
			bad++
			t.Errorf("profile %d: %d of %d differ; default %#x", i, len(diffs), cases, p.defaultAction)
			for _, r := range p.rules {
				if len(r.names) < 10 {
					t.Logf("   %#x %v %+v", r.action, r.names, r.conditions)
				}
			}
			shown := 0
			for _, d := range diffs {
				if d.why == "" && shown < 5 {
					t.Error(d)
					shown++
				}
			}
			if bad > 3 {
				t.FailNow()
			}
		}
	}
	t.Logf("%v", known)
	t.Logf("%d cases, %d profiles need libseccomp, %d it refuses, %d differ", total, order, refused, bad)
}
