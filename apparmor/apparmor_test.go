package apparmor

import (
	"os"
	"strings"
	"testing"

	"github.com/c9b5e2ae/rt/libcontainer/procfs"
)

func TestEnabled(t *testing.T) {
	data, err := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	if want := err == nil && strings.TrimSpace(string(data)) == "Y"; Enabled() != want {
		t.Errorf("got %v, want %v", Enabled(), want)
	}
}

// Without AppArmor nothing may look as if the label were set.
func TestExecLabelFails(t *testing.T) {
	p, err := procfs.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := ExecLabel(p, "a\x00b"); err == nil || err.Error() != `profile "a\x00b" contains a NUL byte or a line end` {
		t.Error(err)
	}
	if Enabled() {
		t.Skip("this host has AppArmor")
	}
	err = ExecLabel(p, "rt-test")
	if err == nil || !strings.HasPrefix(err.Error(), "profile \"rt-test\": write `/proc/thread-self/attr/exec`: ") {
		t.Errorf("got %v", err)
	}
}
