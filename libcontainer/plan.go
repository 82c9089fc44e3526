package libcontainer

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/c9b5e2ae/rt/libcontainer/cgroups"
	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/c9b5e2ae/rt/libcontainer/hooks"
	"github.com/c9b5e2ae/rt/libcontainer/intelrdt"
	"github.com/c9b5e2ae/rt/libcontainer/namespaces"
	"github.com/c9b5e2ae/rt/libcontainer/network"
	"github.com/c9b5e2ae/rt/libcontainer/process"
	"github.com/c9b5e2ae/rt/libcontainer/rootfs"
	"github.com/c9b5e2ae/rt/seccomp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A Plan is config.json resolved: after it nothing is parsed again. Each room
// plans its part; this struct only holds the parts.
type Plan struct {
	Namespaces *namespaces.Plan
	Cgroup     *cgroups.Plan  // nil for exec, which enters init's
	Network    *network.Plan  // nil for exec
	IntelRdt   *intelrdt.Plan // nil for exec and without linux.intelRdt
	Rootfs     *rootfs.Plan   // nil for exec
	Process    *process.Plan  // nil for a container without process
	Hooks      *hooks.Plan    // nil for exec
	Seccomp    *seccomp.Plan  // nil without linux.seccomp
}

// An InitPlan is the part of the plan that init walks through: what crosses the
// boundary, files included.
type InitPlan struct {
	Namespaces *namespaces.Plan // names and sysctls; nil for exec
	Rootfs     *rootfs.Plan     // nil for exec
	Process    *process.Plan    // nil for a container without process
	Root       *os.File         // for exec: the root, if the container has no mount namespace
	Console    process.Console
	Seccomp    *seccomp.Filter // nil without linux.seccomp

	Keyring         string // name of the session keyring to join, "" for none
	HooksOutside    bool   // rt has hooks to run or devices to move before pivot root
	CreateContainer []hooks.Hook
	StartContainer  []hooks.Hook
	HookState       []byte // their stdin while creating
	StartState      []byte // and at start
	Bundle          string // their working directory

	Listener    *os.File // start.sock: where to wait for start; nil: go on at once
	PreserveFDs int
	ListenFDs   int // of them, those of sd_listen_fds(3)
	NoPivot     bool
	Straight    bool // rt has nothing to do between ready and execve: do not wait for it
	Traced      bool // rt wants a timeline
	Door        bool // the filter may deny accept4 while init waits for start
	Forget      bool // be small while waiting for start: no filter denies madvise
}

// planCreate resolves a whole config. All problems of all rooms are in ps.
func planCreate(s *specs.Spec, o *CreateOptions, systemd bool, f *config.Facts, ps *config.Problems) *Plan {
	config.PlanDocument(s, ps)
	p := &Plan{
		Namespaces: namespaces.PlanNamespaces(s, f, ps),
		IntelRdt:   intelrdt.PlanIntelRdt(s, o.ID, f, ps),
		Network:    network.PlanNetwork(s, f, ps),
		Rootfs:     rootfs.PlanRootfs(s, o.Bundle, f, ps),
		Cgroup:     cgroups.PlanCgroup(s, o.ID, systemd, f, ps),
		Hooks:      hooks.PlanHooks(s, ps),
	}
	if s.Process != nil {
		p.Process = process.PlanProcess(s, s.Process, false, f, ps)
	}
	if s.Linux != nil && s.Linux.Seccomp != nil {
		p.Seccomp = seccomp.PlanSeccomp(s, ps)
	}
	return p
}

// planExec resolves one more process of a container with config s.
func planExec(s *specs.Spec, p *specs.Process, f *config.Facts, ps *config.Problems) *Plan {
	out := &Plan{Process: process.PlanProcess(s, p, true, f, ps)}
	if s.Linux != nil && s.Linux.Seccomp != nil {
		out.Seccomp = seccomp.PlanSeccomp(s, ps)
	}
	return out
}

// allows tells whether a profile surely allows a system call, whatever its
// arguments.
func allows(s *specs.LinuxSeccomp, call string) bool {
	if s == nil {
		return true
	}
	allowed := s.DefaultAction == specs.ActAllow || s.DefaultAction == specs.ActLog
	for i := range s.Syscalls {
		rule := &s.Syscalls[i]
		if !slices.Contains(rule.Names, call) {
			continue
		}
		if rule.Action != specs.ActAllow || len(rule.Args) > 0 {
			return false
		}
		allowed = true
	}
	return allowed
}

// loadBundle reads a bundle's config.json.
func loadBundle(bundle string) (*specs.Spec, []byte, error) {
	return config.Load(filepath.Join(bundle, configFile))
}
