package seccomp

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// errOrder says that rules for one call overlap and differ in their action, so
// that their order matters. Which of them libseccomp lets win is not a matter
// of their order only, so it is asked.
var errOrder = errors.New("rules for one call overlap")

// maxCases bounds the time for a profile that cannot fit.
const maxCases = 1 << 15

// A node is one comparison of a 32-bit word of seccomp_data, with what comes
// next: another node, or a target.
type node struct {
	offset, mask, k uint32
	jump            uint16 // BPF_JEQ, BPF_JGT or BPF_JGE
	yes, no         next
}

// A next is a node's index, or the complement of a target.
type next int32

// A term is a condition, or half of one: arguments have 64 bits and the
// machine of classic BPF 32.
type term struct {
	offset    uint32 // of the word, or the low word if wide
	mask, k   uint32 // for op opMaskedEQ
	op        operator
	wide      bool
	value     uint64 // for the other operators
	highFirst bool
}

// nodes makes the graph for an outcome with a list of cases, and returns where
// it starts.
//
// The cases are alternatives: with one action for all, or if no two of
// different actions can hold at once, their order is of no matter. They are
// sorted, so that cases with equal beginnings share the comparisons.
func (c *compiler) nodes(t target) ([]node, next, error) {
	wide := t&2 != 0
	var list []match
	for out := t.outcome(); out != outDefault; out = c.outcomes[out].rest {
		list = append(list, c.matches[c.outcomes[out].match])
	}
	if len(list) > maxCases {
		return nil, 0, fmt.Errorf("%d rules with conditions for one call are too many for the %d BPF instructions that the kernel takes", len(list), maxInstructions)
	}
	if !orderless(list, wide) {
		return nil, 0, errOrder
	}
	cases := make([]sequence, len(list))
	for i := range list {
		cases[i] = sequence{list[i].terms(wide, c.little), ^next(c.action(list[i].action) << 2)}
	}
	slices.SortStableFunc(cases, func(a, b sequence) int { return slices.CompareFunc(a.terms, b.terms, term.compare) })
	g := graph{nodes: make([]node, 0, 2*len(cases))}
	start := g.build(cases, 0, ^next(outDefault<<2))
	return g.nodes, start, nil
}

// A sequence is a case as terms that all must hold, and the target then.
type sequence struct {
	terms []term
	then  next
}

// terms splits the conditions into words, sorted by argument.
func (m *match) terms(wide, little bool) []term {
	out := make([]term, 0, 2*len(m.conditions)+1)
	if m.sub != 0 {
		out = append(out, term{offset: argument(0, false, little), op: opMaskedEQ, mask: ^uint32(0), k: m.sub})
		if wide {
			out = append(out, term{offset: argument(0, true, little), op: opMaskedEQ, mask: ^uint32(0)})
		}
	}
	for _, c := range m.conditions {
		if m.sub != 0 && c.index == 0 {
			continue
		}
		low, high := argument(c.index, false, little), argument(c.index, true, little)
		mask, want := c.masked()
		switch {
		case c.op != opMaskedEQ && c.op != opEQ:
			t := term{offset: low, op: c.op, wide: wide, value: c.value, highFirst: little}
			if !wide {
				t.value = uint64(uint32(c.value))
			}
			out = append(out, t)
		default:
			if wide && mask>>32 != 0 {
				out = append(out, term{offset: high, op: opMaskedEQ, mask: uint32(mask >> 32), k: uint32(want >> 32)})
			}
			if uint32(mask) != 0 {
				out = append(out, term{offset: low, op: opMaskedEQ, mask: uint32(mask), k: uint32(want)})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b term) int { return cmp.Compare(a.offset&^7, b.offset&^7) })
	return out
}

// masked is an equality as mask and value. libseccomp looks only at those bits
// of the value that are in the mask.
func (c *condition) masked() (mask, want uint64) {
	if c.op == opMaskedEQ {
		return c.value, c.want & c.value
	}
	return ^uint64(0), c.value
}

// argument is the offset of a word of an argument in struct seccomp_data.
func argument(index uint8, high, little bool) uint32 {
	offset := 16 + 8*uint32(index)
	if high == little {
		offset += 4
	}
	return offset
}

func (a term) compare(b term) int {
	return cmp.Or(cmp.Compare(a.offset, b.offset), cmp.Compare(a.op, b.op), cmp.Compare(a.mask, b.mask), cmp.Compare(a.k, b.k), cmp.Compare(a.value, b.value))
}

type graph struct{ nodes []node }

func (g *graph) add(n node) next {
	if n.yes == n.no {
		return n.yes
	}
	g.nodes = append(g.nodes, n)
	return next(len(g.nodes) - 1)
}

// build makes the graph of sorted cases whose first depth terms are known to
// hold. If none of them matches, it goes on to otherwise.
func (g *graph) build(cases []sequence, depth int, otherwise next) next {
	if len(cases[0].terms) == depth {
		return cases[0].then // nothing more to ask; the rest only repeats it for fewer calls
	}
	// From the last group of cases with an equal term to the first, because
	// what fails goes on to the next group.
	for end := len(cases); end > 0; {
		last := &cases[end-1]
		start := end - 1
		for start > 0 && cases[start-1].terms[depth] == last.terms[depth] {
			start--
		}
		inner := g.build(cases[start:end], depth+1, otherwise)
		otherwise = g.compare(last.terms[depth], inner, otherwise)
		end = start
	}
	return otherwise
}

// compare makes the nodes of one term.
func (g *graph) compare(t term, yes, no next) next {
	low, high := t.offset, t.offset
	if t.wide {
		if t.highFirst {
			high += 4
		} else {
			high -= 4
		}
	}
	l, h := uint32(t.value), uint32(t.value>>32)
	test := func(jump uint16, offset, k uint32, yes, no next) next {
		return g.add(node{offset, ^uint32(0), k, jump, yes, no})
	}
	var jump uint16
	switch t.op {
	case opMaskedEQ:
		return g.add(node{t.offset, t.mask, t.k, unix.BPF_JEQ, yes, no})
	case opNE:
		n := test(unix.BPF_JEQ, low, l, no, yes)
		if t.wide {
			n = test(unix.BPF_JEQ, high, h, n, yes)
		}
		return n
	case opGT:
		jump = unix.BPF_JGT
	case opLE:
		jump, yes, no = unix.BPF_JGT, no, yes
	case opGE:
		jump = unix.BPF_JGE
	case opLT:
		jump, yes, no = unix.BPF_JGE, no, yes
	}
	n := test(jump, low, l, yes, no)
	if t.wide {
		n = test(unix.BPF_JEQ, high, h, n, no)
		n = test(unix.BPF_JGT, high, h, yes, n)
	}
	return n
}

// orderless tells whether no call can match two cases with different actions.
func orderless(list []match, wide bool) bool {
	same := true
	for i := range list {
		same = same && list[i].action == list[0].action
	}
	if same {
		return true
	}
	if len(list) > 64 {
		return false // not worth the time
	}
	for i := range list {
		for j := range list[:i] {
			if list[i].action != list[j].action && !list[i].excludes(&list[j], wide) {
				return false
			}
		}
	}
	return true
}

// excludes tells whether two cases can never hold at once, because their
// conditions on some argument can't. It may miss it where masks and ranges meet.
func (m *match) excludes(o *match, wide bool) bool {
	if m.sub != 0 && o.sub != 0 && m.sub != o.sub {
		return true
	}
	for _, a := range m.conditions {
		for _, b := range o.conditions {
			if a.index == b.index && (m.sub == 0 && o.sub == 0 || a.index != 0) && a.excludes(b, wide) {
				return true
			}
		}
	}
	return false
}

func (c condition) excludes(o condition, wide bool) bool {
	if !wide {
		for _, p := range []*condition{&c, &o} {
			p.value, p.want = uint64(uint32(p.value)), uint64(uint32(p.want))
		}
	}
	bits := func(c *condition) bool { return c.op == opMaskedEQ || c.op == opEQ }
	switch {
	case bits(&c) && bits(&o):
		m1, w1 := c.masked()
		m2, w2 := o.masked()
		return (w1^w2)&m1&m2 != 0
	case c.op == opEQ:
		return !o.holds(c.value)
	case o.op == opEQ:
		return !c.holds(o.value)
	}
	low1, high1, ok1 := c.interval()
	low2, high2, ok2 := o.interval()
	return ok1 && ok2 && (high1 < low2 || high2 < low1)
}

// holds tells whether a condition that is no equality holds for a value.
func (c *condition) holds(v uint64) bool {
	low, high, ok := c.interval()
	if !ok {
		return c.op != opNE || v != c.value
	}
	return low <= v && v <= high
}

// interval is what a comparison admits, if that is one interval and not empty.
func (c *condition) interval() (low, high uint64, ok bool) {
	const most = ^uint64(0)
	switch c.op {
	case opLT:
		return 0, c.value - 1, c.value > 0
	case opLE:
		return 0, c.value, true
	case opGE:
		return c.value, most, true
	case opGT:
		return c.value + 1, most, c.value < most
	}
	return 0, 0, false
}
