package commandline

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// A logLine is what engines read from --log.
type logLine struct {
	Level    string
	Msg      string
	Time     time.Time
	Warnings []string
}

// badCapability makes create warn (config.md, "Linux Process").
func badCapability(s *specs.Spec) {
	s.Process.Capabilities.Bounding = append(s.Process.Capabilities.Bounding, "CAP_FOO")
}

func logged(t *testing.T, c *harness.Container) string {
	path := filepath.Join(harness.Dir(t), "log.json")
	c.Global = append(c.Global, "--log", path, "--log-format", "json")
	return path
}

func TestErrorIsOneLineInBothPlaces(t *testing.T) {
	c := harness.New(t, harness.Args("no-such-program"), badCapability)
	path := logged(t, c)
	r := c.Do("create", "--bundle", c.Bundle, c.ID)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var line logLine
	// Podman decodes the whole file, warnings included, as one object.
	if err := json.Unmarshal(text, &line); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if line.Level != "error" || !strings.Contains(line.Msg, "executable file not found in $PATH") || time.Since(line.Time) > time.Minute {
		t.Errorf("%+v", line)
	}
	if r.Code != 1 || r.Stderr != line.Msg+"\n" {
		t.Errorf("the log says %q: %v", line.Msg, r)
	}
	if len(line.Warnings) != 1 || !strings.Contains(line.Warnings[0], `"CAP_FOO"`) {
		t.Errorf("warnings %q", line.Warnings)
	}
}

func TestSuccessSaysNothing(t *testing.T) {
	c := harness.New(t)
	path := logged(t, c)
	for _, args := range [][]string{
		{"create", "--bundle", c.Bundle, c.ID}, {"verify", c.ID}, {"start", c.ID}, {"pause", c.ID}, {"resume", c.ID}, {"exec", c.ID, "true"},
		{"kill", c.ID, "0"}, {"update", "--pids-limit", "100", c.ID}, {"delete", "--force", c.ID}, {"delete", "--force", c.ID},
	} {
		if r := c.Do(args...); r.Code != 0 || r.Stdout+r.Stderr != "" {
			t.Errorf("%v", r)
		}
	}
	if text, err := os.ReadFile(path); err == nil && len(text) > 0 {
		t.Errorf("log: %s", text)
	}
}

func TestWarningOfASuccess(t *testing.T) {
	c := harness.New(t, badCapability)
	path := logged(t, c)
	r := c.Do("create", "--bundle", c.Bundle, c.ID)
	text, _ := os.ReadFile(path)
	var line logLine
	if err := json.Unmarshal(text, &line); err != nil || line.Level != "warning" || !strings.Contains(line.Msg, `"CAP_FOO"`) {
		t.Errorf("%s: %v", text, err)
	}
	if r.Code != 0 || r.Stderr != "" {
		t.Error(r)
	}
}

// containerd keeps one file for all calls and shows the last error in it.
func TestLogGrowsByALinePerError(t *testing.T) {
	c := harness.New(t)
	path := logged(t, c)
	for i := 1; i < 4; i++ {
		r := c.Do("state", "nobody")
		text, _ := os.ReadFile(path)
		lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		if len(lines) != i || !json.Valid([]byte(lines[i-1])) || r.Code != 1 {
			t.Errorf("%d lines after %d errors: %s", len(lines), i, text)
		}
	}
}

func TestTextLog(t *testing.T) {
	c := harness.New(t)
	path := filepath.Join(harness.Dir(t), "log")
	c.Global = []string{"--log=" + path}
	c.Do("state", "nobody")
	text, _ := os.ReadFile(path)
	if !strings.HasPrefix(string(text), `time="`) || !strings.Contains(string(text), ` level=error msg="container does not exist`) {
		t.Errorf("%s", text)
	}
}

func TestTrace(t *testing.T) {
	onlyRT(t)
	c := harness.New(t)
	path := filepath.Join(harness.Dir(t), "trace.json")
	c.Must("--trace", path, "create", "--bundle", c.Bundle, c.ID)
	defer c.Delete("--force")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var events []struct {
		Ph, Name string
		Ts, Dur  float64
	}
	if err := json.Unmarshal(text, &events); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	seen := map[string]bool{}
	for _, e := range events {
		seen[e.Name] = true
		if e.Ts < 0 || e.Dur < 0 || e.Dur > 60e6 {
			t.Errorf("%+v", e)
		}
	}
	for _, name := range []string{"plan", "launch", "mounts", "pivot root", "commit"} {
		if !seen[name] {
			t.Errorf("no step %q in %s", name, text)
		}
	}
}
