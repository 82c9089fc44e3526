package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// document fills the tables of performance.md, which stand between
//
//	<!-- bench NAME -->
//	<!-- end -->
//
// writes the charts beside it, and the numbers that both are made of.
func (report *Report) document(dir string) error {
	for _, e := range experiments {
		if report.table(e.id) == nil {
			return fmt.Errorf("-docs: table %s was not measured", e.id)
		}
	}
	file := filepath.Join(dir, "performance.md")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	filled, err := report.insert(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	charts := filepath.Join(dir, "charts")
	if err := os.MkdirAll(charts, 0o755); err != nil {
		return err
	}
	for name, svg := range report.charts() {
		if err := os.WriteFile(filepath.Join(charts, name+".svg"), []byte(svg), 0o644); err != nil {
			return err
		}
	}
	if err := report.write(filepath.Join(charts, "performance.json")); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(filled), 0o644)
}

var marked = regexp.MustCompile(`(?s)<!-- bench ([a-zA-Z0-9]+) -->\n.*?<!-- end -->`)

// insert replaces what stands between the marks.
func (report *Report) insert(text string) (string, error) {
	var err error
	filled := marked.ReplaceAllStringFunc(text, func(block string) string {
		name := marked.FindStringSubmatch(block)[1]
		var part string
		switch t := report.table(name); {
		case name == "machine":
			part = report.machine()
		case name == "goals":
			part = report.goalTable()
		case name == "losses":
			part = report.lossList()
		case t != nil:
			part = t.markdown(report.names())
		default:
			err = fmt.Errorf("the mark %q names no table", name)
		}
		return fmt.Sprintf("<!-- bench %s -->\n%s<!-- end -->", name, part)
	})
	if err == nil && !marked.MatchString(text) {
		err = fmt.Errorf("there is no mark <!-- bench NAME -->")
	}
	return filled, err
}

func (report *Report) names() []string {
	var names []string
	for _, r := range report.Runtimes {
		names = append(names, r.Name)
	}
	return names
}

// machine tells what was measured, when and where.
func (report *Report) machine() string {
	var b strings.Builder
	h := &report.Host
	fmt.Fprintf(&b, "| | |\n|---|---|\n| date | %s, load average %.2f at the begin, %.0f minutes |\n", report.Date, report.Load, report.Took/60)
	fmt.Fprintf(&b, "| machine | %d x %s, %.0f GiB, %s, cgroup %s, state and roots on %s |\n", h.CPUs, h.Processor, h.Memory, h.Kernel, h.Cgroups, h.State)
	for _, r := range report.Runtimes {
		hidden := ""
		if r.Hidden {
			hidden = ", without `" + unified + "`"
		}
		fmt.Fprintf(&b, "| %s | %s, %.1f MB%s |\n", r.Name, r.Version, float64(r.Size)/1e6, hidden)
	}
	return b.String()
}

func (report *Report) goalTable() string {
	var b strings.Builder
	b.WriteString("| measure | goal | measured | |\n|---|---|---|---|\n")
	for _, j := range report.judge() {
		value, mark := j.why, "–"
		if j.why == "" {
			value, mark = j.number(j.value), "met"
			if !j.met {
				mark = fmt.Sprintf("**missed** by %.0f %%", 100*max(j.value/j.limit-1, j.limit/j.value-1))
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", j.name, j.number(j.limit), value, mark)
	}
	return b.String()
}

func (report *Report) lossList() string {
	var b strings.Builder
	for _, l := range report.losses() {
		fmt.Fprintf(&b, "- %s\n", l)
	}
	if b.Len() == 0 {
		return "Nothing.\n"
	}
	return b.String()
}

// markdown is the table with a runtime a column: median (fastest, slowest tenth),
// and what rt's median is of the others'.
func (t *Table) markdown(names []string) string {
	if t.of(t.Rows[0].Case, names[min(1, len(names)-1)]) == nil { // K and parts of J are rt's alone
		return t.list()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | %s |", strings.TrimPrefix(t.Unit, "containers/"), strings.Join(names, " | "))
	for _, n := range names[1:] {
		fmt.Fprintf(&b, " rt : %s |", n)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", 2*len(names)-1) + "\n")
	last := ""
	for i := range t.Rows {
		name := t.Rows[i].Case
		if name == last {
			continue
		}
		last = name
		fmt.Fprintf(&b, "| %s |", name)
		for _, n := range names {
			fmt.Fprintf(&b, " %s |", t.cell(t.of(name, n)))
		}
		ours := t.of(name, names[0])
		for _, n := range names[1:] {
			share := ""
			if r := t.of(name, n); r != nil && r.N > 0 && ours != nil && ours.N > 0 {
				share = ratio(ours.Median, r.Median)
			}
			fmt.Fprintf(&b, " %s |", share)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (t *Table) cell(r *Row) string {
	switch {
	case r == nil:
		return ""
	case r.N == 0:
		return "failed: " + r.Error
	case r.N == 1 || r.Min == r.P90:
		return "**" + t.format(r.Median) + "**"
	}
	cell := fmt.Sprintf("**%s** (%s – %s)", t.format(r.Median), t.format(r.Min), t.format(r.P90))
	if r.Failures > 0 {
		cell += fmt.Sprintf(", %d of %d failed: %s", r.Failures, r.Failures+r.N, r.Error)
	}
	return cell
}

// list is a table of rt's parts.
func (t *Table) list() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | | |\n|---|---|---|\n", t.Unit)
	for i := range t.Rows {
		r := &t.Rows[i]
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r.Case, r.Runtime, t.cell(r))
	}
	return b.String()
}

// charts are the pictures by name.
func (report *Report) charts() map[string]string {
	names := report.names()
	ms := func(v float64) string { return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0") }
	where := fmt.Sprintf("%d x %s, %s; bars: median, lines: fastest to 90th percentile", report.Host.CPUs, report.Host.Processor, report.Date[:10])
	var run, commands []group
	for _, id := range []string{"A", "B"} {
		t := report.table(id)
		for _, bundle := range []string{dockerName, plainName} {
			run = append(run, t.group(bundle, map[string]string{"A": "hot, ", "B": "cold, "}[id]+bundle, names))
		}
	}
	d := report.table("D")
	for _, verb := range []string{"create", "start", "state", "exec", "list", "kill", "delete"} {
		commands = append(commands, d.group(verb, verb, names))
	}
	f, e := report.table("F"), report.table("E")
	growth := []panel{
		{"list, with N containers running", []float64{1, 100, 1000}, f.curves(names, []float64{1, 100, 1000}, func(n float64) string { return beside("list", int(n)) })},
		{"run, beside N containers", []float64{1, 100, 1000}, f.curves(names, []float64{1, 100, 1000}, func(n float64) string { return beside("run", int(n)) })},
		{"run, with N bind mounts", []float64{0, 10, 100, 1000}, e.curves(names, []float64{0, 10, 100, 1000}, func(n float64) string { return fmt.Sprintf("%d mounts", int(n)) })},
	}
	var together []group
	h := report.table("H")
	for _, p := range []int{1, 2, 4, 8, 16} {
		name := fmt.Sprintf("P = %d", p)
		together = append(together, h.group(name, name, names))
	}
	return map[string]string{
		"run":      bars("Run a container that ends at once, ms", where, names, run, ms),
		"commands": bars("Each command of a container's life, ms", where, names, commands, ms),
		"growth":   lines("Growth, ms", fmt.Sprintf("%d x %s, %s; medians, both axes logarithmic", report.Host.CPUs, report.Host.Processor, report.Date[:10]), names, growth, ms),
		"parallel": bars("Containers run in a second, started by P at once (more is better)", where, names, together, func(v float64) string { return strconv.Itoa(int(v + 0.5)) }),
	}
}

func (t *Table) group(name, label string, runtimes []string) group {
	g := group{name: label}
	for _, r := range runtimes {
		g.rows = append(g.rows, t.of(name, r))
	}
	return g
}

func (t *Table) curves(runtimes []string, xs []float64, name func(float64) string) []curve {
	var out []curve
	for i, r := range runtimes {
		k := curve{runtime: i}
		for _, x := range xs {
			if row := t.of(name(x), r); row != nil && row.N > 0 {
				k.points = append(k.points, [2]float64{x, row.Median})
			}
		}
		if len(k.points) > 0 {
			out = append(out, k)
		}
	}
	return out
}
