package lifecycle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/libcontainer"
	"github.com/c9b5e2ae/rt/tests/harness"
)

// withEverything makes the undoing have much to undo.
func withEverything(s *specs.Spec) {
	memory, pids := int64(64<<20), int64(100)
	s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &memory}
	s.Linux.Resources.Pids = &specs.LinuxPids{Limit: &pids}
	s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "/bin/true"}}}
}

// Whatever step of create fails, its name and the errno are told, and nothing is
// left. The same for a step that dies: then `delete --force` cleans up.
func TestEveryFaultOfCreateIsUndone(t *testing.T) {
	runtime := harness.FaultyRuntime(t)
	host, init := libcontainer.StepNames(false)
	for _, step := range append(host, init...) {
		t.Run(step, func(t *testing.T) {
			c := harness.New(t, withEverything)
			c.Runtime, c.Env = runtime, []string{"RT_FAULT=" + step + "=EIO"}
			r := c.Do("create", "--bundle", c.Bundle, c.ID)
			if r.Code == 0 {
				// A step after the ready message belongs to start.
				r = c.Do("start", c.ID)
				c.Env = nil
				c.WantStatus("stopped")
				c.Delete()
			}
			if step == "wait for start" && r.Code == 1 && r.Stderr != "" {
				return // nobody listens between create and start: only the death is seen
			}
			if r.Code != 1 || !strings.Contains(r.Stderr, step+": input/output error") {
				t.Errorf("want the step and the errno: %v", r)
			}
			c.WantNothing()
		})
	}
}

func TestEveryDeathInCreateIsCleanedUp(t *testing.T) {
	runtime := harness.FaultyRuntime(t)
	host, init := libcontainer.StepNames(false)
	for _, step := range append(host, init...) {
		t.Run(step, func(t *testing.T) {
			// As pid 1 of its namespace init could not kill itself.
			c := harness.New(t, withEverything, harness.WithoutNamespace(specs.PIDNamespace))
			c.Runtime, c.Env = runtime, []string{"RT_FAULT=" + step + "=KILL"}
			r := c.Do("create", "--bundle", c.Bundle, c.ID)
			if r.Code == 0 {
				r = c.Do("start", c.ID)
			}
			if r.Code == 0 {
				t.Errorf("success, though a process was killed in the middle: %v", r)
			}
			c.Env = nil
			c.Must("delete", "--force", c.ID)
			c.WantNothing()
		})
	}
}

func TestEveryFaultOfExec(t *testing.T) {
	runtime := harness.FaultyRuntime(t)
	c := harness.New(t)
	c.Runtime = runtime
	c.Up()
	host, init := libcontainer.StepNames(true)
	for _, step := range append(host, init...) {
		t.Run(step, func(t *testing.T) {
			for _, what := range []string{"EIO", "KILL"} {
				command := c.Command("exec", c.ID, "touch", "/ran")
				command.Env = []string{"RT_FAULT=" + step + "=" + what}
				r := command.Run(t)
				if what == "EIO" && (r.Code != 255 || !strings.Contains(r.Stderr, step+": input/output error")) {
					t.Errorf("want 255, the step and the errno: %v", r)
				}
				if r.Code == 0 {
					t.Errorf("%s: success: %v", what, r)
				}
			}
			// Only init is left in the container.
			harness.Eventually(t, "the failed process is gone", func() bool {
				return strings.Count(c.Must("ps", "--format", "json", c.ID).Stdout, ",") == 0
			})
			// Init does not wait for commit, where rt only looks on.
			if step != "commit" && c.Has("ran") {
				t.Error("the program ran")
			}
			os.Remove(filepath.Join(c.Rootfs(), "ran"))
		})
	}
	c.WantStatus("running")
}
