package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// sentence checks the sentences with these ids, in subtests of their names. What is
// found for the first of them stands for all.
func sentence(t *testing.T, ids string, check func(t *testing.T)) {
	t.Helper()
	list := strings.Fields(ids)
	var skipped string
	ok := t.Run(list[0], func(t *testing.T) {
		defer func() {
			if t.Skipped() {
				skipped = "as " + list[0]
			}
		}()
		check(t)
	})
	for _, id := range list[1:] {
		t.Run(id, func(t *testing.T) {
			switch {
			case skipped != "":
				t.Skip(skipped)
			case !ok:
				t.Errorf("as %s", list[0])
			}
		})
	}
}

// on gives the container to a subtest: its failures are the subtest's.
func on(t *testing.T, c *harness.Container) *harness.Container {
	of := *c
	of.T = t
	return &of
}

// isRT tells whether the program under test is rt, whose texts are held too.
func isRT(t testing.TB) bool {
	t.Helper()
	version.Do(func() {
		out, _ := exec.Command(harness.Runtime(t), "--version").Output()
		text := string(out)
		first, _, _ := strings.Cut(text, "\n")
		version.first = first
	})
	return strings.HasPrefix(version.first, "rt version ")
}

var version struct {
	sync.Once
	first string
}

// onPurpose ends a check of what rt does otherwise, as it is written in the table.
// Another runtime that does the same just fails.
func onPurpose(t *testing.T, why string) {
	t.Helper()
	if isRT(t) {
		t.Skip("on purpose: " + why)
	}
	t.Error(why)
}

// says compares what a command printed on stderr with all that rt is to print, if
// that is held. In want, {bundle} and {id} are the container's, and a place in the
// document is "(line L:C, offset N)".
func says(t *testing.T, c *harness.Container, r harness.Result, want string) {
	t.Helper()
	if want == "" || !isRT(t) {
		return
	}
	want = "rt: " + strings.NewReplacer("{bundle}", c.Bundle, "{id}", c.ID).Replace(want)
	got := place.ReplaceAllString(strings.TrimSpace(r.Stderr), "(line L:C, offset N)")
	if got != want {
		t.Errorf("rt says\n\t%s\nwant\n\t%s", got, want)
	}
}

var place = regexp.MustCompile(`\(line \d+:\d+, offset \d+\)`)

// refused wants create to fail and to leave nothing.
func refused(t *testing.T, c *harness.Container, want string) bool {
	t.Helper()
	failed := t.Failed()
	c = on(t, c)
	r, ok := create(c)
	if ok {
		t.Error("create succeeded")
		c.Do("delete", "--force", c.ID)
		return false
	}
	says(t, c, r, want)
	c.WantNothing()
	return failed || !t.Failed()
}

// create tries to create, where a runtime may refuse.
func create(c *harness.Container) (harness.Result, bool) {
	c.T.Helper()
	r := c.Do("create", "--bundle", c.Bundle, c.ID)
	if r.Code == 0 {
		c.Init = c.State().Pid
	}
	return r, r.Code == 0
}

// read reads a file of the host, without the end of its last line.
func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(text), "\n")
}
