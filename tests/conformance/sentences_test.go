package conformance

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/c9b5e2ae/rt/tests/needs"
)

var writeSums = flag.Bool("write-sums", false, "accept the sentences as they are now")

// sumFile holds the sum of each sentence, as go.sum does of modules: a sentence that
// changes with a new version of the specification wants its check to be read again.
const sumFile = "testdata/sentences.sum"

// specification is the directory of the specification's module. A guest of the lab
// has no modules, and what is in them is the same everywhere.
func specification(t *testing.T) string {
	t.Helper()
	if needs.InLab() {
		t.Skip("ran on host")
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/opencontainers/runtime-spec").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestSentencesAreTheSame(t *testing.T) {
	all, err := Sentences(specification(t))
	if err != nil {
		t.Fatal(err)
	}
	var sums strings.Builder
	for _, s := range all {
		fmt.Fprintln(&sums, s.ID, s.Sum())
	}
	if *writeSums {
		if err := os.WriteFile(sumFile, []byte(sums.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	known, err := os.ReadFile(sumFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if !strings.Contains("\n"+string(known), "\n"+s.ID+" "+s.Sum()+"\n") {
			t.Errorf("%s is new or has changed: look at its check, then run go test -run Same -write-sums\n\t%s", s.ID, s.Text)
		}
	}
	if got, want := strings.Count(string(known), "\n"), len(all); got != want {
		t.Errorf("%s has %d sentences, the specification %d", sumFile, got, want)
	}
}

func TestSentences(t *testing.T) {
	const text = `# <a name="top" />Top

A plain line. It MUST be one
sentence, e.g. This one too.
It is not, but **MUST NOT** link [here](must.md).

* **` + "`a`" + `** (string, REQUIRED) is a. A SHOULD-sentence.
  Continued ([SHOULD](x.md)).
    * An inner item
1. Step one SHALL be.

` + "```json\n{\"MUST\": 1}\n```" + `

| Name | Requirement | Text |
|------|-------------|------|
| ` + "`x`  " + ` | MUST | First. It SHOULD be. |
 ` + "`y`" + `    | MAY  | [^1]

### Example
After it, it must be.

## Some words
RECOMMENDED
`
	var got []string
	for _, s := range sentences("a.md", text) {
		got = append(got, s.ID+" | "+s.Heading+" | "+s.Text)
	}
	want := []string{
		"top.1 | Top | It MUST be one sentence, e.g. This one too.",
		"top.2 | Top | It is not, but **MUST NOT** link [here](must.md).",
		"top.3 | Top | **`a`** (string, REQUIRED) is a.",
		"top.4 | Top | A SHOULD-sentence.",
		"top.5 | Top | Continued ([SHOULD](x.md)).",
		"top.6 | Top | 1. Step one SHALL be.",
		"top.x | Top | `x`: MUST",
		"top.x.2 | Top | It SHOULD be.",
		"top.7 | Top | After it, it must be.",
		"some-words.1 | Some words | RECOMMENDED",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
