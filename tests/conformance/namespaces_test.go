package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/tests/harness"
	"github.com/c9b5e2ae/rt/tests/needs"
)

// types are the namespaces by their names in a config and below /proc/PID/ns.
var types = []struct {
	kind       specs.LinuxNamespaceType
	file, said string
}{
	{specs.PIDNamespace, "pid", "a pid"}, {specs.NetworkNamespace, "net", "a network"},
	{specs.MountNamespace, "mnt", "a mount"}, {specs.IPCNamespace, "ipc", "an ipc"},
	{specs.UTSNamespace, "uts", "a uts"}, {specs.UserNamespace, "user", "a user"},
	{specs.CgroupNamespace, "cgroup", "a cgroup"}, {specs.TimeNamespace, "time", "a time"},
}

// only is a config with no namespace but these, and nothing in it that needs others.
func only(kinds ...specs.LinuxNamespaceType) harness.Change {
	return func(s *specs.Spec) {
		s.Hostname = ""
		s.Linux.Namespaces = nil
		mount := false
		for _, kind := range kinds {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: kind})
			mount = mount || kind == specs.MountNamespace
			if kind == specs.UserNamespace {
				s.Linux.UIDMappings, s.Linux.GIDMappings = ids(0, 100000, 65536), ids(0, 100000, 65536)
			}
		}
		if !mount {
			s.Mounts, s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil, nil
		}
	}
}

func TestNewNamespaces(t *testing.T) {
	needs.All(t, "time-namespace")
	refusals := map[string]string{}
	old := map[string]bool{}
	for _, n := range types {
		// A user namespace owns the others: its mounts need one of them.
		kinds := []specs.LinuxNamespaceType{specs.MountNamespace, specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, n.kind}
		if n.kind != specs.UserNamespace {
			kinds = []specs.LinuxNamespaceType{specs.MountNamespace, n.kind}
		}
		if n.kind == specs.MountNamespace {
			kinds = kinds[:1]
		}
		c := harness.New(t, only(kinds...))
		r, ok := create(c)
		if !ok {
			refusals[n.file] = r.Stderr
			continue
		}
		old[n.file] = namespace(t, c.Init, n.file) == namespace(t, os.Getpid(), n.file)
		c.Delete("--force")
	}
	sentence(t, "configLinuxNamespaces.2", func(t *testing.T) {
		for file, text := range refusals {
			t.Errorf("%s: %s", file, text)
		}
	})
	sentence(t, "configLinuxNamespaces.6", func(t *testing.T) {
		for file, is := range old {
			if is {
				t.Errorf("the %s namespace is the runtime's", file)
			}
		}
	})
}

// holder starts a process with namespaces of its own, but no user namespace.
func holder(t *testing.T) int {
	t.Helper()
	// unshare waits for the child, which is in the new pid and time namespaces.
	cmd := exec.Command("unshare", "--pid", "--net", "--mount", "--ipc", "--uts", "--cgroup", "--time", "--fork", "--kill-child",
		"sh", "-c", "echo ready; exec sleep 1000")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	harness.Service(cmd.Process.Pid)
	if _, err := out.Read(make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Sscan(read(t, fmt.Sprintf("/proc/%d/task/%d/children", cmd.Process.Pid, cmd.Process.Pid)), &pid); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Kill(pid, unix.SIGKILL)
		cmd.Wait()
	})
	return pid
}

func TestJoinedNamespaces(t *testing.T) {
	needs.All(t, "time-namespace")
	pid := holder(t)
	user := harness.New(t, harness.UserNamespace(100000))
	user.Create()
	at := func(file string) string {
		if file == "user" {
			return fmt.Sprintf("/proc/%d/ns/user", user.Init)
		}
		return fmt.Sprintf("/proc/%d/ns/%s", pid, file)
	}
	sentence(t, "configLinuxNamespaces.4", func(t *testing.T) {
		for _, n := range types {
			c := harness.New(t, func(s *specs.Spec) { s.Hostname = "" }, harness.Namespace(n.kind, at(n.file)))
			r, ok := create(c)
			if !ok {
				t.Errorf("%s: %s", n.file, r.Stderr)
				continue
			}
			want, err := os.Readlink(at(n.file))
			if err != nil {
				t.Fatal(err)
			}
			if got := namespace(t, c.Init, n.file); got != want {
				t.Errorf("the %s namespace is %s, want %s", n.file, got, want)
			}
			c.Delete("--force")
		}
	})
	sentence(t, "configLinuxNamespaces.5", func(t *testing.T) {
		for i, n := range types {
			other := types[(i+1)%len(types)]
			for _, path := range []string{at(other.file), "/etc/passwd", "/no/such/file"} {
				c := harness.New(t, func(s *specs.Spec) { s.Hostname = "" }, harness.Namespace(n.kind, path))
				says := ""
				if path == at(other.file) {
					says = fmt.Sprintf(`namespaces: linux.namespaces[%d].path: "%s" is not %s namespace`,
						len(c.Spec.Linux.Namespaces)-1, path, n.said)
				}
				if !refused(t, c, says) {
					t.Logf("%s at %s", n.file, path)
				}
			}
		}
	})
	sentence(t, "configLinuxNamespaces.3", func(t *testing.T) {
		c := harness.New(t, harness.Namespace(specs.NetworkNamespace, fmt.Sprintf("proc/%d/ns/net", pid)))
		command := c.Command("create", "--bundle", c.Bundle, c.ID)
		command.Dir = "/"
		r := command.Run(t)
		if r.Code == 0 {
			t.Error("a path relative to the current directory was taken")
		}
		says(t, c, r, fmt.Sprintf(`config.json: linux.namespaces[4].path: "proc/%d/ns/net" is not an absolute path`, pid))
	})
}

func TestInheritedNamespaces(t *testing.T) {
	sentence(t, "configLinuxNamespaces.7", func(t *testing.T) {
		for _, n := range types {
			var kinds []specs.LinuxNamespaceType
			for _, other := range harness.Plain().Linux.Namespaces {
				if other.Type != n.kind {
					kinds = append(kinds, other.Type)
				}
			}
			c := harness.New(t, only(kinds...))
			if n.kind == specs.MountNamespace {
				// Empty, for a runtime that wants it to be there.
				write(t, c, set(t, parse(t, read(t, c.Bundle, "config.json")), "mounts", `[]`))
			}
			r, ok := create(c)
			if !ok {
				t.Errorf("without %s: %s", n.file, r.Stderr)
				continue
			}
			if namespace(t, c.Init, n.file) != namespace(t, os.Getpid(), n.file) {
				t.Errorf("without %s in the config, the container has one", n.file)
			}
			c.Delete("--force")
		}
	})
}

func TestIDMappings(t *testing.T) {
	mappings := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 1000}, {ContainerID: 5000, HostID: 200000, Size: 10}}
	dir := harness.Dir(t)
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Join(dir, "file"), 5, 6); err != nil {
		t.Fatal(err)
	}
	c := harness.New(t, harness.Namespace(specs.UserNamespace, ""), harness.Bind(dir, "/mnt"), func(s *specs.Spec) {
		s.Linux.UIDMappings, s.Linux.GIDMappings = mappings, mappings[:1]
	})
	owners := func() string {
		var text strings.Builder
		for _, root := range []string{c.Rootfs(), dir} {
			filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
				if err == nil && !strings.HasPrefix(path, filepath.Join(c.Rootfs(), "dev/")) && !strings.HasPrefix(path, filepath.Join(c.Rootfs(), "bin/")) {
					s := info.Sys().(*syscall.Stat_t)
					fmt.Fprintln(&text, path, s.Uid, s.Gid)
				}
				return nil
			})
		}
		return text.String()
	}
	before := owners()
	r, ok := create(c)
	rows := func(t *testing.T, file string) [][3]uint32 {
		t.Helper()
		if !ok {
			t.Fatal(r)
		}
		var all [][3]uint32
		for line := range strings.Lines(on(t, c).ProcFile(file)) {
			var row [3]uint32
			if _, err := fmt.Sscan(line, &row[0], &row[1], &row[2]); err != nil {
				t.Fatal(err)
			}
			all = append(all, row)
		}
		if want := map[string]int{"uid_map": 2, "gid_map": 1}[file]; len(all) != want {
			t.Fatalf("%s: %v", file, all)
		}
		return all
	}
	column := func(n int, of func(specs.LinuxIDMapping) uint32) func(t *testing.T) {
		return func(t *testing.T) {
			for _, file := range []string{"uid_map", "gid_map"} {
				for i, row := range rows(t, file) {
					if row[n] != of(mappings[i]) {
						t.Errorf("%s: %v", file, row)
					}
				}
			}
		}
	}
	sentence(t, "configLinuxUserNamespaceMappings.1", column(0, func(m specs.LinuxIDMapping) uint32 { return m.ContainerID }))
	sentence(t, "configLinuxUserNamespaceMappings.2", column(1, func(m specs.LinuxIDMapping) uint32 { return m.HostID }))
	sentence(t, "configLinuxUserNamespaceMappings.3", column(2, func(m specs.LinuxIDMapping) uint32 { return m.Size }))
	sentence(t, "configLinuxUserNamespaceMappings.4", func(t *testing.T) {
		if !ok {
			t.Fatal(r)
		}
		// What was there before: a runtime may make mount points.
		for line := range strings.Lines(before) {
			if !strings.Contains(owners(), line) {
				t.Errorf("an owner changed, it was %s", line)
			}
		}
		var s unix.Stat_t
		if err := unix.Stat(filepath.Join(dir, "file"), &s); err != nil || s.Uid != 5 {
			t.Errorf("owner %d, %v", s.Uid, err)
		}
	})
}
