package main

import (
	"fmt"
	"io"
	"strings"
)

// A goal is a number that rt wants to reach: a ratio to another runtime, or an
// absolute one, of the medians.
type goal struct {
	name  string
	table string
	of    string  // the case
	peer  string  // "" is an absolute goal
	limit float64 // at most; at least where more is better
}

// The goals for a crun are the same for one that keeps compiled seccomp profiles,
// which is called crun-cached here, but for the one that such a crun wins by that.
var goals = []goal{
	{"run-hot, docker bundle", "A", dockerName, "crun", 0.25},
	{"run-hot, docker bundle", "A", dockerName, "crun-cached", 0.75},
	{"run-hot, docker bundle", "A", dockerName, "runc", 0.2},
	{"run-hot, plain bundle", "A", plainName, "crun*", 0.75},
	{"run-hot, plain bundle", "A", plainName, "runc", 0.3},
	{"run-cold, docker bundle", "B", dockerName, "crun*", 0.35},
	{"run-cold, docker bundle", "B", dockerName, "runc", 0.2},
	{"exec, hot", "D", "exec", "crun*", 0.7},
	{"exec, cold", "D2", "exec", "crun*", 0.25},
	{"create", "D", "create", "crun*", 0.7},
	{"start", "D", "start", "crun*", 0.7},
	{"state", "D", "state", "crun*", 0.7},
	{"list", "D", "list", "crun*", 0.7},
	{"kill", "D", "kill", "crun*", 0.7},
	{"delete", "D", "delete", "crun*", 0.7},
	{"parallel starts, P = 8", "H", "P = 8", "crun*", 1.4},
	{"instructions of run, millions", counted, "run, " + dockerName, "", 14},
	{"RSS of a created init, KiB", "I", "created init: Rss", "", 4096},
	{"peak RSS of run, KiB", "I", "peak of run: Rss", "", 8192},
	{"package inits, ms", "J", "package inits of rt", "", 0.15},
}

// A judged goal is one with the number that was measured.
type judged struct {
	goal
	value float64
	met   bool
	why   string // that there is no number
}

// judge compares the goals with what was measured; those of tables and runtimes
// that were left out are left out.
func (report *Report) judge() []judged {
	var out []judged
	var all []goal
	for _, g := range goals {
		one, both := strings.CutSuffix(g.peer, "*")
		g.peer = one
		if all = append(all, g); both {
			g.peer = one + "-cached"
			all = append(all, g)
		}
	}
	for _, g := range all {
		t := report.table(g.table)
		if t == nil {
			continue
		}
		ours, theirs := t.of(g.of, "rt"), t.of(g.of, g.peer)
		if ours == nil || g.peer != "" && theirs == nil {
			continue
		}
		j := judged{goal: g}
		switch {
		case ours.N == 0:
			j.why = ours.Error
		case g.peer == "":
			j.value = ours.Median
		case theirs.N == 0:
			j.why = g.peer + ": " + theirs.Error
		default:
			j.value = ours.Median / theirs.Median
		}
		j.met = j.why == "" && (j.value <= g.limit && !t.More || j.value >= g.limit && t.More)
		out = append(out, j)
	}
	return append(out, report.derived()...)
}

// derived are the goals that come from two rows.
func (report *Report) derived() []judged {
	var out []judged
	add := func(name, table, low, high string, per, limit float64) {
		t := report.table(table)
		if t == nil {
			return
		}
		if a, b := t.of(low, "rt"), t.of(high, "rt"); a != nil && b != nil && a.N > 0 && b.N > 0 {
			v := (b.Median - a.Median) / per
			out = append(out, judged{goal: goal{name: name, limit: limit}, value: v, met: v <= limit})
		}
	}
	add("list, µs for each of 1000 containers", "F", beside("list", 1), beside("list", 1000), 0.999, 6)
	add("mount, µs for each of 1000", "E", "0 mounts", "1000 mounts", 1, 5)
	add("Docker's seccomp profile, ms more than none", "G", "no seccomp", "docker's profile", 1, 0.3)
	return out
}

// verdict tells how the goals stand, and names what rt loses.
func (report *Report) verdict(w io.Writer) {
	fmt.Fprintf(w, "\nGoals, by the median:\n")
	for _, j := range report.judge() {
		fmt.Fprintf(w, "  %-8s %s\n", j.mark(), j.text())
	}
	fmt.Fprintln(w, "\nWhat rt loses:")
	losses := report.losses()
	for _, l := range losses {
		fmt.Fprintln(w, "  "+l)
	}
	if len(losses) == 0 {
		fmt.Fprintln(w, "  nothing")
	}
}

func (j *judged) mark() string {
	switch {
	case j.why != "":
		return "no value"
	case j.met:
		return "met"
	}
	return "MISSED"
}

func (j *judged) text() string {
	if j.why != "" {
		return j.name + ": " + j.why
	}
	return fmt.Sprintf("%s: %s, goal %s", j.name, j.number(j.value), j.number(j.limit))
}

func (j *judged) number(v float64) string {
	if j.peer != "" {
		return fmt.Sprintf("%.2f x %s", v, j.peer)
	}
	return fmt.Sprintf("%.4g", v)
}

// losses are the cases in which another runtime's median is better than rt's. Of what
// the kernel counted, only the time is an end in itself.
func (report *Report) losses() []string {
	var out []string
	for _, t := range report.Tables {
		last := ""
		for i := range t.Rows {
			name := t.Rows[i].Case
			ours := t.of(name, "rt")
			if name == last || ours == nil || t.ID == "C" && name != cpuTime {
				continue
			}
			last = name
			if lost := t.losses(ours); lost != "" {
				out = append(out, fmt.Sprintf("%s, %s: %s", t.Name, name, lost))
			}
		}
	}
	return out
}

// losses tells what rt loses in one case, or nothing.
func (t *Table) losses(ours *Row) string {
	var better []string
	for i := range t.Rows {
		r := &t.Rows[i]
		switch {
		case r.Case != ours.Case || r.N == 0 || r == ours:
		case ours.N == 0:
			return "rt failed: " + ours.Error
		case (ours.Median > r.Median) != t.More && ours.Median != r.Median:
			better = append(better, fmt.Sprintf("%s %s", r.Runtime, t.format(r.Median)))
		}
	}
	if better == nil {
		return ""
	}
	return fmt.Sprintf("rt %s, %s", t.format(ours.Median), strings.Join(better, ", "))
}
