package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A runtime is a program and what the checks found of it.
type runtime struct {
	name     string
	version  string
	machines []machine
}

// A machine is where tests ran, with what became of each by its name: "TestState"
// or "TestState/runtimeState.1".
type machine struct {
	name  string
	found map[string]found
}

// found is one test's end.
type found struct {
	result string // "pass", "fail" or "skip"
	text   string // of a failure or of the reason to skip
}

// readRuntime reads NAME=PATH:RESULTS,RESULTS.
func readRuntime(arg string) (runtime, error) {
	name, rest, ok := strings.Cut(arg, "=")
	path, files, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 {
		return runtime{}, fmt.Errorf("%q is not NAME=PATH:RESULTS", arg)
	}
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		return runtime{}, fmt.Errorf("%s --version: %w", path, err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	r := runtime{name: name, version: strings.Replace(first, " version", "", 1)}
	for file := range strings.SplitSeq(files, ",") {
		m, err := readResults(file)
		if err != nil {
			return r, err
		}
		r.machines = append(r.machines, m)
	}
	return r, nil
}

const checked = "github.com/c9b5e2ae/rt/tests/conformance"

// readResults reads either kind of file.
func readResults(file string) (machine, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return machine{}, err
	}
	var saved struct {
		Machine        string
		Passed, Failed []string
		Skipped        map[string]string
	}
	m := machine{name: "host", found: map[string]found{}}
	if json.Unmarshal(text, &saved) == nil && saved.Machine != "" {
		m.name = saved.Machine
		add := func(test, result, text string) {
			if name, ok := strings.CutPrefix(test, checked+" "); ok {
				m.found[name] = found{result, text}
			}
		}
		for _, test := range saved.Passed {
			add(test, "pass", "")
		}
		for _, test := range saved.Failed {
			add(test, "fail", "")
		}
		for test, why := range saved.Skipped {
			add(test, "skip", why)
		}
		return m, nil
	}
	return m, m.readEvents(file)
}

// readEvents reads test2json's lines.
func (m machine) readEvents(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	output := map[string][]string{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e struct{ Action, Package, Test, Output string }
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.Test == "" || e.Package != checked {
			continue
		}
		switch e.Action {
		case "output":
			output[e.Test] = append(output[e.Test], e.Output)
		case "pass", "fail", "skip":
			m.found[e.Test] = found{e.Action, firstText(output[e.Test])}
		}
	}
	return lines.Err()
}

// firstText is the first thing that a test said of itself.
func firstText(output []string) string {
	var texts []string
	for _, line := range output {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ") {
			continue
		}
		if _, text, ok := strings.Cut(line, "_test.go:"); ok {
			if len(texts) > 0 {
				break
			}
			_, line, _ = strings.Cut(text, ": ")
		}
		texts = append(texts, line)
	}
	return strings.Join(texts, " ")
}

// of is what became of a sentence on this machine. A test that ended before it came
// to the sentence speaks for it.
func (m machine) of(id, test string) (found, bool) {
	for name, f := range m.found {
		if filepath.Base(name) == id && strings.Contains(name, "/") {
			return f, true
		}
	}
	f, ok := m.found[test]
	return f, ok && f.result != "pass"
}

// A verdict is what became of a sentence on all machines.
type verdict struct {
	result string // "pass", "fail", "on purpose", "skip"
	text   string
	where  []string // the machines that ran it
}

func (r runtime) of(id, test string) verdict {
	v := verdict{result: "skip", text: "did not run"}
	for _, m := range r.machines {
		f, ok := m.of(id, test)
		if !ok || strings.HasPrefix(f.text, "ran on ") {
			continue
		}
		why, purpose := strings.CutPrefix(f.text, "on purpose: ")
		switch {
		case f.result == "fail":
			v.result, v.text = "fail", f.text
			v.where = append(v.where, m.name)
		case v.result == "fail":
		case f.result == "pass":
			v.result, v.text = "pass", ""
			v.where = append(v.where, m.name)
		case purpose:
			v.result, v.text = "on purpose", why
			v.where = append(v.where, m.name)
		case v.result == "skip":
			v.text = f.text
		}
	}
	slices.Sort(v.where)
	return v
}
