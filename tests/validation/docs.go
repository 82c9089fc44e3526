package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// markdown is docs/validation.md.
func (r *report) markdown() []byte {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	p(`# The OCI validation suite

%[1]smake validation%[1]s runs the %[2]d programs of the Open Containers Initiative's validation
suite, %[3]s %[4]s, against rt, and against Debian's
runc and crun beside it; %[1]smake validation RUNTIME=runc%[1]s runs it against another
runtime. %[1]smake validation-docs%[1]s writes this file.

The suite speaks of runtime-spec 1.0.2, and of a host with cgroups of version 1. A
program finds a fault if it exits with another status than 0, prints a "not ok", or
prints no "ok" but an error. A row of the table that rt fails is explained below.

The tool in tests/validation makes the machine what the programs expect, for all
runtimes alike:

- It builds the suite with a compiler of its time (%[5]s). Programs of later ones
  raise their own RLIMIT_NOFILE, which the suite's runtimetest measures.
- It mounts the cgroup hierarchies net_cls, net_prio and hugetlb for the programs that
  read them, if the machine has none and the kernel lets it.
- Programs that race with the container or with a hook have the machine for
  themselves, and five tries. Those that can be passed by luck alone must be clean
  three times.
- Those that need all capabilities, AppArmor or SELinux also run in the virtual
  machines of tests/lab.
- Each program runs in a mount namespace of its own. crun does not see the version 2
  hierarchy of a hybrid host, which its version 1.8 refuses.

`, "`", programs, module, version, toolchain)
	p("Measured on %s, Linux %s, with ", r.begin.UTC().Format(time.DateOnly), kernel())
	for i, t := range r.targets {
		if i > 0 {
			p(", ")
		}
		p("%s %s", t.name, t.version)
	}
	p(".\n")
	if len(r.lab) > 0 {
		p("In the virtual machines of tests/lab: Linux %s.\n", r.lab[0].Kernel)
	}
	p("\n| program |")
	for _, t := range r.targets {
		p(" %s |", t.name)
	}
	p("\n|---|%s\n", strings.Repeat("---|", len(r.targets)))
	table, sums := r.rows()
	for _, cells := range table {
		p("| %s |\n", strings.ReplaceAll(strings.Join(cells, " | "), "*", `\*`))
	}
	for _, cells := range sums {
		cells[0] = strings.ReplaceAll(cells[0], "*", `\*`)
		p("| **%s** |\n", strings.Join(cells, "** | **"))
	}
	p("\n%s\n", strings.Replace(wrap(legend), "*", `\*`, 1))
	p("\n## What %s fails, and why\n", r.targets[0].name)
	for _, name := range r.programs {
		r.reasons(p, name)
	}
	p("\n## What may fail elsewhere\n\nPrograms that are clean here, and need not be on another machine.\n")
	for _, name := range r.programs {
		if r.results[name][0].Clean && len(explained[name]) > 0 {
			p("\n### %s\n", name)
			for _, e := range explained[name] {
				p("\n%s\n", e)
			}
		}
	}
	return []byte(b.String())
}

// reasons writes what is to be said of a program that the first target fails.
func (r *report) reasons(p func(string, ...any), name string) {
	x := r.results[name][0]
	if x.Clean {
		return
	}
	p("\n### %s\n", name)
	if r.inLab(name, 0) {
		p("\nClean in a virtual machine that has what this machine lacks.\n")
	}
	var said []string
	for _, line := range x.Lines {
		p("\n> %s\n", strings.NewReplacer("<", "&lt;", "*", `\*`).Replace(line))
		e, ok := explain(name, line)
		if !ok {
			p("\nNot explained.\n")
		} else if !slices.Contains(said, e.why) {
			said = append(said, e.why)
			p("\n%s\n", e)
		}
	}
}

// wrap fills a paragraph to lines of 90 bytes.
func wrap(text string) string {
	var b strings.Builder
	width := 0
	for word := range strings.FieldsSeq(text) {
		if width > 0 && width+1+len(word) > 90 {
			b.WriteByte('\n')
			width = 0
		} else if width > 0 {
			b.WriteByte(' ')
			width++
		}
		b.WriteString(word)
		width += len(word)
	}
	return b.String()
}

func kernel() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "?"
	}
	return unix.ByteSliceToString(name.Release[:])
}
