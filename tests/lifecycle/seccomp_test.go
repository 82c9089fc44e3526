package lifecycle

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// underRunc are the system calls that runc 1.1 makes between loading a filter and
// execve, as strace shows them. A profile that allows nothing more than these and
// what the program needs is what comes of recording a program under runc.
var underRunc = []string{
	"capget", "capset", "chdir", "close", "epoll_ctl", "execve", "faccessat2", "fcntl", "fstat", "fstatfs", "futex",
	"getcwd", "getdents64", "getpid", "getppid", "newfstatat", "openat", "prctl", "read", "rt_sigreturn", "setgid",
	"setgroups", "setuid", "write",
}

// shell is what a static busybox needs to run `sh -c "sleep 1000"` and `id -u`.
var shell = []string{
	"access", "arch_prctl", "brk", "clock_nanosleep", "clone", "exit", "exit_group", "getegid", "geteuid", "getgid", "getrandom",
	"getuid", "ioctl", "mmap", "mprotect", "munmap", "nanosleep", "poll", "prlimit64", "readlink", "readlinkat", "rseq",
	"rt_sigaction", "rt_sigprocmask", "set_robust_list", "set_tid_address", "setpgid", "stat", "sysinfo", "uname", "wait4",
}

// recorded is such a profile.
func recorded(noNewPrivileges bool) harness.Change {
	return func(s *specs.Spec) {
		s.Process.NoNewPrivileges = noNewPrivileges
		s.Process.User = specs.User{UID: 1234, GID: 1234}
		s.Linux.Seccomp = &specs.LinuxSeccomp{
			DefaultAction: specs.ActErrno,
			Syscalls:      []specs.LinuxSyscall{{Names: append(append([]string{}, underRunc...), shell...), Action: specs.ActAllow}},
		}
	}
}

// Init uses no system call after the filter is loaded that a profile could deny and
// a program would not miss.
func TestProfileRecordedUnderRunc(t *testing.T) {
	for name, noNewPrivileges := range map[string]bool{"early filter": false, "late filter": true} {
		t.Run(name, func(t *testing.T) {
			c := harness.New(t, recorded(noNewPrivileges))
			c.Up()
			if out := c.Exec("id", "-u"); out != "1234\n" {
				t.Errorf("id -u: %q", out)
			}
			if status := c.ProcFile("status"); !hasLine(status, "Uid:\t1234\t1234\t1234\t1234") || !hasLine(status, "Seccomp:\t2") || !hasLine(status, "Umask:\t0022") {
				t.Errorf("%s", status)
			}
			c.Kill("KILL")
			c.Delete()
			c.WantNothing()
		})
	}
}

func hasLine(text, want string) bool {
	return slices.Contains(strings.Split(text, "\n"), want)
}
