package lifecycle

import (
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/tests/harness"
	"github.com/c9b5e2ae/rt/tests/needs"
)

// profile forbids one file and allows the rest.
const profile = `profile rt-lab flags=(attach_disconnected,mediate_deleted) {
	file, capability, network, mount, umount, pivot_root, signal, ptrace, unix,
	deny /tmp/denied w,
}`

func TestAppArmor(t *testing.T) {
	needs.All(t, "apparmor")
	load := harness.Command{Args: []string{"apparmor_parser", "--replace"}, Stdin: profile}
	if r := load.Run(t); r.Code != 0 {
		t.Fatal(r)
	}
	c := harness.New(t, func(s *specs.Spec) { s.Process.ApparmorProfile = "rt-lab" })
	c.Up()
	for _, file := range []string{"/proc/1/attr/apparmor/current", "/proc/self/attr/apparmor/current"} {
		if got := strings.TrimSpace(c.Exec("cat", file)); got != "rt-lab (enforce)" {
			t.Errorf("%s: %q", file, got)
		}
	}
	r := c.Do("exec", c.ID, "sh", "-c", "touch /tmp/allowed && touch /tmp/denied")
	if r.Code == 0 || !strings.Contains(r.Stderr, "/tmp/denied: Permission denied") {
		t.Error(r)
	}
	if got := strings.TrimSpace(c.Must("exec", "--apparmor", "unconfined", c.ID, "cat", "/proc/self/attr/apparmor/current").Stdout); got != "unconfined" {
		t.Errorf("exec --apparmor unconfined: %q", got)
	}
}

func TestAppArmorProfileThatIsNotLoaded(t *testing.T) {
	needs.All(t, "apparmor")
	c := harness.New(t, func(s *specs.Spec) { s.Process.ApparmorProfile = "no-such-profile" })
	c.RunFails("process.apparmorProfile", "no-such-profile")
}

// To run it unconfined would be the wrong answer.
func TestAppArmorOnAHostWithoutIt(t *testing.T) {
	if needs.Have("apparmor") {
		t.Skip("ran on a machine without AppArmor")
	}
	c := harness.New(t, func(s *specs.Spec) { s.Process.ApparmorProfile = "rt-lab" })
	c.RunFails("apparmor")
}

const (
	processLabel = "system_u:system_r:container_t:s0:c1,c2"
	mountLabel   = "system_u:object_r:container_file_t:s0:c1,c2"
)

func labelled(s *specs.Spec) {
	s.Process.SelinuxLabel = processLabel
	s.Linux.MountLabel = mountLabel
}

func TestSELinux(t *testing.T) {
	needs.All(t, "selinux", "enforcing")
	c := harness.New(t, labelled)
	harness.Must(t, "chcon", "-R", "system_u:object_r:container_ro_file_t:s0", c.Rootfs())
	c.Up()
	for _, file := range []string{"/proc/1/attr/current", "/proc/self/attr/current"} {
		if got := strings.Trim(c.Exec("cat", file), "\x00\n"); got != processLabel {
			t.Errorf("%s: %q", file, got)
		}
	}
	if mounts := c.ProcFile("mountinfo"); !strings.Contains(mounts, `context="`+mountLabel+`"`) {
		t.Errorf("no mount has the label:\n%s", mounts)
	}
	c.Exec("touch", "/dev/shm/allowed")
	if r := c.Do("exec", c.ID, "touch", "/tmp/denied"); r.Code == 0 || !strings.Contains(r.Stderr, "Permission denied") {
		t.Errorf("a file of another label was written: %v", r)
	}
	const other = "system_u:system_r:container_t:s0:c3,c4"
	if got := strings.Trim(c.Must("exec", "--process-label", other, c.ID, "cat", "/proc/self/attr/current").Stdout, "\x00\n"); got != other {
		t.Errorf("exec --process-label: %q", got)
	}
}

func TestSELinuxLabelThatThePolicyLacks(t *testing.T) {
	needs.All(t, "selinux", "enforcing")
	c := harness.New(t, func(s *specs.Spec) { s.Process.SelinuxLabel = "system_u:system_r:no_such_t:s0" })
	c.RunFails("label", "invalid argument")
}

// With CAP_SYS_RESOURCE the runtime raises what it may not have itself.
func TestRaisedLimits(t *testing.T) {
	needs.All(t, "CAP_SYS_RESOURCE")
	score := -500
	c := harness.New(t, harness.Shell("ulimit -Hn; cat /proc/self/oom_score_adj"), func(s *specs.Spec) {
		s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 6000, Hard: 7000}}
		s.Process.OOMScoreAdj = &score
	})
	low := c.Command("run", "--bundle", c.Bundle, c.ID)
	low.Args = append([]string{"prlimit", "--nofile=5000:5000"}, low.Args...)
	if r := low.Run(t); r.Code != 0 || r.Stdout != "7000\n-500\n" {
		t.Error(r)
	}
}

// Without it that is refused, and the error says what is missing.
func TestLimitsThatCannotBeRaised(t *testing.T) {
	if needs.Have("CAP_SYS_RESOURCE") {
		t.Skip("ran on a machine without CAP_SYS_RESOURCE")
	}
	c := harness.New(t, func(s *specs.Spec) {
		s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 6000, Hard: 7000}}
	})
	low := c.Command("create", "--bundle", c.Bundle, c.ID)
	low.Args = append([]string{"prlimit", "--nofile=5000:5000"}, low.Args...)
	r := low.Run(t)
	if r.Code != 1 || !strings.Contains(r.Stderr, "RLIMIT_NOFILE") {
		t.Error(r)
	}
	c.WantNothing()
}
