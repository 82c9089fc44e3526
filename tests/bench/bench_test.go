package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for line, want := range map[string]string{
		"":                       "",
		"-quick -only a,D2":      "",
		"-only A,Z":              `-only: there is no table "Z" (see -help)`,
		"-rounds 0":              "-rounds 0: must be above 0",
		"-rounds many":           `invalid value "many" for flag -rounds: parse error`,
		"-fast":                  "flag provided but not defined: -fast",
		"-only L":                "-only: table L is made by tests/bench/count",
		"-count -only A":         "-count fills one table alone",
		"-count -docs docs":      "-count fills one table alone",
		"rt":                     `"rt": no operands are taken (see -help)`,
		"-from x.json -quick":    "-from measures nothing: it goes with -docs alone",
		"-from x.json -only A":   "-from measures nothing: it goes with -docs alone",
		"-from x.json -json y":   "-from measures nothing: it goes with -docs alone",
		"-docs docs -quick":      "-docs wants all tables, with all rounds",
		"-rt /usr/sbin/rt -from": "flag needs an argument: -from",
	} {
		_, err := parse(strings.Fields(line))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q:\ngot  %s\nwant %s", line, got, want)
		}
	}
}

func TestFindRuntimes(t *testing.T) {
	base = t.TempDir()
	for given, want := range map[string]string{
		"/bin/true a=/bin/true,a=/bin/true": `RUNTIMES: two programs are called "a": give them names, NAME=PATH`,
		"x=/nonexistent":                    `runtime "x": exec: "/nonexistent": stat /nonexistent: no such file or directory`,
		"/bin/false":                        `runtime "false": /bin/false --version: exit status 1`,
	} {
		if _, err := findRuntimes("/bin/true", given); err == nil || err.Error() != want {
			t.Errorf("%q:\ngot  %v\nwant %s", given, err, want)
		}
	}
}

func TestSample(t *testing.T) {
	var s samples
	for _, v := range []float64{4, 1, 3, 2, 5} {
		s.get("a", "rt").value(v)
	}
	s.get("a", "crun").fail(errors.New("no"))
	s.get("a", "crun").fail(errors.New("never"))
	rows := s.rows()
	want := []Row{
		{Case: "a", Runtime: "rt", N: 5, Min: 1, P25: 2, Median: 3, P90: 4.6},
		{Case: "a", Runtime: "crun", Failures: 2, Error: "no"},
	}
	if len(rows) != 2 || rows[0] != want[0] || rows[1] != want[1] {
		t.Errorf("got  %+v\nwant %+v", rows, want)
	}
}

func TestVerdict(t *testing.T) {
	report := Report{Tables: []*Table{
		{ID: "A", Name: "run-hot", Unit: "ms", Digits: 2, Rows: []Row{
			{Case: dockerName, Runtime: "rt", N: 1, Median: 2}, {Case: dockerName, Runtime: "crun", N: 1, Median: 10},
			{Case: dockerName, Runtime: "runc", N: 1, Median: 1}, {Case: plainName, Runtime: "rt", Error: "no", Failures: 1}, {Case: plainName, Runtime: "runc", N: 1, Median: 1},
		}},
		{ID: "H", Name: "parallel", More: true, Rows: []Row{{Case: "P = 8", Runtime: "rt", N: 1, Median: 70}, {Case: "P = 8", Runtime: "crun", N: 1, Median: 50}}},
	}}
	var out bytes.Buffer
	report.verdict(&out)
	want := `
Goals, by the median:
  met      run-hot, docker bundle: 0.20 x crun, goal 0.25 x crun
  MISSED   run-hot, docker bundle: 2.00 x runc, goal 0.20 x runc
  no value run-hot, plain bundle: no
  met      parallel starts, P = 8: 1.40 x crun, goal 1.40 x crun

What rt loses:
  run-hot, docker bundle: rt 2.00, runc 1.00
  run-hot, plain bundle: rt failed: no
`
	if out.String() != want {
		t.Errorf("got  %s\nwant %s", out.String(), want)
	}
}

func TestTableNamesFailures(t *testing.T) {
	table := Table{ID: "A", Name: "run-hot", Title: "title", Unit: "ms", Digits: 2, Rows: []Row{
		{Case: "c", Runtime: "rt", N: 2, Min: 1, P25: 1, Median: 1, P90: 1},
		{Case: "c", Runtime: "crun", Failures: 2, Error: "exit status 1: boom"},
	}}
	var out bytes.Buffer
	table.print(&out)
	if want := "FAILED: c, crun: 2 of 2: exit status 1: boom\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("got %s", out.String())
	}
}

func TestInsert(t *testing.T) {
	report := Report{Runtimes: []*Runtime{{Name: "rt"}, {Name: "crun"}}, Tables: []*Table{{ID: "A", Unit: "ms", Digits: 2, Rows: []Row{
		{Case: "c", Runtime: "rt", N: 2, Min: 1, Median: 2, P90: 3}, {Case: "c", Runtime: "crun", N: 2, Min: 3, Median: 4, P90: 5},
	}}}}
	for in, want := range map[string]string{
		"a\n<!-- bench A -->\nold\n<!-- end -->\nb\n": "a\n<!-- bench A -->\n| ms | rt | crun | rt : crun |\n|---|---|---|---|\n| c | **2.00** (1.00 – 3.00) | **4.00** (3.00 – 5.00) | 0.50 x |\n<!-- end -->\nb\n",
		"<!-- bench X -->\n<!-- end -->":              "the mark \"X\" names no table",
		"nothing":                                     "there is no mark <!-- bench NAME -->",
	} {
		got, err := report.insert(in)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q:\ngot  %q\nwant %q", in, got, want)
		}
	}
}

// A chart is drawn of whatever there is, and is well-formed.
func TestCharts(t *testing.T) {
	names := []string{"rt", "a<b"}
	some := []group{{"one & two", []*Row{{N: 1, Min: 1, Median: 2, P90: 900}, nil}}, {"failed", []*Row{{Error: "no"}, {N: 1}}}}
	for name, svg := range map[string]string{
		"bars":  bars("t", "s", names, some, func(v float64) string { return fmt.Sprint(v) }),
		"lines": lines("t", "s", names, []panel{{"p", []float64{0, 10, 1000}, []curve{{0, [][2]float64{{0, 1}, {10, 2}, {1000, 3000}}}}}}, func(v float64) string { return fmt.Sprint(v) }),
	} {
		for d := xml.NewDecoder(strings.NewReader(svg)); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("%s: a number that is none", name)
		}
	}
}
