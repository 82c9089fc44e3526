package hooks

import (
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

func TestPlanHooks(t *testing.T) {
	seconds := func(n int) *int { return &n }
	list := func(h ...specs.Hook) []specs.Hook { return h }
	for name, tt := range map[string]struct {
		in   *specs.Hooks
		want string
	}{
		"none":     {},
		"empty":    {in: &specs.Hooks{}},
		"good":     {in: &specs.Hooks{Poststop: list(specs.Hook{Path: "/x", Args: []string{"x", ""}, Env: []string{"A=", "B=c=d"}, Timeout: seconds(1)})}},
		"relative": {in: &specs.Hooks{Prestart: list(specs.Hook{Path: "x"})}, want: `hooks.prestart[0].path: "x" is not an absolute path`},
		"no path":  {in: &specs.Hooks{CreateRuntime: list(specs.Hook{Path: "/x"}, specs.Hook{})}, want: `hooks.createRuntime[1].path: "" is not an absolute path`},
		"timeouts": {in: &specs.Hooks{CreateContainer: list(specs.Hook{Path: "/x", Timeout: seconds(0)}), StartContainer: list(specs.Hook{Path: "/x", Timeout: seconds(-5)})},
			want: `hooks.createContainer[0].timeout: 0 is not above zero; hooks.startContainer[0].timeout: -5 is not above zero`},
		"env": {in: &specs.Hooks{Poststart: list(specs.Hook{Path: "/x", Env: []string{"A=b", "FOO", "=x", ""}})},
			want: `hooks.poststart[0].env[1]: "FOO" is not NAME=value; hooks.poststart[0].env[2]: "=x" is not NAME=value; hooks.poststart[0].env[3]: "" is not NAME=value`},
		"NUL": {in: &specs.Hooks{Poststop: list(specs.Hook{Path: "/x\x00", Args: []string{"a", "b\x00"}, Env: []string{"A=\x00"}})},
			want: `hooks.poststop[0].path: "/x\x00" has a NUL byte; hooks.poststop[0].args[1]: "b\x00" has a NUL byte; hooks.poststop[0].env[0]: "A=\x00" has a NUL byte`},
	} {
		t.Run(name, func(t *testing.T) {
			var ps config.Problems
			PlanHooks(&specs.Spec{Hooks: tt.in}, &ps)
			got := ""
			if ps.Err() != nil {
				got = strings.TrimPrefix(ps.Error(), "config.json: ")
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestPlanKinds(t *testing.T) {
	one := func(path string) []specs.Hook { return []specs.Hook{{Path: path}} }
	timeout := 3
	in := &specs.Hooks{
		Prestart: one("/1"), CreateRuntime: one("/2"), CreateContainer: one("/3"),
		StartContainer: one("/4"), Poststart: one("/5"),
		Poststop: []specs.Hook{{Path: "/6", Args: []string{"a", "b"}, Env: []string{"C=d"}, Timeout: &timeout}, {Path: "/7"}},
	}
	hook := func(path string) []Hook { return []Hook{{Path: path, Args: []string{path}}} }
	want := &Plan{
		Prestart: hook("/1"), CreateRuntime: hook("/2"), CreateContainer: hook("/3"),
		StartContainer: hook("/4"), Poststart: hook("/5"),
		Poststop: []Hook{{"/6", []string{"a", "b"}, []string{"C=d"}, 3}, {Path: "/7", Args: []string{"/7"}}},
	}
	var ps config.Problems
	if got := PlanHooks(&specs.Spec{Hooks: in}, &ps); !reflect.DeepEqual(got, want) || ps.Err() != nil {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
