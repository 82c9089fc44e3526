package seccomp

import (
	"slices"

	libseccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"
)

// The reference says what the package documentation says, slowly and without a
// program: rule by rule, bit by bit. It has the numbers from libseccomp.
type reference struct {
	p     *Plan
	archs []*arch
	calls map[string]map[uint32][]match
	last  map[string]uint32 // ARM's own calls not counted
	own   map[string]uint32 // ARM's own calls
	known map[string]bool
}

const refENOSYS = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)

var numberCache = map[*arch]map[string][]uint32{}

func cachedNumbers(name string, a *arch) []uint32 {
	if numberCache[a] == nil {
		numberCache[a] = map[string][]uint32{}
	}
	n, ok := numberCache[a][name]
	if !ok {
		n = oracleNumbers(name, a)
		numberCache[a][name] = n
	}
	return n
}

func newReference(p *Plan, archs []*arch) *reference {
	r := &reference{p, archs, map[string]map[uint32][]match{}, map[string]uint32{}, map[string]uint32{}, map[string]bool{}}
	for _, a := range archs {
		calls := map[uint32][]match{}
		r.calls[a.name] = calls
		named := false
		for i := range p.rules {
			for _, name := range p.rules[i].names {
				for j, nr := range cachedNumbers(name, a) {
					named = true
					if nr >= armPrivate && nr < x32Bit {
						r.own[a.name] = max(r.own[a.name], nr)
					} else {
						r.last[a.name] = max(r.last[a.name], nr)
					}
					if p.rules[i].action == p.defaultAction {
						continue
					}
					sub := uint32(0)
					if pseudo, _ := libseccomp.GetSyscallFromNameByArch(name, oracleArchs[a.name]); pseudo < 0 && j == 0 {
						sub = uint32(-pseudo) % 100
					}
					for _, set := range p.rules[i].alternatives() {
						calls[nr] = append(calls[nr], match{set, p.rules[i].action, sub})
					}
				}
			}
		}
		r.known[a.name] = named && (r.last[a.name] != 0 || r.own[a.name] != 0)
	}
	switch p.defaultAction & unix.SECCOMP_RET_ACTION_FULL {
	case unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_LOG, unix.SECCOMP_RET_TRACE:
		clear(r.known)
	}
	return r
}

func (r *reference) arch(name string) *arch {
	for _, a := range r.archs {
		if a.name == name {
			return a
		}
	}
	return nil
}

// find is the architecture of a call, or the verdict if that says it all.
func (r *reference) find(c *call) (*arch, uint32) {
	if c.arch != auditX86_64 {
		for _, a := range r.archs {
			if a.audit == c.arch {
				return a, 0
			}
		}
		return nil, badArch
	}
	native, x32 := r.arch(nameX86_64), r.arch(nameX32)
	switch {
	case c.nr < x32Bit && native != nil:
		return native, 0
	case c.nr < x32Bit:
		return nil, badArch
	case c.nr < 2*x32Bit && x32 != nil:
		return x32, 0
	case c.nr < 2*x32Bit:
		return nil, badArch
	case c.nr&x32Bit == 0 && r.known[nameX86_64]:
		return nil, refENOSYS
	case c.nr&x32Bit != 0 && r.known[nameX32]:
		return nil, refENOSYS
	case x32 == nil && c.nr != 1<<32-1:
		return nil, badArch
	}
	return nil, r.p.defaultAction
}

func (r *reference) run(c *call) uint32 {
	a, verdict := r.find(c)
	if a == nil {
		return verdict
	}
	if r.known[a.name] {
		last := r.last[a.name]
		if c.nr >= armPrivate && r.own[a.name] != 0 {
			last = r.own[a.name]
		}
		if c.nr > last || a.setup && c.nr == 0 {
			return refENOSYS
		}
	}
	cases := r.calls[a.name][c.nr]
	for _, m := range cases {
		if !slices.ContainsFunc(m.conditions, func(c condition) bool { return !empty(c, a) }) && m.sub == 0 {
			return m.action
		}
	}
	for _, m := range cases {
		if holds(&m, c, a) {
			return m.action
		}
	}
	return r.p.defaultAction
}

// empty tells whether a condition looks at no bit that the architecture has.
func empty(c condition, a *arch) bool {
	return c.op == opMaskedEQ && (c.value == 0 || !a.wide && uint32(c.value) == 0)
}

func holds(m *match, c *call, a *arch) bool {
	cut := func(v uint64) uint64 {
		if !a.wide {
			v &= 1<<32 - 1
		}
		return v
	}
	if m.sub != 0 && cut(c.args[0]) != uint64(m.sub) {
		return false
	}
	for _, cond := range m.conditions {
		if m.sub != 0 && cond.index == 0 {
			continue
		}
		arg, v := cut(c.args[cond.index]), cut(cond.value)
		ok := map[operator]bool{
			opNE: arg != v, opLT: arg < v, opLE: arg <= v, opEQ: arg == v, opGE: arg >= v, opGT: arg > v,
			opMaskedEQ: arg&v == cut(cond.want)&v,
		}[cond.op]
		if !ok {
			return false
		}
	}
	return true
}
