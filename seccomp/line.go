package seccomp

// A segment is a run of system call numbers with one target. It ends where the
// next one starts, and the last one ends the line.
type segment struct {
	start  uint32
	target target
}

// A target is an outcome as code: outcomes with conditions compare narrow or
// wide arguments in one byte order or the other.
type target int32

func (c *compiler) target(out int32, a *arch) target {
	if c.outcomes[out].match == 0 {
		if c.outcomes[out].action == c.plan.defaultAction && out != outPass {
			out = outDefault // ENOSYS and the action for foreign architectures may be the default as well
		}
		return target(out << 2)
	}
	t := target(out<<2 | 1)
	if a.wide {
		t |= 2
	}
	return t
}

func (t target) outcome() int32 { return int32(t >> 2) }

// put starts a segment, or goes on with the one before.
func put(line []segment, start uint32, t target) []segment {
	if n := len(line); n > 0 {
		if line[n-1].start == start {
			line = line[:n-1]
			return put(line, start, t)
		}
		if line[n-1].target == t {
			return line
		}
	}
	return append(line, segment{start, t})
}

// line is the segments of everything that has the audit value of tables[first],
// and begins with buf. There are two architectures only for x86_64 and x32.
func (c *compiler) line(buf []segment, first int) []segment {
	a := &c.tables[first]
	if a.audit == auditX86_64 {
		return c.lineX86(buf)
	}
	buf = c.putTable(put(buf, 0, c.target(outDefault, nil)), a, 0)
	buf = put(buf, uint32(a.base)+uint32(a.last+1), c.beyond(a))
	if a.lastPrivate >= 0 {
		for i := tablePrivate; i <= a.lastPrivate; i++ {
			buf = put(buf, armPrivate+uint32(i-tablePrivate), c.target(a.calls[i], a.arch))
		}
		buf = put(buf, armPrivate+uint32(a.lastPrivate-tablePrivate)+1, c.beyond(a))
	}
	return buf
}

// beyond is what numbers get that are above all that the profile names.
func (c *compiler) beyond(t *table) target {
	if c.known(t) {
		return c.target(outENOSYS, nil)
	}
	return c.target(outDefault, nil)
}

// known tells whether the profile is about an architecture, so that numbers
// above those it names get ENOSYS.
//
// They are calls of a newer kernel than its author's, and programs try new
// calls first: with ENOSYS they go on to the old ones, with EPERM they give up.
// A profile that names none, or only number 0, is not about this architecture,
// and the default holds (runc's rule).
func (c *compiler) known(t *table) bool {
	if t == nil || !c.enosys {
		return false
	}
	return t.last > 0 || t.lastPrivate >= 0 || t.last == 0 && (t.base > 0 || t.name == nameX32)
}

func (c *compiler) putTable(line []segment, t *table, bit uint32) []segment {
	bit += uint32(t.base)
	i := 0
	if t.setup && c.known(t) {
		// s390 reaches numbers above 255 through number 0, which is left in
		// place if the kernel doesn't know the other; setup(2) is no call for
		// anyone else.
		line = put(line, bit, c.beyond(t))
		i = 1
	}
	for ; i <= t.last; i++ {
		line = put(line, bit+uint32(i), c.target(t.calls[i], t.arch))
	}
	return line
}

// lineX86 is the line of x86_64 and x32. Numbers with bit 30 are x32's. If x32
// is not in the filter they are another architecture's, but for -1, which a
// tracer writes to skip a call (since 4.8). Numbers from 1<<31 on belong to
// neither and go where runc's filter sends them, by that bit.
func (c *compiler) lineX86(line []segment) []segment {
	var native, x32 *table
	for i := range c.tables {
		switch c.tables[i].name {
		case nameX32:
			x32 = &c.tables[i]
		case nameX86_64:
			native = &c.tables[i]
		}
	}
	bad, normal := c.target(outBadArch, nil), c.target(outDefault, nil)
	if native != nil {
		line = c.putTable(put(line, 0, normal), native, 0)
		line = put(line, uint32(native.last+1), c.beyond(native))
	} else {
		line = put(line, 0, bad)
	}
	if x32 != nil {
		line = c.putTable(put(line, x32Bit, normal), x32, x32Bit)
		line = put(line, x32Bit+uint32(x32.last+1), c.beyond(x32))
		line = put(line, 2*x32Bit, c.beyond(native))
		return put(line, 3*x32Bit, c.beyond(x32))
	}
	line = put(line, x32Bit, bad)
	if c.known(native) {
		line = put(line, 2*x32Bit, c.beyond(native))
	}
	line = put(line, 3*x32Bit, bad)
	return put(line, 1<<32-1, normal)
}
