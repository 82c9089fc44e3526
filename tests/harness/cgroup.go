package harness

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/c9b5e2ae/rt/tests/needs"
)

// CgroupFile returns the path of a file in the cgroup of a process. The name is the
// one of the machine's cgroup version: on v1 the controller says in which hierarchy.
func CgroupFile(t testing.TB, pid int, controller, v1, v2 string) string {
	t.Helper()
	return CgroupFileOf(t, readFile("/proc/"+strconv.Itoa(pid)+"/cgroup"), controller, v1, v2)
}

// CgroupFileOf is CgroupFile for the text of a /proc/PID/cgroup.
func CgroupFileOf(t testing.TB, text, controller, v1, v2 string) string {
	t.Helper()
	for line := range strings.Lines(text) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if needs.Have("cgroup2") && fields[1] == "" {
			return filepath.Join("/sys/fs/cgroup", fields[2], v2)
		}
		for name := range strings.SplitSeq(fields[1], ",") {
			if name == controller {
				return filepath.Join("/sys/fs/cgroup", controller, fields[2], v1)
			}
		}
	}
	t.Fatalf("no cgroup of %s in %q", controller, text)
	return ""
}
