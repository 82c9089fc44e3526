package libcontainer

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func TestInParallel(t *testing.T) {
	for _, n := range []int{0, 1, 15, 16, 33, 1000} {
		done := make([]atomic.Int32, n)
		inParallel(n, func(i int) { done[i].Add(1) })
		for i := range done {
			if got := done[i].Load(); got != 1 {
				t.Fatalf("of %d, %d was done %d times", n, i, got)
			}
		}
	}
}

func TestListOfTheUnusual(t *testing.T) {
	root := t.TempDir()
	r := &Runtime{Root: filepath.Join(root, "none")}
	if got, err := r.List(); got != nil || err != nil {
		t.Errorf("without a root: %v, %v", got, err)
	}
	r.Root = root
	for _, name := range []string{"b-broken", "a-new", "..no-id "} {
		if err := os.Mkdir(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"b-broken/state.json", "a-file"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := r.List()
	if err != nil || len(got) != 1 || got[0].ID != "b-broken" || got[0].Err == nil || !strings.Contains(got[0].Err.Error(), "state.json") {
		t.Errorf("%+v, %v", got, err)
	}
}
