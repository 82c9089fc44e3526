package seccomp

import (
	"fmt"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestVerify(t *testing.T) {
	profile := deny(specs.ActErrno, nil, "getppid")
	with, without := &specs.Spec{Linux: &specs.Linux{Seccomp: &profile}}, &specs.Spec{}
	f := compile(t, profile)
	check := func(pid int, s *specs.Spec, want string) {
		t.Helper()
		if got := fmt.Sprint(Verify(pid, s)); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	pid := unix.Getpid()
	check(pid, with, "[linux.seccomp: the process has no filter]")
	check(pid, without, "[]")
	onThread(t, func() {
		if _, err := f.Load(); err != nil {
			t.Error(err)
			return
		}
		check(unix.Gettid(), with, "[]")
		check(unix.Gettid(), without, "[linux.seccomp: the process has a filter]")
	})
	check(1<<22+1, with, fmt.Sprintf("[linux.seccomp: open /proc/%d/status: no such file or directory]", 1<<22+1))
}
