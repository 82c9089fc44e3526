package libcontainer

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDir(t *testing.T) {
	root := t.TempDir()
	d, err := claim(root, "c")
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if err := d.create("config.json", []byte("one")); err != nil {
		t.Error(err)
	}
	if err := d.create("config.json", []byte("two")); !errors.Is(err, unix.EEXIST) {
		t.Errorf("a second config.json: %v", err)
	}
	for _, text := range []string{"first and long", "second"} {
		if err := d.write("state.json", []byte(text)); err != nil {
			t.Error(err)
		}
		if got, err := d.read("state.json", nil); err != nil || string(got) != text {
			t.Errorf("state.json: %q, %v, want %q", got, err, text)
		}
	}
	// What a killed rt may leave, or a later version of it.
	for _, name := range []string{"state.json.new", "start.new", "other"} {
		if err := os.WriteFile(filepath.Join(root, "c", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // twice: gone is fine
		if err := d.remove(); err != nil {
			t.Error(err)
		}
	}
	if left, err := os.ReadDir(root); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// Whoever waited for the lock learns that the container is gone.
func TestDeleteOfDeleted(t *testing.T) {
	root := t.TempDir()
	d, err := claim(root, "c")
	if err != nil {
		t.Fatal(err)
	}
	d.unlock()
	c := &Container{r: &Runtime{Root: root}, dir: d}
	defer c.Close()
	if err := os.Remove(filepath.Join(root, "c")); err != nil {
		t.Fatal(err)
	}
	if err := c.Delete(); err != nil {
		t.Error(err)
	}
}
