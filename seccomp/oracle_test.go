package seccomp

import (
	"math/bits"
	"testing"

	libseccomp "github.com/seccomp/libseccomp-golang"
	"golang.org/x/sys/unix"
)

// The oracle is libseccomp through its Go binding, used as runc uses it, and
// runc's rule for ENOSYS written down a second time.
type oracle struct {
	little  bool
	program []unix.SockFilter
	enosys  bool
	last    map[string]uint32 // the highest number that the profile names, by architecture, as runc counts
	ours    map[string]uint32 // the same as rt counts
}

var oracleArchs = map[string]libseccomp.ScmpArch{
	"SCMP_ARCH_AARCH64": libseccomp.ArchARM64, "SCMP_ARCH_ARM": libseccomp.ArchARM, "SCMP_ARCH_MIPS": libseccomp.ArchMIPS,
	"SCMP_ARCH_MIPS64": libseccomp.ArchMIPS64, "SCMP_ARCH_MIPS64N32": libseccomp.ArchMIPS64N32, "SCMP_ARCH_MIPSEL": libseccomp.ArchMIPSEL,
	"SCMP_ARCH_MIPSEL64": libseccomp.ArchMIPSEL64, "SCMP_ARCH_MIPSEL64N32": libseccomp.ArchMIPSEL64N32, "SCMP_ARCH_PARISC": libseccomp.ArchPARISC,
	"SCMP_ARCH_PARISC64": libseccomp.ArchPARISC64, "SCMP_ARCH_PPC": libseccomp.ArchPPC, "SCMP_ARCH_PPC64": libseccomp.ArchPPC64,
	"SCMP_ARCH_PPC64LE": libseccomp.ArchPPC64LE, "SCMP_ARCH_RISCV64": libseccomp.ArchRISCV64, "SCMP_ARCH_S390": libseccomp.ArchS390,
	"SCMP_ARCH_S390X": libseccomp.ArchS390X, "SCMP_ARCH_X32": libseccomp.ArchX32, "SCMP_ARCH_X86": libseccomp.ArchX86, "SCMP_ARCH_X86_64": libseccomp.ArchAMD64,
}

func oracleAction(action uint32) libseccomp.ScmpAction {
	base := map[uint32]libseccomp.ScmpAction{
		unix.SECCOMP_RET_ALLOW: libseccomp.ActAllow, unix.SECCOMP_RET_ERRNO: libseccomp.ActErrno, unix.SECCOMP_RET_KILL_THREAD: libseccomp.ActKillThread,
		unix.SECCOMP_RET_KILL_PROCESS: libseccomp.ActKillProcess, unix.SECCOMP_RET_LOG: libseccomp.ActLog, unix.SECCOMP_RET_TRACE: libseccomp.ActTrace,
		unix.SECCOMP_RET_TRAP: libseccomp.ActTrap, unix.SECCOMP_RET_USER_NOTIF: libseccomp.ActNotify,
	}[action&unix.SECCOMP_RET_ACTION_FULL]
	return base.SetReturnCode(int16(action & unix.SECCOMP_RET_DATA))
}

var oracleOperators = map[operator]libseccomp.ScmpCompareOp{
	opNE: libseccomp.CompareNotEqual, opLT: libseccomp.CompareLess, opLE: libseccomp.CompareLessOrEqual, opEQ: libseccomp.CompareEqual,
	opGE: libseccomp.CompareGreaterEqual, opGT: libseccomp.CompareGreater, opMaskedEQ: libseccomp.CompareMaskedEqual,
}

// newOracle compiles a plan for archs, which may all be of the byte order that
// this machine has not, but not of both.
func newOracle(t testing.TB, p *Plan, archs []*arch, optimize int) (*oracle, error) {
	t.Helper()
	o := &oracle{little: archs[0].little(), last: map[string]uint32{}, ours: map[string]uint32{}}
	data, err := askOracle(t, newOracleOrder(p, archs, optimize))
	if err != nil {
		return nil, err
	}
	o.program = decode(data, o.little)
	for i := range o.program {
		// On a machine of the other byte order libseccomp swaps some returns
		// twice: the copies that it makes where a jump is too short.
		ret := &o.program[i]
		if ret.Code == unix.BPF_RET|unix.BPF_K && !isAction(ret.K) {
			ret.K = bits.ReverseBytes32(ret.K)
		}
	}

	switch p.defaultAction & unix.SECCOMP_RET_ACTION_FULL {
	case unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_LOG, unix.SECCOMP_RET_TRACE:
	default:
		o.enosys = true
	}
	for _, a := range archs {
		o.count(p, a)
	}
	return o, nil
}

// forgets tells whether libseccomp has forgotten to load the number for an
// architecture, so that all its rules compare the architecture instead. It
// happens where conditions meet more than one architecture.
func (o *oracle) forgets(audit uint32) bool {
	for pc := 1; pc < len(o.program) && o.program[pc].Code == unix.BPF_JMP|unix.BPF_K|unix.BPF_JEQ; pc++ {
		i := &o.program[pc]
		if i.K != audit {
			pc += int(i.Jf)
			continue
		}
		pc += int(i.Jt) + 1
		for o.program[pc].Code == unix.BPF_JMP|unix.BPF_JA {
			pc += int(o.program[pc].K) + 1
		}
		return o.program[pc].Code != unix.BPF_LD|unix.BPF_W|unix.BPF_ABS && o.program[pc].Code != unix.BPF_RET|unix.BPF_K
	}
	return false
}

func isAction(k uint32) bool {
	for i := range actions {
		if a := actions[i].value; a == k || hasErrno(a) && k&unix.SECCOMP_RET_ACTION_FULL == a {
			return true
		}
	}
	return false
}

// count finds the last number of an architecture, from the names of all rules.
func (o *oracle) count(p *Plan, a *arch) {
	for i := range p.rules {
		for _, name := range p.rules[i].names {
			nr, err := libseccomp.GetSyscallFromNameByArch(name, oracleArchs[a.name])
			if err != nil {
				continue
			}
			if nr > 0 {
				o.last[a.name] = max(o.last[a.name], uint32(nr))
			}
			for _, nr := range oracleNumbers(name, a) {
				if nr > 0 {
					o.ours[a.name] = max(o.ours[a.name], nr)
				}
			}
		}
	}
}

// oracleNumbers are all numbers through which a call can be made.
func oracleNumbers(name string, a *arch) (out []uint32) {
	nr, err := libseccomp.GetSyscallFromNameByArch(name, oracleArchs[a.name])
	switch {
	case err != nil:
	case nr >= 0:
		out = append(out, uint32(nr))
	case nr <= -100 && nr > -300 && a.mux:
		outer := "socketcall"
		if nr <= -200 {
			outer = "ipc"
		}
		o, _ := libseccomp.GetSyscallFromNameByArch(outer, oracleArchs[a.name])
		out = append(out, uint32(o))
		for n := uint32(a.base); n < uint32(a.base)+1000; n++ {
			if s, err := libseccomp.ScmpSyscall(n).GetNameByArch(oracleArchs[a.name]); err == nil && s == name {
				out = append(out, n)
			}
		}
	}
	return out
}

// run is the oracle's verdict.
func (o *oracle) run(c *call, data *[64]byte) uint32 {
	if o.enosys && o.stub(c, o.last) {
		return unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	}
	verdict, _ := emulate(o.program, data, byteOrder(o.little))
	return verdict
}

// stub tells whether runc's part of the filter answers a call with ENOSYS.
func (o *oracle) stub(c *call, last map[string]uint32) bool {
	if c.arch == auditX86_64 {
		name := nameX86_64
		if c.nr&x32Bit != 0 {
			name = nameX32
		}
		return last[name] != 0 && c.nr > last[name]
	}
	for i := range archs {
		a := &archs[i]
		if a.audit == c.arch && last[a.name] != 0 {
			return c.nr > last[a.name] || a.setup && c.nr == 0
		}
	}
	return false
}
