package seccomp

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A call is struct seccomp_data: what a filter sees of a system call.
type call struct {
	nr   uint32
	arch uint32
	args [6]uint64
}

// bytes lays the call out as the kernel of a machine with that byte order does.
func (c *call) bytes(order binary.ByteOrder) (b [64]byte) {
	order.PutUint32(b[0:], c.nr)
	order.PutUint32(b[4:], c.arch)
	for i, a := range c.args {
		order.PutUint64(b[16+8*i:], a)
	}
	return b
}

func byteOrder(little bool) binary.ByteOrder {
	if little {
		return binary.LittleEndian
	}
	return binary.BigEndian
}

// decode reads a program in the byte order of its machine.
func decode(program []byte, little bool) []unix.SockFilter {
	order := byteOrder(little)
	out := make([]unix.SockFilter, len(program)/instructionSize)
	for i := range out {
		b := program[i*instructionSize:]
		out[i] = unix.SockFilter{Code: order.Uint16(b), Jt: b[2], Jf: b[3], K: order.Uint32(b[4:])}
	}
	return out
}

// instructions reads a program in this machine's byte order.
func instructions(program []byte) []unix.SockFilter {
	return unsafe.Slice((*unix.SockFilter)(unsafe.Pointer(unsafe.SliceData(program))), len(program)/instructionSize)
}

// emulate runs a program as the kernel does (net/core/filter.c), with those
// instructions that seccomp admits and these compilers write. steps counts
// what was run.
func emulate(program []unix.SockFilter, data *[64]byte, order binary.ByteOrder) (verdict uint32, steps int) {
	var a uint32
	for pc := 0; pc < len(program); pc++ {
		steps++
		i := &program[pc]
		var jump bool
		switch i.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			a = order.Uint32(data[i.K:])
			continue
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			a &= i.K
			continue
		case unix.BPF_RET | unix.BPF_K:
			return i.K, steps
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
		default:
			panic(fmt.Sprintf("instruction %d has code %#x", pc, i.Code))
		}
		if jump {
			pc += int(i.Jt)
		} else {
			pc += int(i.Jf)
		}
	}
	panic("the program has no end")
}
