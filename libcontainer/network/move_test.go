package network

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// inHost runs the test that calls it once more, in a new network namespace that
// plays the host. It returns false in the outer run.
func inHost(t *testing.T) bool {
	t.Helper()
	if os.Getenv("RT_TEST_HOST") != "" {
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "RT_TEST_HOST=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// newContainer returns the network namespace of a process that lives until the
// test ends.
func newContainer(t *testing.T) (pid int, netns *os.File) {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	netns, err = openNetns(fmt.Sprint(cmd.Process.Pid))
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
		netns.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid, netns
}

// ip runs ip(8) on the host, or in the namespace of pid.
func ip(t *testing.T, pid int, script string) string {
	t.Helper()
	var all strings.Builder
	for line := range strings.SplitSeq(script, ";") {
		args := append([]string{"ip"}, strings.Fields(line)...)
		if pid != 0 {
			args = append([]string{"nsenter", "-n", "-t", fmt.Sprint(pid)}, args...)
		}
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v %s", args, err, out)
		}
		all.Write(out)
	}
	return all.String()
}

// addrs are the addresses of an interface as ip(8) shows them, a line each.
func addrs(t *testing.T, pid int, dev string) string {
	t.Helper()
	var list []string
	s := bufio.NewScanner(strings.NewReader(ip(t, pid, "-o addr show scope global dev "+dev)))
	for s.Scan() {
		line, _, _ := strings.Cut(s.Text(), "\\")
		list = append(list, strings.Join(strings.Fields(strings.ReplaceAll(line, "tentative", ""))[2:], " "))
	}
	return strings.Join(list, "\n")
}

func state(t *testing.T, pid int, dev string) string {
	t.Helper()
	for field := range strings.FieldsSeq(ip(t, pid, "-o link show dev "+dev)) {
		if strings.HasPrefix(field, "<") {
			return field
		}
	}
	return ""
}

func plan(t *testing.T, kv ...string) *Plan {
	t.Helper()
	var ps config.Problems
	p := PlanNetwork(spec(kv...), &config.Facts{}, &ps)
	if ps.Err() != nil {
		t.Fatal(ps.Error())
	}
	return p
}

func TestHostMove(t *testing.T) {
	if !inHost(t) {
		return
	}
	pid, netns := newContainer(t)
	ip(t, 0, `link add v0 type veth peer name p0; link set p0 up; link set v0 mtu 1400 address 02:00:00:00:00:01 up;
		addr add 10.1.1.1/24 brd 10.1.1.255 dev v0 label v0:a; addr add 10.1.1.2/24 dev v0; addr add 10.9.9.9/24 dev v0 scope link;
		addr add 10.2.2.2 peer 10.2.2.3/32 dev v0 metric 77 label v0; addr add 10.3.3.3/24 dev v0 valid_lft 1000 preferred_lft 1000;
		addr add fd00::1/64 dev v0 nodad; addr add fd00::2/64 dev v0 preferred_lft 0 noprefixroute`)
	want := `inet 10.1.1.1/24 brd 10.1.1.255 scope global c0:a
inet 10.2.2.2 peer 10.2.2.3/32 metric 77 scope global c0
inet 10.1.1.2/24 scope global secondary c0
inet6 fd00::1/64 scope global nodad
inet6 fd00::2/64 scope global deprecated noprefixroute`
	if before := addrs(t, 0, "v0"); !strings.Contains(before, "10.3.3.3/24 scope global dynamic") {
		t.Fatal(before)
	}
	m, err := plan(t, "v0", "c0").Move(netns)
	if err != nil {
		t.Fatal(err)
	}
	got := addrs(t, pid, "c0")
	if sortLines(got) != sortLines(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if s := state(t, pid, "c0"); !strings.Contains(s, ",UP") {
		t.Error(s)
	}
	if l := ip(t, pid, "link show dev c0"); !strings.Contains(l, "mtu 1400") || !strings.Contains(l, "02:00:00:00:00:01") {
		t.Error(l)
	}
	if out, err := exec.Command("ip", "link", "show", "dev", "v0").CombinedOutput(); err == nil {
		t.Errorf("v0 is still on the host: %s", out)
	}
	if got := Verify(pid, spec("v0", "c0")); len(got) > 0 {
		t.Error(got)
	}
	ip(t, pid, "link set c0 down")
	if got := fmt.Sprint(Verify(pid, spec("v0", "c0", "w", "nosuch"))); got != `[linux.netDevices["v0"]: "c0" is down linux.netDevices["w"]: the container has no interface "nosuch"]` {
		t.Error(got)
	}

	// Undone, because the rest of create failed.
	if err := m.Back(); err != nil {
		t.Fatal(err)
	}
	want = strings.ReplaceAll(want, "c0", "v0")
	if got := addrs(t, 0, "v0"); sortLines(got) != sortLines(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if s := state(t, 0, "v0"); !strings.Contains(s, ",UP") {
		t.Error(s)
	}
}

// sortLines: the kernel lists addresses by network, and interfaces by index.
func sortLines(s string) string {
	lines := strings.Split(s, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func TestHostMoveNames(t *testing.T) {
	if !inHost(t) {
		return
	}
	pid, netns := newContainer(t)
	for i := range 4 {
		ip(t, 0, fmt.Sprintf("link add v%d type veth peer name p%d; link set v%d up", i, i, i))
	}
	ip(t, pid, "link add v1 type veth peer name eth0")
	names := func(pid int) string {
		var list []string
		for line := range strings.Lines(ip(t, pid, "-o link")) {
			name, _, _ := strings.Cut(strings.Fields(line)[1], "@")
			list = append(list, strings.TrimSuffix(name, ":"))
		}
		return strings.Join(list, " ")
	}
	hostNames := names(0)
	for name, tt := range map[string]struct {
		in   []string
		want string
	}{
		"missing":   {[]string{"nosuch", ""}, `linux.netDevices["nosuch"]: the host has no such interface`},
		"clash":     {[]string{"v1", ""}, `linux.netDevices["v1"]: name: the container has an interface "v1" already`},
		"new clash": {[]string{"v2", "eth0"}, `linux.netDevices["v2"]: name: the container has an interface "eth0" already`},
		"second":    {[]string{"v0", "a", "v1", "b", "v2", "eth0"}, `linux.netDevices["v2"]: name: the container has an interface "eth0" already`},
	} {
		m, err := plan(t, tt.in...).Move(netns)
		if err == nil || err.Error() != tt.want || m != nil {
			t.Errorf("%s:\ngot  %v\nwant %s", name, err, tt.want)
		}
		if now := names(pid); now != "lo eth0 v1" {
			t.Errorf("%s: the container has %s", name, now)
		}
		if s := state(t, 0, "v0"); !strings.Contains(s, "UP") {
			t.Errorf("%s: v0 is %s", name, s)
		}
		if len(strings.Fields(names(0))) != len(strings.Fields(hostNames)) {
			t.Errorf("%s: the host has %s, had %s", name, names(0), hostNames)
		}
	}
	// The words are the kernel's, and change.
	if _, err := plan(t, "lo", "x").Move(netns); err == nil || !strings.HasPrefix(err.Error(), `linux.netDevices["lo"]: move: the kernel says: `) {
		t.Error(err)
	}
	own, err := openNetns("self")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	if _, err := plan(t, "v0", "x").Move(own); err == nil || err.Error() != "linux.netDevices: the container is in the network namespace of the host" {
		t.Error(err)
	}

	// Names that are taken as they move, templates, and one that keeps its name.
	if _, err := plan(t, "v0", "eth%d", "v1", "eth1x", "v2", "eth%d", "v3", "").Move(netns); err != nil {
		t.Fatal(err)
	}
	if now := names(pid); sortLines(strings.ReplaceAll(now, " ", "\n")) != sortLines("lo\neth0\nv1\neth1\neth1x\neth2\nv3") {
		t.Error(now)
	}
	for _, dev := range []string{"eth1", "eth1x", "eth2", "v3"} {
		if s := state(t, pid, dev); !strings.Contains(s, ",UP") {
			t.Errorf("%s is %s", dev, s)
		}
	}
}
