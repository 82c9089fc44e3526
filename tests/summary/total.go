package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// sumUp prints how many tests ran where, and which ran nowhere.
func sumUp(out io.Writer, files []string) error {
	var machines []Results
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var r Results
		if err := json.Unmarshal(text, &r); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		machines = append(machines, r)
	}
	passed, failed := map[string]bool{}, map[string]string{}
	skipped := map[string]string{}
	for _, m := range machines {
		p, f, s := m.count()
		fmt.Fprintf(out, "%-10s %5d passed %5d failed %5d skipped there\n", m.Machine, p, f, s)
		for _, name := range m.Passed {
			passed[name] = true
		}
		for _, name := range m.Failed {
			failed[name] = m.Machine
		}
		maps.Copy(skipped, m.Skipped)
	}
	// A test that a machine skipped as a whole has subtests on another.
	for _, m := range machines {
		for _, name := range append(m.Passed, m.Failed...) {
			for ; name != ""; name = parent(name) {
				delete(skipped, name)
			}
		}
	}
	for name := range failed {
		delete(passed, name)
	}
	showSkipped(out, skipped)
	for _, name := range slices.Sorted(maps.Keys(failed)) {
		fmt.Fprintf(out, "failed on %s: %s\n", failed[name], name)
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", len(passed), len(failed), len(skipped))
	if len(failed) > 0 || len(passed) == 0 {
		return fmt.Errorf("%d failed", len(failed))
	}
	return nil
}

// parent is the test that a subtest belongs to, and "" for one that is none.
func parent(name string) string {
	test := strings.LastIndexByte(name, ' ') // package paths have slashes too
	if i := strings.LastIndexByte(name, '/'); i > test && test >= 0 {
		return name[:i]
	}
	return ""
}

// showSkipped lists what ran on no machine, by reason.
func showSkipped(out io.Writer, skipped map[string]string) {
	byReason := map[string][]string{}
	for name, reason := range skipped {
		byReason[reason] = append(byReason[reason], name)
	}
	for _, reason := range slices.Sorted(maps.Keys(byReason)) {
		names := byReason[reason]
		slices.Sort(names)
		fmt.Fprintf(out, "ran nowhere (%s): %d\n    %s\n", reason, len(names), strings.Join(names, "\n    "))
	}
}
