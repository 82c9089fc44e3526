package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestBundleOf(t *testing.T) {
	dir := t.TempDir()
	for _, bundle := range []string{"mine", "deep/er", "here", "..x"} {
		if err := os.MkdirAll(filepath.Join(dir, bundle), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, bundle, "config.json"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		cwd, operand, flag string
		id, bundle         string
		want               string // the error's beginning
	}{
		"a bundle by its name":     {".", "mine", "", "mine", "mine", ""},
		"with a slash":             {".", "mine/", "", "mine", "mine/", ""},
		"by a path":                {".", "./deep/er", "", "er", "./deep/er", ""},
		"no bundle of that name":   {".", "other", "", "other", ".", ""},
		"here is one":              {"here", "mine", "", "mine", ".", ""},
		"here is one, path":        {"here", "../mine", "", "", "", `container id "../mine": `},
		"flag":                     {".", "mine", "/b", "mine", "/b", ""},
		"flag, path":               {".", "deep/er", "/b", "", "", `container id "deep/er": `},
		"no id":                    {".", "..x", "", "", "", `container id "..x": `},
		"the directory above":      {"deep/er", "..", "", "", "", `container id "..": `},
		"a path that is no bundle": {".", "deep/x", "", "", "", `container id "deep/x": `},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(filepath.Join(dir, tt.cwd))
			id, bundle, err := bundleOf(tt.operand, tt.flag)
			if tt.want != "" {
				if err == nil || len(err.Error()) < len(tt.want) || err.Error()[:len(tt.want)] != tt.want {
					t.Errorf("got %v, want %s", err, tt.want)
				}
				return
			}
			if err != nil || id != tt.id || bundle != tt.bundle {
				t.Errorf("got %q, %q, %v, want %q, %q", id, bundle, err, tt.id, tt.bundle)
			}
		})
	}
}

func TestListenFDs(t *testing.T) {
	for name, tt := range map[string]struct {
		pid, fds string
		want     int
	}{
		"none":           {"", "", 0},
		"two":            {"7", "2", 2},
		"for another":    {"8", "2", 0},
		"nonsense":       {"7", "x", 0},
		"negative":       {"7", "-2", 0},
		"pid is missing": {"", "2", 0},
	} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{"LISTEN_PID": tt.pid, "LISTEN_FDS": tt.fds}
			if got := listenFDs(func(k string) string { return env[k] }, 7); got != tt.want {
				t.Errorf("got %d, want %d", got, tt.want)
			}
		})
	}
}
