package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	for name, tt := range map[string]struct {
		stdout, stderr string
		exit           int
		want           string // Short and Lines
	}{
		"clean":        {stdout: "TAP version 13\nok 1 - a\n1..1\n", want: "ok"},
		"silent":       {stdout: "TAP version 13\n1..0\n", want: "ok"},
		"skipped":      {stdout: "ok 1 # SKIP mounts not set\n", want: "ok"},
		"ok and error": {stdout: "ok 1 - a\n  ---\n  {\n    \"error\": \"as wanted\"\n  }\n  ...\n", want: "ok"},
		"not ok":       {stdout: "ok 1 - a\nnot ok 2 - b\nnot ok 3 - c\nnot ok 4 - b\n", want: "3 not ok|b|c"},
		"status":       {stdout: "ok 1 - a\n", stderr: "it\nfailed\n", exit: 1, want: "exit 1|exit status 1: it failed"},
		"error":        {stdout: "  {\n    \"error\": \"he said \\\"no\\\"\\nand went\"\n  }\n", want: `error|he said "no" and went`},
		"not ok, error": {
			stdout: "not ok 1 - b\n  ---\n  {\n    \"error\": \"x\"\n  }\n", want: "1 not ok|b"},
		"a command's status": {
			stdout: "not ok 1 - exit status 1\n", stderr: "rt: config.json: x\n", want: "1 not ok|exit status 1: rt: config.json: x"},
		"in the container": {
			stdout: "  ---\n  {\n    \"stderr\": \"\",\n    \"stdout\": \"ok 1 - x\\nnot ok 2 - y\\n\"\n  }\n  ...\nnot ok 1 - a\nnot ok 2 - b\n",
			want:   "2 not ok|a: y|b"},
		"what differs": {
			stdout: "not ok 1 - /var/tmp/rtv12/3/suite/tmp/ocitest4567/x of 79d49ec4-5fd8-442c-bff8-7a78742aa30c\n", want: "1 not ok|…/tmp/…/x of …"},
	} {
		t.Run(name, func(t *testing.T) {
			v := judge(tt.stdout, tt.stderr, tt.exit)
			if got := strings.Join(append([]string{v.Short}, v.Lines...), "|"); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if v.Clean != (v.Short == "ok") {
				t.Errorf("Clean is %v for %s", v.Clean, v.Short)
			}
		})
	}
}

func TestExplained(t *testing.T) {
	if len(explained) < 20 {
		t.Errorf("%d programs are explained", len(explained))
	}
	for name, list := range explained {
		for _, e := range list {
			if kinds[e.kind] == "" {
				t.Errorf("%s: unknown kind %q", name, e.kind)
			}
			if !strings.HasSuffix(e.why, ".") {
				t.Errorf("%s: the explanation does not end: %q", name, e.why)
			}
		}
	}
	if e, ok := explain("linux_cgroups_relative_memory", "memory kernel is set correctly"); !ok || e.kind != machine {
		t.Errorf("%+v, %v", e, ok)
	}
	if _, ok := explain("linux_cgroups_memory", "memory kernelTCP is set correctly"); ok {
		t.Error("the pattern is for the whole line")
	}
}

// testReport is of a runtime that passes a and fails the two others, one for a
// reason, and of one that passes what it should not.
func testReport() *report {
	fails := func(lines ...string) result { return result{verdict: verdict{Short: "error", Lines: lines}} }
	ok := result{verdict: verdict{Clean: true, Short: "ok"}}
	return &report{
		targets:  []target{{name: "one"}, {name: "two"}},
		programs: []string{"a", "linux_ns_path", "prestart"},
		results: map[string][]result{
			"a":             {ok, ok},
			"linux_ns_path": {fails("something new"), ok},
			"prestart":      {fails("Pre-start hooks MUST be called after the `start` operation is called …"), ok},
		},
	}
}

func TestReport(t *testing.T) {
	r := testReport()
	if got, want := r.unexplained(), []string{"linux_ns_path: something new"}; !slices.Equal(got, want) {
		t.Errorf("unexplained: %q, want %q", got, want)
	}
	table, sums := r.rows()
	if got := table[2][2]; got != "ok*" {
		t.Errorf("prestart of two: %q, want %q", got, "ok*")
	}
	if got, want := strings.Join(sums[0], "|"), "clean here, of 3|1|3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := strings.Join(sums[1], "|"), "clean here, without *|1|2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := strings.Join(sums[2], "|"), "of the 2 that count|1|2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	text := string(r.markdown())
	for _, want := range []string{"| prestart | error | ok\\* |", "> something new\n\nNot explained.", "demands the opposite"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	var sum struct {
		Machine        string
		Passed, Failed []string
		Skipped        map[string]string
	}
	if err := json.Unmarshal(r.summary(), &sum); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(sum.Passed, []string{"validation a"}) || !slices.Equal(sum.Failed, []string{"validation linux_ns_path"}) || len(sum.Skipped) != 1 {
		t.Errorf("summary: %+v", sum)
	}
}

func TestBelow(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"a/testdir/cgrouptest/x", "b/other"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	got := below(dir, func(name string) bool { return name == "testdir" || name == "cgrouptest" })
	if want := []string{dir + "/a/testdir/cgrouptest", dir + "/a/testdir"}; !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestFindRuntimes(t *testing.T) {
	program := filepath.Join(t.TempDir(), "rt-new")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho rt version 1.2.3\necho spec: 1.3.0\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for arg, want := range map[string]target{
		program:         {"rt-new", program, "1.2.3"},
		"rt=" + program: {"rt", program, "1.2.3"},
	} {
		got, err := findRuntimes([]string{arg})
		if err != nil || got[0] != want {
			t.Errorf("%s: %+v, %v; want %+v", arg, got, err, want)
		}
	}
	for arg, want := range map[string]string{
		"/nowhere/rt": `/nowhere/rt: no such file or directory`,
		"/bin/false":  `/bin/false --version: exit status 1`,
	} {
		if _, err := findRuntimes([]string{arg}); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", arg, err, want)
		}
	}
	if _, err := findRuntimes(nil); err == nil {
		t.Error("no runtime is no error")
	}
}
