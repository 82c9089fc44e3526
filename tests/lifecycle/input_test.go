package lifecycle

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// Each of these is refused by create with a text that names the place, and leaves
// nothing behind.
func TestBadConfig(t *testing.T) {
	for name, tt := range map[string]struct {
		change harness.Change
		want   []string
	}{
		"unknown namespace": {
			func(s *specs.Spec) { s.Linux.Namespaces[1].Type = "networks" },
			[]string{"linux.namespaces[1].type", `"networks"`},
		},
		"namespace twice": {
			func(s *specs.Spec) { s.Linux.Namespaces = append(s.Linux.Namespaces, s.Linux.Namespaces[0]) },
			[]string{"linux.namespaces[5]", "pid"},
		},
		"namespace path of another type": {
			harness.Namespace(specs.NetworkNamespace, "/proc/self/ns/uts"),
			[]string{"linux.namespaces[4].path", "/proc/self/ns/uts"},
		},
		"namespace path that is missing": {
			harness.Namespace(specs.NetworkNamespace, "/no/such/namespace"),
			[]string{"linux.namespaces[4].path", "/no/such/namespace"},
		},
		"unknown mount option": {
			harness.Mount(specs.Mount{Destination: "/mnt", Type: "tmpfs", Source: "none", Options: []string{"rsheared"}}),
			[]string{"/mnt", "rsheared"},
		},
		"relative cwd": {
			func(s *specs.Spec) { s.Process.Cwd = "app" },
			[]string{"process.cwd", `"app"`},
		},
		"unknown rlimit": {
			func(s *specs.Spec) { s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_FOO"}} },
			[]string{"process.rlimits[0].type", `"RLIMIT_FOO"`},
		},
		"soft above hard": {
			func(s *specs.Spec) {
				s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 8, Hard: 7}}
			},
			[]string{"process.rlimits[0].soft"},
		},
		"no arguments": {
			func(s *specs.Spec) { s.Process.Args = nil },
			[]string{"process.args"},
		},
		"no root": {
			func(s *specs.Spec) { s.Root = nil },
			[]string{"root"},
		},
		"missing root": {
			func(s *specs.Spec) { s.Root.Path = "nowhere" },
			[]string{"root.path", "nowhere"},
		},
		"root is a file": {
			func(s *specs.Spec) { s.Root.Path = "config.json" },
			[]string{"root.path"},
		},
		"version 2": {
			func(s *specs.Spec) { s.Version = "2.0.0" },
			[]string{"ociVersion", `"2.0.0"`},
		},
		"no version": {
			func(s *specs.Spec) { s.Version = "" },
			[]string{"ociVersion"},
		},
		"hostname without uts namespace": {
			harness.WithoutNamespace(specs.UTSNamespace),
			[]string{"hostname", "uts"},
		},
		"sysctl of the host": {
			func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"kernel.panic": "1"} },
			[]string{"linux.sysctl", "kernel.panic"},
		},
		"sysctl climbs": {
			func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net/../kernel/panic": "1"} },
			[]string{"linux.sysctl", "net/../kernel/panic"},
		},
		"sysctl that the kernel refuses": {
			func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net.ipv4.ip_forward": "word"} },
			[]string{"net.ipv4.ip_forward"},
		},
		"sysctl that the kernel lacks": {
			func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{"net.no.such": "1"} },
			[]string{"net.no.such"},
		},
		"filesystem that the kernel lacks": {
			harness.Mount(specs.Mount{Destination: "/mnt", Type: "nosuchfs", Source: "none"}),
			[]string{"/mnt", "nosuchfs"},
		},
		"mount option that the kernel refuses": {
			harness.Mount(specs.Mount{Destination: "/mnt", Type: "tmpfs", Source: "none", Options: []string{"nosuch=1"}}),
			[]string{"/mnt", "nosuch"},
		},
		"bind source is missing": {
			harness.Bind("/no/such/source", "/mnt"),
			[]string{"/no/such/source"},
		},
		"file over a directory": {
			harness.Bind("/etc/hostname", "/tmp"),
			[]string{"/tmp", "not a directory"},
		},
		"uid 2^32-1": {
			func(s *specs.Spec) { s.Process.User.UID = 1<<32 - 1 },
			[]string{"process.user.uid"},
		},
		"NUL in an argument": {
			harness.Args("true", "a\x00b"),
			[]string{"process.args[1]"},
		},
		"unknown seccomp action": {
			func(s *specs.Spec) { s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: "SCMP_ACT_MAYBE"} },
			[]string{"linux.seccomp.defaultAction", `"SCMP_ACT_MAYBE"`},
		},
		"relative hook": {
			func(s *specs.Spec) { s.Hooks = &specs.Hooks{Poststop: []specs.Hook{{Path: "hook"}}} },
			[]string{"hooks.poststop[0].path", `"hook"`},
		},
		"many at once": {
			func(s *specs.Spec) {
				s.Process.Cwd = "app"
				s.Linux.Namespaces[0].Type = "pids"
				s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_FOO"}}
			},
			[]string{"process.cwd", "linux.namespaces[0].type", "process.rlimits[0].type"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := harness.New(t, tt.change)
			c.CreateFails(tt.want...)
		})
	}
}

// A bind mount has no data, and mount(2) ignores it: so does rt, but it says so.
func TestUnknownOptionOfABindMount(t *testing.T) {
	c := harness.New(t, harness.Args("true"), harness.Bind("/tmp", "/mnt", "rsheared"))
	if r := c.Run(); r.Code != 0 || !strings.Contains(r.Stderr, `mounts[6].options[1]`) || !strings.Contains(r.Stderr, `"rsheared"`) {
		t.Error(r)
	}
	c.WantNothing()
}

func TestBadDocument(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want string
	}{
		"empty":          {"", "config.json"},
		"not JSON":       {"hello", "config.json"},
		"cut short":      {`{"ociVersion": "1.0.0"`, "config.json"},
		"an array":       {"[]", "config.json"},
		"null":           {"null", "config.json"},
		"trailing data":  {`{"ociVersion": "1.0.0"} x`, "config.json"},
		"duplicate key":  {`{"ociVersion": "1.0.0", "ociVersion": "1.0.0"}`, "ociVersion"},
		"wrong type":     {`{"ociVersion": "1.0.0", "process": {"user": {"uid": "5"}}}`, "process.user.uid"},
		"invalid UTF-8":  {"{\"ociVersion\": \"1.0.0\xff\"}", "ociVersion"},
		"other case key": {`{"OCIVersion": "1.0.0"}`, "ociVersion"},
	} {
		t.Run(name, func(t *testing.T) {
			c := harness.New(t)
			c.WriteConfig([]byte(tt.text))
			c.CreateFails(tt.want)
		})
	}
}

func TestMissingConfig(t *testing.T) {
	c := harness.New(t)
	os.Remove(filepath.Join(c.Bundle, "config.json"))
	c.CreateFails("config.json", "no such file or directory")
}

func TestConfigIsNoRegularFile(t *testing.T) {
	c := harness.New(t)
	path := filepath.Join(c.Bundle, "config.json")
	os.Remove(path)
	harness.Must(t, "mkfifo", path)
	c.CreateFails("config.json")
	os.Remove(path)
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	c.CreateFails("config.json")
}

func TestMissingBundle(t *testing.T) {
	c := harness.New(t)
	c.Bundle += "s"
	c.CreateFails(c.Bundle, "no such file or directory")
}

func TestUnknownSignal(t *testing.T) {
	c := harness.New(t)
	c.Up()
	for _, signal := range []string{"FOO", "SIGFOO", "-1", "65", "4294967297", "SIGRTMIN+40", "K ILL"} {
		r := c.Do("kill", "--", c.ID, signal)
		if r.Code != 1 {
			t.Errorf("%s: %v", signal, r)
		}
	}
	c.WantStatus("running")
}

func TestSignalNames(t *testing.T) {
	for _, signal := range []string{"TERM", "term", "SIGTERM", "sigterm", "15"} {
		c := harness.New(t, harness.Shell("trap 'exit 5' TERM; touch /ready; while :; do sleep 0.05; done"))
		c.Up()
		harness.Eventually(t, "the trap is set", func() bool { return c.Has("ready") })
		if status := c.Kill(signal); status.ExitStatus() != 5 {
			t.Errorf("%s: %v", signal, status)
		}
		c.Delete()
	}
}

func TestRealTimeSignal(t *testing.T) {
	c := harness.New(t, harness.Shell("trap 'exit 5' 36; touch /ready; while :; do sleep 0.05; done"))
	c.Up()
	harness.Eventually(t, "the trap is set", func() bool { return c.Has("ready") })
	if status := c.Kill("SIGRTMIN+2"); status.ExitStatus() != 5 {
		t.Errorf("%v", status)
	}
}
