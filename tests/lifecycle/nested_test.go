package lifecycle

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/tests/harness"
	"github.com/c9b5e2ae/rt/tests/needs"
)

// privileged is what `docker run --privileged` gives: all capabilities, all
// devices, writable cgroups and nothing masked.
func privileged() harness.Change {
	var all []string
	for _, fact := range needs.Facts() {
		if strings.HasPrefix(fact, "CAP_") {
			all = append(all, fact)
		}
	}
	return func(s *specs.Spec) {
		s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all}
		s.Process.NoNewPrivileges = false
		s.Linux.MaskedPaths, s.Linux.ReadonlyPaths = nil, nil
		s.Linux.Resources.Devices = []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}
		if needs.Have("cgroup2") { // as Docker does there, so that the inner one is below
			harness.Namespace(specs.CgroupNamespace, "")(s)
		}
		for i, m := range s.Mounts {
			if m.Destination == "/sys" {
				s.Mounts[i].Options = []string{"nosuid", "noexec", "nodev"}
			}
		}
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup",
			Options: []string{"nosuid", "noexec", "nodev", "rw"}})
	}
}

// nest makes a container that can run the program under test, with a bundle at
// /bundle in it.
func nest(t *testing.T, changes ...harness.Change) *harness.Container {
	t.Helper()
	outer := harness.New(t, privileged())
	program, err := os.ReadFile(outer.Runtime)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := elf.NewFile(bytes.NewReader(program)); err != nil || f.Section(".interp") != nil {
		t.Skip("the program under test is no static one")
	}
	if err := os.WriteFile(filepath.Join(outer.Rootfs(), "bin/rt"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	inner := filepath.Join(outer.Rootfs(), "bundle")
	harness.MakeRootfs(t, filepath.Join(inner, "rootfs"))
	s := harness.Plain()
	for _, change := range changes {
		change(s)
	}
	writeJSON(t, filepath.Join(inner, "config.json"), s)
	return outer
}

// Many profiles around a runtime deny clone3, whose arguments they cannot see.
func TestContainerWhereClone3IsDenied(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ENOSYS, unix.EPERM} {
		outer := nest(t, harness.Shell("cat /proc/self/cgroup; grep SigCgt /proc/self/status"))
		number := uint(errno)
		outer.Edit(func(s *specs.Spec) {
			s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{
				{Names: []string{"clone3"}, Action: specs.ActErrno, ErrnoRet: &number}}}
		})
		outer.Up()
		r := outer.Do("exec", outer.ID, "rt", "--root", "/run/state", "run", "--bundle", "/bundle", outer.ID+"-inner")
		if r.Code != 0 {
			t.Fatal(r)
		}
		// Of a hybrid host the outer container sees the hierarchies of v1.
		hierarchy := "pids:"
		if needs.Have("cgroup2") {
			hierarchy = "0::"
		}
		if inside := regexp.MustCompile(`(?m)^[0-9:]*` + hierarchy + `.*-inner$`); !inside.MatchString(r.Stdout) {
			t.Errorf("%v: not in the container's cgroup: %v", errno, r)
		}
		if !strings.Contains(r.Stdout, "SigCgt:\t0000000000000000") {
			t.Errorf("%v: it has handlers of signals: %v", errno, r)
		}
		outer.Delete("--force")
	}
}

// A container in a container, by the same program.
func TestContainerInAContainer(t *testing.T) {
	outer := nest(t, harness.Shell("touch /ran; sleep 2345"))
	outer.Up()
	id := outer.ID + "-inner"
	rt := func(args ...string) harness.Result {
		t.Helper()
		return outer.Do(append([]string{"exec", outer.ID, "rt", "--root", "/run/state"}, args...)...)
	}
	if r := rt("run", "--detach", "--bundle", "/bundle", id); r.Code != 0 {
		t.Fatal(r)
	}
	harness.Eventually(t, "the inner program runs", func() bool { return outer.Has("bundle/rootfs/ran") })
	if r := rt("state", id); !strings.Contains(r.Stdout, `"running"`) {
		t.Error(r)
	}
	if r := rt("exec", id, "ps"); r.Code != 0 || !strings.Contains(r.Stdout, "sleep 2345") || strings.Contains(r.Stdout, "rt ") {
		t.Error(r)
	}
	// Its processes are in cgroups below the outer one's, whose limits hold for them.
	var pids []int
	if err := json.Unmarshal([]byte(outer.Must("ps", "--format", "json", outer.ID).Stdout), &pids); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, pid := range pids {
		args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		found = found || strings.Contains(string(args), "2345")
	}
	if !found {
		t.Errorf("the inner program is not among the outer container's processes %v", pids)
	}
	if r := rt("kill", id, "KILL"); r.Code != 0 {
		t.Error(r)
	}
	harness.Eventually(t, "the inner one stops", func() bool { return strings.Contains(rt("state", id).Stdout, `"stopped"`) })
	if r := rt("delete", id); r.Code != 0 {
		t.Error(r)
	}
	if r := rt("list", "-q"); r.Stdout != "" {
		t.Error(r)
	}
}

// The outer container takes the inner one with it, whatever is going on there.
func TestDeleteOfTheOuterContainer(t *testing.T) {
	outer := nest(t)
	outer.Up()
	outer.Must("exec", outer.ID, "rt", "--root", "/run/state", "run", "--detach", "--bundle", "/bundle", outer.ID+"-inner")
	outer.Delete("--force")
	outer.WantNothing()
}
