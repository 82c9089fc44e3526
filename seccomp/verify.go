package seccomp

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/c9b5e2ae/rt/libcontainer/procfs"
)

// Verify tells whether a started process has a filter if its container's
// profile is there, and none if not (proc_pid_status(5)). Which filter it is
// can only be seen by stopping the process with ptrace(2), which would
// interrupt its system calls.
func Verify(pid int, s *specs.Spec) []config.Problem {
	var ps config.Problems
	const path = "linux.seccomp"
	proc, err := procfs.OpenHost()
	if err != nil {
		ps.Addf(path, "%v", err)
		return ps.List
	}
	defer proc.Close()
	text, err := proc.ReadFile(fmt.Sprintf("%d/status", pid))
	if err != nil {
		ps.Addf(path, "%v", err)
		return ps.List
	}
	// A process inherits the filters of rt itself, if an engine confines it.
	mode, filters := field(text, "Seccomp:"), field(text, "Seccomp_filters:")
	want := s.Linux != nil && s.Linux.Seccomp != nil
	own, err := proc.ReadFile("self/status")
	if err != nil {
		ps.Addf(path, "%v", err)
		return ps.List
	}
	inherited := field(own, "Seccomp_filters:")
	switch {
	case want && mode != unix.SECCOMP_MODE_FILTER:
		ps.Addf(path, "the process has no filter")
	case want && filters == inherited && filters > 0:
		ps.Addf(path, "the process has only the filters of rt itself")
	case !want && filters > inherited:
		ps.Addf(path, "the process has a filter")
	}
	return ps.List
}

// field is a number in a status file, 0 if it is not there.
func field(text, name string) int {
	_, rest, _ := strings.Cut(text, "\n"+name)
	rest, _, _ = strings.Cut(rest, "\n")
	n, _ := strconv.Atoi(strings.TrimSpace(rest))
	return n
}
