package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestReporter(t *testing.T) {
	for name, tt := range map[string]struct {
		file, json, debug bool
		warn              []string
		fail              string
		wantFile          string // with T for the time
		wantErr           string
	}{
		"nothing":             {file: true, json: true},
		"error, json":         {file: true, json: true, fail: `a "b"`, wantFile: `{"level":"error","msg":"a \"b\"","time":"T"}`, wantErr: `a "b"`},
		"error, text":         {file: true, fail: "a b", wantFile: `time="T" level=error msg="a b"`, wantErr: "a b"},
		"error, stderr":       {fail: "a\nb\x1b[2J\u009b2J\n", wantErr: `rt: a; b\x1b[2J\x9b2J`},
		"error, json, stderr": {json: true, fail: "a", wantErr: `{"level":"error","msg":"a","time":"T"}`},
		"warning":             {file: true, json: true, warn: []string{"w"}, wantFile: `{"level":"warning","msg":"w","time":"T"}`},
		"warning, stderr":     {warn: []string{"w", "v"}, wantErr: "rt: warning: w\nrt: warning: v"},
		"both in one object": {file: true, json: true, warn: []string{"w", `"v"`}, fail: "e", wantErr: "e",
			wantFile: `{"level":"error","msg":"e","time":"T","warnings":["w","\"v\""]}`},
		"both in one line": {file: true, warn: []string{"w", "v"}, fail: "e", wantFile: `time="T" level=error msg="e" warning="w" warning="v"`, wantErr: "e"},
		"both, stderr":     {warn: []string{"w"}, fail: "e", wantErr: "rt: warning: w\nrt: e"},
		"debug":            {file: true, json: true, debug: true, wantFile: `{"level":"debug","msg":"d 1","time":"T"}`},
	} {
		t.Run(name, func(t *testing.T) {
			var stderr bytes.Buffer
			r := &reporter{json: tt.json, verbose: tt.debug, stderr: &stderr}
			path := filepath.Join(t.TempDir(), "log")
			if tt.file {
				r.path = path
			}
			r.debug("d %d", 1)
			for _, w := range tt.warn {
				r.warn(w)
			}
			if tt.fail != "" {
				r.fail(errors.New(tt.fail))
			} else {
				r.flush()
			}
			file, _ := os.ReadFile(path)
			if got := withoutTime(t, string(file)); got != tt.wantFile {
				t.Errorf("file: got  %s\nwant %s", got, tt.wantFile)
			}
			if got := withoutTime(t, stderr.String()); got != tt.wantErr {
				t.Errorf("stderr: got  %s\nwant %s", got, tt.wantErr)
			}
		})
	}
}

// withoutTime puts T in place of a time that containerd would take.
func withoutTime(t *testing.T, s string) string {
	s = strings.TrimSuffix(s, "\n")
	if strings.HasPrefix(s, "{") && !json.Valid([]byte(s)) {
		t.Errorf("not one JSON object: %s", s)
	}
	return regexp.MustCompile(`\d{4}-[^"]*`).ReplaceAllStringFunc(s, func(s string) string {
		if at, err := time.Parse(time.RFC3339, s); err != nil || time.Since(at) > time.Minute {
			t.Errorf("time %s: %v, %v", s, at, err)
		}
		return "T"
	})
}

func TestReporterUnwritable(t *testing.T) {
	var stderr bytes.Buffer
	r := &reporter{path: "/nonexistent/log", json: true, stderr: &stderr}
	r.fail(errors.New("e"))
	if got, want := stderr.String(), "e (and --log: open /nonexistent/log: no such file or directory)\n"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestOneLineIsShort(t *testing.T) {
	got := oneLine("begin" + strings.Repeat("€", 1<<20) + "end")
	if len(got) > 4096 || !strings.HasPrefix(got, "begin") || !strings.HasSuffix(got, "end") || !utf8.ValidString(got) {
		t.Errorf("%d bytes: %.20s … %s", len(got), got, got[len(got)-20:])
	}
}
