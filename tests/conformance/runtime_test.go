package conformance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// program is what the containers of this file run: it tells that it ran, and which
// signals it got.
const program = `echo ran >>/log; trap 'echo USR1 >>/log' USR1; trap 'echo USR2 >>/log' USR2; trap 'exit 5' TERM
	echo ready >>/log; while :; do sleep 0.02; done`

// A stage is a container's state document at one moment.
type stage struct {
	name  string
	state map[string]any
	raw   string
}

// stages takes one container through its life by the operations of the
// specification, and keeps what state says on the way.
func stages(t *testing.T, c *harness.Container) []stage {
	t.Helper()
	var all []stage
	see := func(name string) {
		r := c.Must("state", c.ID)
		s := stage{name: name, raw: r.Stdout}
		if err := json.Unmarshal([]byte(r.Stdout), &s.state); err != nil {
			t.Fatalf("state is no JSON: %v: %s", err, r.Stdout)
		}
		all = append(all, s)
	}
	c.Create()
	see("created")
	c.Start()
	harness.Eventually(t, "the program is ready", func() bool { return strings.Contains(c.Read("log"), "ready") })
	see("running")
	c.Kill("TERM")
	see("stopped")
	c.Delete()
	return all
}

func TestState(t *testing.T) {
	c := harness.New(t, harness.Shell(program), func(s *specs.Spec) {
		s.Annotations = map[string]string{"com.example.a": "x", "com.example.empty": ""}
	})
	all := stages(t, c)
	each := func(t *testing.T, check func(s stage) bool) {
		t.Helper()
		for _, s := range all {
			if !check(s) {
				t.Errorf("of a %s container: %s", s.name, s.raw)
			}
		}
	}
	sentence(t, "runtimeState.1", func(t *testing.T) {
		each(t, func(s stage) bool {
			version, _ := s.state["ociVersion"].(string)
			return strings.HasPrefix(version, "1.")
		})
	})
	sentence(t, "runtimeState.2", func(t *testing.T) {
		each(t, func(s stage) bool { return s.state["id"] == c.ID })
	})
	sentence(t, "runtimeState.4", func(t *testing.T) {
		each(t, func(s stage) bool { return s.state["status"] == s.name })
	})
	sentence(t, "runtimeState.6", func(t *testing.T) {
		each(t, func(s stage) bool { return s.name == "stopped" || s.state["pid"] == float64(c.Init) })
	})
	sentence(t, "runtimeState.7", func(t *testing.T) {
		each(t, func(s stage) bool { return s.state["bundle"] == c.Bundle })
	})
	sentence(t, "runtimeState.8", func(t *testing.T) {
		schema := compile(t, "state-schema.json")
		for _, s := range all {
			if err := schema.Validate(any(s.state)); err != nil {
				t.Errorf("of a %s container: %v", s.name, err)
			}
		}
	})
	sentence(t, "runtimeQueryState.3", func(t *testing.T) {
		each(t, func(s stage) bool {
			for _, property := range strings.Fields("ociVersion id status bundle annotations") {
				if _, ok := s.state[property]; !ok {
					return false
				}
			}
			annotations, _ := s.state["annotations"].(map[string]any)
			return annotations["com.example.a"] == "x" && annotations["com.example.empty"] == ""
		})
	})
	// All of them took the id, and found the same container.
	sentence(t, "runtimeScopeContainer.1 runtimeOperations.1", func(t *testing.T) {
		if len(all) != 3 {
			t.Errorf("%d stages", len(all))
		}
	})
}

func TestBundleIsAbsolute(t *testing.T) {
	c := harness.New(t)
	command := c.Command("create", "--bundle", "./bundle", c.ID)
	command.Dir = filepath.Dir(c.Bundle)
	if r := command.Run(t); r.Code != 0 {
		t.Fatal(r)
	}
	if bundle := c.State().Bundle; bundle != c.Bundle {
		t.Errorf("the state's bundle is %q, want %q", bundle, c.Bundle)
	}
}

// A paused container is in a state of rt's own.
func TestStateOfItsOwn(t *testing.T) {
	sentence(t, "runtimeState.5", func(t *testing.T) {
		c := harness.New(t)
		c.Up()
		c.Must("pause", c.ID)
		status := string(c.State().Status)
		if slices.Contains([]string{"creating", "created", "stopped"}, status) {
			t.Errorf("a paused container is %s", status)
		}
		c.Must("resume", c.ID)
		c.WantStatus("running")
	})
}

// wantUnchanged calls try, which wants to have no effect on the container.
func wantUnchanged(t *testing.T, c *harness.Container, try func()) {
	t.Helper()
	before := c.Must("state", c.ID).Stdout
	try()
	if after := c.Must("state", c.ID).Stdout; after != before {
		t.Errorf("state was %s\nand is %s", before, after)
	}
}

// wantError runs the runtime and wants any error; of rt these words.
func wantError(t *testing.T, c *harness.Container, words string, args ...string) {
	t.Helper()
	r := c.Do(args...)
	if r.Code == 0 {
		t.Errorf("%s succeeded", strings.Join(args, " "))
		return
	}
	says(t, c, r, words)
}

func TestOperationsNeedAnID(t *testing.T) {
	c := harness.New(t)
	for _, tt := range []struct{ ids, command string }{
		{ids: "runtimeQueryState.1", command: "state"},
		{ids: "runtimeStart.1", command: "start"},
		{ids: "runtimeKill.1", command: "kill"},
		{ids: "runtimeDelete.1", command: "delete"},
	} {
		sentence(t, tt.ids, func(t *testing.T) {
			c := on(t, c)
			if r := c.Do(tt.command); r.Code == 0 {
				t.Error(r)
			}
			wantError(t, c, `container does not exist: "no-such-container"`, tt.command, "no-such-container")
		})
	}
	sentence(t, "runtimeQueryState.2", func(t *testing.T) {
		wantError(t, on(t, c), `container does not exist: "no-such-container"`, "state", "no-such-container")
	})
	sentence(t, "runtimeCreate.1", func(t *testing.T) {
		c := on(t, c)
		if r := c.Do("create", "--bundle", c.Bundle); r.Code == 0 {
			t.Error(r)
		}
		command := c.Command("create", c.ID)
		command.Dir = c.Root + "-empty"
		if err := os.Mkdir(command.Dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if r := command.Run(t); r.Code == 0 {
			t.Error(r)
		}
		c.WantNothing()
	})
}

func TestCreate(t *testing.T) {
	c := harness.New(t)
	c.Create()
	sentence(t, "runtimeCreate.2 runtimeState.3", func(t *testing.T) {
		c := on(t, c)
		wantUnchanged(t, c, func() {
			wantError(t, c, `claim: container with given ID already exists: "{id}"`, "create", "--bundle", c.Bundle, c.ID)
		})
		for _, id := range []string{"", ".", "..", "a/b", "../" + c.ID} {
			if r := c.Do("create", "--bundle", c.Bundle, id); r.Code == 0 {
				t.Errorf("%q: %v", id, r)
			}
		}
		entries, err := os.ReadDir(c.Root)
		if err != nil || len(entries) != 1 {
			t.Errorf("after it: %v, %v", entries, err)
		}
	})
	sentence(t, "runtimeCreate.3", func(t *testing.T) {
		on(t, c).WantStatus("created")
	})
}

func TestStart(t *testing.T) {
	c := harness.New(t, harness.Shell(program))
	c.Create()
	sentence(t, "runtimeLifecycle.3 runtimeCreate.5", func(t *testing.T) {
		if c.Has("log") {
			t.Errorf("the program ran: %q", c.Read("log"))
		}
	})
	c.Start()
	harness.Eventually(t, "the program is ready", func() bool { return strings.Contains(c.Read("log"), "ready") })
	sentence(t, "runtimeStart.3 runtimeLifecycle.13", func(t *testing.T) {
		if log := c.Read("log"); log != "ran\nready\n" {
			t.Errorf("log is %q", log)
		}
	})
	sentence(t, "runtimeKill.3", func(t *testing.T) {
		c := on(t, c)
		c.Must("kill", c.ID, "USR1")
		harness.Eventually(t, "the signal arrived", func() bool { return strings.HasSuffix(c.Read("log"), "USR1\n") })
		c.Must("kill", c.ID, "12")
		harness.Eventually(t, "the signal arrived", func() bool { return strings.HasSuffix(c.Read("log"), "USR2\n") })
	})
	t.Run("start of a running one", func(t *testing.T) {
		c := on(t, c)
		wantUnchanged(t, c, func() { wantError(t, c, "cannot start a container that is running", "start", c.ID) })
		if strings.Count(c.Read("log"), "ran") != 1 {
			t.Errorf("ran again: %q", c.Read("log"))
		}
	})
	if status := c.Kill("TERM"); status.ExitStatus() != 5 {
		t.Errorf("the program ended with %v", status)
	}
	sentence(t, "runtimeStart.2", func(t *testing.T) {
		c := on(t, c)
		wantUnchanged(t, c, func() { wantError(t, c, "cannot start a container that has stopped", "start", c.ID) })
	})
	sentence(t, "runtimeKill.2", func(t *testing.T) {
		c := on(t, c)
		wantUnchanged(t, c, func() { wantError(t, c, "container not running", "kill", c.ID, "TERM") })
	})
}

func TestStartWithoutProcess(t *testing.T) {
	sentence(t, "runtimeStart.4 configProcess.1", func(t *testing.T) {
		c := harness.New(t, func(s *specs.Spec) { s.Process = nil })
		if r, ok := create(c); !ok {
			t.Fatalf("create, which needs no process: %v", r)
		}
		wantError(t, c, "", "start", c.ID)
	})
}

func TestDeleteOfCreated(t *testing.T) {
	sentence(t, "runtimeDelete.2", func(t *testing.T) {
		c := harness.New(t)
		c.Up()
		wantUnchanged(t, c, func() {
			wantError(t, c, "cannot delete container \"{id}\" that is not stopped: it is running (use `delete --force` to kill it first)", "delete", c.ID)
		})
		c = harness.New(t)
		c.Create()
		if r := c.Do("delete", c.ID); r.Code == 0 {
			c.WantNothing()
			onPurpose(t, "delete ends a created container, as containerd needs it")
		}
	})
}

// The config counts as it was at create.
func TestEditAfterCreate(t *testing.T) {
	sentence(t, "runtimeLifecycle.4", func(t *testing.T) {
		c := harness.New(t, harness.Shell("hostname >>/log; echo $VALUE >>/log; sleep 1000"), harness.Env("VALUE=before"))
		c.Create()
		c.Edit(harness.Shell("echo edited >>/log"), func(s *specs.Spec) {
			s.Hostname = "edited"
			s.Process.Env = append(s.Process.Env, "VALUE=edited")
			s.Annotations = map[string]string{"edited": "yes"}
		})
		c.Start()
		harness.Eventually(t, "the program wrote", func() bool { return strings.Count(c.Read("log"), "\n") >= 2 })
		if log := c.Read("log"); log != "harness\nbefore\n" {
			t.Errorf("log is %q", log)
		}
		if a := c.State().Annotations; len(a) > 0 {
			t.Errorf("annotations are %v", a)
		}
		if out := c.Exec("hostname"); strings.TrimSpace(out) != "harness" {
			t.Errorf("hostname is %q", out)
		}
	})
}
