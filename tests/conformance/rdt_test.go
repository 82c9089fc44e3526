package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/tests/harness"
	"github.com/c9b5e2ae/rt/tests/needs"
)

func rdt(r specs.LinuxIntelRdt) harness.Change {
	return func(s *specs.Spec) { s.Linux.IntelRdt = &r }
}

func TestRdtWithoutResctrl(t *testing.T) {
	sentence(t, "configLinuxIntelRdt.2", func(t *testing.T) {
		if resctrl.below("schemata").exists() {
			t.Skip("resctrl is mounted here")
		}
		c := harness.New(t, rdt(specs.LinuxIntelRdt{ClosID: "guaranteed"}))
		refused(t, c, `claim: linux.intelRdt: no resctrl filesystem is mounted`)
	})
	// It should, so a runtime may tell and go on.
	sentence(t, "configLinuxIntelRdt.5", func(t *testing.T) {
		for _, schema := range []string{"L3:0=f\nL3:1=f", "MB:0=20"} {
			c := harness.New(t, rdt(specs.LinuxIntelRdt{L3CacheSchema: schema}))
			r := c.Do("create", "--bundle", c.Bundle, c.ID)
			if isRT(t) && !strings.Contains(r.Stderr, "linux.intelRdt.l3CacheSchema: ") {
				t.Error(r)
			}
			if r.Code == 0 {
				c.Delete("--force")
			}
		}
	})
}

// A group is a directory of resctrl.
type group string

const resctrl group = "/sys/fs/resctrl"

func (g group) below(names ...string) group {
	return group(filepath.Join(append([]string{string(g)}, names...)...))
}

func (g group) exists() bool {
	_, err := os.Stat(string(g))
	return err == nil
}

func (g group) has(t *testing.T, pid int) bool {
	t.Helper()
	return strings.Contains("\n"+read(t, string(g), "tasks")+"\n", fmt.Sprintf("\n%d\n", pid))
}

// line is the line of schemata that starts so.
func (g group) line(t *testing.T, prefix string) string {
	t.Helper()
	for line := range strings.Lines(read(t, string(g), "schemata")) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, prefix) {
			return line
		}
	}
	return ""
}

// TestRdt needs hardware that neither our machines nor the lab's have.
func TestRdt(t *testing.T) {
	needs.All(t, "resctrl")
	if !resctrl.below("schemata").exists() {
		harness.Must(t, "mount", "-t", "resctrl", "resctrl", string(resctrl))
		t.Cleanup(func() { harness.Must(t, "umount", string(resctrl)) })
	}
	l3, mb := resctrl.line(t, "L3:"), resctrl.line(t, "MB:")
	before := read(t, string(resctrl), "schemata")
	up := func(t *testing.T, r specs.LinuxIntelRdt) *harness.Container {
		t.Helper()
		c := harness.New(t, rdt(r))
		c.Up()
		return c
	}
	// closID makes a group of our own, which is removed at the end.
	closID := func(t *testing.T, made bool) (string, group) {
		t.Helper()
		name := filepath.Base(harness.Dir(t))
		g := resctrl.below(name)
		if made {
			if err := os.Mkdir(string(g), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(func() { os.Remove(string(g)) })
		return name, g
	}
	gone := func(t *testing.T, c *harness.Container) {
		t.Helper()
		c.Kill("KILL")
		c.Delete()
	}

	sentence(t, "configLinuxIntelRdt.3 configLinuxIntelRdt.14", func(t *testing.T) {
		c := harness.New(t)
		c.Up()
		name, _ := closID(t, true)
		up(t, specs.LinuxIntelRdt{ClosID: name})
		if resctrl.below(c.ID).exists() || read(t, string(resctrl), "schemata") != before {
			t.Error("resctrl is not what it was")
		}
	})
	sentence(t, "configLinuxIntelRdt.4", func(t *testing.T) {
		if c := up(t, specs.LinuxIntelRdt{ClosID: "/"}); !resctrl.has(t, c.Init) {
			t.Error("the container is not in the default group")
		}
	})
	sentence(t, "configLinuxIntelRdt.1 configLinuxIntelRdt.18 configLinuxIntelRdt.19", func(t *testing.T) {
		name, g := closID(t, true)
		if c := up(t, specs.LinuxIntelRdt{ClosID: name}); !g.has(t, c.Init) {
			t.Error("the container is not in the group")
		}
		refused(t, harness.New(t, rdt(specs.LinuxIntelRdt{ClosID: name + "-missing"})), "")
	})
	sentence(t, "configLinuxIntelRdt.8 configLinuxIntelRdt.9 configLinuxIntelRdt.11 configLinuxIntelRdt.15 configLinuxIntelRdt.20", func(t *testing.T) {
		c := up(t, specs.LinuxIntelRdt{L3CacheSchema: l3, MemBwSchema: mb})
		g := resctrl.below(c.ID)
		if !g.exists() || !g.has(t, c.Init) || g.line(t, "L3:") != l3 || g.line(t, "MB:") != mb {
			t.Errorf("group %s", g)
		}
		if gone(t, c); g.exists() {
			t.Errorf("%s is still there", g)
		}
	})
	sentence(t, "configLinuxIntelRdt.10 configLinuxIntelRdt.12 configLinuxIntelRdt.13", func(t *testing.T) {
		// The last one written counts.
		c := up(t, specs.LinuxIntelRdt{L3CacheSchema: l3, Schemata: []string{strings.Replace(l3, "=", "=1;", 1), l3}})
		if got := resctrl.below(c.ID).line(t, "L3:"); got != l3 {
			t.Errorf("the schema is %s, want %s", got, l3)
		}
	})
	sentence(t, "configLinuxIntelRdt.16 configLinuxIntelRdt.21", func(t *testing.T) {
		name, g := closID(t, false)
		c := up(t, specs.LinuxIntelRdt{ClosID: name, Schemata: []string{l3}})
		if !g.exists() || !g.has(t, c.Init) {
			t.Errorf("%s was not made", g)
		}
		if gone(t, c); !g.exists() {
			t.Errorf("%s was removed", g)
		}
	})
	sentence(t, "configLinuxIntelRdt.17", func(t *testing.T) {
		name, g := closID(t, true)
		up(t, specs.LinuxIntelRdt{ClosID: name, L3CacheSchema: l3})
		refused(t, harness.New(t, rdt(specs.LinuxIntelRdt{ClosID: name, L3CacheSchema: strings.Replace(l3, "=", "=1;", 1)})), "")
		if !g.exists() {
			t.Errorf("%s was removed", g)
		}
	})
	sentence(t, "configLinuxIntelRdt.22 configLinuxIntelRdt.23 configLinuxIntelRdt.24", func(t *testing.T) {
		name, g := closID(t, true)
		c := up(t, specs.LinuxIntelRdt{ClosID: name, EnableMonitoring: true})
		monitor := g.below("mon_groups", c.ID)
		if !monitor.exists() || !monitor.has(t, c.Init) {
			t.Errorf("%s is not there", monitor)
		}
		if gone(t, c); monitor.exists() {
			t.Errorf("%s is still there", monitor)
		}
	})
	sentence(t, "configLinuxIntelRdt.25", func(t *testing.T) {
		name, g := closID(t, true)
		c := harness.New(t, rdt(specs.LinuxIntelRdt{ClosID: name, EnableMonitoring: true}))
		if err := os.Mkdir(string(g.below("mon_groups", c.ID)), 0o755); err != nil { // it can't be made twice
			t.Fatal(err)
		}
		refused(t, c, "")
	})
}
