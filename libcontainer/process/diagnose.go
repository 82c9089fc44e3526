package process

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// What execve(2) answers with ENOENT or ENOEXEC is about something that is written
// inside the file. These functions read it and say what.

// headSize covers the header of an ELF file, the program headers that follow it
// and the interpreter's name after them; for scripts the kernel reads 256 bytes.
const headSize = 2048

// maxDepth is how many interpreters the kernel follows (exec_binprm).
const maxDepth = 5

// missingInterpreter returns an error if the program at path names an interpreter
// that cannot be executed. What it cannot read or understand is no error: a
// program may be executable only, and a binfmt_misc handler may know its format.
func (p *Plan) missingInterpreter(path string) error {
	file := path
	for range maxDepth {
		name, script := interpreter(file)
		if name == "" {
			return nil
		}
		errno := p.executable(name)
		if errno == nil {
			if !script {
				return nil // the kernel asks nothing of an ELF interpreter's own
			}
			file = name
			continue
		}
		what := fmt.Sprintf("its interpreter %q", name)
		if file != path {
			what = fmt.Sprintf("the interpreter %q of %q", name, file)
		}
		switch errno {
		case unix.ENOENT, unix.ENOTDIR:
			hint := ""
			if strings.HasSuffix(name, "\r") {
				hint = ": the script has Windows line ends"
			}
			return fmt.Errorf("exec %q: %w: %s is missing%s", path, unix.ENOENT, what, hint)
		case errDirectory:
			return fmt.Errorf("exec %q: %w: %s is a directory", path, unix.EACCES, what)
		case unix.EACCES:
			return fmt.Errorf("exec %q: %w: %s is not executable", path, unix.EACCES, what)
		}
		return nil
	}
	return nil
}

// interpreter is the one of a script's first line or of an ELF program for this
// machine, "" if there is none.
func interpreter(path string) (name string, script bool) {
	fd, head := openHead(path)
	if fd < 0 {
		return "", false
	}
	defer unix.Close(fd)
	if name, ok := scriptInterpreter(head); ok {
		return name, true
	}
	e, ok := parseELF(head)
	if !ok || !e.native() {
		return "", false
	}
	return e.interpreter(fd, head), false
}

// openHead opens a regular file and reads its beginning. The descriptor is -1 if
// that is not possible.
func openHead(path string) (int, []byte) {
	fd := -1
	err := restart(func() (err error) {
		fd, err = unix.Openat(unix.AT_FDCWD, path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
		return err
	})
	if err != nil {
		return -1, nil
	}
	head := make([]byte, headSize)
	n := 0
	if err := restart(func() (err error) { n, err = unix.Read(fd, head); return err }); err != nil {
		unix.Close(fd)
		return -1, nil
	}
	return fd, head[:n]
}

// scriptInterpreter reads a "#!" line as the kernel does (fs/binfmt_script.c):
// blanks around the name are skipped, its end is a blank, a NUL or the line's end.
func scriptInterpreter(head []byte) (string, bool) {
	line, ok := bytes.CutPrefix(head, []byte("#!"))
	if !ok {
		return "", false
	}
	line, _, _ = bytes.Cut(line[:min(len(line), 254)], []byte("\n"))
	line = bytes.TrimLeft(line, " \t")
	if end := bytes.IndexAny(line, " \t\x00"); end >= 0 {
		line = line[:end]
	}
	return string(line), true
}

// An elf is what the header of an ELF file says (elf(5)).
type elf struct {
	is64    bool
	order   binary.ByteOrder
	machine uint16

	phoff         uint64
	phsize, phnum int
}

func parseELF(head []byte) (*elf, bool) {
	if len(head) < 52 || string(head[:4]) != "\x7fELF" {
		return nil, false
	}
	e := &elf{is64: head[4] == 2, order: binary.LittleEndian}
	if head[5] == 2 {
		e.order = binary.BigEndian
	}
	e.machine = e.order.Uint16(head[18:])
	if !e.is64 {
		e.phoff = uint64(e.order.Uint32(head[28:]))
		e.phsize, e.phnum = int(e.order.Uint16(head[42:])), int(e.order.Uint16(head[44:]))
		return e, true
	}
	if len(head) < 64 {
		return nil, false
	}
	e.phoff = e.order.Uint64(head[32:])
	e.phsize, e.phnum = int(e.order.Uint16(head[54:])), int(e.order.Uint16(head[56:]))
	return e, true
}

// interpreter is the name in the segment PT_INTERP. head is the beginning of the
// file; what lies further on is read from fd.
func (e *elf) interpreter(fd int, head []byte) string {
	const ptInterp = 3
	entry := 32
	if e.is64 {
		entry = 56
	}
	if e.phsize != entry || e.phnum == 0 || e.phnum*entry > 64<<10 { // the kernel's own limits
		return ""
	}
	table := readAt(fd, head, e.phoff, e.phnum*entry)
	for ; len(table) >= entry; table = table[entry:] {
		if e.order.Uint32(table) != ptInterp {
			continue
		}
		var offset, size uint64
		if e.is64 {
			offset, size = e.order.Uint64(table[8:]), e.order.Uint64(table[32:])
		} else {
			offset, size = uint64(e.order.Uint32(table[4:])), uint64(e.order.Uint32(table[16:]))
		}
		if size < 2 || size > unix.PathMax {
			return ""
		}
		name, _, _ := bytes.Cut(readAt(fd, head, offset, int(size)), []byte{0})
		return string(name)
	}
	return ""
}

// readAt returns size bytes of a file at offset, or nil.
func readAt(fd int, head []byte, offset uint64, size int) []byte {
	if offset > 1<<40 {
		return nil
	}
	if offset+uint64(size) <= uint64(len(head)) {
		return head[offset:][:size]
	}
	out := make([]byte, size)
	n := 0
	if err := restart(func() (err error) { n, err = unix.Pread(fd, out, int64(offset)); return err }); err != nil || n < size {
		return nil
	}
	return out
}

// arch names the machine as Go and the engines do: those of elf.h on which Linux
// runs or has run.
func (e *elf) arch() string {
	little := e.order == binary.LittleEndian
	pick := func(ok bool, yes, no string) string {
		if ok {
			return yes
		}
		return no
	}
	switch e.machine {
	case 2, 43:
		return pick(e.is64, "sparc64", "sparc")
	case 3:
		return "386"
	case 4:
		return "m68k"
	case 8:
		return pick(e.is64, "mips64", "mips") + pick(little, "le", "")
	case 15:
		return "parisc"
	case 20:
		return "ppc"
	case 21:
		return pick(little, "ppc64le", "ppc64")
	case 22:
		return pick(e.is64, "s390x", "s390")
	case 40:
		return pick(little, "arm", "armbe")
	case 42:
		return "sh"
	case 62:
		return pick(e.is64, "amd64", "x32")
	case 183:
		return pick(little, "arm64", "arm64be")
	case 243:
		return pick(e.is64, "riscv64", "riscv32")
	case 258:
		return "loong64"
	}
	return fmt.Sprintf("machine %d", e.machine)
}

// native tells whether the kernel itself may run the file: it is of this machine,
// or of its 32-bit brother.
func (e *elf) native() bool {
	arch := e.arch()
	switch runtime.GOARCH {
	case "amd64":
		return arch == "amd64" || arch == "386" || arch == "x32"
	case "arm64":
		return arch == "arm64" || arch == "arm"
	}
	return arch == runtime.GOARCH
}

// formatReason says why the kernel knows no way to run the file (ENOEXEC), ""
// if it does not show.
func formatReason(path string) string {
	fd, head := openHead(path)
	if fd < 0 {
		return ""
	}
	unix.Close(fd)
	if e, ok := parseELF(head); ok {
		if arch := e.arch(); !e.native() {
			return fmt.Sprintf("%s program on %s host", arch, withArticle(runtime.GOARCH))
		}
		return "a damaged ELF file"
	}
	switch {
	case len(head) == 0:
		return "the file is empty"
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf#!")):
		return "a byte order mark stands before its #!"
	case bytes.HasPrefix(head, []byte("#!")):
		return "its #! line names no interpreter"
	case bytes.HasPrefix(head, []byte("MZ")):
		return "a program for Windows"
	case bytes.HasPrefix(head, []byte("\xcf\xfa\xed\xfe")), bytes.HasPrefix(head, []byte("\xca\xfe\xba\xbe")):
		return "a program for macOS"
	case isText(head):
		return "a script without a #! line"
	}
	return ""
}

// withArticle puts a or an before a name of runtime.GOARCH.
func withArticle(arch string) string {
	switch arch {
	case "amd64", "arm64", "arm", "s390x": // an s
		return "an " + arch
	}
	return "a " + arch
}

// isText tells whether the bytes could be a script: UTF-8 without control
// characters, but for a rune cut at the end.
func isText(head []byte) bool {
	for len(head) > 0 {
		r, n := utf8.DecodeRune(head)
		if r == utf8.RuneError && n <= 1 && len(head) >= utf8.UTFMax {
			return false
		}
		if r < ' ' && r != '\n' && r != '\t' && r != '\r' && r != '\x1b' && r != '\f' {
			return false
		}
		head = head[n:]
	}
	return true
}
