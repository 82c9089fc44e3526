package lifecycle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// badIDs are what no command may take for the name of a container. The first
// character isn't a dot; then come at most 127 of [A-Za-z0-9_.+-].
var badIDs = map[string]string{
	"empty":           "",
	"dot":             ".",
	"dot dot":         "..",
	"leading dot":     ".hidden",
	"slash":           "a/b",
	"absolute":        "/tmp",
	"parent":          "../x",
	"space":           "a b",
	"newline":         "a\nb",
	"colon":           "a:b",
	"percent":         "a%b",
	"not ascii":       "käse",
	"invalid utf-8":   "a\xffb",
	"at":              "a@b",
	"129 characters":  strings.Repeat("a", 129),
	"4096 characters": strings.Repeat("a", 4096),
}

// commands are all that take an id, with what stands around it.
var commands = map[string]func(bundle, id string) []string{
	"create":  func(b, id string) []string { return []string{"create", "--bundle", b, "--", id} },
	"run":     func(b, id string) []string { return []string{"run", "--bundle", b, "--", id} },
	"start":   func(_, id string) []string { return []string{"start", "--", id} },
	"state":   func(_, id string) []string { return []string{"state", "--", id} },
	"kill":    func(_, id string) []string { return []string{"kill", "--", id, "KILL"} },
	"delete":  func(_, id string) []string { return []string{"delete", "--", id} },
	"delete!": func(_, id string) []string { return []string{"delete", "--force", "--", id} },
	"exec":    func(_, id string) []string { return []string{"exec", "--", id, "true"} },
	"ps":      func(_, id string) []string { return []string{"ps", "--", id} },
	"pause":   func(_, id string) []string { return []string{"pause", "--", id} },
	"resume":  func(_, id string) []string { return []string{"resume", "--", id} },
	"update":  func(_, id string) []string { return []string{"update", "--pids-limit", "10", "--", id} },
}

func TestBadIDs(t *testing.T) {
	for command, args := range commands {
		t.Run(command, func(t *testing.T) {
			c := harness.New(t)
			witness := filepath.Join(filepath.Dir(c.Root), "witness")
			if err := os.WriteFile(witness, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			code := 1
			if command == "exec" {
				code = 255
			}
			for name, id := range badIDs {
				r := c.Do(args(c.Bundle, id)...)
				if r.Code != code || r.Stderr == "" {
					t.Errorf("%s: %v", name, r)
				}
				if strings.Contains(r.Stderr, "does not exist") {
					t.Errorf("%s: an engine would take it for a container that is gone: %s", name, r.Stderr)
				}
			}
			if entries, _ := os.ReadDir(c.Root); len(entries) > 0 {
				t.Errorf("%s has entries: %v", c.Root, entries)
			}
			if _, err := os.Stat(witness); err != nil {
				t.Errorf("the file beside the state directory: %v", err)
			}
		})
	}
}

func TestUnknownContainer(t *testing.T) {
	for command, args := range commands {
		if command == "create" || command == "run" || command == "delete!" {
			continue
		}
		t.Run(command, func(t *testing.T) {
			c := harness.New(t)
			code := 1
			if command == "exec" {
				code = 255
			}
			c.Fails(code, []string{"container does not exist"}, args(c.Bundle, c.ID)...)
		})
	}
}

func TestGoodIDs(t *testing.T) {
	for _, tail := range []string{"_", "+", "-", "a.b", "A", strings.Repeat("x", 100)} {
		c := harness.New(t)
		c.ID += tail
		c.Create()
		if id := c.State().ID; id != c.ID {
			t.Errorf("state says %q, want %q", id, c.ID)
		}
		c.Delete()
		c.WantNothing()
	}
}
