package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const events = `a line of a build
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestB"}
{"Action":"run","Package":"p","Test":"TestB/one"}
{"Action":"output","Package":"p","Test":"TestB/one","Output":"    b_test.go:7: it broke\n"}
{"Action":"fail","Package":"p","Test":"TestB/one"}
{"Action":"run","Package":"p","Test":"TestB/two"}
{"Action":"pass","Package":"p","Test":"TestB/two"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"run","Package":"p","Test":"TestC"}
{"Action":"output","Package":"p","Test":"TestC","Output":"    needs.go:9: needs systemd\n"}
{"Action":"skip","Package":"p","Test":"TestC"}
{"Action":"run","Package":"p","Test":"TestD"}
{"Action":"output","Package":"p","Test":"TestD","Output":"    needs.go:9: ran on host\n"}
{"Action":"skip","Package":"p","Test":"TestD"}
{"Action":"fail","Package":"p","Elapsed":1.5}
{"Action":"output","Package":"q","Output":"panic: oh\n"}
{"Action":"fail","Package":"q"}
`

func TestReadCountsLeavesAndBrokenPackages(t *testing.T) {
	var out strings.Builder
	r, err := read(strings.NewReader(events), &out)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(r.Passed, ","); got != "p TestA,p TestB/two" {
		t.Errorf("passed %s", got)
	}
	if got := strings.Join(r.Failed, ","); got != "p TestB/one,q" {
		t.Errorf("failed %s", got)
	}
	if len(r.Skipped) != 1 || r.Skipped["p TestC"] != "needs systemd" {
		t.Errorf("skipped %v", r.Skipped)
	}
	for _, text := range []string{"a line of a build\n", "it broke", "panic: oh"} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("output lacks %q:\n%s", text, out.String())
		}
	}
}

func TestSumUpOfMachines(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for _, r := range []Results{
		{Machine: "host", Passed: []string{"p A", "p B"}, Skipped: map[string]string{"p C": "needs x", "p D": "needs y", "p/q E": "needs z"}},
		{Machine: "v2", Passed: []string{"p C", "p B", "p/q E/one", "p/q E/two"}, Skipped: map[string]string{"p D": "needs y"}},
	} {
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, r.Machine)
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	var out strings.Builder
	if err := sumUp(&out, files); err != nil {
		t.Error(err)
	}
	if !strings.HasSuffix(out.String(), "ran nowhere (needs y): 1\n    p D\n5 passed, 0 failed, 1 skipped\n") {
		t.Error(out.String())
	}
}
