package conformance

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/tests/harness"
	"github.com/c9b5e2ae/rt/tests/needs"
)

// inside is set in the process that runs the tests.
const inside = "RT_CONFORMANCE_INSIDE"

// TestMain runs the tests in a mount and a network namespace of their own: they make
// mounts and interfaces that a runtime is to find on its host, and neither the
// machine nor another test is to see them.
func TestMain(m *testing.M) {
	if os.Getenv(inside) != "" {
		if err := errors.Join(roomy(), v1Only()); err != nil {
			fmt.Fprintln(os.Stderr, "conformance:", err)
			os.Exit(1)
		}
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

// roomy puts the bundles into memory: a busybox root is 300 files, and there are
// hundreds of bundles. Idmapped mounts are made of them too (tmpfs: since 6.3).
func roomy() error {
	if !needs.Have("idmapped-tmpfs") {
		return nil
	}
	return unix.Mount("tmpfs", "/var/tmp", "tmpfs", 0, "mode=1777")
}

// v1Only hides the v2 hierarchy of a hybrid host from crun, which refuses a host
// whose v2 hierarchy has controllers. It is left out of a new tree, for below its
// mount is a directory that a runtime would take for a hierarchy.
func v1Only() error {
	const root, tree = "/sys/fs/cgroup", "/var/tmp"
	first, _ := exec.Command(os.Getenv("RUNTIME"), "--version").Output() // none is rt
	if !strings.HasPrefix(string(first), "crun version ") || !needs.Have("hybrid") {
		return nil
	}
	if err := unix.Mount("tmpfs", tree, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	hierarchies, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	for _, h := range hierarchies {
		if h.Name() == "unified" {
			continue
		}
		dir := filepath.Join(tree, h.Name())
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(filepath.Join(root, h.Name()), dir, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind %s: %w", h.Name(), err)
		}
	}
	return unix.Mount(tree, root, "", unix.MS_MOVE, "")
}
