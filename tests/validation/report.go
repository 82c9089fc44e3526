package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

type report struct {
	targets  []target
	programs []string
	results  map[string][]result // by program, in the order of targets
	begin    time.Time
	took     time.Duration
}

// clean counts the programs that found nothing wrong with a target, of those that
// count.
func (r *report) clean(target int, counts func(name string) bool) int {
	n := 0
	for _, name := range r.programs {
		if counts(name) && r.results[name][target].Clean {
			n++
		}
	}
	return n
}

func all(string) bool { return true }

// fair tells whether a runtime can pass a program here and keep the specification:
// the first target does, or fails for another reason.
func (r *report) fair(name string) bool {
	if forbidden(name) {
		return false
	}
	for _, line := range r.results[name][0].Lines {
		if e, ok := explain(name, line); ok && (e.kind == broken || e.kind == machine || e.kind == race) {
			return false
		}
	}
	return true
}

func (r *report) countFair() int {
	n := 0
	for _, name := range r.programs {
		if r.fair(name) {
			n++
		}
	}
	return n
}

// rows are the lines of the table: the programs, then the sums.
func (r *report) rows() (table, sums [][]string) {
	for _, name := range r.programs {
		row := []string{name}
		for _, x := range r.results[name] {
			if x.Clean && forbidden(name) {
				x.Short += "*"
			}
			row = append(row, x.Short)
		}
		table = append(table, row)
	}
	total := []string{fmt.Sprintf("clean, of %d", len(r.programs))}
	fair := []string{fmt.Sprintf("clean, of the %d that count", r.countFair())}
	for i := range r.targets {
		total = append(total, fmt.Sprint(r.clean(i, all)))
		fair = append(fair, fmt.Sprint(r.clean(i, r.fair)))
	}
	return table, [][]string{total, fair}
}

// unexplained lists the failing lines of the first target that nobody explains.
func (r *report) unexplained() []string {
	var lines []string
	for _, name := range r.programs {
		for _, line := range r.results[name][0].Lines {
			if _, ok := explain(name, line); !ok {
				lines = append(lines, name+": "+line)
			}
		}
	}
	return lines
}

const legend = "* passes by what runtime-spec 1.3.0 forbids"

// Programs that count are those that a runtime can pass on this machine while it
// keeps runtime-spec 1.3.0.
func (r *report) print(out io.Writer, verbose bool) {
	row := func(cells []string) {
		fmt.Fprintf(out, "%-32s", cells[0])
		for _, c := range cells[1:] {
			fmt.Fprintf(out, " %-10s", c)
		}
		fmt.Fprintln(out)
	}
	head := []string{""}
	for _, t := range r.targets {
		head = append(head, t.name)
	}
	table, sums := r.rows()
	row(head)
	for _, cells := range table {
		row(cells)
	}
	for _, cells := range sums {
		row(cells)
	}
	fmt.Fprintln(out, legend)
	if verbose {
		r.printLines(out)
	}
	bad := r.unexplained()
	for _, line := range bad {
		fmt.Fprintf(out, "not explained: %s: %s\n", r.targets[0].name, line)
	}
	fmt.Fprintf(out, "validation: %s: %d of %d programs clean, %d failing lines not explained, %.0f s\n",
		r.targets[0].name, r.clean(0, all), len(r.programs), len(bad), r.took.Seconds())
}

func (r *report) printLines(out io.Writer) {
	for _, name := range r.programs {
		for i, x := range r.results[name] {
			for _, line := range slices.Concat(x.Lines, x.notes) {
				fmt.Fprintf(out, "%s: %s (%.1f s): %s\n", name, r.targets[i].name, x.took.Seconds(), line)
			}
		}
	}
}

// summary is the first target's result in the form that tests/summary adds up.
func (r *report) summary() []byte {
	results := struct {
		Machine        string
		Passed, Failed []string
		Skipped        map[string]string
	}{Machine: "validation", Skipped: map[string]string{}}
	for _, name := range r.programs {
		x, test := r.results[name][0], "validation "+name
		switch {
		case x.Clean:
			results.Passed = append(results.Passed, test)
		case slices.ContainsFunc(x.Lines, func(line string) bool { _, ok := explain(name, line); return !ok }):
			results.Failed = append(results.Failed, test)
		default:
			results.Skipped[test] = "can't pass, see docs/validation.md"
		}
	}
	text, _ := json.Marshal(results)
	return text
}
