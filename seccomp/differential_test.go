package seccomp

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// archSet finds architectures by name.
func archSet(names ...string) (out []*arch) {
	for _, n := range names {
		out = append(out, archByName("SCMP_ARCH_"+n))
	}
	return out
}

// compileOwn compiles without the fallback.
func compileOwn(p *Plan, archs []*arch) ([]unix.SockFilter, error) {
	c := newCompiler(p, archs)
	c.read()
	if err := c.program(outBadArch << 2); err != nil {
		return nil, err
	}
	return instructions(c.bytes()), nil
}

// numbersOf are the system call numbers that are worth a try: all that could
// be real, and the edges of what is not.
func numbersOf(audit uint32, archs []*arch) (out []uint32) {
	span := func(from, n uint32) {
		for i := range n {
			out = append(out, from+i)
		}
	}
	base := uint32(0)
	for _, a := range archs {
		if a.audit == audit {
			base = uint32(a.base)
		}
	}
	span(0, 620)
	if base > 0 {
		span(base-2, 620)
	}
	if audit == auditX86_64 {
		span(x32Bit-2, 620)
		span(3*x32Bit-2, 5)
	}
	if audit == archByName("SCMP_ARCH_ARM").audit {
		span(armPrivate-2, 20)
	}
	span(1<<31-2, 5)
	span(1<<32-10020, 20)
	span(1<<32-10250, 120)
	span(1<<32-330, 330) // -1, and libseccomp's own numbers for calls inside others
	return out
}

// values are arguments at which something may change.
func values(p *Plan) []uint64 {
	out := []uint64{0, 1, 1<<32 - 1, 1 << 32, 1<<64 - 1}
	for i := range p.rules {
		for _, c := range p.rules[i].conditions {
			for _, v := range []uint64{c.value, c.want} {
				out = append(out, v, v-1, v+1, v^1<<32, v&(1<<32-1), v|^c.value, v<<32)
			}
		}
	}
	return out
}

// A difference is a call about which rt and libseccomp disagree.
type difference struct {
	call
	got, want uint32
	why       string // which of the known differences it is, or ""
}

func (d difference) String() string {
	return fmt.Sprintf("arch %#x nr %d (%#x) args %#x: got %#x, want %#x", d.arch, int32(d.nr), d.nr, d.args, d.got, d.want)
}

// compare runs both programs and reports what differs. tries is the number of
// argument lists for each call that looks at its arguments. ref may be nil.
func compare(t testing.TB, r *rand.Rand, p *Plan, program []unix.SockFilter, o *oracle, ref *reference, archs []*arch, tries int) (cases int, out []difference) {
	order := byteOrder(archs[0].little())
	vals := values(p)
	audits := []uint32{0x12345678}
	for _, a := range archs {
		if !slices.Contains(audits, a.audit) {
			audits = append(audits, a.audit)
		}
	}
	for _, audit := range audits {
		for _, nr := range numbersOf(audit, archs) {
			c := call{nr: nr, arch: audit}
			data := c.bytes(order)
			looks := touches(program, &data, order) || o != nil && touches(o.program, &data, order)
			for i := 0; i == 0 || looks && i < tries; i++ {
				for j := range c.args {
					c.args[j] = vals[r.IntN(len(vals))]
					order.PutUint64(data[16+8*j:], c.args[j])
				}
				cases++
				got, _ := emulate(program, &data, order)
				if ref != nil {
					if want := ref.run(&c); got != want {
						t.Errorf("not what the rules say: %v", difference{c, got, want, ""})
					}
				}
				if o == nil {
					continue
				}
				if want := o.run(&c, &data); got != want {
					d := difference{c, got, want, ""}
					d.why = d.known(p, o, archs)
					out = append(out, d)
				}
			}
		}
	}
	return cases, out
}

// touches tells whether the verdict on a call may depend on its arguments.
func touches(program []unix.SockFilter, data *[64]byte, order binary.ByteOrder) bool {
	var a uint32
	for pc := 0; ; pc++ {
		i := &program[pc]
		var jump bool
		switch i.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			if i.K >= 16 {
				return true
			}
			a = order.Uint32(data[i.K:])
			continue
		case unix.BPF_RET | unix.BPF_K:
			return false
		case unix.BPF_JMP | unix.BPF_JA:
			pc += int(i.K)
			continue
		case unix.BPF_JMP | unix.BPF_K | unix.BPF_JEQ:
			jump = a == i.K
		case unix.BPF_JMP | unix.BPF_K | unix.BPF_JGT:
			jump = a > i.K
		case unix.BPF_JMP | unix.BPF_K | unix.BPF_JGE:
			jump = a >= i.K
		case unix.BPF_JMP | unix.BPF_K | unix.BPF_JSET:
			jump = a&i.K != 0
		}
		if jump {
			pc += int(i.Jt)
		} else {
			pc += int(i.Jf)
		}
	}
}

var sets = [][]*arch{
	archSet("X86_64"), archSet("X86_64", "X86", "X32"), archSet("X86_64", "X86"), archSet("X86_64", "X32"), archSet("AARCH64", "ARM"),
	archSet("X86"), archSet("X32"),
	archSet("MIPSEL64", "MIPSEL", "MIPSEL64N32"), archSet("RISCV64"), archSet("PPC64LE"), archSet("S390X", "S390"),
	archSet("MIPS64", "MIPS", "MIPS64N32"), archSet("PPC64", "PPC"), archSet("PARISC64", "PARISC"), archSet("X86_64", "AARCH64", "ARM", "PPC64LE", "RISCV64"),
}

// The differences of the package documentation.
const (
	differDirect = "numbers inside socketcall and ipc"
	differGap    = "gap before ARM's own calls"
	differDebug  = "sys_debug_setcontext"
	differRanges = "several rules with ranges"
	differLoad   = "number not loaded"
)

// known tells which of the differences this is, or "".
func (d *difference) known(p *Plan, o *oracle, archs []*arch) string {
	var a *arch
	for _, b := range archs {
		if b.audit == d.arch && (b.audit != auditX86_64 || (b.name == nameX32) == (d.nr&x32Bit != 0)) {
			a = b
		}
	}
	runc, rt := o.stub(&d.call, o.last), o.stub(&d.call, o.ours)
	switch {
	case a == nil:
	case runc != rt:
		return differDirect
	case d.arch == archByName("SCMP_ARCH_ARM").audit && d.got == refENOSYS && d.nr < armPrivate:
		return differGap
	case strings.HasPrefix(a.name, "SCMP_ARCH_PPC") && named(p, "sys_debug_setcontext") && (d.nr == 256 || d.nr == 363):
		return differDebug
	case o.forgets(d.arch):
		return differLoad
	case ranges(p, a, d.nr):
		return differRanges
	}
	return ""
}

func named(p *Plan, name string) bool {
	return slices.ContainsFunc(p.rules, func(r rule) bool { return slices.Contains(r.names, name) })
}

// ranges tells whether a call has more than one case, and one of them compares
// otherwise than for equality.
func ranges(p *Plan, a *arch, nr uint32) bool {
	cases := newReference(p, []*arch{a}).calls[a.name][nr]
	return len(cases) > 1 && slices.ContainsFunc(cases, func(m match) bool {
		return slices.ContainsFunc(m.conditions, func(c condition) bool { return c.op != opEQ && c.op != opMaskedEQ })
	})
}

func TestCompileDocker(t *testing.T) {
	p := docker(t)
	r := rand.New(rand.NewPCG(1, 2))
	for _, archs := range sets {
		program, err := compileOwn(p, archs)
		if err != nil {
			t.Fatal(err)
		}
		o, err := newOracle(t, p, archs, 0)
		if err != nil {
			t.Fatal(err)
		}
		cases, diffs := compare(t, r, p, program, o, newReference(p, archs), archs, 100)
		t.Logf("%s...: %d instructions (libseccomp %d), %d cases, %d differences", archs[0].name, len(program), len(o.program), cases, len(diffs))
		for _, d := range diffs[:min(len(diffs), 12)] {
			t.Error(d)
		}
	}
}
