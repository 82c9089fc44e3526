package harness

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Residue lists what the containers of this test process have on the machine now:
// processes, cgroups, mounts and keyrings. With no container it is empty.
func Residue() []string {
	reapOrphans()
	left := orphans()
	left = append(left, cgroupsWith(prefix)...)
	left = append(left, linesWith("/proc/self/mountinfo", "mount", base, prefix)...)
	return append(left, linesWith("/proc/keys", "key", prefix)...)
}

// WantNoResidue fails the test if any container of this test process has left
// something.
func WantNoResidue(t testing.TB) {
	t.Helper()
	if left := waitForNothing(Residue); len(left) > 0 {
		t.Errorf("left behind:\n%s", strings.Join(left, "\n"))
	}
}

// residue is Residue for one container, with its state directory.
func (c *Container) residue() []string {
	reapOrphans()
	var left []string
	if entries, err := os.ReadDir(c.Root); err == nil {
		for _, e := range entries {
			if e.Name() == c.ID || strings.Contains(e.Name(), c.ID+".") {
				left = append(left, "file "+filepath.Join(c.Root, e.Name()))
			}
		}
	}
	if c.Init != 0 && isChild(c.Init) {
		left = append(left, describe(c.Init))
	}
	left = append(left, cgroupsWith(c.ID)...)
	left = append(left, linesWith("/proc/self/mountinfo", "mount", c.Bundle)...)
	return append(left, linesWith("/proc/keys", "key", "_ses."+c.ID+":")...)
}

// cgroupsWith lists the cgroups, in all hierarchies, whose name has the text; a
// name that goes on with a digit is another container's.
func cgroupsWith(text string) []string {
	var found []string
	filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && hasName(d.Name(), text) {
			found = append(found, "cgroup "+path)
		}
		return nil // a cgroup that vanishes meanwhile is fine
	})
	return found
}

func hasName(name, text string) bool {
	_, rest, found := strings.Cut(name, text)
	if !found || strings.HasSuffix(text, "-") {
		return found
	}
	return rest == "" || rest[0] < '0' || rest[0] > '9'
}

// linesWith lists the lines of a file that have one of the texts.
func linesWith(path, what string, texts ...string) []string {
	var found []string
	for line := range strings.Lines(readFile(path)) {
		for _, text := range texts {
			if strings.Contains(line, text) {
				found = append(found, what+" "+strings.TrimSpace(line))
				break
			}
		}
	}
	return found
}

// removeCgroups removes the cgroups of this process's containers.
func removeCgroups() { RemoveCgroups(prefix) }

// RemoveCgroups removes the cgroups whose name has the text, with those inside. It
// is for the parents that an engine is told to use: a runtime leaves them.
func RemoveCgroups(text string) {
	for _, line := range cgroupsWith(text) {
		var dirs []string
		filepath.WalkDir(strings.TrimPrefix(line, "cgroup "), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		for _, dir := range slices.Backward(dirs) { // the inner ones first
			unix.Rmdir(dir)
		}
	}
}
