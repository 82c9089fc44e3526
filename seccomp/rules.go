package seccomp

import (
	"slices"

	"golang.org/x/sys/unix"
)

// A compiler makes one program. It reads the rules once, in their order, into
// a table per architecture from system call numbers to outcomes (this file),
// makes each table a line of segments of equal outcome (line.go), and writes a
// search tree over each line (emit.go). Outcomes with conditions become small
// graphs of comparisons (match.go).
type compiler struct {
	plan     *Plan
	enosys   bool // numbers above those that the profile names get ENOSYS
	tables   []table
	outcomes []outcome
	matches  []match

	matchStart int // where the matches of the rule being read begin in outcomes
	emitter
}

// An outcome is what happens to a call: an action, or a list of cases of which
// one may match. Calls with the same list share the outcome.
type outcome struct {
	action uint32 // if match is 0
	match  int32  // index in matches, the last case of the list
	rest   int32  // the outcome with the cases before it; 0 if there are none
}

// A match is a case of a rule: conditions that all hold, and the action then.
// For a call inside socketcall(2) or ipc(2), sub is the value that argument 0
// must have; the conditions on it are dropped, and those on the others are
// kept, as in libseccomp, though there the arguments are pointers.
type match struct {
	conditions []condition
	action     uint32
	sub        uint32
}

// The outcomes that every compiler has.
const (
	outDefault = iota
	outENOSYS
	outBadArch // a call of an architecture that the filter does not have
	outPass    // on to a program that follows; only in the prologue of libseccomp's
	outFirst
)

// badArch is what libseccomp does by default, and runc leaves it so.
const badArch = unix.SECCOMP_RET_KILL_THREAD

const (
	tableSize    = 1024
	tablePrivate = tableSize - 16 // here are ARM's own calls
)

// A table holds the outcome of each number of one architecture, less its base.
type table struct {
	*arch
	calls       [tableSize]int32
	last        int // the highest entry that the profile names, -1 if it names none
	lastPrivate int // the same for ARM's own
}

func (a *arch) slot(code uint16) int {
	if code >= armCode {
		return tablePrivate + int(code-armCode)
	}
	return int(code - a.base)
}

func newCompiler(p *Plan, archs []*arch) *compiler {
	c := &compiler{plan: p, tables: make([]table, len(archs)), outcomes: make([]outcome, outFirst, 32), matches: make([]match, 1, 32)}
	for i, a := range archs {
		c.tables[i] = table{arch: a, last: -1, lastPrivate: -1}
	}
	c.outcomes[outDefault].action = p.defaultAction
	c.outcomes[outENOSYS].action = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	c.outcomes[outBadArch].action = badArch
	// A profile that allows by default has nothing to say about new calls. A
	// tracer is taken for one that can deal with them, as in runc.
	switch p.defaultAction & unix.SECCOMP_RET_ACTION_FULL {
	case unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_LOG, unix.SECCOMP_RET_TRACE:
	default:
		c.enosys = true
	}
	c.little = archs[0].little()
	c.code = make([]unix.SockFilter, 0, 512)
	return c
}

// read enters all rules into the tables. For one call the first rule without
// conditions decides, also over the conditions of earlier rules.
func (c *compiler) read() {
	for i := range c.plan.rules {
		r := &c.plan.rules[i]
		if len(r.conditions) == 0 {
			c.readRule(r, nil)
			continue
		}
		for _, conditions := range r.alternatives() {
			c.readRule(r, conditions)
		}
	}
}

func (c *compiler) readRule(r *rule, conditions []condition) {
	// runc leaves out what only repeats the default. It matters: such a rule
	// does not stand in the way of a later one. But its names are known.
	repeats := r.action == c.plan.defaultAction
	action := int32(outDefault)
	if !repeats && len(conditions) == 0 {
		action = c.action(r.action)
	}
	c.matchStart = len(c.outcomes)
	for _, name := range r.names {
		n := lookup(name)
		if n < 0 {
			continue
		}
		for i := range c.tables {
			t := &c.tables[i]
			if code := word(t.numbers, n); code != absent {
				slot := t.named(code)
				switch {
				case repeats:
				case action != outDefault:
					if c.open(t.calls[slot]) {
						t.calls[slot] = action
					}
				default:
					c.addMatch(t, slot, r.action, conditions, 0)
				}
			}
			if sub := nameMux[n]; sub != 0 && t.mux {
				c.readMultiplexed(t, sub, r.action, conditions, repeats)
			}
		}
	}
}

// readMultiplexed enters a rule for a call that is also inside socketcall or
// ipc. Only the number of the inner call can be seen by a filter.
func (c *compiler) readMultiplexed(t *table, sub byte, action uint32, conditions []condition, repeats bool) {
	outer, inner := socketcallName, uint32(sub-100)
	if sub >= 200 {
		outer, inner = ipcName, uint32(sub-200)
	}
	slot := t.named(word(t.numbers, outer))
	if !repeats {
		c.addMatch(t, slot, action, conditions, inner)
	}
}

// named notes that the profile knows a call, whatever it does with it.
func (t *table) named(code uint16) int {
	slot := t.slot(code)
	if slot >= tablePrivate {
		t.lastPrivate = max(t.lastPrivate, slot)
	} else {
		t.last = max(t.last, slot)
	}
	return slot
}

// open tells whether a call has no action yet that later rules can't change.
func (c *compiler) open(out int32) bool {
	return out == outDefault || c.outcomes[out].match != 0
}

// action is the outcome of an action without conditions.
func (c *compiler) action(action uint32) int32 {
	for i := range c.outcomes {
		// An action that equals the default is never entered, and one that equals
		// ENOSYS may be the same outcome.
		if o := &c.outcomes[i]; o.match == 0 && o.action == action && i != outDefault && i != outPass {
			return int32(i)
		}
	}
	c.outcomes = append(c.outcomes, outcome{action: action})
	return int32(len(c.outcomes) - 1)
}

// addMatch adds a case to the list of a call, if no rule has decided it.
func (c *compiler) addMatch(t *table, slot int, action uint32, conditions []condition, sub uint32) {
	before := t.calls[slot]
	if !c.open(before) {
		return
	}
	if sub == 0 && always(conditions, t.wide) {
		t.calls[slot] = c.action(action)
		return
	}
	// Other calls of this rule with the same list so far have made the same
	// outcome already.
	for i := c.matchStart; i < len(c.outcomes); i++ {
		if o := &c.outcomes[i]; o.match != 0 && o.rest == before && c.matches[o.match].sub == sub {
			t.calls[slot] = int32(i)
			return
		}
	}
	c.matches = append(c.matches, match{conditions, action, sub})
	c.outcomes = append(c.outcomes, outcome{match: int32(len(c.matches) - 1), rest: before})
	t.calls[slot] = int32(len(c.outcomes) - 1)
}

// always tells whether conditions hold for every call: they look at no bit.
func always(conditions []condition, wide bool) bool {
	return !slices.ContainsFunc(conditions, func(c condition) bool {
		return c.op != opMaskedEQ || uint32(c.value) != 0 || wide && c.value != 0
	})
}
