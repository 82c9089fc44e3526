package cgroups

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A cgroup v2 has no device files: a program of type BPF_PROG_TYPE_CGROUP_DEVICE
// is asked at every mknod and open of a device (cgroup-v2.rst, "Device
// controller"; bpf(2)). Its context is struct bpf_cgroup_dev_ctx: the type in
// the lower and the access in the upper half of a word, major, minor.

// An instruction is struct bpf_insn.
type instruction struct {
	code byte
	regs byte // destination | source<<4
	off  int16
	imm  int32
}

// Opcodes that the program needs; the imm forms unless said.
const (
	opLoad  = unix.BPF_LDX | unix.BPF_MEM | unix.BPF_W
	opMove  = unix.BPF_ALU | bpfMov | unix.BPF_K // 32 bits, as all here
	opCopy  = unix.BPF_ALU | bpfMov | unix.BPF_X
	opAnd   = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	opShift = unix.BPF_ALU | unix.BPF_RSH | unix.BPF_K
	opEqual = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	opOther = unix.BPF_JMP | bpfJne | unix.BPF_K
	opExit  = unix.BPF_JMP | bpfExit

	bpfMov, bpfJne, bpfExit = 0xb0, 0x50, 0x90
)

// Registers: r0 is the verdict, r1 the context.
const rKind, rAccess, rMajor, rMinor, rScratch = 2, 3, 4, 5, 6

// deviceProgram walks the rules from the last to the first. rAccess holds the
// accesses that no later rule has allowed yet: none left means yes, a denying
// rule that speaks of one that is left means no.
func deviceProgram(rules []deviceRule) []instruction {
	p := []instruction{
		{opLoad, rAccess | 1<<4, 0, 0},
		{opCopy, rKind | rAccess<<4, 0, 0},
		{opAnd, rKind, 0, 0xffff},
		{opShift, rAccess, 0, 16},
		{opLoad, rMajor | 1<<4, 4, 0},
		{opLoad, rMinor | 1<<4, 8, 0},
	}
	verdict := func(allow bool) []instruction {
		var yes int32
		if allow {
			yes = 1
		}
		return []instruction{{opMove, 0, 0, yes}, {opExit, 0, 0, 0}}
	}
	for i := len(rules) - 1; i >= 0; i-- {
		r := rules[i]
		if r.everything() {
			return append(p, verdict(r.allow)...)
		}
		var tests, deed []instruction
		if r.kind != 'a' {
			kind := int32(unix.BPF_DEVCG_DEV_CHAR)
			if r.kind == 'b' {
				kind = unix.BPF_DEVCG_DEV_BLOCK
			}
			tests = append(tests, instruction{opOther, rKind, 0, kind})
		}
		if r.major != anyNumber {
			tests = append(tests, instruction{opOther, rMajor, 0, int32(r.major)})
		}
		if r.minor != anyNumber {
			tests = append(tests, instruction{opOther, rMinor, 0, int32(r.minor)})
		}
		switch {
		case r.access == accessAll:
		case r.allow:
			deed = []instruction{{opAnd, rAccess, 0, int32(accessAll &^ r.access)}, {opOther, rAccess, 2, 0}}
		default:
			deed = []instruction{{opCopy, rScratch | rAccess<<4, 0, 0}, {opAnd, rScratch, 0, int32(r.access)}, {opEqual, rScratch, 2, 0}}
		}
		deed = append(deed, verdict(r.allow)...)
		for j := range tests {
			tests[j].off = int16(len(tests) - j - 1 + len(deed)) // to the next rule
		}
		p = append(append(p, tests...), deed...)
	}
	return append(p, verdict(false)...)
}

// compact drops what a later rule repeats for the same devices: Docker lists
// most of the defaults itself.
func compact(rules []deviceRule) []deviceRule {
	var out []deviceRule
	for i, r := range rules {
		again := false
		for _, later := range rules[i+1:] {
			again = again || later.kind == r.kind && later.major == r.major && later.minor == r.minor && r.access&^later.access == 0
		}
		if !again {
			out = append(out, r)
		}
	}
	return out
}

// attachDevices attaches a program for the rules to the cgroup. Programs of
// cgroups above go on deciding too (BPF_F_ALLOW_MULTI): all of them must agree.
func attachDevices(dir int, rules []deviceRule) error {
	p := deviceProgram(compact(rules))
	license := [...]byte{'A', 'p', 'a', 'c', 'h', 'e', 0}
	load := struct { // union bpf_attr, BPF_PROG_LOAD; the kernel takes the rest as 0
		kind, count      uint32
		program, license uint64
		logLevel, size   uint32
		log              uint64
		version, flags   uint32
	}{kind: unix.BPF_PROG_TYPE_CGROUP_DEVICE, count: uint32(len(p)),
		program: address(&p[0]), license: address(&license)}
	prog, err := bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&load), unsafe.Sizeof(load))
	runtime.KeepAlive(p)
	runtime.KeepAlive(&license)
	if err != nil {
		return fmt.Errorf("load a program of %d instructions: %w", len(p), reword(err))
	}
	defer unix.Close(prog)
	fd, err := unix.Openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) // dir is O_PATH
	if err != nil {
		return opError("open", "the cgroup", err)
	}
	defer unix.Close(fd)
	attach := struct{ target, program, kind, flags uint32 }{
		uint32(fd), uint32(prog), unix.BPF_CGROUP_DEVICE, unix.BPF_F_ALLOW_MULTI}
	if _, err := bpf(unix.BPF_PROG_ATTACH, unsafe.Pointer(&attach), unsafe.Sizeof(attach)); err != nil {
		return fmt.Errorf("attach the program: %w", reword(err))
	}
	return nil
}

func bpf(command int, attr unsafe.Pointer, size uintptr) (int, error) {
	for {
		// The verifier gives up with EAGAIN when a signal arrives.
		fd, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(command), uintptr(attr), size)
		switch errno {
		case 0:
			return int(fd), nil
		case unix.EAGAIN, unix.EINTR:
		default:
			return -1, errno
		}
	}
}

func address[T any](p *T) uint64 { return uint64(uintptr(unsafe.Pointer(p))) }
