package conformance

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// inside is set in the process that runs the tests.
const inside = "RT_CONFORMANCE_INSIDE"

// TestMain runs the tests in a mount and a network namespace of their own: they make
// mounts and interfaces that a runtime is to find on its host, and neither the
// machine nor another test is to see them.
func TestMain(m *testing.M) {
	if os.Getenv(inside) != "" {
		harness.Main(m)
	}
	runtime.LockOSThread() // Pdeathsig is the thread's
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Unshareflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET,
		Pdeathsig:    syscall.SIGTERM, // which harness.Main answers with a clean-up
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
	os.Exit(cmd.ProcessState.ExitCode())
}
