package conformance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/tests/harness"
)

var kinds = strings.Fields("prestart createRuntime createContainer startContainer poststart poststop")

// hooksOf is the list of one kind.
func hooksOf(h *specs.Hooks, kind string) *[]specs.Hook {
	switch kind {
	case "prestart":
		return &h.Prestart //nolint:staticcheck // deprecated, and in use
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

// addHook adds a hook of a kind.
func addHook(kind string, hook specs.Hook) harness.Change {
	return func(s *specs.Spec) {
		if s.Hooks == nil {
			s.Hooks = &specs.Hooks{}
		}
		list := hooksOf(s.Hooks, kind)
		*list = append(*list, hook)
	}
}

// recorder is a hook that writes what it sees to files below the directory $1, which
// is at the same place in the container. The sleep tells who waits for a hook.
const recorder = `#!/bin/sh
dir=$1 kind=$2 cgroup=$3 out=$1/$2
cat >$out.state
for n in mnt net pid uts ipc; do echo $n $(readlink /proc/self/ns/$n); done >$out.namespaces
case $kind in
*Container*) pid=self ;; # /proc is the host's before the pivot, and the state's pid the container's
*) pid=$(tr -d ' \n' <$out.state | sed -n 's/.*"pid":\([0-9]*\).*/\1/p') ;;
esac
cat /proc/self/mountinfo >$out.mounts
case $kind in
poststop*)
	ls -d /sys/fs/cgroup/$cgroup /sys/fs/cgroup/*/$cgroup 2>/dev/null >$out.cgroups
	;;
*)
	tr '\0' ' ' </proc/$pid/cmdline >$out.program
	readlink /proc/$pid/ns/net >$out.net
	cat /proc/$pid/mountinfo >$out.init
	ls -d /proc/$pid/root$dir/../marker 2>/dev/null >$out.root
	;;
esac
sleep 0.05
echo $kind >>$dir/order
`

// recorded are the files of one hook.
type recorded struct {
	dir, kind string
}

func (r recorded) file(t *testing.T, name string) string {
	t.Helper()
	return read(t, r.dir, r.kind+"."+name)
}

func (r recorded) namespaces(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for line := range strings.Lines(r.file(t, "namespaces")) {
		name, link, _ := strings.Cut(strings.TrimSpace(line), " ")
		found[name] = link
	}
	return found
}

func TestHooks(t *testing.T) {
	// DIR/log is in the container too, at the same path; DIR/marker is not.
	dir := harness.Dir(t)
	log := filepath.Join(dir, "log")
	if err := os.Mkdir(log, 0o777); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "recorder") // outside only
	for _, path := range []string{script, filepath.Join(dir, "marker")} {
		if err := os.WriteFile(path, []byte(recorder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	c := harness.New(t, harness.Shell("echo program >>"+log+"/order; sleep 1000; :"), harness.Bind(log, log))
	if err := os.WriteFile(filepath.Join(c.Rootfs(), "recorder"), []byte(recorder), 0o755); err != nil { // inside only
		t.Fatal(err)
	}
	cgroupsPath := "/" + c.ID
	c.Edit(func(s *specs.Spec) { s.Linux.CgroupsPath = cgroupsPath })
	for _, kind := range kinds {
		path := script
		if kind == "startContainer" {
			path = "/recorder"
		}
		for _, n := range []string{"", "2"} {
			c.Edit(addHook(kind, specs.Hook{Path: path, Args: []string{"argv0", log, kind + n, cgroupsPath}}))
		}
	}

	c.Create()
	order := func() string { return strings.Join(strings.Fields(read(t, log, "order")), " ") }
	afterCreate := order()
	namespaces := map[string]string{} // of the container
	for _, name := range strings.Fields("mnt net pid uts ipc") {
		namespaces[name] = namespace(t, c.Init, name)
	}
	c.Start()
	afterStart := order()
	c.Kill("KILL")
	c.Delete()
	afterDelete := order()

	const created = "prestart prestart2 createRuntime createRuntime2 createContainer createContainer2"
	sentence(t, "runtimeLifecycle.5 runtimeLifecycle.7 runtimeLifecycle.9", func(t *testing.T) {
		if !strings.HasPrefix(afterCreate, created) {
			t.Errorf("after create these hooks have run: %s", afterCreate)
		}
	})
	sentence(t, "configHooksPrestart.2 configHooksCreateContainer.2", func(t *testing.T) {
		if !strings.HasPrefix(afterCreate, created) {
			t.Errorf("the order was %s", afterCreate)
		}
	})
	sentence(t, "runtimeLifecycle.11 configHooksStartContainer.1", func(t *testing.T) {
		_, after, _ := strings.Cut(afterDelete, " startContainer startContainer2 ")
		if !strings.Contains(after, "program") || strings.Contains(afterCreate, "startContainer") {
			t.Errorf("the order was %s", afterDelete)
		}
	})
	sentence(t, "runtimeLifecycle.14 configHooksPoststart.1", func(t *testing.T) {
		if !strings.Contains(afterStart, "poststart2") || strings.Contains(afterCreate, "poststart") {
			t.Errorf("when create returned these had run: %s\nand when start did: %s", afterCreate, afterStart)
		}
		if program := (recorded{log, "poststart"}).file(t, "program"); !strings.Contains(program, "echo program") {
			t.Errorf("the container's process was %q", program)
		}
	})
	sentence(t, "runtimeLifecycle.17 configHooksPoststop.1", func(t *testing.T) {
		if !strings.HasSuffix(afterDelete, " poststop poststop2") {
			t.Errorf("when delete returned these had run: %s", afterDelete)
		}
		if left := (recorded{log, "poststop"}).file(t, "cgroups"); left != "" {
			t.Errorf("the container was not yet deleted: %s", left)
		}
	})
	sentence(t, "configHooks.19", func(t *testing.T) {
		all := strings.ReplaceAll(afterDelete, " program", "")
		for _, kind := range kinds {
			if !strings.Contains(all, kind+" "+kind+"2") {
				t.Errorf("%s: the order was %s", kind, all)
			}
		}
	})

	for _, tt := range []struct {
		ids, kind string
		inside    bool
	}{
		{ids: "configHooks.5 configHooksPrestart.4", kind: "prestart"},
		{ids: "configHooks.10 configHooksCreateRuntime.3", kind: "createRuntime"},
		{ids: "configHooks.12 configHooksCreateContainer.4", kind: "createContainer", inside: true},
		{ids: "configHooks.14 configHooksStartContainer.3", kind: "startContainer", inside: true},
		{ids: "configHooks.16 configHooksPoststart.3", kind: "poststart"},
		{ids: "configHooks.18 configHooksPoststop.3", kind: "poststop"},
	} {
		sentence(t, tt.ids, func(t *testing.T) {
			for name, link := range (recorded{log, tt.kind}).namespaces(t) {
				want := namespace(t, os.Getpid(), name)
				if tt.inside {
					want = namespaces[name]
				}
				if link != want {
					t.Errorf("the %s namespace was %s, want %s", name, link, want)
				}
			}
		})
	}
	// That they ran at all tells where their paths were looked up.
	for _, tt := range []struct{ ids, kind string }{
		{ids: "configHooks.4 configHooksPrestart.3", kind: "prestart"},
		{ids: "configHooks.9 configHooksCreateRuntime.2", kind: "createRuntime"},
		{ids: "configHooks.11 configHooksCreateContainer.3", kind: "createContainer"},
		{ids: "configHooks.13 configHooksStartContainer.2", kind: "startContainer"},
		{ids: "configHooks.15 configHooksPoststart.2", kind: "poststart"},
		{ids: "configHooks.17 configHooksPoststop.2", kind: "poststop"},
	} {
		sentence(t, tt.ids, func(t *testing.T) { (recorded{log, tt.kind}).file(t, "state") })
	}

	sentence(t, "configHooks.20", func(t *testing.T) {
		statuses := map[string]string{"prestart": "creating", "createRuntime": "creating", "createContainer": "creating",
			"startContainer": "created", "poststart": "running", "poststop": "stopped"}
		pids := map[string]int{"prestart": c.Init, "createRuntime": c.Init, "createContainer": 1, "startContainer": 1, "poststart": c.Init}
		for _, kind := range kinds {
			text := (recorded{log, kind}).file(t, "state")
			var s specs.State
			if err := json.Unmarshal([]byte(text), &s); err != nil {
				t.Errorf("%s: %v: %s", kind, err, text)
			}
			if s.ID != c.ID || s.Bundle != c.Bundle || s.Version == "" || string(s.Status) != statuses[kind] || s.Pid != pids[kind] {
				t.Errorf("%s, with pid %d and status %s, got %s", kind, pids[kind], statuses[kind], text)
			}
		}
	})
	beforePivot := func(t *testing.T, kind string) {
		t.Helper()
		r := recorded{log, kind}
		if r.file(t, "root") == "" {
			t.Error("the root was already the container's")
		}
		if r.file(t, "net") != namespaces["net"] {
			t.Error("the network namespace was not the container's")
		}
	}
	sentence(t, "configHooksPrestart.1", func(t *testing.T) { beforePivot(t, "prestart") })
	sentence(t, "configHooksCreateRuntime.1", func(t *testing.T) { beforePivot(t, "createRuntime") })
	sentence(t, "configHooksCreateContainer.1", func(t *testing.T) { beforePivot(t, "createContainer") })
	mounted := func(t *testing.T, text string) {
		t.Helper()
		want := map[string]bool{}
		for _, m := range c.Spec.Mounts {
			want[c.Rootfs()+m.Destination] = true
		}
		for _, m := range mountsOf(text) {
			delete(want, m.point)
		}
		for point := range want {
			t.Errorf("nothing was mounted at %s", point)
		}
	}
	sentence(t, "configHooksCreateRuntime.4", func(t *testing.T) {
		mounted(t, (recorded{log, "createRuntime"}).file(t, "init"))
	})
	sentence(t, "configHooksCreateContainer.5", func(t *testing.T) {
		mounted(t, (recorded{log, "createContainer"}).file(t, "mounts"))
	})
}

// failing is a hook that fails, and poststop one that tells that it ran.
func failing(kind, log string) harness.Change {
	return func(s *specs.Spec) {
		addHook(kind, specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", "echo the reason >&2; exit 7"}})(s)
		addHook("poststop", specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", "echo poststop >>" + log}})(s)
	}
}

func TestFailingHooks(t *testing.T) {
	for _, tt := range []struct{ ids, kind, says string }{
		{ids: "runtimeLifecycle.6", kind: "prestart", says: `hooks.prestart[0]: "/bin/sh": exit status 7: the reason`},
		{ids: "runtimeLifecycle.8", kind: "createRuntime", says: `hooks.createRuntime[0]: "/bin/sh": exit status 7: the reason`},
		{ids: "runtimeLifecycle.10", kind: "createContainer", says: `init: createContainer hooks: hooks.createContainer[0]: "/bin/sh": exit status 7: the reason`},
	} {
		sentence(t, tt.ids, func(t *testing.T) {
			log := filepath.Join(harness.Dir(t), "log")
			c := harness.New(t, failing(tt.kind, log))
			refused(t, c, tt.says)
			if text, err := os.ReadFile(log); string(text) != "poststop\n" {
				t.Errorf("poststop hooks wrote %q, %v", text, err)
			}
		})
	}
	for _, tt := range []struct{ ids, kind, says string }{
		{ids: "runtimeLifecycle.12", kind: "startContainer", says: `init: startContainer hooks: hooks.startContainer[0]: "/bin/sh": exit status 7: the reason`},
		{ids: "runtimeLifecycle.15", kind: "poststart", says: `hooks.poststart[0]: "/bin/sh": exit status 7: the reason`},
	} {
		sentence(t, tt.ids, func(t *testing.T) {
			log := filepath.Join(harness.Dir(t), "log")
			c := harness.New(t, harness.Shell("echo >/ran; sleep 1000"), failing(tt.kind, log))
			c.Create()
			wantError(t, c, tt.says, "start", c.ID)
			if t.Failed() {
				return
			}
			if tt.kind == "startContainer" && c.Has("ran") {
				t.Error("the program ran")
			}
			c.Wait() // an engine's duty
			c.WantNothing()
			if text, err := os.ReadFile(log); string(text) != "poststop\n" {
				t.Errorf("poststop hooks wrote %q, %v", text, err)
			}
		})
	}
	sentence(t, "runtimeLifecycle.18", func(t *testing.T) {
		log := filepath.Join(harness.Dir(t), "log")
		c := harness.New(t, failing("poststop", log))
		c.Up()
		c.Kill("KILL")
		r := c.Must("delete", c.ID)
		says(t, c, r, `warning: hooks.poststop[0]: "/bin/sh": exit status 7: the reason`)
		if text, err := os.ReadFile(log); string(text) != "poststop\n" {
			t.Errorf("the second hook wrote %q, %v", text, err)
		}
		c.WantNothing()
	})
}
