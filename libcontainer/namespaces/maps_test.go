package namespaces

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

func TestHostWriteMaps(t *testing.T) {
	needRoot(t)
	pid := start(t, "wait", unix.CLONE_NEWUSER, 0).pid
	s := &specs.Spec{Linux: &specs.Linux{
		Namespaces:  ns("user"),
		UIDMappings: []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 10}, {ContainerID: 10, HostID: 0, Size: 1}},
		GIDMappings: []specs.LinuxIDMapping{{ContainerID: 0, HostID: 200000, Size: 10}},
	}}
	p, problems := plan(s, &config.Facts{})
	if problems != "" {
		t.Fatal(problems)
	}
	if err := p.WriteMaps(pid); err != nil {
		t.Fatal(err)
	}
	if got := Verify(pid, s); len(got) > 0 {
		t.Error(got)
	}
	// A map is written once.
	wantError(t, p.WriteMaps(pid), `linux.uidMappings: write uid_map "0 100000 10\n10 0 1": the kernel does not allow it`)

	// The same namespace, joined: the maps have to be these.
	j := Plan{
		Join:       []Join{{"user", unix.CLONE_NEWUSER, "/u", 0}},
		UIDMapping: []specs.LinuxIDMapping{p.UIDMapping[1], p.UIDMapping[0]},
		GIDMapping: p.GIDMapping,
	}
	if err := j.CheckMaps(pid); err != nil {
		t.Error(err)
	}
	j.GIDMapping = p.UIDMapping
	wantError(t, j.CheckMaps(pid), `linux.gidMappings: the user namespace "/u" has other ones`)
}

// Run as root, this test runs itself again as uid 1, with an /etc/subuid and an
// /etc/subgid that give it ten ids.
func TestHostWriteMapsUnprivileged(t *testing.T) {
	if os.Getenv("RT_TEST_UNPRIVILEGED") == "" {
		needRoot(t)
		asUser(t, 1)
		return
	}
	own := Plan{
		UIDMapping: []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1, Size: 1}},
		GIDMapping: []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1, Size: 1}},
	}
	t.Run("own id", func(t *testing.T) {
		pid := start(t, "wait", unix.CLONE_NEWUSER, 0).pid
		if err := own.WriteMaps(pid); err != nil {
			t.Fatal(err)
		}
		if data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/setgroups", pid)); string(data) != "deny\n" {
			t.Errorf("setgroups %q", data)
		}
	})
	more := Plan{
		UIDMapping: []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1, Size: 1}, {ContainerID: 1, HostID: 100000, Size: 10}},
		GIDMapping: []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1, Size: 1}, {ContainerID: 1, HostID: 100000, Size: 9}},
	}
	t.Run("helpers", func(t *testing.T) {
		t.Setenv("PATH", "")
		pid := start(t, "wait", unix.CLONE_NEWUSER, 0).pid
		if err := more.WriteMaps(pid); err != nil {
			t.Fatal(err)
		}
		if data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/gid_map", pid)); strings.Join(strings.Fields(string(data)), " ") != "0 1 1 1 100000 9" {
			t.Errorf("gid_map %q", data)
		}
		if data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/setgroups", pid)); string(data) != "allow\n" {
			t.Errorf("setgroups %q", data)
		}
	})
	t.Run("helper refuses", func(t *testing.T) {
		pid := start(t, "wait", unix.CLONE_NEWUSER, 0).pid
		other := Plan{UIDMapping: []specs.LinuxIDMapping{{ContainerID: 0, HostID: 200000, Size: 2}}, GIDMapping: own.GIDMapping}
		wantError(t, other.WriteMaps(pid), fmt.Sprintf("linux.uidMappings: newuidmap %d 0 200000 2: exit status 1: "+
			"newuidmap: uid range [0-2) -> [200000-200002) not allowed", pid))
	})
	t.Run("no helper", func(t *testing.T) {
		t.Setenv("PATH", "/nowhere")
		pid := start(t, "wait", unix.CLONE_NEWUSER, 0).pid
		wantError(t, more.WriteMaps(pid), "linux.uidMappings: newuidmap is needed to map these ids without privileges, and it is not in /nowhere")
	})
}

func asUser(t *testing.T, id uint32) {
	t.Helper()
	exe, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "rt-namespaces-") // t.TempDir is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "test")
	if err := os.WriteFile(path, exe, 0o755); err != nil {
		t.Fatal(err)
	}
	sub := filepath.Join(dir, "sub")
	if err := os.WriteFile(sub, fmt.Appendf(nil, "%d:100000:10\n", id), 0o644); err != nil {
		t.Fatal(err)
	}
	const script = `set -e; for f in /etc/subuid /etc/subgid; do mount --bind "$1" $f; done
		exec setpriv --reuid "$2" --regid "$2" --clear-groups "$3" -test.v "-test.run=^$4\$"`
	cmd := exec.Command("unshare", "--mount", "sh", "-c", script, "sh", sub, fmt.Sprint(id), path, t.Name())
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "RT_TEST_UNPRIVILEGED=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
}

// Root of a user namespace has no other ids to give than those that it has.
func TestHostWriteMapsNested(t *testing.T) {
	if os.Getenv("RT_TEST_NESTED") == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), "RT_TEST_NESTED=1")
		cmd.SysProcAttr = command("", unix.CLONE_NEWUSER).SysProcAttr
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	pid := start(t, "wait", unix.CLONE_NEWUSER, 0).pid
	p := Plan{
		UIDMapping: []specs.LinuxIDMapping{{ContainerID: 0, HostID: 0, Size: 1}, {ContainerID: 1, HostID: 1, Size: 9}},
		GIDMapping: []specs.LinuxIDMapping{{ContainerID: 0, HostID: 0, Size: 1}},
	}
	wantError(t, p.WriteMaps(pid), "linux.uidMappings[1]: host ids 1-9 are not in the user namespace of rt")
}

func TestRunTool(t *testing.T) {
	for script, want := range map[string]string{
		"exit 0":                     "",
		"echo a; echo b >&2":         "",
		"echo a; echo b >&2; exit 3": "exit status 3: a\nb",
		"kill -9 $$":                 "killed by signal 9: ",
		"cat":                        "",
	} {
		got := ""
		if err := run("/bin/sh", []string{"sh", "-c", script}); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", script, got, want)
		}
	}
	wantError(t, run("/nowhere", nil), `exec "/nowhere": the kernel does not have it`)
}
