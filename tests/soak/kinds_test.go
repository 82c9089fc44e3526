package soak

import (
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// A kind is a sort of container.
type kind struct {
	name     string
	change   harness.Change // of the plain specification
	docker   bool           // of Docker's
	fails    string         // the operation that fails with it, and leaves nothing: create or start
	short    bool           // its program ends by itself
	terminal bool
}

var kinds = []kind{
	{name: "plain", change: func(*specs.Spec) {}},
	{name: "docker", docker: true, change: func(*specs.Spec) {}},
	{name: "short", short: true, change: harness.Args("true")},
	{name: "terminal", terminal: true, change: terminal},
	{name: "user namespace", change: harness.UserNamespace(100000)},
	{name: "cgroup namespace", change: harness.Namespace(specs.CgroupNamespace, "")},
	{name: "no pid namespace", change: harness.WithoutNamespace(specs.PIDNamespace)},
	{name: "no mount namespace", change: harness.WithoutNamespace(specs.MountNamespace)},
	{name: "limits", change: limits},
	{name: "slow hooks", change: slowHooks},
	{name: "createRuntime fails", fails: "create", change: hooks(specs.Hooks{CreateRuntime: shell("sleep 0.01; exit 3", 0)})},
	{name: "createRuntime hangs", fails: "create", change: hooks(specs.Hooks{CreateRuntime: shell("sleep 1000 & sleep 1000", 1)})},
	{name: "startContainer fails", fails: "start", change: hooks(specs.Hooks{StartContainer: shell("sleep 0.01; exit 3", 0)})},
	{name: "poststart fails", fails: "start", change: hooks(specs.Hooks{Poststart: shell("sleep 0.01; exit 3", 0)})},
}

// makeAll makes a container of each kind. It is to live many lives.
func makeAll(t *testing.T) []*harness.Container {
	var all []*harness.Container
	for _, k := range kinds {
		s := harness.Plain()
		if k.docker {
			s = harness.Docker(t)
		}
		// It is not alone, and ends when it is told to.
		program := harness.Shell("trap exit TERM; sleep 1000 & sleep 1000 & wait")
		all = append(all, harness.NewFrom(t, s, program, k.change))
	}
	return all
}

// terminal is for a program that outlives its terminal.
func terminal(s *specs.Spec) {
	harness.Terminal(s)
	harness.Args("sleep", "1000")(s)
}

func limits(s *specs.Spec) {
	memory, pids, shares := int64(64<<20), int64(100), uint64(512)
	s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &memory}
	s.Linux.Resources.Pids = &specs.LinuxPids{Limit: &pids}
	s.Linux.Resources.CPU = &specs.LinuxCPU{Shares: &shares}
}

func hooks(h specs.Hooks) harness.Change {
	return func(s *specs.Spec) { s.Hooks = &h }
}

// shell is a hook with a script. A limit of 0 seconds is none.
func shell(script string, limit int) []specs.Hook {
	h := specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", script}}
	if limit > 0 {
		h.Timeout = &limit
	}
	return []specs.Hook{h}
}

func slowHooks(s *specs.Spec) {
	slow := shell("sleep 0.01 & sleep 0.02; wait", 0)
	s.Hooks = &specs.Hooks{
		Prestart:      slow, //nolint:staticcheck // engines still use it
		CreateRuntime: slow, CreateContainer: slow, StartContainer: slow, Poststart: slow, Poststop: slow,
	}
}
