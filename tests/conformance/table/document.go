package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"time"

	"github.com/c9b5e2ae/rt/tests/conformance"
)

// A document is docs/conformance.md.
type document struct {
	sentences []conformance.Sentence
	checks    map[string]string // the test of each sentence
	reasons   map[string]string // why a sentence has none
	runtimes  []runtime
}

const introduction = `# Every sentence of the runtime specification

Written by ` + "`make conformance-table`" + `; do not edit.

Each sentence of runtime-spec 1.3.0 with a word of RFC 2119 that speaks to a runtime
on Linux, the test that checks it (in tests/conformance, as a subtest with the
sentence's name), and what came of it. The runtimes are run by their command lines
only, in the same way. A sentence that nothing can be checked of has the reason
instead of a test.

"Where" tells which machines had what the test needs, for the first of the runtimes:
the host, or one of the virtual machines of tests/lab, which the others were not taken
to. Debian's runc and crun are older than this version of the specification: what it
has added since, they can't keep.

To check one sentence:

    go test ./tests/conformance -run 'TestState/runtimeState.1'

`

const decisions = `
## Decisions

Where the specification leaves a choice, or rt goes another way on purpose:

- ` + "`process.user.umask`" + ` unset is 0022. The specification says that it should not be
  changed from the caller's; images rely on 0022, and runc and crun do the same.
- ` + "`delete`" + ` of a created container ends and deletes it. The specification wants an error;
  containerd deletes such containers so.
- ` + "`process.capabilities`" + ` absent means empty sets. The specification does not say.
- ` + "`create`" + ` without ` + "`process`" + ` works, and ` + "`start`" + ` then is the error.
- A cgroup that is frozen or has a process in it is an error for ` + "`create`" + `, which the
  specification allows.
`

func (d document) String() string {
	var b strings.Builder
	b.WriteString(introduction)
	b.WriteString(d.counts())
	b.WriteString(decisions)
	document, heading := "", ""
	for _, s := range d.sentences {
		if s.Document != document {
			document, heading = s.Document, ""
			fmt.Fprintf(&b, "\n## %s\n", document)
		}
		if s.Heading != heading {
			heading = s.Heading
			fmt.Fprintf(&b, "\n### %s\n\n| | sentence | test | %s | where | note |\n|-|-|-|%s-|-|\n", heading, d.names(" | "), strings.Repeat("-|", len(d.runtimes)))
		}
		b.WriteString(d.row(s))
	}
	for _, r := range d.runtimes {
		b.WriteString(d.failures(r))
	}
	return b.String()
}

// counts is the comparison: how many sentences each runtime keeps.
func (d document) counts() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, Linux %s. %d sentences, of which %d say nothing that could be checked of a runtime on Linux.\n\n",
		time.Now().Format(time.DateOnly), kernel(), len(d.sentences), len(d.reasons))
	fmt.Fprintf(&b, "| | %s |\n|-|%s\n", d.versions(), strings.Repeat("-|", len(d.runtimes)))
	for _, result := range []string{"pass", "fail", "on purpose", "skip"} {
		name := map[string]string{"pass": "keeps", "fail": "breaks", "on purpose": "does otherwise on purpose", "skip": "could not be tried"}[result]
		fmt.Fprintf(&b, "| %s |", name)
		for _, r := range d.runtimes {
			n := 0
			for _, s := range d.sentences {
				if test := d.checks[s.ID]; test != "" && r.of(s.ID, test).result == result {
					n++
				}
			}
			fmt.Fprintf(&b, " %d |", n)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (d document) names(between string) string {
	var names []string
	for _, r := range d.runtimes {
		names = append(names, r.name)
	}
	return strings.Join(names, between)
}

func (d document) versions() string {
	var versions []string
	for _, r := range d.runtimes {
		versions = append(versions, r.version)
	}
	return strings.Join(versions, " | ")
}

var marks = map[string]string{"pass": "yes", "fail": "**no**", "on purpose": "no", "skip": "–"}

func (d document) row(s conformance.Sentence) string {
	cells := []string{s.ID, plain(s.Text)}
	test := d.checks[s.ID]
	if test == "" {
		cells = append(cells, "–")
		for range d.runtimes {
			cells = append(cells, "")
		}
		cells = append(cells, "", d.reasons[s.ID])
	} else {
		first := d.runtimes[0].of(s.ID, test)
		cells = append(cells, test)
		for _, r := range d.runtimes {
			cells = append(cells, marks[r.of(s.ID, test).result])
		}
		where, note := strings.Join(first.where, ", "), ""
		switch first.result {
		case "skip":
			where, note = "nowhere", first.text
		case "on purpose":
			note = "on purpose: " + first.text
		}
		cells = append(cells, where, note)
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// failures tells what a runtime did instead.
func (d document) failures(r runtime) string {
	var b strings.Builder
	for _, s := range d.sentences {
		if test := d.checks[s.ID]; test != "" {
			if v := r.of(s.ID, test); v.result == "fail" && !strings.HasPrefix(v.text, "as ") {
				fmt.Fprintf(&b, "- %s: %s\n", s.ID, short(v.text))
			}
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return fmt.Sprintf("\n## What %s does instead\n\n%s", r.version, b.String())
}

// short is a text without what differs from run to run, at most a line long.
func short(text string) string {
	text = temporary.ReplaceAllString(text, "…")
	text = stamp.ReplaceAllString(text, "")
	if runes := []rune(text); len(runes) > 240 {
		text = string(runes[:240]) + "…"
	}
	return "`" + strings.ReplaceAll(text, "`", "'") + "`"
}

var (
	temporary = regexp.MustCompile(`/var/tmp/rtt\d+(/\d+)?|rtt\d+-\d+`)
	stamp     = regexp.MustCompile(`time="[^"]*" `)
	link      = regexp.MustCompile(`\[([^\]]*)\](\([^)]*\)|\[[^\]]*\])`)
	footnote  = regexp.MustCompile(` ?\[\^\d\]`)
)

// plain is a sentence without its links, which lead to other documents.
func plain(text string) string {
	for link.MatchString(text) {
		text = link.ReplaceAllString(text, "$1")
	}
	text = footnote.ReplaceAllString(text, "")
	return strings.ReplaceAll(strings.TrimPrefix(text, "> "), "|", `\|`)
}

func kernel() string {
	out, err := exec.Command("uname", "--kernel-release").Output()
	if err != nil {
		return "?"
	}
	return strings.TrimSpace(string(out))
}
