package lifecycle

import (
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// What Docker gives its runtime, with its seccomp profile of some 400 system calls.

func TestDockerBundleRuns(t *testing.T) {
	c := harness.NewFrom(t, harness.Docker(t))
	if r := c.Run(); r.Code != 0 || r.Stdout+r.Stderr != "" {
		t.Error(r)
	}
	c.WantNothing()
}

func TestDockerBundleLooksAsDockerWantsIt(t *testing.T) {
	c := harness.NewFrom(t, harness.Docker(t), harness.Args("sleep", "1000"))
	c.Up()
	for script, want := range map[string]string{
		"hostname": c.Spec.Hostname,
		"cat /proc/sys/net/ipv4/ip_unprivileged_port_start":       "0",
		"cat /proc/sys/net/ipv4/ping_group_range":                 "0\t2147483647",
		"grep Seccomp: /proc/1/status":                            "Seccomp:\t2",
		"grep CapBnd /proc/1/status":                              "CapBnd:\t00000000a80425fb",
		"cat /proc/timer_list | wc -c":                            "0",
		"{ : >/proc/sys/kernel/domainname; } 2>&1 | grep -c only": "1",
		"ls /sys/fs/cgroup | grep -q memory && echo yes":          "yes",
		"mkdir /sys/fs/cgroup/x 2>&1 | grep -c only":              "1",
		"stat -c %t:%T /dev/null /dev/tty":                        "1:3\n5:0",
		"readlink /dev/fd; readlink /dev/ptmx":                    "/proc/self/fd\npts/ptmx",
		"df /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2":       "65536",
	} {
		if got := strings.TrimSpace(c.Must("exec", c.ID, "sh", "-c", script).Stdout); got != want {
			t.Errorf("%s: %q, want %q", script, got, want)
		}
	}
}

func TestDockerBundleDeniesASystemCall(t *testing.T) {
	c := harness.NewFrom(t, harness.Docker(t), harness.Shell("unshare -U true; echo status $?"))
	r := c.Run()
	if r.Stdout != "status 1\n" || !strings.Contains(r.Stderr, "Operation not permitted") {
		t.Error(r)
	}
}

func TestDockerBundleTerminal(t *testing.T) {
	c := harness.NewFrom(t, harness.Docker(t), harness.Args("sh"), harness.Terminal)
	socket := harness.NewConsoleSocket(t)
	c.Create("--console-socket", socket.Path)
	console := socket.Receive()
	c.Start()
	console.Type("echo $((6*7)); exit 3\n")
	console.Expect("42")
	if status := c.Wait(); status.ExitStatus() != 3 {
		t.Error(status)
	}
}

// A syscall that no profile allows kills where the profile says so, and start and
// exec tell the truth about it.
func TestSeccompKill(t *testing.T) {
	c := harness.New(t, harness.Shell("mkdir /tmp/x; echo survived"), func(s *specs.Spec) {
		s.Linux.Seccomp = &specs.LinuxSeccomp{
			DefaultAction: specs.ActAllow,
			Syscalls:      []specs.LinuxSyscall{{Names: []string{"mkdir", "mkdirat"}, Action: specs.ActKillProcess}},
		}
	})
	if r := c.Run(); r.Stdout != "survived\n" {
		t.Errorf("the shell lives on, mkdir does not: %v", r)
	}
	if c.Has("tmp/x") {
		t.Error("mkdir was allowed")
	}
}
