package config

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

func TestMain(m *testing.M) {
	if os.Getenv("RT_TEST_FACTS") != "" {
		f, err := ReadFacts("auto")
		fmt.Println(f.Rootless, f.EUID, err)
		return
	}
	os.Exit(m.Run())
}

func TestHostFacts(t *testing.T) {
	f, err := ReadFacts("false")
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("CapBnd:\t%016x\n", f.Bounding); !strings.Contains(string(status), want) {
		t.Errorf("%q is not in\n%s", want, status)
	}
	last, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		t.Skip(err)
	}
	if got := fmt.Sprintln(f.LastCap); got != string(last) {
		t.Errorf("got %s, want %s", got, last)
	}
	if f.Rootless {
		t.Error("rootless against the flag")
	}
	if f, _ := ReadFacts("true"); !f.Rootless {
		t.Error("not rootless against the flag")
	}
}

// Root of another user namespace lacks real root, whatever it maps.
func TestHostFactsInUserNamespace(t *testing.T) {
	one := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	group := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "RT_TEST_FACTS=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: one, GidMappings: group}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Skipf("user namespace: %v", err)
	}
	if got := string(out); got != "true 0 <nil>\n" {
		t.Errorf("got %s", got)
	}
}
