package seccomp

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The offsets in struct seccomp_data (linux/seccomp.h).
const (
	offsetNumber = 0
	offsetArch   = 4
)

const (
	codeLoad = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	codeAnd  = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	codeJump = unix.BPF_JMP | unix.BPF_JA
	codeRet  = unix.BPF_RET | unix.BPF_K
)

// reach is how far a conditional jump can go, less what may have to be put
// between: a jump instruction for each of its two targets.
const reach = 255 - 2

// An emitter writes a program from its end to its start, because jumps only go
// forward: when an instruction is written, its targets stand already. A place
// is an instruction's distance from the end.
type emitter struct {
	code   []unix.SockFilter
	placed []placed
	little bool // the byte order of the machine that runs the program
}

// placed says where a target was written last.
type placed struct {
	target target
	place  int
}

func (e *emitter) emit(code uint16, k uint32) int {
	e.code = append(e.code, unix.SockFilter{Code: code, K: k})
	return len(e.code) - 1
}

// near is a place for a target in reach of the next instruction: the given
// one, a copy of it if it is a return, or a jump to it.
func (e *emitter) near(place int) int {
	if len(e.code)-place <= reach {
		return place
	}
	if i := e.code[place]; i.Code == codeRet {
		return e.emit(i.Code, i.K)
	}
	return e.emit(codeJump, uint32(len(e.code)-place-1))
}

// branch writes a conditional jump.
func (e *emitter) branch(jump uint16, k uint32, yes, no int) int {
	yes = e.near(yes)
	no = e.near(no)
	here := e.emit(unix.BPF_JMP|unix.BPF_K|jump, k)
	e.code[here].Jt = uint8(here - yes - 1)
	e.code[here].Jf = uint8(here - no - 1)
	return here
}

// place is where a target stands, in reach if it is a return.
func (c *compiler) place(t target) (int, error) {
	for i := range c.placed {
		p := &c.placed[i]
		if p.target == t {
			if t&1 == 0 {
				p.place = c.near(p.place)
			}
			return p.place, nil
		}
	}
	var place int
	var err error
	if t&1 == 0 {
		place = c.emit(codeRet, c.outcomes[t.outcome()].action)
	} else if place, err = c.emitMatch(t); err != nil {
		return 0, err
	}
	c.placed = append(c.placed, placed{t, place})
	return place, nil
}

// program writes everything: for each audit value the search in its line, and
// before them the choice between them. The native architecture comes first,
// and others, a kernel's that has more of them, go to other.
func (c *compiler) program(other target) error {
	entry, err := c.place(other)
	if err != nil {
		return err
	}
	var buf [256]segment
	for i := len(c.tables) - 1; i >= 0; i-- {
		if c.sameAuditBefore(i) {
			continue
		}
		line := c.line(buf[:0], i)
		if other == outPass<<2 {
			line = c.onlyENOSYS(line)
		}
		start, err := c.emitLine(line)
		if err != nil {
			return err
		}
		entry = c.branch(unix.BPF_JEQ, c.tables[i].audit, start, entry)
	}
	c.emit(codeLoad, offsetArch)
	return nil
}

// prologue writes the part of the filter that libseccomp doesn't make, ENOSYS,
// in front of the program that it made.
func (c *compiler) prologue(program []byte) error {
	in := unsafe.Slice((*unix.SockFilter)(unsafe.Pointer(unsafe.SliceData(program))), len(program)/instructionSize)
	c.code, c.placed = c.code[:0], c.placed[:0]
	for i := range in {
		c.code = append(c.code, in[len(in)-1-i])
	}
	c.placed = append(c.placed, placed{outPass << 2, len(in) - 1})
	return c.program(outPass << 2)
}

func (c *compiler) onlyENOSYS(line []segment) []segment {
	enosys := c.target(outENOSYS, nil)
	out := line[:0]
	for _, s := range line {
		if s.target != enosys {
			s.target = outPass << 2
		}
		out = put(out, s.start, s.target)
	}
	return out
}

func (c *compiler) sameAuditBefore(i int) bool {
	for j := range i {
		if c.tables[j].audit == c.tables[i].audit {
			return true
		}
	}
	return false
}

// A leaf of the search tree is a run of segments that differ from the first in
// single numbers only, at most two: the quickest question about those is
// whether it is them.
type leaf struct {
	start  uint32
	target target
	weight int
	n      int
	single [maxSingles]segment
}

const maxSingles = 2

// emitLine writes the search for one line.
func (c *compiler) emitLine(line []segment) (int, error) {
	// Matches stand behind the tree, so that its jumps stay short.
	for _, s := range line {
		if s.target&1 != 0 {
			if _, err := c.place(s.target); err != nil {
				return 0, err
			}
		}
	}
	leaves := make([]leaf, 0, len(line))
	for i := 0; i < len(line); {
		l := leaf{start: line[i].start, target: line[i].target, weight: weight(line, i)}
		i++
		for l.n < maxSingles && i+1 < len(line) && line[i+1].start == line[i].start+1 && line[i+1].target == l.target {
			l.single[l.n] = line[i]
			l.n++
			l.weight += 1 + weight(line, i+1)
			i += 2
		}
		leaves = append(leaves, l)
	}
	entry, err := c.emitTree(leaves)
	if err != nil || len(line) == 1 {
		return entry, err
	}
	return c.emit(codeLoad, offsetNumber), nil
}

// weight is how many numbers a segment has, as far as it matters: the kernel
// runs a new filter once for each number that it has a call for, and remembers
// which are allowed (kernel/seccomp.c, seccomp_cache_prepare, since 5.11).
func weight(line []segment, i int) int {
	if i+1 == len(line) {
		return 1
	}
	return int(min(line[i+1].start-line[i].start, 64))
}

// emitTree writes a binary search that is balanced by weight.
func (c *compiler) emitTree(leaves []leaf) (int, error) {
	if len(leaves) == 1 {
		return c.emitLeaf(&leaves[0])
	}
	sum := 0
	for i := range leaves {
		sum += leaves[i].weight
	}
	middle, left := 1, leaves[0].weight
	for middle < len(leaves)-1 && 2*(left+leaves[middle].weight) <= sum+leaves[middle].weight {
		left += leaves[middle].weight
		middle++
	}
	above, err := c.emitTree(leaves[middle:])
	if err != nil {
		return 0, err
	}
	below, err := c.emitTree(leaves[:middle])
	if err != nil {
		return 0, err
	}
	return c.branch(unix.BPF_JGE, leaves[middle].start, above, below), nil
}

func (c *compiler) emitLeaf(l *leaf) (int, error) {
	entry, err := c.place(l.target)
	if err != nil {
		return 0, err
	}
	for i := l.n - 1; i >= 0; i-- {
		single, err := c.place(l.single[i].target)
		if err != nil {
			return 0, err
		}
		entry = c.branch(unix.BPF_JEQ, l.single[i].start, single, entry)
	}
	return entry, nil
}

// emitMatch writes the comparisons of an outcome with conditions.
func (c *compiler) emitMatch(t target) (int, error) {
	nodes, start, err := c.nodes(t)
	if err != nil {
		return 0, err
	}
	loads := loads(nodes, start)
	places := make([]int, len(nodes))
	place := func(n next) (int, error) {
		if n < 0 {
			return c.place(target(^n))
		}
		return places[n], nil
	}
	for i := range nodes {
		n := &nodes[i]
		yes, err := place(n.yes)
		if err != nil {
			return 0, err
		}
		no, err := place(n.no)
		if err != nil {
			return 0, err
		}
		places[i] = c.branch(n.jump, n.k, yes, no)
		if loads[i]&loadMask != 0 {
			places[i] = c.emit(codeAnd, n.mask)
		}
		if loads[i]&loadWord != 0 {
			places[i] = c.emit(codeLoad, n.offset)
		}
	}
	return place(start)
}

const (
	loadWord = 1 << iota
	loadMask
)

// loads says what each node must do before it can compare: nothing, if all
// that lead to it leave the right word in the accumulator. Nodes stand behind
// those that lead to them, seen from the end.
func loads(nodes []node, start next) []uint8 {
	type word struct {
		offset, mask uint32
		state        uint8 // 0 not reached yet, 1 known, 2 unknown
	}
	out := make([]uint8, len(nodes))
	words := make([]word, len(nodes))
	if start >= 0 {
		words[start].state = 2
	}
	for i := len(nodes) - 1; i >= 0; i-- {
		n, w := &nodes[i], &words[i]
		if w.state != 1 || w.offset != n.offset || w.mask&n.mask != n.mask {
			out[i] |= loadWord
			w.mask = ^uint32(0)
		}
		if w.mask != n.mask {
			out[i] |= loadMask
		}
		left := word{n.offset, n.mask, 1}
		for _, to := range [2]next{n.yes, n.no} {
			switch {
			case to < 0:
			case words[to].state == 0:
				words[to] = left
			case words[to] != left:
				words[to].state = 2
			}
		}
	}
	return out
}

// bytes is the program in the order in which it runs.
func (e *emitter) bytes() []byte {
	n := len(e.code)
	out := make([]byte, n*instructionSize)
	forward := unsafe.Slice((*unix.SockFilter)(unsafe.Pointer(unsafe.SliceData(out))), n)
	for i := range e.code {
		forward[n-1-i] = e.code[i]
	}
	return out
}
