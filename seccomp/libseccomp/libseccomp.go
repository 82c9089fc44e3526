package libseccomp

// #cgo LDFLAGS: -lseccomp
// #include "libseccomp.h"
import "C"

import (
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"syscall"
	"unsafe"
)

// Compile returns the program, an array of struct sock_filter. The native
// architecture is always in it. Names that the library doesn't know are left
// out. The error of a rule that contradicts another is EEXIST. With tree the
// program is a search tree over calls, and not a chain.
func Compile(defaultAction uint32, archs []uint32, rules []Rule, tree bool) ([]byte, error) {
	var names []byte
	var args []C.struct_comparison
	list := make([]C.struct_rule, len(rules))
	for i, r := range rules {
		list[i] = C.struct_rule{
			name:   C.uint32_t(len(names)),
			action: C.uint32_t(r.Action),
			args:   C.uint32_t(len(args)),
			nargs:  C.uint32_t(len(r.Args)),
		}
		names = append(append(names, r.Name...), 0)
		for _, a := range r.Args {
			args = append(args, C.struct_comparison{
				index: C.uint32_t(a.Index), op: C.uint32_t(a.Op),
				a: C.uint64_t(a.Value), b: C.uint64_t(a.ValueTwo),
			})
		}
	}
	asTree := C.int(0)
	if tree {
		asTree = 1
	}
	var failed C.uint32_t
	rc := C.compile(C.uint32_t(defaultAction),
		(*C.uint32_t)(unsafe.Pointer(unsafe.SliceData(archs))), C.uint32_t(len(archs)),
		unsafe.SliceData(list), C.uint32_t(len(list)),
		(*C.char)(unsafe.Pointer(unsafe.SliceData(names))), unsafe.SliceData(args), asTree, &failed)
	runtime.KeepAlive(archs)
	if rc < 0 {
		err := syscall.Errno(-rc)
		if failed != math.MaxUint32 {
			return nil, fmt.Errorf("libseccomp: rule for %s: %w", rules[failed].Name, err)
		}
		return nil, fmt.Errorf("libseccomp: %w", err)
	}
	f := os.NewFile(uintptr(rc), "seccomp filter")
	defer f.Close()
	program, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<24))
	if err != nil {
		return nil, fmt.Errorf("libseccomp: read the program: %w", err)
	}
	return program, nil
}
