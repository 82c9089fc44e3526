// Package hooks runs the hooks of a container (config.md, "POSIX-platform
// Hooks"): programs of somebody else, whose end is waited for, whose output is
// bounded, and which take everything they started along if they are killed.
package hooks

import (
	"fmt"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// A Plan has the hooks of each kind in the order in which they run. The fields
// have the names that the kinds have in config.json.
type Plan struct {
	Prestart        []Hook // in the namespaces of rt, as createRuntime
	CreateRuntime   []Hook
	CreateContainer []Hook // by init, before pivot_root: the path is the host's
	StartContainer  []Hook // by init, before execve: the path is the container's
	Poststart       []Hook // in the namespaces of rt, as poststop
	Poststop        []Hook
}

// A Hook is a program to run. Env is all of its environment.
type Hook struct {
	Path    string
	Args    []string // with args[0]; never empty
	Env     []string
	Timeout int // in seconds; 0: none
}

// PlanHooks resolves hooks.
func PlanHooks(s *specs.Spec, ps *config.Problems) *Plan {
	p := &Plan{}
	h := s.Hooks
	if h == nil {
		return p
	}
	for _, k := range []struct {
		name string
		from []specs.Hook
		to   *[]Hook
	}{
		{"prestart", h.Prestart, &p.Prestart}, //nolint:staticcheck // deprecated, and what Docker uses
		{"createRuntime", h.CreateRuntime, &p.CreateRuntime},
		{"createContainer", h.CreateContainer, &p.CreateContainer},
		{"startContainer", h.StartContainer, &p.StartContainer},
		{"poststart", h.Poststart, &p.Poststart},
		{"poststop", h.Poststop, &p.Poststop},
	} {
		for i, hook := range k.from {
			*k.to = append(*k.to, planHook(place(k.name, i), hook, ps))
		}
	}
	return p
}

// place is the JSON path of a hook, with which its errors begin too.
func place(kind string, i int) string { return fmt.Sprintf("hooks.%s[%d]", kind, i) }

func planHook(at string, h specs.Hook, ps *config.Problems) Hook {
	if !strings.HasPrefix(h.Path, "/") {
		ps.Addf(at+".path", "%q is not an absolute path", h.Path)
	} else {
		noNUL(at+".path", h.Path, ps)
	}
	for i, a := range h.Args {
		noNUL(fmt.Sprintf("%s.args[%d]", at, i), a, ps)
	}
	for i, e := range h.Env {
		path := fmt.Sprintf("%s.env[%d]", at, i)
		if strings.IndexByte(e, '=') <= 0 {
			ps.Addf(path, "%q is not NAME=value", e)
		} else {
			noNUL(path, e, ps)
		}
	}
	hook := Hook{Path: h.Path, Args: h.Args, Env: h.Env}
	if len(hook.Args) == 0 {
		hook.Args = []string{h.Path}
	}
	if h.Timeout != nil {
		hook.Timeout = *h.Timeout
		if hook.Timeout <= 0 {
			ps.Addf(at+".timeout", "%d is not above zero", hook.Timeout)
		}
	}
	return hook
}

// noNUL: execve(2) would take what comes before the NUL byte for all.
func noNUL(path, text string, ps *config.Problems) {
	if strings.IndexByte(text, 0) >= 0 {
		ps.Addf(path, "%q has a NUL byte", text)
	}
}
