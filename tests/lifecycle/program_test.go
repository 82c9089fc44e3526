package lifecycle

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// badPrograms are files that execve refuses, and what the error must say of them:
// "no such file or directory" of a file that is there helps nobody.
var badPrograms = map[string]struct {
	write func(path string) error
	want  []string
}{
	"missing":        {nil, []string{"no such file or directory"}},
	"not executable": {file("#!/bin/sh\n", 0o644), []string{"permission denied"}},
	"a directory":    {func(path string) error { return os.Mkdir(path, 0o755) }, []string{"is a directory"}},
	"missing interpreter of a script": {
		file("#!/no/such/shell\n", 0o755), []string{"/no/such/shell", "no such file or directory"},
	},
	"carriage return": {
		file("#!/bin/sh\r\necho\r\n", 0o755), []string{"no such file or directory", "Windows line ends"},
	},
	"not a program":        {file("hello\n", 0o755), []string{"exec format error"}},
	"empty":                {file("", 0o755), []string{"exec format error"}},
	"another architecture": {program(183, ""), []string{"exec format error", "arm64"}},
	"missing loader":       {program(62, "/lib/ld-none.so.1"), []string{"/lib/ld-none.so.1", "no such file or directory"}},
}

func file(text string, mode os.FileMode) func(string) error {
	return func(path string) error { return os.WriteFile(path, []byte(text), mode) }
}

// program writes the smallest ELF program for a machine, with an interpreter.
func program(machine uint16, interpreter string) func(string) error {
	return func(path string) error {
		b := make([]byte, 4096)
		copy(b, "\x7fELF\x02\x01\x01")
		le := binary.LittleEndian
		le.PutUint16(b[16:], 2) // ET_EXEC
		le.PutUint16(b[18:], machine)
		le.PutUint32(b[20:], 1)
		le.PutUint64(b[24:], 0x400000) // entry
		le.PutUint64(b[32:], 64)       // program headers
		le.PutUint16(b[52:], 64)
		le.PutUint16(b[54:], 56)
		le.PutUint16(b[56:], 2)
		load, interp := b[64:], b[120:]
		le.PutUint32(load[0:], 1) // PT_LOAD
		le.PutUint32(load[4:], 5)
		le.PutUint64(load[16:], 0x400000)
		le.PutUint64(load[32:], 4096)
		le.PutUint64(load[40:], 4096)
		if interpreter != "" {
			le.PutUint32(interp[0:], 3) // PT_INTERP
			le.PutUint64(interp[8:], 512)
			le.PutUint64(interp[32:], uint64(len(interpreter)+1))
			copy(b[512:], interpreter)
		}
		return os.WriteFile(path, b, 0o755)
	}
}

func TestBadProgram(t *testing.T) {
	for name, tt := range badPrograms {
		t.Run(name, func(t *testing.T) {
			c := harness.New(t, harness.Args("/program"))
			if tt.write != nil {
				if err := tt.write(filepath.Join(c.Rootfs(), "program")); err != nil {
					t.Fatal(err)
				}
			}
			c.RunFails(append(tt.want, "/program")...)
			// With create and start, one of the two says it, and start never
			// claims that the program runs.
			r := c.Do("create", "--bundle", c.Bundle, c.ID)
			if r.Code == 0 {
				r = c.Fails(1, append(tt.want, "/program"), "start", c.ID)
				c.WantStatus("stopped")
				c.Delete()
			}
			for _, want := range tt.want {
				if !strings.Contains(r.Stderr, want) {
					t.Errorf("create and start: no %q in %v", want, r)
				}
			}
			c.WantNothing()
		})
	}
}

func TestBadProgramOfExec(t *testing.T) {
	c := harness.New(t)
	c.Up()
	for name, tt := range badPrograms {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(c.Rootfs(), "program")
			if tt.write != nil {
				if err := tt.write(path); err != nil {
					t.Fatal(err)
				}
			}
			r := c.Do("exec", c.ID, "/program")
			if r.Code != 255 {
				t.Errorf("%v", r)
			}
			for _, want := range append(tt.want, "/program") {
				if !strings.Contains(r.Stderr, want) {
					t.Errorf("no %q in %v", want, r)
				}
			}
			os.RemoveAll(path)
		})
	}
}

func TestProgramNotInPath(t *testing.T) {
	c := harness.New(t, harness.Args("no-such-program"))
	c.RunFails(`"no-such-program"`, "executable file not found in")
}
