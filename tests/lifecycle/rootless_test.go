package lifecycle

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/tests/harness"
	"github.com/c9b5e2ae/rt/tests/needs"
)

// ordinary is a user id that nobody has.
const ordinary = 54321

// rootless makes a container that an ordinary user runs, mapped to root inside.
func rootless(t *testing.T, changes ...harness.Change) *harness.Container {
	c := harness.New(t, changes...)
	c.Runtime = harness.PublicRuntime(t)
	c.Edit(func(s *specs.Spec) {
		harness.UserNamespace(ordinary)(s)
		s.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: ordinary, Size: 1}}
		s.Linux.GIDMappings = s.Linux.UIDMappings
		s.Linux.Resources = nil
		for i, m := range s.Mounts {
			if m.Type == "devpts" {
				s.Mounts[i].Options = strings.Fields("nosuid noexec newinstance ptmxmode=0666 mode=0620")
			}
		}
	})
	if err := os.MkdirAll(c.Root, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{c.Root, c.Bundle} {
		chown(t, dir, ordinary)
	}
	return c
}

// as runs the runtime as the ordinary user.
func as(t *testing.T, c *harness.Container, args ...string) harness.Result {
	t.Helper()
	command := c.Command(args...)
	command.Env = append(command.Env, "XDG_RUNTIME_DIR=", "HOME=/", "USER=root") // of whoever typed su
	command.Tune = func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ordinary, Gid: ordinary}}
	}
	return command.Run(t)
}

func TestRootless(t *testing.T) {
	c := rootless(t, harness.Shell("id -u; cat /proc/self/uid_map; sleep 1000"))
	defer func() { as(t, c, "delete", "--force", c.ID) }()
	if r := as(t, c, "create", "--bundle", c.Bundle, c.ID); r.Code != 0 {
		t.Fatal(r)
	}
	if r := as(t, c, "start", c.ID); r.Code != 0 {
		t.Fatal(r)
	}
	r := as(t, c, "state", c.ID)
	if !strings.Contains(r.Stdout, `"running"`) || !strings.Contains(r.Stdout, fmt.Sprintf(`"owner": "%d"`, ordinary)) && !strings.Contains(r.Stdout, `"owner": ""`) {
		t.Error(r)
	}
	if r := as(t, c, "exec", c.ID, "id", "-u"); r.Stdout != "0\n" {
		t.Error(r)
	}
	if r := as(t, c, "exec", c.ID, "sh", "-c", "touch /file && stat -c %u /file"); r.Stdout != "0\n" {
		t.Error(r)
	}
	info, err := os.Stat(filepath.Join(c.Rootfs(), "file"))
	if err != nil || info.Sys().(*syscall.Stat_t).Uid != ordinary {
		t.Errorf("owner on the host: %v, %v", info, err)
	}
	if r := as(t, c, "kill", c.ID, "KILL"); r.Code != 0 {
		t.Error(r)
	}
	harness.Eventually(t, "stopped", func() bool { return strings.Contains(as(t, c, "state", c.ID).Stdout, `"stopped"`) })
	if r := as(t, c, "delete", c.ID); r.Code != 0 {
		t.Error(r)
	}
}

// What an ordinary user may not do is refused with a word on why.
func TestRootlessWithoutUserNamespace(t *testing.T) {
	c := rootless(t)
	c.Edit(harness.WithoutNamespace(specs.UserNamespace), func(s *specs.Spec) { s.Linux.UIDMappings, s.Linux.GIDMappings = nil, nil })
	r := as(t, c, "create", "--bundle", c.Bundle, c.ID)
	if r.Code != 1 || !strings.Contains(r.Stderr, "user namespace") {
		t.Error(r)
	}
}

// In the lab an ordinary user has a systemd of his own, which delegates cgroups.
func TestRootlessLimits(t *testing.T) {
	needs.All(t, "lab-user", "cgroup2")
	c := harness.New(t)
	for _, driver := range []string{"", "--systemd-cgroup"} {
		home := "/home/lab/bundle" + driver
		script := fmt.Sprintf(`set -e
			rm -rf %[1]s; mkdir %[1]s; cp -r %[2]s/rootfs %[1]s; cd %[1]s
			%[3]s spec --rootless
			jq '.process.terminal = false | .process.args = ["cat", "/sys/fs/cgroup/memory.max", "/proc/self/uid_map"]
				| .linux.resources = {memory: {limit: 33554432}}
				| .linux.namespaces |= (. + [{type: "cgroup"}] | unique_by(.type))' config.json >changed
			mv changed config.json
			%[3]s %[4]s run lab%[5]d`, home, c.Bundle, c.Runtime, driver, len(driver))
		path := filepath.Join(harness.Dir(t), "script")
		if err := os.WriteFile(path, []byte(script), 0o644); err != nil {
			t.Fatal(err)
		}
		r := harness.Command{Args: []string{"lab-user", "sh", path}}.Run(t)
		if r.Code != 0 || !strings.HasPrefix(r.Stdout, "33554432\n") || !strings.Contains(r.Stdout, "1000 ") {
			t.Errorf("driver %q: %v", driver, r)
		}
	}
}
