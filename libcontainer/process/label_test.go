package process

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/c9b5e2ae/rt/apparmor"
	"github.com/c9b5e2ae/rt/tests/needs"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

const testProfile = `profile "rt test" flags=(attach_disconnected) {
	file, capability, signal, ptrace, unix,
}
`

func TestInitAppArmor(t *testing.T) {
	needRoot(t)
	needs.All(t, "apparmor")
	parser := exec.Command("apparmor_parser", "-Kr")
	parser.Stdin = strings.NewReader(testProfile)
	if out, err := parser.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() {
		remove := exec.Command("apparmor_parser", "-R")
		remove.Stdin = strings.NewReader(testProfile)
		remove.Run()
	})
	if ok, err := apparmor.Loaded("rt test"); !ok || err != nil {
		t.Errorf("loaded: %v, %v", ok, err)
	}
	if ok, err := apparmor.Loaded("rt"); ok || err != nil {
		t.Errorf("a profile that is not loaded: %v, %v", ok, err)
	}
	program := pauser(t, scratch(t))
	s := specs.Spec{Process: &specs.Process{Args: []string{program}, Cwd: "/", ApparmorProfile: "rt test", User: specs.User{UID: 1000}}}
	r := launch(t, "run", child{Spec: s}, nil)
	if got := r.wait(t); got != "" {
		t.Fatal(got)
	}
	verify(t, r, &s)
	if data, _ := os.ReadFile("/proc/" + pidText(r) + "/attr/current"); string(data) != "rt test (enforce)\n" {
		t.Errorf("confined by %q", data)
	}

	s.Process.ApparmorProfile = "rt nosuch"
	r = launch(t, "run", child{Spec: s}, nil)
	if got, want := r.wait(t), `process.apparmorProfile: profile "rt nosuch" is not loaded`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestInitSELinux(t *testing.T) {
	needRoot(t)
	needs.All(t, "selinux")
	dir := scratch(t)
	program := pauser(t, dir)
	for _, path := range []string{dir, program} { // or an enforcing policy denies execve
		unix.Setxattr(path, "security.selinux", []byte("system_u:object_r:container_ro_file_t:s0"), 0)
	}
	s := specs.Spec{Process: &specs.Process{Args: []string{program}, Cwd: "/", SelinuxLabel: "system_u:system_r:container_t:s0:c1,c2"}}
	r := launch(t, "run", child{Spec: s}, nil)
	if got := r.wait(t); got != "" {
		t.Fatal(got)
	}
	verify(t, r, &s)
	r = launch(t, "keyring", child{Spec: s, Extra: "_ses.rt-selinux"}, nil)
	if got := r.wait(t); got != "" {
		t.Error(got)
	}

	s.Process.SelinuxLabel = "nonsense"
	r = launch(t, "run", child{Spec: s}, nil)
	if got, want := r.wait(t), "process.selinuxLabel: write \"nonsense\" to `/proc/thread-self/attr/exec`: invalid argument"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
