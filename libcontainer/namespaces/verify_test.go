package namespaces

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

func TestHostTimeOffsets(t *testing.T) {
	needRoot(t)
	p, problems := plan(&specs.Spec{Linux: &specs.Linux{Namespaces: ns("time"), TimeOffsets: map[string]specs.LinuxTimeOffset{
		"monotonic": {Secs: 1000, Nanosecs: 5}, "boottime": {Secs: -1},
	}}}, &config.Facts{})
	if problems != "" {
		t.Fatal(problems)
	}
	c := start(t, "time", 0, 0)
	bad := Plan{TimeOffsets: []TimeOffset{{"boottime", unix.CLOCK_BOOTTIME, -1 << 40, 0}}}
	wantError(t, bad.WriteTimeOffsets(c.pid), "linux.timeOffsets: a clock would be below zero or too far in the future: numerical result out of range")
	if err := p.WriteTimeOffsets(c.pid); err != nil {
		t.Error(err)
	}
	fmt.Fprintln(c.in, "go")
	c.expect(t, "monotonic 1000 5 boottime -1 0 <nil>\n")
	// Somebody has lived there: the clocks are fixed.
	wantError(t, p.WriteTimeOffsets(c.pid), "linux.timeOffsets: write timens_offsets: the kernel does not allow it")
}

func TestVerify(t *testing.T) {
	needRoot(t)
	pid := start(t, "wait", unix.CLONE_NEWNET|unix.CLONE_NEWUTS, 0).pid
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		in   *specs.Spec
		want string
	}{
		{&specs.Spec{Hostname: name, Linux: &specs.Linux{Namespaces: ns("network", "uts"), Sysctl: map[string]string{"net.ipv4.ip_forward": "0"}}}, ""},
		{&specs.Spec{Hostname: "other", Linux: &specs.Linux{
			Namespaces: []specs.LinuxNamespace{{Type: "network"}, {Type: "uts", Path: fmt.Sprintf("/proc/%d/ns/uts", pid)}},
			Sysctl:     map[string]string{"net.ipv4.ip_forward": "1"},
		}}, fmt.Sprintf("hostname: the kernel has %q\n", name) + `linux.sysctl["net.ipv4.ip_forward"]: the kernel has "0"`},
		{&specs.Spec{Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: "ipc"}, {Type: "network", Path: "/proc/self/ns/net"}, {Type: "uts"}}}},
			"linux.namespaces[1]: the process is in another network namespace\nlinux.namespaces: the process is in the ipc namespace of the host"},
		{&specs.Spec{}, "linux.namespaces: the process is not in the network namespace of the host\nlinux.namespaces: the process is not in the uts namespace of the host"},
	} {
		var got []string
		for _, p := range Verify(pid, tt.in) {
			got = append(got, p.String())
		}
		if got := strings.Join(got, "\n"); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestExplain(t *testing.T) {
	for err, want := range map[error]string{
		fmt.Errorf("fork: %w", unix.EAGAIN):    "fork: resource temporarily unavailable: a limit of processes is reached, linux.resources.pids.limit or RLIMIT_NPROC",
		fmt.Errorf("unshare: %w", unix.ENOSPC): "unshare: no space left on device: a limit of user.max_*_namespaces is reached, or 32 levels of nesting",
		unix.EINVAL:                            "invalid argument: this kernel lacks one of the kinds of namespaces",
		unix.EPERM: "operation not permitted: namespaces need CAP_SYS_ADMIN, and user namespaces may be closed to this user " +
			"(kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns, seccomp)",
		unix.ENOMEM: "cannot allocate memory",
	} {
		got := Explain(err)
		if got.Error() != want || !errors.Is(got, err) {
			t.Errorf("got  %v\nwant %s", got, want)
		}
	}
}
