package lifecycle

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// stateJSON is everything that engines read from `state`.
type stateJSON struct {
	specs.State
	Rootfs  string
	Created time.Time
	Owner   string
}

func stateOf(t *testing.T, c *harness.Container) stateJSON {
	t.Helper()
	var s stateJSON
	if err := json.Unmarshal([]byte(c.Must("state", c.ID).Stdout), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStateFields(t *testing.T) {
	began := time.Now().Add(-time.Second)
	c := harness.New(t, func(s *specs.Spec) {
		s.Annotations = map[string]string{"org.example.key": "value", "org.example.empty": ""}
	})
	c.Create()
	s := stateOf(t, c)
	if s.Version == "" || !strings.HasPrefix(s.Version, "1.") {
		t.Errorf("ociVersion %q", s.Version)
	}
	if s.ID != c.ID || s.Bundle != c.Bundle || s.Rootfs != c.Rootfs() || s.Status != specs.StateCreated {
		t.Errorf("%+v", s)
	}
	if s.Annotations["org.example.key"] != "value" || len(s.Annotations) != 2 {
		t.Errorf("annotations %v", s.Annotations)
	}
	if s.Created.Before(began) || s.Created.After(time.Now()) {
		t.Errorf("created %v, and the test began at %v", s.Created, began)
	}
	if _, err := os.Stat("/proc/" + strconv.Itoa(s.Pid)); err != nil {
		t.Errorf("pid %d: %v", s.Pid, err)
	}
	c.Start()
	if r := stateOf(t, c); r.Status != specs.StateRunning || r.Pid != s.Pid || !r.Created.Equal(s.Created) {
		t.Errorf("after start: %+v", r)
	}
	c.Must("pause", c.ID)
	if r := stateOf(t, c); r.Status != "paused" || r.Pid != s.Pid {
		t.Errorf("paused: %+v", r)
	}
	c.Must("resume", c.ID)
	c.Kill("KILL")
	if r := stateOf(t, c); r.Status != specs.StateStopped || r.Pid != 0 || r.Bundle != c.Bundle {
		t.Errorf("stopped: %+v", r)
	}
}

// The bundle path in the state is absolute however it was given.
func TestBundlePaths(t *testing.T) {
	for name, bundle := range map[string]string{"dot": ".", "default": "", "relative": "../bundle", "slash": "./"} {
		t.Run(name, func(t *testing.T) {
			c := harness.New(t)
			args := []string{"create", "--bundle", bundle, c.ID}
			if bundle == "" {
				args = []string{"create", c.ID}
			}
			command := c.Command(args...)
			command.Dir = c.Bundle
			if r := command.Run(t); r.Code != 0 {
				t.Fatal(r)
			}
			if got := c.State().Bundle; got != c.Bundle {
				t.Errorf("bundle %q, want %q", got, c.Bundle)
			}
			c.Delete()
		})
	}
}

// `rt create mybundle` where ./mybundle is a bundle, and here is none.
func TestCreateOfABundleByItsName(t *testing.T) {
	c := harness.New(t)
	named := filepath.Join(filepath.Dir(c.Bundle), c.ID)
	if err := os.Rename(c.Bundle, named); err != nil {
		t.Fatal(err)
	}
	c.Bundle = named
	command := c.Command("create", c.ID)
	command.Dir = filepath.Dir(named)
	if r := command.Run(t); r.Code != 0 {
		t.Fatal(r)
	}
	if got := c.State().Bundle; got != named {
		t.Errorf("bundle %q, want %q", got, named)
	}
	c.Start()
	c.WantStatus("running")
	c.Delete("--force")
}

func TestPidFile(t *testing.T) {
	c := harness.New(t)
	path := filepath.Join(harness.Dir(t), "pid")
	c.Create("--pid-file", path)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != strconv.Itoa(c.Init) {
		t.Errorf("pid file %q, state says %d", text, c.Init)
	}
}

func TestPidFileOfAFailedCreate(t *testing.T) {
	c := harness.New(t, harness.Args("/no/such/program"))
	path := filepath.Join(harness.Dir(t), "pid")
	c.Do("create", "--bundle", c.Bundle, "--pid-file", path, c.ID)
	if _, err := os.Stat(path); err == nil {
		t.Error("a failed create left the pid file")
	}
}

func TestList(t *testing.T) {
	a := harness.New(t)
	if r := a.Must("list", "-q"); r.Stdout != "" {
		t.Errorf("list of nothing: %v", r)
	}
	b := a.Another()
	a.Create()
	b.Up()
	if got := a.Must("list", "--quiet").Stdout; got != a.ID+"\n"+b.ID+"\n" {
		t.Errorf("list --quiet: %q", got)
	}
	table := strings.Split(a.Must("list").Stdout, "\n")
	if got := strings.Join(strings.Fields(table[0]), " "); got != "ID PID STATUS BUNDLE CREATED OWNER" {
		t.Errorf("head of the table: %q", got)
	}
	if row := strings.Fields(table[2]); len(row) != 6 || row[0] != b.ID || row[1] != strconv.Itoa(b.Init) || row[2] != "running" || row[3] != b.Bundle || row[5] != "root" {
		t.Errorf("row: %q", row)
	}
	var rows []stateJSON
	if err := json.Unmarshal([]byte(a.Must("list", "--format", "json").Stdout), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || rows[0].ID != a.ID || rows[0].Status != specs.StateCreated || rows[1].Pid != b.Init {
		t.Errorf("list --format json: %+v", rows)
	}
}

func TestPs(t *testing.T) {
	c := harness.New(t, harness.Shell("sleep 500 & sleep 600 & wait"))
	c.Up()
	var pids []int
	harness.Eventually(t, "three processes", func() bool {
		pids = nil
		if err := json.Unmarshal([]byte(c.Must("ps", "--format", "json", c.ID).Stdout), &pids); err != nil {
			t.Fatal(err)
		}
		return len(pids) == 3
	})
	table := c.Must("ps", c.ID).Stdout
	for _, text := range []string{"PID", strconv.Itoa(c.Init), "sleep 500", "sleep 600"} {
		if !strings.Contains(table, text) {
			t.Errorf("ps lacks %q:\n%s", text, table)
		}
	}
	if got := c.Must("ps", c.ID, "-o", "pid").Stdout; strings.Contains(got, "sleep") {
		t.Errorf("ps -o pid: %q", got)
	}
	c.Kill("KILL")
	c.Must("ps", "--format", "json", c.ID)
}
