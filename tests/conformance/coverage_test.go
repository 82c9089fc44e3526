package conformance

import (
	"os"
	"strings"
	"testing"
)

func TestEverySentence(t *testing.T) {
	all, err := Sentences(specification(t))
	if err != nil {
		t.Fatal(err)
	}
	checks, err := Checks(".")
	if err != nil {
		t.Fatal(err)
	}
	why := NotApplicable()
	for _, s := range all {
		switch {
		case checks[s.ID] == "" && why[s.ID] == "":
			t.Errorf("no check and no reason: %s\n\t%s", s.ID, s.Text)
		case checks[s.ID] != "" && why[s.ID] != "":
			t.Errorf("both checked and %q: %s", why[s.ID], s.ID)
		}
		delete(checks, s.ID)
		delete(why, s.ID)
	}
	for id, test := range checks {
		t.Errorf("%s checks %s, which is not in the specification", test, id)
	}
	for id := range why {
		t.Errorf("there is a reason for %s, which is not in the specification", id)
	}
}

// The table is made by hand, so it may be of an older specification.
func TestTableIsWhole(t *testing.T) {
	all, err := Sentences(specification(t))
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("../../docs/conformance.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if !strings.Contains(string(table), "\n| "+s.ID+" |") {
			t.Errorf("docs/conformance.md lacks %s: run make conformance-table", s.ID)
		}
	}
}
