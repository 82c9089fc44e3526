package main

import (
	"encoding/json"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestParseUser(t *testing.T) {
	const gid = 77 // of the container's user
	for in, want := range map[string][2]uint32{
		"0": {0, gid}, "1": {1, gid}, "1:2": {1, 2}, "0:0": {0, 0},
		"4294967294": {4294967294, gid}, "4294967294:4294967294": {4294967294, 4294967294},
	} {
		uid, g, err := parseUser(in, gid)
		if err != nil || [2]uint32{uid, g} != want {
			t.Errorf("%q: got %d:%d, %v, want %d", in, uid, g, err, want)
		}
	}
	for _, in := range []string{":", ":5", "1:", "a", "root", "-1", "-0", "+1", "010", "0x10", " 1", "1 ", "1\n", "1:2:3", "1: 2", "1:-1",
		"4294967295", "1:4294967295", "4294967296", "1:4294967296", "18446744073709551616", "1e3", "1.0", "1_0"} {
		if uid, g, err := parseUser(in, gid); err == nil {
			t.Errorf("%q is taken as %d:%d", in, uid, g)
		}
	}
	_, _, err := parseUser("root", 0)
	if want := `--user "root": not uid or uid:gid with numbers from 0 to 4294967294`; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestExecProcess(t *testing.T) {
	yes, no := true, false
	base := &specs.Process{
		Terminal: true, ConsoleSize: &specs.Box{Height: 5, Width: 6},
		User:            specs.User{UID: 1, GID: 2, AdditionalGids: []uint32{3}},
		Args:            []string{"init"},
		Env:             []string{"A=1"},
		Cwd:             "/base",
		NoNewPrivileges: true,
		Capabilities:    &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}},
	}
	before, _ := json.Marshal(base)
	for name, tt := range map[string]struct {
		base *specs.Process
		in   execRequest
		want string // the process, or the error
	}{
		"nothing": {base, execRequest{Args: []string{"sh"}},
			`{"user":{"uid":1,"gid":2,"additionalGids":[3]},"args":["sh"],"env":["A=1"],"cwd":"/base","capabilities":{"bounding":["CAP_KILL"]},"noNewPrivileges":true}`},
		"no process in the config": {nil, execRequest{Args: []string{"sh"}},
			`{"user":{"uid":0,"gid":0},"args":["sh"],"cwd":"/"}`},
		"everything": {base, execRequest{Args: []string{"sh", "-c"}, Cwd: "/x", Env: []string{"B=2", "C="}, Tty: true, User: "5:6", Groups: []string{"7", "8"},
			Caps: []string{"CAP_CHOWN", "kill"}, NoNewPrivs: &no, AppArmor: "p", ProcessLabel: "l"},
			`{"terminal":true,"consoleSize":{"height":5,"width":6},"user":{"uid":5,"gid":6,"additionalGids":[3,7,8]},"args":["sh","-c"],"env":["A=1","B=2","C="],"cwd":"/x",` +
				`"capabilities":{"bounding":["CAP_KILL","CAP_CHOWN"],"effective":["CAP_CHOWN","CAP_KILL"],"permitted":["CAP_CHOWN","CAP_KILL"]},"apparmorProfile":"p","selinuxLabel":"l"}`},
		"no_new_privs": {nil, execRequest{Args: []string{"a"}, NoNewPrivs: &yes}, `{"user":{"uid":0,"gid":0},"args":["a"],"cwd":"/","noNewPrivileges":true}`},
		"ambient where it can be": {&specs.Process{Cwd: "/", Capabilities: &specs.LinuxCapabilities{Inheritable: []string{"CAP_CHOWN"}}},
			execRequest{Args: []string{"a"}, Caps: []string{"CAP_CHOWN", "CAP_KILL"}},
			`{"user":{"uid":0,"gid":0},"args":["a"],"cwd":"/","capabilities":{"bounding":["CAP_CHOWN","CAP_KILL"],"effective":["CAP_CHOWN","CAP_KILL"],` +
				`"inheritable":["CAP_CHOWN"],"permitted":["CAP_CHOWN","CAP_KILL"],"ambient":["CAP_CHOWN"]}}`},
		"user":  {base, execRequest{User: "root"}, `--user "root": not uid or uid:gid with numbers from 0 to 4294967294`},
		"group": {base, execRequest{Groups: []string{"-1"}}, `--additional-gids "-1": not a number from 0 to 4294967294`},
		"env":   {base, execRequest{Env: []string{"A"}}, `--env "A": not of the form NAME=value`},
		"env=":  {base, execRequest{Env: []string{"=x"}}, `--env "=x": not of the form NAME=value`},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := tt.in.process(tt.base)
			got := ""
			if err != nil {
				got = err.Error()
			} else {
				text, _ := json.Marshal(p)
				got = string(text)
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	if after, _ := json.Marshal(base); string(after) != string(before) {
		t.Errorf("the container's own process was changed: %s", after)
	}
}
