// Package libseccomp compiles filters with the C library: the fallback for
// profiles that package seccomp does not compile itself.
//
// It has the few lines of cgo that this needs, not libseccomp-golang, because
// that package asks the kernel a dozen questions when a program starts (12 µs,
// and rt starts twice for each container). The binding is what tests compare
// with.
package libseccomp

// A Rule is an action for a system call whose arguments satisfy all of Args.
type Rule struct {
	Name   string
	Action uint32
	Args   []Arg
}

// An Arg is one comparison, Op as in enum scmp_compare. The library takes one
// for each argument at most.
type Arg struct {
	Index, Op       uint32
	Value, ValueTwo uint64
}
