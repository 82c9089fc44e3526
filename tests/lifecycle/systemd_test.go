package lifecycle

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/tests/harness"
	"github.com/c9b5e2ae/rt/tests/needs"
)

// memory limits the container's memory.
func memory(bytes int64) harness.Change {
	return func(s *specs.Spec) { s.Linux.Resources.Memory = &specs.LinuxMemory{Limit: &bytes} }
}

// property asks systemd for a property of a unit.
func property(t *testing.T, unit, name string) string {
	t.Helper()
	return strings.TrimSpace(harness.Must(t, "systemctl", "show", "--value", "--property="+name, unit))
}

func withSystemd(c *harness.Container, cgroupsPath string) {
	c.Global = []string{"--systemd-cgroup"}
	c.Edit(func(s *specs.Spec) { s.Linux.CgroupsPath = cgroupsPath })
}

func TestSystemdScope(t *testing.T) {
	needs.All(t, "systemd", "cgroup2")
	c := harness.New(t, memory(64<<20))
	withSystemd(c, "system.slice:lab:"+c.ID)
	unit := "lab-" + c.ID + ".scope"
	c.Create()
	if got := property(t, unit, "ActiveState"); got != "active" {
		t.Errorf("created: the scope is %s", got)
	}
	c.Start()
	if got := property(t, unit, "MemoryMax"); got != fmt.Sprint(64<<20) {
		t.Errorf("MemoryMax=%s", got)
	}
	group := strings.TrimSpace(c.ProcFile("cgroup"))
	if want := "0::/system.slice/" + unit; group != want {
		t.Errorf("cgroup %s, want %s", group, want)
	}
	limit := harness.CgroupFile(t, c.Init, "memory", "", "memory.max")
	c.Must("update", "--memory", "128M", c.ID)
	if text, _ := os.ReadFile(limit); strings.TrimSpace(string(text)) != fmt.Sprint(128<<20) {
		t.Errorf("after update: memory.max %s", text)
	}
	if got := property(t, unit, "MemoryMax"); got != fmt.Sprint(128<<20) {
		t.Errorf("after update: MemoryMax=%s", got)
	}
	harness.Must(t, "systemctl", "daemon-reload")
	if text, _ := os.ReadFile(limit); strings.TrimSpace(string(text)) != fmt.Sprint(128<<20) {
		t.Errorf("after daemon-reload: memory.max %s", text)
	}
	c.Must("pause", c.ID)
	c.WantStatus("paused")
	c.Must("resume", c.ID)
	if out := c.Exec("cat", "/proc/self/cgroup"); !strings.Contains(out, "::/") {
		t.Errorf("cgroup of exec: %s", out)
	}
	c.Kill("KILL")
	c.Delete()
	c.WantNothing()
	if got := property(t, unit, "LoadState"); got != "not-found" {
		t.Errorf("deleted: the scope is %s", got)
	}
}

func TestSystemdScopeWithoutAPath(t *testing.T) {
	needs.All(t, "systemd", "cgroup2")
	c := harness.New(t)
	withSystemd(c, "")
	c.Up()
	if group := c.ProcFile("cgroup"); !strings.Contains(group, c.ID+".scope") {
		t.Errorf("cgroup %s", group)
	}
	c.Delete("--force")
	c.WantNothing()
}

func TestSystemdOnV1(t *testing.T) {
	needs.All(t, "systemd", "cgroup1")
	scopeOnV1(t)
}

func TestSystemdOnHybrid(t *testing.T) {
	needs.All(t, "systemd", "hybrid")
	scopeOnV1(t)
}

func scopeOnV1(t *testing.T) {
	c := harness.New(t, memory(64<<20))
	withSystemd(c, "system.slice:lab:"+c.ID)
	c.Up()
	limit := harness.CgroupFile(t, c.Init, "memory", "memory.limit_in_bytes", "")
	if text, _ := os.ReadFile(limit); strings.TrimSpace(string(text)) != fmt.Sprint(64<<20) {
		t.Errorf("%s: %s", limit, text)
	}
	c.Exec("true")
	c.Delete("--force")
	c.WantNothing()
}

func TestSystemdBadPath(t *testing.T) {
	needs.All(t, "systemd")
	for _, path := range []string{"a:b", "system.slice:a:b:c", "nonsense:lab:x", "/system.slice/x"} {
		c := harness.New(t)
		withSystemd(c, path)
		c.CreateFails("linux.cgroupsPath")
	}
}
