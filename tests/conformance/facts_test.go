package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// What the kernel says of a container's init, and of its mounts and cgroups, as the
// host sees it: without a program inside that could be wrong, and before start too.

// namespace is what /proc/PID/ns/NAME links to.
func namespace(t *testing.T, pid int, name string) string {
	t.Helper()
	link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, name))
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// in runs a command in namespaces of a container's init: flags are nsenter's.
func in(t *testing.T, c *harness.Container, flags string, args ...string) string {
	t.Helper()
	enter := append([]string{"nsenter", "-t", fmt.Sprint(c.Init)}, strings.Fields(flags)...)
	return strings.TrimSuffix(harness.Must(t, append(enter, args...)...), "\n")
}

// status is a field of /proc/PID/status.
func status(t *testing.T, c *harness.Container, field string) string {
	t.Helper()
	for line := range strings.Lines(on(t, c).ProcFile("status")) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("no %s in /proc/PID/status", field)
	return ""
}

// inRoot is a path of the container as the host gets at it.
func inRoot(c *harness.Container, path string) string {
	return fmt.Sprintf("/proc/%d/root%s", c.Init, path)
}

// A mountLine is a line of mountinfo (proc_pid_mountinfo(5)).
type mountLine struct {
	device, root, point string
	options             []string // of the mount
	propagation         string   // "shared:5 master:2"
	fs, source          string
	super               []string // options of the filesystem
}

func (m mountLine) has(option string) bool { return slices.Contains(m.options, option) }

// String has all but the numbers of peer groups.
func (m mountLine) String() string {
	return fmt.Sprintf("%s on %s %v %q, %s %v", m.root, m.point, m.options, m.propagation, m.fs, m.super)
}

// mountsOf parses mountinfo.
func mountsOf(text string) []mountLine {
	var all []mountLine
	for line := range strings.Lines(text) {
		before, after, _ := strings.Cut(line, " - ")
		f, g := strings.Fields(before), strings.Fields(after)
		m := mountLine{device: f[2], root: f[3], point: f[4], options: strings.Split(f[5], ","), propagation: strings.Join(f[6:], " ")}
		m.fs, m.source, m.super = g[0], g[1], strings.Split(g[len(g)-1], ",")
		all = append(all, m)
	}
	return all
}

// mounts are those that a container's init sees.
func mounts(t *testing.T, c *harness.Container) []mountLine {
	t.Helper()
	return mountsOf(on(t, c).ProcFile("mountinfo"))
}

// mountAt is the topmost mount at a path of the container.
func mountAt(t *testing.T, c *harness.Container, point string) mountLine {
	t.Helper()
	all := mounts(t, c)
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].point == point {
			return all[i]
		}
	}
	t.Fatalf("no mount at %s", point)
	return mountLine{}
}

// cgroup is the directory of a container's init in the hierarchy of a controller;
// on cgroup v2 it is the only one, and controller is of no interest.
func cgroup(t *testing.T, c *harness.Container, controller string) string {
	t.Helper()
	for line := range strings.Lines(on(t, c).ProcFile("cgroup")) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case slices.Contains(strings.Split(f[1], ","), controller):
			return filepath.Join("/sys/fs/cgroup", controller, f[2])
		case f[0] == "0" && unified(): // the only line on a pure v2 host
			return filepath.Join("/sys/fs/cgroup", f[2])
		}
	}
	t.Fatalf("no hierarchy has %s", controller)
	return ""
}

// unified tells whether this host has cgroup v2 only.
func unified() bool {
	var s unix.Statfs_t
	return unix.Statfs("/sys/fs/cgroup", &s) == nil && s.Type == unix.CGROUP2_SUPER_MAGIC
}

// cgroupDirs are the directories of a cgroup in all hierarchies.
func cgroupDirs(t *testing.T, path string) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		dirs, err := filepath.Glob(filepath.Join(pattern, path))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, dirs...)
	}
	return found
}
