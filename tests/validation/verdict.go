package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A verdict is what the output of a program means. A program finds a fault if it
// exits with another status than 0, prints a "not ok" of the Test Anything Protocol,
// or prints no "ok" but an error in a diagnostic.
type verdict struct {
	Clean bool
	Short string   // for a table
	Lines []string // one for each fault, as the program words it
}

var (
	testLine  = regexp.MustCompile(`^(not )?ok \d+(?: - )?(.*)`)
	innerLine = regexp.MustCompile(`^\s*"stdout": (".*?"),?$`)
	errorLine = regexp.MustCompile(`^\s*"error": (".*?")?,?$`)
	// What differs from run to run.
	variable = regexp.MustCompile(`ocitest\d+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|/var/tmp/rtv[^/\s"]*/\d+/suite|time="[^"]*" |goroutine \d+|0x[0-9a-f]{6,}`)
)

func judge(stdout, stderr string, exit int) verdict {
	var v verdict
	var ok, notOK int
	var errors []string
	var inner []string // what runtimetest, in the container, found for the next line
	for line := range strings.Lines(stdout) {
		line = strings.TrimSuffix(line, "\n")
		if m := testLine.FindStringSubmatch(line); m != nil {
			if m[1] == "" {
				ok++
			} else {
				notOK++
				v.addTest(m[2], stderr, inner)
			}
			inner = nil
		} else if m := innerLine.FindStringSubmatch(line); m != nil {
			inner = faults(m[1])
		} else if m := errorLine.FindStringSubmatch(line); m != nil {
			var text string
			json.Unmarshal([]byte(m[1]), &text)
			errors = append(errors, text)
		}
	}
	switch {
	case notOK > 0:
		v.Short = fmt.Sprintf("%d not ok", notOK)
	case exit != 0:
		v.Short = fmt.Sprintf("exit %d", exit)
	case ok == 0 && len(errors) > 0:
		v.Short = "error"
	default:
		return verdict{Clean: true, Short: "ok"}
	}
	if exit != 0 {
		v.add(fmt.Sprintf("exit status %d: %s", exit, stderr))
	}
	if v.Short == "error" {
		for _, text := range errors {
			v.add(text)
		}
	}
	return v
}

// faults are the tests that are not ok in output that is quoted as JSON.
func faults(quoted string) []string {
	var found []string
	var text string
	json.Unmarshal([]byte(quoted), &text)
	for line := range strings.Lines(text) {
		if m := testLine.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil && m[1] != "" {
			found = append(found, m[2])
		}
	}
	return found
}

// addTest notes a test that is not ok, with what is known beyond its name.
func (v *verdict) addTest(name, stderr string, inner []string) {
	if strings.HasPrefix(name, "exit status ") {
		v.add(name + ": " + stderr)
		return
	}
	for _, fault := range inner {
		v.add(name + ": " + fault)
	}
	if len(inner) == 0 {
		v.add(name)
	}
}

// add notes a fault on one line, without what differs from run to run, and once.
func (v *verdict) add(text string) {
	text = strings.Join(strings.Fields(variable.ReplaceAllString(text, "…")), " ")
	if !slices.Contains(v.Lines, text) {
		v.Lines = append(v.Lines, text)
	}
}
