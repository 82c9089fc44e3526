// Package harness runs a container runtime as a person or an engine would: the
// real program, on real bundles, on this kernel. Every whole-program test uses it.
//
// A package of such tests has a TestMain that calls Main. A test makes a container
// with New, which writes a bundle with a busybox root, gives it commands, and needs
// no clean-up of its own: when it ends, the harness deletes what it made and fails
// the test if a cgroup, a mount, a process, a file or a keyring is left.
//
// The variable RUNTIME chooses the program under test. Without it rt is built from
// this checkout.
package harness

import (
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/tests/needs"
)

// Patience scales every time limit: a guest of tests/lab starts a process fifty
// times slower than the host does.
var Patience = time.Duration(1)

// base is the directory of everything that this test process makes. Its path is
// short because sockets lie below it, and sun_path holds 107 bytes (unix(7)).
var base string

// prefix starts the ids of this process, so that what belongs to it can be told.
var prefix string

// Prefix starts the names of what this test process makes: ids of containers, and
// cgroups that a test names itself.
func Prefix() string { return prefix }

// Main runs the tests of a package and exits. It makes this process a subreaper,
// as engines do: a container's init becomes its child when the runtime has gone.
func Main(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if needs.InLab() {
		Patience = 10
	}
	prefix = fmt.Sprintf("rtt%d-", os.Getpid())
	var err error
	if base, err = os.MkdirTemp("/var/tmp", "rtt"); err != nil {
		fmt.Fprintln(os.Stderr, "harness:", err)
		return 1
	}
	// A container with a user namespace looks up its root below here.
	if err := os.Chmod(base, 0o711); err != nil {
		fmt.Fprintln(os.Stderr, "harness:", err)
		return 1
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, "harness: subreaper:", err)
		return 1
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-interrupted
		tidy()
		os.Exit(130)
	}()
	status := m.Run()
	if left := tidy(); len(left) > 0 {
		for _, line := range left {
			fmt.Fprintln(os.Stderr, "harness: left behind:", line)
		}
		return 1
	}
	return status
}

// tidy takes away what the tests of this process left, and tells what it was.
func tidy() []string {
	if stopServices != nil {
		stopServices()
	}
	left := Residue()
	killDescendants()
	removeCgroups()
	unmountAll()
	if err := os.RemoveAll(base); err != nil {
		left = append(left, err.Error())
	}
	return left
}

// unmountAll takes away what is mounted below base, the last first, so that nothing
// of the host's is removed with it.
func unmountAll() {
	for _, line := range slices.Backward(linesWith("/proc/self/mountinfo", "mount", base)) {
		unix.Unmount(strings.Fields(line)[5], unix.MNT_DETACH)
	}
}

// stopServices ends what AtEnd was given, last first.
var stopServices func()

// AtEnd has f called when all tests of this process are done: it ends a service
// that several of them used.
func AtEnd(f func()) {
	before := stopServices
	stopServices = func() {
		f()
		if before != nil {
			before()
		}
	}
}

// Dir makes a new directory below this process's own.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(base, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}
