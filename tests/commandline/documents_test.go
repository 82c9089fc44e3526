package commandline

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// The config.json of `rt spec` runs as it is, on a terminal or not.
func TestSpecRuns(t *testing.T) {
	onlyRT(t)
	for name, args := range map[string][]string{
		"terminal": {"spec", "--bundle"},
		"program":  {"spec", "--terminal=false", "-b"},
	} {
		t.Run(name, func(t *testing.T) {
			c := harness.New(t)
			path := filepath.Join(c.Bundle, "config.json")
			os.Remove(path)
			args := append(args, c.Bundle)
			if name == "program" {
				args = append(args, "sh", "-c", "echo it runs; exit 5")
			}
			c.Must(args...)
			command := c.Command("run", "--bundle", c.Bundle, c.ID)
			command.Stdin = "echo it $((1)) runs; exit 5\n"
			want := map[string]string{"terminal": "it 1 runs", "program": "it runs"}[name]
			if r := command.Run(t); r.Code != 5 || !strings.Contains(r.Stdout, want) {
				t.Errorf("%v", r)
			}
			before, _ := os.ReadFile(path)
			c.Fails(1, []string{path, "exists already"}, "spec", "--bundle", c.Bundle)
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("the existing file was changed")
			}
		})
	}
}

func TestRootlessSpec(t *testing.T) {
	c := harness.New(t)
	path := filepath.Join(c.Bundle, "config.json")
	os.Remove(path)
	c.Must("spec", "--rootless", "--bundle", c.Bundle)
	text, _ := os.ReadFile(path)
	var s specs.Spec
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	kinds := map[specs.LinuxNamespaceType]bool{}
	for _, n := range s.Linux.Namespaces {
		kinds[n.Type] = true
	}
	if !kinds[specs.UserNamespace] || kinds[specs.NetworkNamespace] || len(s.Linux.UIDMappings) != 1 || s.Linux.Resources != nil {
		t.Errorf("%s", text)
	}
}

func TestFeatures(t *testing.T) {
	r := bare(t, "features")
	var f features.Features
	if err := json.Unmarshal([]byte(r.Stdout), &f); err != nil || r.Code != 0 || r.Stderr != "" {
		t.Fatalf("%v: %v", err, r)
	}
	if f.OCIVersionMin != "1.0.0" || f.OCIVersionMax != "1.3.0" || len(f.Hooks) != 6 || len(f.Linux.Capabilities) < 41 {
		t.Errorf("%s", r.Stdout)
	}
	// containerd and Docker: recursive read-only mounts, user namespaces.
	if !slices.Contains(f.MountOptions, "rro") || !*f.Linux.MountExtensions.IDMap.Enabled || !slices.Contains(f.Linux.Namespaces, "user") {
		t.Errorf("%s", r.Stdout)
	}
}

func TestListOfNothing(t *testing.T) {
	c := harness.New(t)
	for format, want := range map[string]string{"table": "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n", "json": "[]\n"} {
		if r := c.Must("list", "--format", format); r.Stdout != want {
			t.Errorf("%v", r)
		}
	}
}

// One container whose state is lost must not hide the others.
func TestListWithABrokenContainer(t *testing.T) {
	onlyRT(t)
	c := harness.New(t)
	c.Create()
	broken := filepath.Join(c.Root, "broken")
	if err := os.Mkdir(broken, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(broken, "state.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := c.Must("list")
	lines := strings.Split(r.Stdout, "\n")
	if len(lines) != 4 || !strings.Contains(lines[1], "broken") || !strings.Contains(lines[2], c.ID) || !strings.Contains(r.Stderr, "state.json") {
		t.Errorf("%v", r)
	}
	c.Fails(1, []string{"state.json"}, "delete", "broken")
	c.Must("delete", "--force", "broken")
	if got := c.Must("list", "-q").Stdout; got != c.ID+"\n" {
		t.Errorf("list: %q", got)
	}
}

func TestUpdate(t *testing.T) {
	c := harness.New(t)
	c.Up()
	c.Must("update", "--pids-limit", "77", c.ID)
	if got := pidsMax(c); got != "77" {
		t.Errorf("pids.max is %q", got)
	}
	command := c.Command("update", "--resources=-", c.ID)
	command.Stdin = `{"pids": {"limit": 66}, "devices": [{"allow": false, "access": "rwm"}]}`
	if r := command.Run(t); r.Code != 0 || r.Stderr != "" {
		t.Errorf("%v", r)
	}
	if got := pidsMax(c); got != "66" {
		t.Errorf("pids.max is %q", got)
	}
	// What CRI sends with every update would cut the container off.
	if r := c.Do("exec", c.ID, "sh", "-c", "echo >/dev/null"); r.Code != 0 {
		t.Errorf("%v", r)
	}
	for _, text := range []string{"null", "[]", "", "{", `{"memory": {"limit": "x"}}`} {
		command.Stdin = text
		if text == "" {
			command.Stdin = " "
		}
		if r := command.Run(t); r.Code != 1 {
			t.Errorf("%q: %v", text, r)
		}
	}
}

// A class of service is changed where the container has one, and where it has
// none the limits that are named beside it stay as they are.
func TestUpdateIntelRdt(t *testing.T) {
	c := harness.New(t)
	c.Up()
	before := pidsMax(c)
	for _, flags := range [][]string{{"--l3-cache-schema", "L3:0=f"}, {"--mem-bw-schema=MB:0=20", "--pids-limit", "77"}} {
		c.Fails(1, []string{"the container has no linux.intelRdt"}, append(append([]string{"update"}, flags...), c.ID)...)
	}
	if got := pidsMax(c); got != before {
		t.Errorf("pids.max was %q and is %q", before, got)
	}
}

// pidsMax reads the limit of processes from the container's cgroup.
func pidsMax(c *harness.Container) string {
	for line := range strings.Lines(c.ProcFile("cgroup")) {
		id, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, path, _ := strings.Cut(rest, ":")
		for _, dir := range []string{"/sys/fs/cgroup/" + controllers + path, "/sys/fs/cgroup" + path} {
			text, err := os.ReadFile(dir + "/pids.max")
			if err == nil && (id == "0" || controllers == "pids") {
				return strings.TrimSpace(string(text))
			}
		}
	}
	return "nowhere"
}
