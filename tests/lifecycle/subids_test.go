package lifecycle

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// A user with subordinate ids has more than one id in a container, by way of
// newuidmap(1), and can exec into one whose process has another id than the user.
func TestSubordinateIDs(t *testing.T) {
	for _, tool := range []string{"newuidmap", "newgidmap", "setpriv", "unshare"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	const first = 2000000
	c := rootless(t, harness.Args("sleep", "1000"), func(s *specs.Spec) {
		s.Process.User = specs.User{UID: 5, GID: 6, AdditionalGids: []uint32{7}}
	})
	c.Edit(func(s *specs.Spec) {
		s.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: ordinary, Size: 1}, {ContainerID: 1, HostID: first, Size: 1000}}
		s.Linux.GIDMappings = s.Linux.UIDMappings
	})
	dir := harness.Dir(t)
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	ids := fmt.Sprintf("%d:%d:1000\n", ordinary, first)
	script := ""
	for name, text := range map[string]string{
		"passwd": string(passwd) + fmt.Sprintf("\nordinary:x:%[1]d:%[1]d::/:/bin/sh\n", ordinary), "subuid": ids, "subgid": ids,
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat("/etc/" + name); err != nil {
			t.Skip(err)
		}
		script += fmt.Sprintf("mount --bind %s /etc/%s && ", path, name)
	}
	script += fmt.Sprintf(`exec setpriv --reuid=%[1]d --regid=%[1]d --clear-groups "$@"`, ordinary)
	as := func(args ...string) harness.Result {
		command := c.Command(args...)
		command.Args = append([]string{"unshare", "--mount", "sh", "-c", script, "sh"}, command.Args...)
		command.Env = append(command.Env, "XDG_RUNTIME_DIR=", "HOME=/", "PATH="+os.Getenv("PATH"))
		return command.Run(t)
	}
	defer as("delete", "--force", c.ID)
	if r := as("run", "--detach", "--bundle", c.Bundle, c.ID); r.Code != 0 {
		t.Fatal(r)
	}
	for script, want := range map[string]string{
		"id -u; id -g; id -G":     "5\n6\n6 7\n",
		"cat /proc/1/uid_map":     fmt.Sprintf("%10d %10d %10d\n%10d %10d %10d\n", 0, ordinary, 1, 1, first, 1000),
		"cat /proc/1/setgroups":   "allow\n",
		"stat -c %u /proc/1/root": "5\n",
	} {
		if r := as("exec", c.ID, "sh", "-c", script); r.Stdout != want {
			t.Errorf("%s: %v", script, r)
		}
	}
	if r := as("exec", "--user", "9:8", c.ID, "sh", "-c", "id -u; id -g"); r.Stdout != "9\n8\n" {
		t.Error(r)
	}
	if r := as("exec", "--user", "2000", c.ID, "true"); r.Code != 255 {
		t.Error(r)
	}
	if r := as("kill", c.ID, "KILL"); r.Code != 0 {
		t.Error(r)
	}
}
