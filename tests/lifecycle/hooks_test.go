package lifecycle

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// kinds are the hooks in the order in which they run (config.md, "Summary").
var kinds = []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}

// hookList gives access to the hooks of a kind.
func hookList(h *specs.Hooks, kind string) *[]specs.Hook {
	switch kind {
	case "prestart":
		return &h.Prestart //nolint:staticcheck // engines still use it
	case "createRuntime":
		return &h.CreateRuntime
	case "createContainer":
		return &h.CreateContainer
	case "startContainer":
		return &h.StartContainer
	case "poststart":
		return &h.Poststart
	}
	return &h.Poststop
}

// hook adds a shell script as a hook. Only startContainer's runs in the container:
// its shell is the container's own.
func hook(kind, script string) harness.Change {
	return func(s *specs.Spec) {
		if s.Hooks == nil {
			s.Hooks = &specs.Hooks{}
		}
		list := hookList(s.Hooks, kind)
		*list = append(*list, specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", script}})
	}
}

// record is a script that adds a line with the kind and the state to a log that
// is seen at the same path in the container and outside.
func record(log, kind string) string {
	return fmt.Sprintf(`{ printf '%s '; tr -d '\n'; echo; } >>%s`, kind, log)
}

// withLog adds a directory that has the same path inside and outside.
func withLog(t *testing.T) (string, harness.Change) {
	dir := harness.Dir(t)
	return filepath.Join(dir, "log"), harness.Bind(dir, dir)
}

// logged is what the hooks recorded: the kinds, and the state each was given.
func logged(t *testing.T, log string) (order []string, states map[string]specs.State) {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	states = map[string]specs.State{}
	for line := range strings.Lines(string(text)) {
		kind, state, _ := strings.Cut(strings.TrimSpace(line), " ")
		order = append(order, kind)
		if state == "" {
			continue
		}
		var s specs.State
		if err := json.Unmarshal([]byte(state), &s); err != nil {
			t.Errorf("state of %s: %v: %s", kind, err, state)
		}
		states[kind] = s
	}
	return order, states
}

func TestHooksRunInOrderWithTheState(t *testing.T) {
	log, bind := withLog(t)
	c := harness.New(t, bind, harness.Shell("echo program >>"+log))
	for _, kind := range kinds {
		c.Edit(hook(kind, record(log, kind)))
	}
	c.Create()
	pid := c.Init
	if order, _ := logged(t, log); strings.Join(order, " ") != "prestart createRuntime createContainer" {
		t.Errorf("after create: %v", order)
	}
	c.Start()
	c.Wait()
	c.Delete()
	order, states := logged(t, log)
	// poststart races with the program: it comes after start, not after the end.
	want := map[string]bool{
		"prestart createRuntime createContainer startContainer program poststart poststop": true,
		"prestart createRuntime createContainer startContainer poststart program poststop": true,
	}
	if !want[strings.Join(order, " ")] {
		t.Errorf("order: %v", order)
	}
	status := map[string]specs.ContainerState{
		"prestart": specs.StateCreating, "createRuntime": specs.StateCreating, "createContainer": specs.StateCreating,
		"startContainer": specs.StateCreated, "poststart": specs.StateRunning, "poststop": specs.StateStopped,
	}
	// In the container's namespaces it is the pid that the container sees.
	wantPid := map[string]int{"prestart": pid, "createRuntime": pid, "createContainer": 1, "startContainer": 1, "poststart": pid}
	for kind, want := range status {
		s := states[kind]
		if s.Status != want && !(kind == "poststart" && s.Status == specs.StateStopped) {
			t.Errorf("%s: status %q, want %q", kind, s.Status, want)
		}
		if s.ID != c.ID || s.Bundle != c.Bundle || s.Version == "" {
			t.Errorf("%s: %+v", kind, s)
		}
		if s.Pid != wantPid[kind] && !(kind == "poststart" && s.Pid == 0) {
			t.Errorf("%s: pid %d, want %d", kind, s.Pid, wantPid[kind])
		}
	}
}

func TestHooksOfOneKindRunInListedOrder(t *testing.T) {
	log, bind := withLog(t)
	c := harness.New(t, bind, harness.Args("true"))
	for _, kind := range kinds {
		for n := range 3 {
			c.Edit(hook(kind, fmt.Sprintf("echo %s%d >>%s", kind, n, log)))
		}
	}
	c.Up()
	c.Wait()
	c.Delete()
	var want []string
	for _, kind := range kinds {
		for n := range 3 {
			want = append(want, fmt.Sprintf("%s%d", kind, n))
		}
	}
	if order, _ := logged(t, log); strings.Join(order, " ") != strings.Join(want, " ") {
		t.Errorf("got  %v\nwant %v", order, want)
	}
}

func TestHookEnvironmentIsEmptyUnlessGiven(t *testing.T) {
	log, bind := withLog(t)
	for _, kind := range kinds {
		c := harness.New(t, bind, harness.Args("true"))
		c.Env = []string{"SECRET=leaked"}
		c.Edit(hook(kind, "env >"+log))
		hooks := *hookList(c.Spec.Hooks, kind)
		hooks[0].Env = []string{"ONE=1"}
		c.Edit()
		c.Up()
		c.Wait()
		c.Delete()
		text, _ := os.ReadFile(log)
		if strings.Contains(string(text), "SECRET") || !strings.Contains(string(text), "ONE=1") {
			t.Errorf("%s: environment %q", kind, text)
		}
		os.Remove(log)
	}
}

func TestFailingCreateHook(t *testing.T) {
	for _, kind := range kinds[:3] {
		log, bind := withLog(t)
		c := harness.New(t, bind, hook(kind, "echo the reason >&2; exit 7"), hook("poststop", "echo poststop >>"+log))
		c.CreateFails(kind, "exit status 7", "the reason")
		if order, _ := logged(t, log); len(order) != 1 {
			t.Errorf("%s: poststop hooks ran %d times after a failed create, want once", kind, len(order))
		}
	}
}

// The container is destroyed, with its poststop hooks (runtime.md, "Lifecycle",
// steps 7, 12 and 13).
func TestFailingStartContainerHook(t *testing.T) {
	log, bind := withLog(t)
	c := harness.New(t, bind, harness.Shell("echo program >>"+log),
		hook("startContainer", "echo hook >>"+log+"; exit 7"), hook("poststop", "echo poststop >>"+log))
	c.Create()
	c.Fails(1, []string{"startContainer", "exit status 7"}, "start", c.ID)
	if order, _ := logged(t, log); strings.Join(order, " ") != "hook poststop" {
		t.Errorf("ran: %v", order)
	}
	c.WantNothing()
}

// The container is created until the program is executed.
func TestStateDuringStartContainerHook(t *testing.T) {
	c := harness.New(t, hook("startContainer", "touch /tmp/begun; while [ ! -e /tmp/end ]; do sleep 0.05; done"))
	c.Create()
	start := c.Command("start", c.ID).Start(t)
	harness.Eventually(t, "the hook runs", func() bool { return c.Has("tmp/begun") })
	c.WantStatus("created")
	if err := os.WriteFile(filepath.Join(c.Rootfs(), "tmp/end"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := start.Wait(); r.Code != 0 {
		t.Error(r)
	}
	c.WantStatus("running")
}

func TestFailingPoststartHook(t *testing.T) {
	log, bind := withLog(t)
	c := harness.New(t, bind, hook("poststart", "exit 7"), hook("poststop", "echo poststop >>"+log))
	c.Create()
	c.Fails(1, []string{"poststart", "exit status 7"}, "start", c.ID)
	if order, _ := logged(t, log); strings.Join(order, " ") != "poststop" {
		t.Errorf("ran: %v", order)
	}
	c.WantNothing()
}

func TestFailingPoststopHookOnlyWarns(t *testing.T) {
	log, bind := withLog(t)
	c := harness.New(t, bind, hook("poststop", "exit 7"), hook("poststop", "echo second >>"+log))
	c.Up()
	r := c.Must("delete", "--force", c.ID)
	if !strings.Contains(r.Stderr, "poststop") || !strings.Contains(r.Stderr, "exit status 7") {
		t.Errorf("no warning: %v", r)
	}
	if order, _ := logged(t, log); strings.Join(order, " ") != "second" {
		t.Errorf("ran: %v", order)
	}
	c.WantNothing()
}

func TestHookTimeout(t *testing.T) {
	c := harness.New(t, hook("createRuntime", "sleep 1000 & sleep 1000"))
	one := 1
	c.Spec.Hooks.CreateRuntime[0].Timeout = &one
	c.Edit()
	c.CreateFails("createRuntime", "time")
}

func TestHookSpeaksMuch(t *testing.T) {
	c := harness.New(t, hook("createRuntime", "dd if=/dev/zero bs=1M count=20 2>/dev/null | tr '\\0' x; echo; echo the last line; exit 1"))
	r := c.CreateFails("the last line")
	if len(r.Stderr) > 4096 {
		t.Errorf("%d bytes on stderr: a caller that reads it late would block rt", len(r.Stderr))
	}
}
