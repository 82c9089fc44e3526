package libcontainer

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/c9b5e2ae/rt/libcontainer/cgroups"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestInParallel(t *testing.T) {
	for _, n := range []int{0, 1, 15, 16, 33, 1000} {
		done := make([]atomic.Int32, n)
		inParallel(n, func(numbers iter.Seq[int]) {
			for i := range numbers {
				done[i].Add(1)
			}
		})
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

// A list says of each container what `rt state` says, though it reads all into the
// same memory, and opens few directories.
func TestListIsAsState(t *testing.T) {
	r := &Runtime{Root: t.TempDir()}
	own, err := readStat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]specs.ContainerState{}
	for n := range 60 {
		s := &saved{
			Version: stateVersion, ID: fmt.Sprintf("c%d", n), Pid: os.Getpid(), StartTime: own.startTime,
			Bundle: strings.Repeat("/b", n*37%50), Rootfs: fmt.Sprintf("/r%d", n), Created: strings.Repeat("2", n%7), OCIVersion: "1.3.0",
			Cgroup: cgroups.State{Paths: map[string]string{}, Inodes: map[string]uint64{fmt.Sprint(n): uint64(n)}},
		}
		d, err := claim(r.Root, s.ID)
		if err != nil {
			t.Fatal(err)
		}
		defer d.close()
		want[s.ID] = specs.StateRunning
		locked := false
		switch n % 6 {
		case 1:
			s.Annotations = map[string]string{"n": fmt.Sprint(n), strings.Repeat("k", n): "v"}
		case 2: // the pid is another process' by now
			s.StartTime--
			want[s.ID] = specs.StateStopped
		case 3: // before the launch
			s.Pid, locked = 0, true
			want[s.ID] = specs.StateCreating
		case 4:
			s.Pid = 0
			want[s.ID] = specs.StateStopped
		case 5:
			s.Pid = 1 << 30
			want[s.ID] = specs.StateStopped
		}
		if err := d.writeState(s); err != nil {
			t.Fatal(err)
		}
		if !locked {
			d.unlock()
		}
	}
	if err := os.Symlink("c0", filepath.Join(r.Root, "link")); err != nil {
		t.Fatal(err)
	}
	list, err := r.List()
	if err != nil || len(list) != len(want) {
		t.Fatalf("%d containers, %v", len(list), err)
	}
	for _, got := range list {
		c, err := r.Load(got.ID)
		if err != nil {
			t.Fatal(err)
		}
		state, err := c.State()
		c.Close()
		if got.Err != nil || err != nil || got.Status != want[got.ID] || !reflect.DeepEqual(got.State, state) {
			t.Errorf("list  %+v, %v\nstate %+v, %v\nwant  %s", got.State, got.Err, state, err, want[got.ID])
		}
	}
}

// One that is gone, or that may not be read, is told from one that is broken.
func TestListOfTheUnreadable(t *testing.T) {
	r := &Runtime{Root: t.TempDir()}
	root, err := os.Open(r.Root)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := unix.Mkfifo(filepath.Join(r.Root, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := lister{r: r, root: int(root.Fd())}
	if got := l.info("gone"); !got.none {
		t.Errorf("gone: %+v", got)
	}
	if got, want := l.info("pipe"), fmt.Sprintf("open %q: not a directory", filepath.Join(r.Root, "pipe")); got.ID != "pipe" || got.Err == nil || got.Err.Error() != want {
		t.Errorf("pipe: %+v, want %s", got, want)
	}
}
