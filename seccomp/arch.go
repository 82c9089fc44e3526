package seccomp

import "runtime"

// Values of seccomp_data.arch are ELF machine numbers with these bits
// (linux/audit.h).
const (
	audit64Bit    = 0x80000000
	auditLittle   = 0x40000000
	auditMIPS64N3 = 0x20000000
)

// x32Bit is set in the number of a call that an x32 program makes. The kernel
// gives x32 and x86_64 the same seccomp_data.arch.
const x32Bit = 0x40000000

const (
	nameX32    = "SCMP_ARCH_X32"
	nameX86_64 = "SCMP_ARCH_X86_64"

	auditX86_64 = 62 | audit64Bit | auditLittle
)

// An arch is one of the spec's architectures. Several may share an audit value
// (x86_64 and x32), so the name is its identity.
type arch struct {
	name   string
	audit  uint32 // seccomp_data.arch
	goarch string // GOARCH of an rt that runs on it natively, if Go has one

	// numbers holds the number of each name of the table, two bytes each
	// (tables.go). It is empty for architectures that libseccomp 2.5 does not know.
	numbers string

	base  uint16 // the lowest number, if it is not 0
	wide  bool   // arguments are compared in all 64 bits; else in the low 32 (x32 too, as libseccomp does)
	setup bool   // number 0 stands for calls that the kernel does not know (s390)
	mux   bool   // has socketcall(2) and ipc(2) beside, or instead of, the calls themselves
}

func (a *arch) little() bool { return a.audit&auditLittle != 0 }

// token is libseccomp's SCMP_ARCH_*: the audit value, but for x32.
func (a *arch) token() uint32 {
	if a.name == nameX32 {
		return a.audit &^ audit64Bit
	}
	return a.audit
}

// archs is in the order of the names.
var archs = [...]arch{
	{name: "SCMP_ARCH_AARCH64", audit: 183 | audit64Bit | auditLittle, numbers: numbersAARCH64, goarch: "arm64", wide: true},
	{name: "SCMP_ARCH_ARM", audit: 40 | auditLittle, numbers: numbersARM, goarch: "arm"},
	{name: "SCMP_ARCH_LOONGARCH64", audit: 258 | audit64Bit | auditLittle, goarch: "loong64", wide: true},
	{name: "SCMP_ARCH_M68K", audit: 4},
	{name: "SCMP_ARCH_MIPS", audit: 8, numbers: numbersMIPS, base: 4000, goarch: "mips", mux: true},
	{name: "SCMP_ARCH_MIPS64", audit: 8 | audit64Bit, numbers: numbersMIPS64, base: 5000, goarch: "mips64", wide: true},
	{name: "SCMP_ARCH_MIPS64N32", audit: 8 | audit64Bit | auditMIPS64N3, numbers: numbersMIPS64N32, base: 6000},
	{name: "SCMP_ARCH_MIPSEL", audit: 8 | auditLittle, numbers: numbersMIPS, base: 4000, goarch: "mipsle", mux: true},
	{name: "SCMP_ARCH_MIPSEL64", audit: 8 | audit64Bit | auditLittle, numbers: numbersMIPS64, base: 5000, goarch: "mips64le", wide: true},
	{name: "SCMP_ARCH_MIPSEL64N32", audit: 8 | audit64Bit | auditLittle | auditMIPS64N3, numbers: numbersMIPS64N32, base: 6000},
	{name: "SCMP_ARCH_PARISC", audit: 15, numbers: numbersPARISC},
	{name: "SCMP_ARCH_PARISC64", audit: 15 | audit64Bit, numbers: numbersPARISC64, wide: true},
	{name: "SCMP_ARCH_PPC", audit: 20, numbers: numbersPPC, mux: true},
	{name: "SCMP_ARCH_PPC64", audit: 21 | audit64Bit, numbers: numbersPPC64, goarch: "ppc64", wide: true, mux: true},
	{name: "SCMP_ARCH_PPC64LE", audit: 21 | audit64Bit | auditLittle, numbers: numbersPPC64, goarch: "ppc64le", wide: true, mux: true},
	{name: "SCMP_ARCH_RISCV64", audit: 243 | audit64Bit | auditLittle, numbers: numbersRISCV64, goarch: "riscv64", wide: true},
	{name: "SCMP_ARCH_S390", audit: 22, numbers: numbersS390, mux: true, setup: true},
	{name: "SCMP_ARCH_S390X", audit: 22 | audit64Bit, numbers: numbersS390X, goarch: "s390x", wide: true, mux: true, setup: true},
	{name: "SCMP_ARCH_SH", audit: 42 | auditLittle},
	{name: "SCMP_ARCH_SHEB", audit: 42},
	{name: nameX32, audit: auditX86_64, numbers: numbersX32},
	{name: "SCMP_ARCH_X86", audit: 3 | auditLittle, numbers: numbersX86, goarch: "386", mux: true},
	{name: nameX86_64, audit: auditX86_64, numbers: numbersX86_64, goarch: "amd64", wide: true},
}

func archByName(name string) *arch {
	for i := range archs {
		if archs[i].name == name {
			return &archs[i]
		}
	}
	return nil
}

// nativeArch is the architecture that rt was built for.
func nativeArch() *arch {
	for i := range archs {
		if archs[i].goarch == runtime.GOARCH {
			return &archs[i]
		}
	}
	return nil
}
