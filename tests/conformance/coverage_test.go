package conformance

import "testing"

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
