package cgroups

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/tests/needs"
)

func TestAtLeast(t *testing.T) {
	for release, want := range map[string]bool{
		"6.1.0-13-amd64": true, "6.1": true, "6.18.44-fc-v509": true, "7.0-rc1": true, "10.2.1": true,
		"6.0.19": false, "5.15.0": false, "4.18.0-305.el8": false, "6": false, "": false, "six.one": false, "6.x": false,
	} {
		if got := atLeast(release, 6, 1); got != want {
			t.Errorf("%q: %v, want %v", release, got, want)
		}
	}
}

// A task that the freezer of v1 holds is never shown as one that sleeps, stopped or
// not: MayBeFrozen relies on it.
func TestFrozenTaskIsShownAsSuch(t *testing.T) {
	needs.All(t, "root", "cgroup1")
	dir := filepath.Join("/sys/fs/cgroup/freezer", fmt.Sprintf("rt-frozen-%d", os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(dir)
	state := &State{Paths: map[string]string{"freezer": dir}}
	for _, stop := range []bool{false, true} {
		cmd := exec.Command("sleep", "60")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		set := func(file, text string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0); err != nil {
				t.Error(err)
			}
		}
		set("cgroup.procs", fmt.Sprint(cmd.Process.Pid))
		if stop {
			cmd.Process.Signal(unix.SIGSTOP)
		}
		time.Sleep(20 * time.Millisecond)
		set("freezer.state", "FROZEN")
		for range 500 {
			if data, _ := os.ReadFile(filepath.Join(dir, "freezer.state")); string(data) == "FROZEN\n" {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(data), ") ")
		if !state.MayBeFrozen(rest[0]) {
			t.Errorf("stopped %v: a frozen task is shown as %q", stop, rest[0])
		}
		set("freezer.state", "THAWED")
		cmd.Process.Kill()
		cmd.Wait()
	}
	if v2 := (&State{Paths: map[string]string{"": "/x"}}); !v2.MayBeFrozen('S') {
		t.Error("v2 shows a frozen task as one that sleeps")
	}
}
