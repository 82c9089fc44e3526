package main

import (
	_ "embed"
	"os"
	"regexp"
	"strings"
)

// A kind says why a program can find a fault of a runtime that has none.
type kind string

const (
	broken  kind = "broken"
	race    kind = "race"
	spec    kind = "spec"
	machine kind = "machine"
	engines kind = "engines"
)

var kinds = map[kind]string{
	broken:  "The program is wrong: no runtime can pass it.",
	race:    "The program races with the container.",
	spec:    "Runtime-spec 1.3.0 demands the opposite.",
	machine: "This machine lacks what the program needs.",
	engines: "rt deviates on purpose.",
}

// An explanation is for the lines of a program that match; why is Markdown.
type explanation struct {
	kind  kind
	lines *regexp.Regexp
	why   string
}

// String is the explanation as a paragraph.
func (e explanation) String() string { return wrap(kinds[e.kind] + " " + e.why) }

//go:embed explained.md
var explainedText string

// explained are the explanations by program.
var explained = parseExplained(explainedText)

// parseExplained reads "## NAME, NAME", and below it any number of "    KIND: PATTERN"
// with paragraphs of prose behind.
func parseExplained(text string) map[string][]explanation {
	all := map[string][]explanation{}
	var names []string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if title, ok := strings.CutPrefix(line, "## "); ok {
			names = strings.Split(title, ", ")
			continue
		}
		rule, isRule := strings.CutPrefix(line, "    ")
		for _, name := range names {
			if isRule {
				word, pattern, _ := strings.Cut(rule, ": ")
				all[name] = append(all[name], explanation{kind: kind(word), lines: regexp.MustCompile(`^(?:` + pattern + `)$`)})
			} else if n := len(all[name]); n > 0 {
				all[name][n-1].why = strings.TrimSpace(all[name][n-1].why + " " + line)
			}
		}
	}
	return all
}

// explain finds why a line of a program fails.
func explain(name, line string) (explanation, bool) {
	for _, e := range explained[name] {
		if e.lines.MatchString(line) {
			return e, true
		}
	}
	return explanation{}, false
}

// forbidden tells whether a program can be passed, on this machine, only by what the
// specification of today forbids: the opposite of what it demands, or to ignore a
// property that can't be applied.
func forbidden(name string) bool {
	switch name {
	case "linux_mount_label":
		return !exists("/sys/fs/selinux/enforce")
	case "linux_process_apparmor_profile":
		return !exists("/sys/kernel/security/apparmor/profiles")
	}
	return len(explained[name]) > 0 && explained[name][0].kind == spec
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
