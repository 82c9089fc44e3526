package seccomp

import (
	"testing"

	"golang.org/x/sys/unix"
)

func BenchmarkCompile(b *testing.B) {
	p := docker(b)
	for b.Loop() {
		if _, err := p.Compile(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompileLibseccomp(b *testing.B) {
	p := docker(b)
	c := newCompiler(p, p.targets(nativeArch()))
	c.read()
	for b.Loop() {
		if _, err := c.fallback(); err != nil {
			b.Fatal(err)
		}
	}
}

// TestProgramSize keeps the search trees what they are: the kernel's time for
// loading is in proportion.
func TestProgramSize(t *testing.T) {
	p := docker(t)
	archs := archSet("X86_64", "X86", "X32")
	program, err := compileOwn(p, archs)
	if err != nil {
		t.Fatal(err)
	}
	steps := 0
	for _, a := range archs[:2] { // the kernel's native and compat table
		for nr := range uint32(470) {
			c := call{nr: nr, arch: a.audit}
			data := c.bytes(byteOrder(true))
			v, n := emulate(program, &data, byteOrder(true))
			if v == unix.SECCOMP_RET_ALLOW {
				steps += n
			}
		}
	}
	if len(program) > 240 || steps > 7500 {
		t.Errorf("%d instructions, %d steps for the kernel's tables", len(program), steps)
	}
	t.Logf("%d instructions, %d steps for the kernel's tables", len(program), steps)
}
