package commandline

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/c9b5e2ae/rt/tests/harness"
)

func TestVersion(t *testing.T) {
	for name, prefix := range map[string]string{"rt": "rt version ", "runc": "runc version "} {
		link := filepath.Join(harness.Dir(t), name)
		if err := os.Symlink(harness.Runtime(t), link); err != nil {
			t.Fatal(err)
		}
		for _, flag := range []string{"--version", "-v"} {
			r := harness.Command{Args: []string{link, flag}}.Run(t)
			lines := strings.Split(strings.TrimSuffix(r.Stdout, "\n"), "\n")
			if r.Code != 0 || len(strings.Fields(lines[0])) != 3 || !strings.HasPrefix(lines[0], prefix) {
				t.Errorf("%v", r)
			}
			for _, line := range lines[1:] {
				// moby takes the last line with the word for the version.
				if strings.Contains(line, "version") {
					t.Errorf("line %q", line)
				}
			}
			if !strings.Contains(r.Stdout, "\nspec: 1.3.0\n") {
				t.Errorf("no spec in %q", r.Stdout)
			}
		}
	}
}

func TestHelp(t *testing.T) {
	onlyRT(t)
	all := bare(t)
	commands := []string{"create", "start", "state", "kill", "delete", "run", "exec", "list", "ps", "pause", "resume", "update", "verify", "spec", "features"}
	for _, command := range commands {
		if !strings.Contains(all.Stdout, "\n   "+command+" ") {
			t.Errorf("help lacks %s:\n%s", command, all.Stdout)
		}
		for _, args := range [][]string{{command, "--help"}, {command, "-h"}, {"help", command}} {
			if r := bare(t, args...); r.Code != 0 || !strings.HasPrefix(r.Stdout, "Usage: rt "+command+" ") || r.Stderr != "" {
				t.Errorf("%v", r)
			}
		}
	}
	for _, args := range [][]string{{"--help"}, {"-h"}, {"help"}} {
		if r := bare(t, args...); r.Code != 0 || r.Stdout != all.Stdout || r.Stderr != "" {
			t.Errorf("%v", r)
		}
	}
}

func TestMistakesGetOneLine(t *testing.T) {
	onlyRT(t)
	for _, tt := range []struct {
		args string
		want string
	}{
		{"strat c1", `unknown command "strat" (did you mean start?)`},
		{"checkpoint --help", `unknown command "checkpoint" (see --help)`}, // podman would take rc 0 for support
		{"help me", `unknown command "me" (see --help)`},
		{"--rot /x list", "flag provided but not defined: -rot (did you mean --root?)"},
		{"kill --al c1", "kill: flag provided but not defined: -al (did you mean --all?)"},
		{"state --debug c1", "state: flag provided but not defined: -debug: it is a global flag and goes before state"},
		{"--root", "flag needs an argument: -root"},
		{"create --bundle", "create: flag needs an argument: -bundle"},
		{"state", "state: 0 operands: usage: rt state [options] <container-id>"},
		{"state a b", "state: 2 operands: usage: rt state [options] <container-id>"},
		{"delete --force", "delete: 0 operands: usage: rt delete [options] <container-id>"},
		{"list c1", "list: 1 operands: usage: rt list [options]"},
		{"list --format xml", `--format "xml": must be table or json`},
		{"--log-format xml list", `--log-format "xml": must be text or json`},
		{"--rootless maybe list", `--rootless "maybe": must be true, false or auto`},
		{"create --preserve-fds -1 c1", "--preserve-fds -1: must not be negative"},
		{"update c1", "update: no limit is given"},
		{"update --memory much c1", `--memory "much": not a number that it can be`},
		{"update --memory 1m -r - c1", "--memory: not together with --resources"},
		{"init", "init is rt's own: it cannot be called by hand"},
	} {
		r := bare(t, strings.Fields(tt.args)...)
		if r.Code != 1 || r.Stdout != "" || r.Stderr != "rt: "+tt.want+"\n" {
			t.Errorf("want %q: %v", tt.want, r)
		}
	}
	if r := bare(t, "exec", "--nope", "c1", "true"); r.Code != 255 || r.Stderr != "rt: exec: flag provided but not defined: -nope (see --help)\n" {
		t.Errorf("%v", r)
	}
}

// Every form in which callers write flags.
func TestFormsOfFlags(t *testing.T) {
	c := harness.New(t)
	c.Create()
	for _, args := range [][]string{
		{"--root", c.Root, "state", c.ID},
		{"--root=" + c.Root, "state", c.ID},
		{"-root", c.Root, "state", c.ID},
		{"-root=" + c.Root, "state", c.ID},
		{"--debug=false", "--root", c.Root, "--log-format=json", "state", c.ID},
		{"--log-format", "json", "--log", "/dev/null", "--root", c.Root, "--criu", "criu", "--rootless", "auto", "state", c.ID},
		{"--root", c.Root, "state", "--", c.ID},
	} {
		if r := bare(t, args...); r.Code != 0 || !strings.Contains(r.Stdout, c.ID) {
			t.Errorf("%v", r)
		}
	}
	c.Must("ps", "-f", "json", c.ID)
	c.Must("ps", "-format=json", c.ID)
	c.Must("kill", c.ID, "0", "--all")
	c.Must("delete", c.ID, "-force")
	c.Must("delete", "nobody", "--force")
}

func TestRunTakesEveryFlagOfRunc(t *testing.T) {
	c := harness.New(t, harness.Args("true"))
	pidFile := filepath.Join(harness.Dir(t), "pid")
	r := c.Do("run", "-b", c.Bundle, "-pid-file", pidFile, "--no-new-keyring", "-no-subreaper", "--preserve-fds=0", "--keep", c.ID)
	if r.Code != 0 || r.Stdout+r.Stderr != "" {
		t.Error(r)
	}
	c.Delete()
}
