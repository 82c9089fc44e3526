// Summary reads what `go test -json` prints, shows what a person wants of it, and
// counts.
//
//	go test -json ./... | summary -machine host -save host.json
//	summary -total host.json v2.json apparmor.json
//
// The first shows failures with their output, and one line for each package. The
// second says how many tests ran on which machine, which ran on none and why, and
// ends with a line "N passed, N failed, N skipped".
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() {
	machine := flag.String("machine", "host", "name of the machine that ran the tests")
	save := flag.String("save", "", "file for the results, to be given to -total")
	total := flag.Bool("total", false, "sum up the files of several machines")
	none := flag.Bool("none-is-fine", false, "no test at all is no failure")
	flag.Parse()
	var err error
	if *total {
		err = sumUp(os.Stdout, flag.Args())
	} else {
		err = follow(*machine, *save, *none)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "summary:", err)
		os.Exit(1)
	}
}

// follow shows the tests of one machine while they run.
func follow(machine, save string, noneIsFine bool) error {
	r, err := read(os.Stdin, os.Stdout)
	r.Machine = machine
	passed, failed, skipped := r.count()
	fmt.Printf("%s: %d passed, %d failed, %d skipped here\n", machine, passed, failed, skipped)
	if save != "" {
		text, marshalErr := json.Marshal(r)
		if marshalErr != nil {
			return marshalErr
		}
		if err := os.WriteFile(save, text, 0o644); err != nil {
			return err
		}
	}
	switch {
	case err != nil:
		return err
	case failed > 0:
		return fmt.Errorf("%d failed", failed)
	case passed == 0 && !noneIsFine:
		return fmt.Errorf("no test ran")
	}
	return nil
}

// An event is a line of `go test -json` (go doc test2json).
type event struct {
	Action     string
	Package    string
	ImportPath string // of a build's output
	Test       string
	Output     string
	Elapsed    float64
}

// Results are what one machine found, by "package test".
type Results struct {
	Machine string
	Passed  []string
	Failed  []string
	Skipped map[string]string // with the reason
}

func (r *Results) count() (passed, failed, skipped int) {
	return len(r.Passed), len(r.Failed), len(r.Skipped)
}

// read follows the events up to their end. What is no event is shown as it is.
func read(in io.Reader, out io.Writer) (*Results, error) {
	r := &Results{Skipped: map[string]string{}}
	output := map[string][]string{}
	parents := map[string]bool{} // tests with subtests: only the leaves count
	count := map[string]int{}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil {
				fmt.Fprint(out, line)
			} else {
				r.take(e, out, output, parents, count)
			}
		}
		if err == io.EOF {
			return r, nil
		}
		if err != nil {
			return r, err
		}
	}
}

func (r *Results) take(e event, out io.Writer, output map[string][]string, parents map[string]bool, count map[string]int) {
	name := e.Package
	if e.Test != "" {
		name += " " + e.Test
	}
	switch e.Action {
	case "run":
		if i := strings.LastIndexByte(e.Test, '/'); i >= 0 {
			parents[e.Package+" "+e.Test[:i]] = true
		}
	case "output":
		output[name] = append(output[name], e.Output)
	case "build-output":
		fmt.Fprint(out, e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.endOfPackage(e, out, output[name], count[e.Package])
			break
		}
		r.endOfTest(e, name, out, output[name], parents[name])
		if !parents[name] {
			count[e.Package]++
		}
		delete(output, name)
	}
}

func (r *Results) endOfTest(e event, name string, out io.Writer, output []string, parent bool) {
	switch e.Action {
	case "pass":
		if !parent {
			r.Passed = append(r.Passed, name)
		}
	case "skip":
		// In a guest: what an earlier machine ran is no gap.
		if reason := skipReason(output); !strings.HasPrefix(reason, "ran on ") {
			r.Skipped[name] = reason
		}
	case "fail":
		for _, line := range output {
			if !strings.HasPrefix(line, "=== ") {
				fmt.Fprint(out, line)
			}
		}
		// A parent fails with a child, which was counted, or for a reason of its own.
		if parent && slices.ContainsFunc(r.Failed, func(f string) bool { return strings.HasPrefix(f, name+"/") }) {
			return
		}
		r.Failed = append(r.Failed, name)
	}
}

func (r *Results) endOfPackage(e event, out io.Writer, output []string, count int) {
	switch {
	case e.Action == "fail":
		fmt.Fprintf(out, "FAIL %-60s %4d tests %6.1f s\n", e.Package, count, e.Elapsed)
		failed := func(f string) bool { return strings.HasPrefix(f, e.Package+" ") }
		if !slices.ContainsFunc(r.Failed, failed) {
			fmt.Fprint(out, strings.Join(output, ""))
			r.Failed = append(r.Failed, e.Package)
		}
	case count > 0:
		fmt.Fprintf(out, "ok   %-60s %4d tests %6.1f s\n", e.Package, count, e.Elapsed)
	}
}

// skipReason is what t.Skip was given: the text behind "file.go:12: ".
func skipReason(output []string) string {
	for _, line := range output {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ") {
			continue
		}
		if _, reason, ok := strings.Cut(line, ".go:"); ok {
			if _, reason, ok = strings.Cut(reason, ": "); ok {
				return reason
			}
		}
	}
	return "no reason given"
}
