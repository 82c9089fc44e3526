package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestHelpFitsATerminal(t *testing.T) {
	var pages []string
	for _, v := range verbs {
		var b bytes.Buffer
		c := v.command()
		if c.Name != v.name || c.Usage == "" || c.Description == "" {
			t.Errorf("%s: %+v", v.name, c)
		}
		commandHelp(&b, "rt", c)
		pages = append(pages, b.String())
	}
	var b bytes.Buffer
	appHelp(&b, "rt")
	for _, page := range append(pages, b.String()) {
		for _, line := range strings.Split(page, "\n") {
			if len(line) > 80 {
				t.Errorf("%d columns: %s", len(line), line)
			}
		}
	}
}

func TestHint(t *testing.T) {
	for in, want := range map[string]string{
		"strat": " (did you mean start?)", "crate": " (did you mean create?)", "del": " (see --help)", "pasue": " (did you mean pause?)",
		"delet": " (did you mean delete?)", "checkpoint": " (see --help)", "zzz": " (see --help)", strings.Repeat("x", 99): " (see --help)",
	} {
		if got := hint(in, commandNames()); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
