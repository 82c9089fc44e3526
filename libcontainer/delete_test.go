package libcontainer

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// A delete --force may find the directory of a create that has not written its
// state yet, and get the lock when the create has ended.
func TestDeleteBrokenReadsTheStateAgain(t *testing.T) {
	root := t.TempDir()
	d, err := claim(root, "c")
	if err != nil {
		t.Fatal(err)
	}
	ran := filepath.Join(t.TempDir(), "ran")
	config := fmt.Sprintf(`{"ociVersion":"1.3.0","root":{"path":"r"},"hooks":{"poststop":[{"path":"/bin/sh","args":["sh","-c",": >%s"]}]}}`, ran)
	if err := d.create(configFile, []byte(config)); err != nil {
		t.Fatal(err)
	}
	if err := d.writeState(&saved{Version: stateVersion, ID: "c", Bundle: root}); err != nil {
		t.Fatal(err)
	}
	d.close()
	if err := (&Runtime{Root: root}).deleteBroken("c"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(ran); err != nil {
		t.Error("deleted without what its state tells:", err)
	}
	if _, err := os.Stat(filepath.Join(root, "c")); err == nil {
		t.Error("still there")
	}
}
