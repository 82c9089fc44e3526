package harness

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Made returns the file that a script makes, from the cache of tests in
// ~/.cache/rt-tests if it is there. Its name has a hash of the script, so that
// another script makes another file. A run of the script may take five minutes.
func Made(t testing.TB, script, extension string) string {
	t.Helper()
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "rt-tests")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, fmt.Sprintf("%s-%.8x%s", filepath.Base(script), sha256.Sum256(text), extension))
	if _, err := os.Stat(path); err == nil {
		return path
	}
	unfinished := filepath.Join(dir, fmt.Sprintf("unfinished-%d%s", os.Getpid(), extension))
	defer os.Remove(unfinished)
	script, err = filepath.Abs(script)
	if err != nil {
		t.Fatal(err)
	}
	r := Command{Args: []string{script, unfinished}, Limit: 5 * time.Minute}.Run(t)
	if r.Code != 0 {
		t.Fatal(r)
	}
	if err := os.Rename(unfinished, path); err != nil {
		t.Fatal(err)
	}
	return path
}
