package cgroups

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/c9b5e2ae/rt/tests/needs"
)

// TestRootless: a user without a path of his own gets what his systemd lets him
// make, which with v1 is next to nothing; that fails only if a limit needs it.
func TestRootless(t *testing.T) {
	f, err := config.ReadFacts("")
	if err != nil {
		t.Fatal(err)
	}
	if !f.Rootless {
		needs.All(t, "lab-user")
		out, err := exec.Command("lab-user", os.Args[0], "-test.run=^TestRootless$").CombinedOutput()
		if err != nil {
			t.Errorf("as an ordinary user: %v\n%s", err, out)
		}
		return
	}
	v2 := f.CgroupMode == config.CgroupV2
	plan := func(dir, limits string) (*Cgroup, error) {
		var ps config.Problems
		p := PlanCgroup(&specs.Spec{Linux: &specs.Linux{CgroupsPath: dir, Resources: resources(t, limits)}}, "rt-test-user", false, f, &ps)
		if err := ps.Err(); err != nil {
			t.Fatal(err)
		}
		c, err := p.Create()
		if err == nil {
			t.Cleanup(func() {
				if err := errorsOf(c.Kill(), c.Remove()); err != nil {
					t.Error(err)
				}
			})
		}
		return c, err
	}
	c, err := plan("", `{}`)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Apply(); err != nil {
		t.Error(err)
	}
	t.Log(c.State().Paths)
	start(t, c, "exec sleep 100")
	if v2 && len(c.State().Paths) != 1 {
		t.Errorf("paths %v", c.State().Paths)
	}
	if err := errorsOf(c.Kill(), c.Remove()); err != nil {
		t.Error(err)
	}
	c, err = plan("", `{"memory": {"limit": 33554432}, "pids": {"limit": 100}}`)
	if err == nil {
		err = c.Apply()
	}
	if v2 && err != nil || !v2 && (err == nil || !strings.HasPrefix(err.Error(), "linux.resources.memory.limit: ")) {
		t.Errorf("limits: %v", err)
	}
	_, err = plan("/rt-test-user-asked-for-this", `{}`)
	if err == nil || !strings.HasSuffix(err.Error(), "/rt-test-user-asked-for-this: the kernel does not let us") {
		t.Errorf("explicit: %v", err)
	}
	if _, err := os.Stat("/sys/fs/cgroup/rt-test-user"); err == nil {
		t.Error("left")
	}
}
