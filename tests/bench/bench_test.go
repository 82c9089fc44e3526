package main

import (
	"bytes"
	"errors"
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
		"rt":                     `"rt": no operands are taken (see -help)`,
		"-from x.json -quick":    "-from measures nothing: it goes alone",
		"-from x.json -only A":   "-from measures nothing: it goes alone",
		"-from x.json -json y":   "-from measures nothing: it goes alone",
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
  met      run-hot, Docker-shaped bundle: 0.20 x crun, goal 0.25 x crun
  MISSED   run-hot, Docker-shaped bundle: 2.00 x runc, goal 0.20 x runc
  no value run-hot, plain bundle: no
  met      parallel starts, P = 8: 1.40 x crun, goal 1.40 x crun

What rt loses:
  run-hot, docker bundle: rt 2.00, runc 1.00 (2.00 x)
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
