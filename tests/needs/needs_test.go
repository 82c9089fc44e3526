package needs

import (
	"os"
	"strings"
	"testing"
)

func TestFactsAreKnown(t *testing.T) {
	names := Facts()
	for _, name := range names {
		if have, known := lookUp(name); !have || !known {
			t.Errorf("%s: have %v, known %v", name, have, known)
		}
	}
	if os.Geteuid() == 0 && !Have("root") {
		t.Errorf("root does not have root: %s", strings.Join(names, " "))
	}
}

func TestCoveredBy(t *testing.T) {
	t.Setenv(labCovered, "host:root,cgroup1;v2:root,cgroup2,systemd")
	for needs, want := range map[string]string{
		"root":              "host",
		"root cgroup2":      "v2",
		"cgroup1 systemd":   "",
		"cgroup2 apparmor":  "",
		"systemd root":      "v2",
		"cgroup1 root root": "host",
	} {
		if got := coveredBy(strings.Fields(needs)); got != want {
			t.Errorf("%s: covered by %q, want %q", needs, got, want)
		}
	}
}
