package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

type report struct {
	targets  []target
	programs []string
	results  map[string][]result // by program, in the order of targets
	begin    time.Time
	took     time.Duration
	lab      []saved
}

// saved is the result of a run in a virtual machine, which another run adds.
type saved struct {
	Kernel string
	Clean  map[string][]string // names of runtimes, by program
}

func (r *report) saved() []byte {
	s := saved{Kernel: kernel(), Clean: map[string][]string{}}
	for _, name := range r.programs {
		for i, t := range r.targets {
			if r.results[name][i].Clean {
				s.Clean[name] = append(s.Clean[name], t.name)
			}
		}
	}
	text, _ := json.Marshal(s)
	return text
}

func readLab(pattern string) ([]saved, error) {
	if pattern == "" {
		return nil, nil
	}
	files, err := filepath.Glob(pattern)
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("-lab: no file is called %q", pattern)
	}
	if err != nil {
		return nil, err
	}
	var all []saved
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var s saved
		if err := json.Unmarshal(text, &s); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, s)
	}
	return all, nil
}

// inLab tells whether a program was clean in a virtual machine.
func (r *report) inLab(name string, target int) bool {
	return slices.ContainsFunc(r.lab, func(s saved) bool {
		return slices.Contains(s.Clean[name], r.targets[target].name)
	})
}

func (r *report) here(name string, target int) bool { return r.results[name][target].Clean }

func (r *report) anywhere(name string, target int) bool {
	return r.here(name, target) || r.inLab(name, target)
}

// rightly tells whether a program was clean and the specification kept.
func (r *report) rightly(name string, target int) bool {
	return r.here(name, target) && !forbidden(name) || r.inLab(name, target)
}

// fair tells whether a runtime can pass a program and keep the specification: it is
// not forbidden, and the first target is clean or fails by its own choice.
func (r *report) fair(name string) bool {
	if r.anywhere(name, 0) {
		return r.rightly(name, 0)
	}
	for _, line := range r.results[name][0].Lines {
		if e, ok := explain(name, line); ok && e.kind != engines {
			return false
		}
	}
	return true
}

// sum is a row that counts for each target the programs of which is is true.
func (r *report) sum(title string, is func(name string, target int) bool) []string {
	row := []string{title}
	for i := range r.targets {
		n := 0
		for _, name := range r.programs {
			if is(name, i) {
				n++
			}
		}
		row = append(row, fmt.Sprint(n))
	}
	return row
}

// rows are the lines of the table: the programs, then the sums.
func (r *report) rows() (table, sums [][]string) {
	count := 0
	for _, name := range r.programs {
		row := []string{name}
		for i, x := range r.results[name] {
			switch {
			case x.Clean && forbidden(name):
				x.Short += "*"
			case !x.Clean && r.inLab(name, i):
				x.Short += ", ok+"
			}
			row = append(row, x.Short)
		}
		table = append(table, row)
		if r.fair(name) {
			count++
		}
	}
	sums = append(sums, r.sum(fmt.Sprintf("clean here, of %d", len(r.programs)), r.here))
	sums = append(sums, r.sum("clean here, without *", func(name string, target int) bool {
		return r.here(name, target) && !forbidden(name)
	}))
	if len(r.lab) > 0 {
		sums = append(sums, r.sum("clean here or in a VM", r.anywhere))
	}
	sums = append(sums, r.sum(fmt.Sprintf("of the %d that count", count), func(name string, target int) bool {
		return r.fair(name) && r.rightly(name, target)
	}))
	return table, sums
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

const legend = "* clean by what runtime-spec 1.3.0 forbids; + in a virtual machine. " +
	"Programs count if a runtime can pass them and keep runtime-spec 1.3.0."

func (r *report) print(out io.Writer, verbose bool) {
	row := func(cells []string) {
		fmt.Fprintf(out, "%-32s", cells[0])
		for _, c := range cells[1:] {
			fmt.Fprintf(out, " %-14s", c)
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
	fmt.Fprintln(out, wrap(legend))
	if verbose {
		r.printLines(out)
	}
	bad := r.unexplained()
	for _, line := range bad {
		fmt.Fprintf(out, "not explained: %s: %s\n", r.targets[0].name, line)
	}
	fmt.Fprintf(out, "validation: %s: %s of %d programs clean, %d failing lines not explained, %.0f s\n",
		r.targets[0].name, r.sum("", r.anywhere)[1], len(r.programs), len(bad), r.took.Seconds())
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
		case r.anywhere(name, 0):
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
