package cgroups

import (
	"math/rand/v2"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// run interprets a device program, as the kernel's documentation of the
// instruction set says (bpf/standardization/instruction-set.rst).
func run(t *testing.T, p []instruction, kind, access, major, minor uint32) bool {
	t.Helper()
	var r [11]uint32
	context := [3]uint32{access<<16 | kind, major, minor}
	for pc := 0; pc < len(p); pc++ {
		i := p[pc]
		dst, src, imm := i.regs&15, i.regs>>4, uint32(i.imm)
		switch i.code {
		case opLoad:
			r[dst] = context[i.off/4]
		case opMove:
			r[dst] = imm
		case opCopy:
			r[dst] = r[src]
		case opAnd:
			r[dst] &= imm
		case opShift:
			r[dst] >>= imm
		case opEqual:
			if r[dst] == imm {
				pc += int(i.off)
			}
		case opOther:
			if r[dst] != imm {
				pc += int(i.off)
			}
		case opExit:
			return r[0] == 1
		default:
			t.Fatalf("instruction %d: opcode %#x", pc, i.code)
		}
	}
	t.Fatal("the program runs off its end")
	return false
}

// allowed says the same without cleverness: each access by the last rule that
// speaks of it.
func allowed(rules []deviceRule, kind byte, access uint8, major, minor int64) bool {
	for bit := uint8(1); bit <= accessAll; bit <<= 1 {
		verdict := access&bit == 0
		for _, r := range rules {
			if access&r.access&bit != 0 && (r.kind == 'a' || r.kind == kind) &&
				(r.major == anyNumber || r.major == major) && (r.minor == anyNumber || r.minor == minor) {
				verdict = r.allow
			}
		}
		if !verdict {
			return false
		}
	}
	return true
}

// TestDeviceProgram compares both for random rules; and the v1 list too, where
// it can hold the rules.
func TestDeviceProgram(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	number := func() int64 { return rnd.Int64N(4) - 1 }
	asV1 := 0
	for range 3000 {
		var rules []deviceRule
		for range rnd.IntN(8) {
			rules = append(rules, deviceRule{index: 0, allow: rnd.IntN(2) == 0, kind: "abc"[rnd.IntN(3)],
				major: number(), minor: number(), access: uint8(1 + rnd.IntN(7))})
		}
		program := deviceProgram(compact(rules))
		var ps config.Problems
		list := v1Devices(rules, &ps)
		for n := range 2 * 7 * 9 {
			kind, access, major, minor := "bc"[n%2], uint8(n/2%7+1), int64(n/14%3), int64(n/42%3)
			want := allowed(rules, kind, access, major, minor)
			kernelKind := uint32(1) // BPF_DEVCG_DEV_BLOCK
			if kind == 'c' {
				kernelKind = 2
			}
			if got := run(t, program, kernelKind, uint32(access), uint32(major), uint32(minor)); got != want {
				t.Fatalf("%v: %c %d:%d access %d: got %v", rules, kind, major, minor, access, got)
			}
			// A v1 cgroup asks for one access at a time of what it lists together.
			if ps.List == nil && access&(access-1) == 0 {
				asV1++
				got := list.allow
				for _, e := range list.exceptions {
					if e.kind == kind && e.access&access != 0 && (e.major == anyNumber || e.major == major) && (e.minor == anyNumber || e.minor == minor) {
						got = !list.allow
					}
				}
				if got != want {
					t.Fatalf("v1: %v as %v: %c %d:%d access %d: got %v", rules, list, kind, major, minor, access, got)
				}
			}
		}
	}
	if asV1 < 10000 {
		t.Errorf("only %d questions to v1 lists", asV1)
	}
}

// FuzzPath: whatever cgroupsPath holds, the cgroup lies below the mount point.
func FuzzPath(f *testing.F) {
	for _, p := range []string{"", "/", "a", "/a/../..", "a/b:c", "..", "./.", "//", "a\x00"} {
		f.Add(p)
	}
	x := hierarchy{"", "/sys/fs/cgroup", "/user.slice/me"}
	f.Fuzz(func(t *testing.T, p string) {
		var ps config.Problems
		dir, _ := planPath(&specs.Spec{Linux: &specs.Linux{CgroupsPath: p}}, "id", &ps)
		for _, pure := range []bool{false, true} {
			if got := x.dir(dir, pure); !strings.HasPrefix(got, x.mount+"/") || len(got) <= len(x.mount)+1 || hasWord(got, "..", "/") || len(got) > pathMax {
				t.Errorf("%q: %q", p, got)
			}
		}
		ps = config.Problems{}
		u := planUnit(&specs.Spec{Linux: &specs.Linux{CgroupsPath: p}}, "id", &config.Facts{}, &ps)
		if got := u.dir(&x); ps.Err() == nil && (!strings.HasPrefix(got, x.mount+"/") || hasWord(got, "..", "/")) {
			t.Errorf("%q: %q", p, got)
		}
	})
}
