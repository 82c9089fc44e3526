// Package calm makes the Go runtime quieter, for a program that lives for
// milliseconds and starts others. It is for rt alone: to import it is to use it.
//
// The main goroutine stays on the main thread, which is as it was. The other
// threads are not, and nothing must be started from them that shall not inherit
// their timer slack of 2 ms and their only CPU; and GOMAXPROCS is 1: who has
// goroutines that block in system calls, or compute side by side, must raise it.
// Unlike other Go programs this one keeps the limit of open files that it was
// started with.
package calm

// #include "calm.h"
import "C"

import (
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

func init() {
	runtime.LockOSThread()
	C.calm_free()
	if C.calm_slack > 0 {
		unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(C.calm_slack), 0, 0, 0)
	}
	if C.calm_huge != 0 {
		unix.Prctl(unix.PR_SET_THP_DISABLE, 0, 0, 0, 0)
	}
	// By package syscall, which then forgets the limit that it has found and would
	// give to every program that it starts.
	syscall.Setrlimit(unix.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(C.calm_nofile.rlim_cur), Max: uint64(C.calm_nofile.rlim_max)})
}
