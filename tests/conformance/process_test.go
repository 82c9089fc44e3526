package conformance

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/tests/harness"
	"github.com/c9b5e2ae/rt/tests/needs"
)

// under makes the runtime of a container run by a shell script, whose last command
// it is: "nice -n 5", or "echo 7 >/proc/self/oom_score_adj;".
func under(t *testing.T, c *harness.Container, script string) {
	t.Helper()
	path := filepath.Join(harness.Dir(t), "runtime")
	text := fmt.Sprintf("#!/bin/sh\n%s %s \"$@\"\n", script, c.Runtime)
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	c.Runtime = path
}

func TestArgs(t *testing.T) {
	sentence(t, "configProcess.7", func(t *testing.T) {
		c := harness.New(t)
		for _, args := range []string{`[]`, ``, `null`} {
			with(t, c, "process.args", args)
			refused(t, c, `config.json: process.args: must have at least one entry`)
		}
		// Without a slash it is looked up in the process's own PATH.
		for _, path := range []string{"PATH=/nowhere:/own", "PATH=/own"} {
			c = harness.New(t, harness.Args("program", "argument"), func(s *specs.Spec) { s.Process.Env = []string{path} })
			own := filepath.Join(c.Rootfs(), "own")
			if err := os.Mkdir(own, 0o755); err != nil {
				t.Fatal(err)
			}
			script := "#!/bin/sh\necho \"$0 $1\"\n"
			if err := os.WriteFile(filepath.Join(own, "program"), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			if out := c.Prints(); out != "/own/program argument\n" {
				t.Errorf("it printed %q", out)
			}
		}
	})
}

func TestConsoleSize(t *testing.T) {
	size := func(s *specs.Spec) { s.Process.ConsoleSize = &specs.Box{Height: 33, Width: 77} }
	sentence(t, "configProcess.3 configProcess.4", func(t *testing.T) {
		socket := harness.NewConsoleSocket(t)
		c := harness.New(t, harness.Terminal, size, harness.Shell("stty size; sleep 1000"))
		c.Create("--console-socket", socket.Path)
		console := socket.Receive()
		c.Start()
		console.Expect("33 77")
	})
	sentence(t, "configProcess.2", func(t *testing.T) {
		c := harness.New(t, size, harness.Shell("tty -s; echo $?"))
		if out := c.Prints(); out != "1\n" {
			t.Errorf("there is a terminal: %q", out)
		}
	})
}

func TestRlimits(t *testing.T) {
	limits := []specs.POSIXRlimit{
		{Type: "RLIMIT_NOFILE", Soft: 300, Hard: 600}, {Type: "RLIMIT_CORE", Soft: 0, Hard: 4096},
		{Type: "RLIMIT_STACK", Soft: 1 << 22, Hard: 1 << 22}, {Type: "RLIMIT_CPU", Soft: 100, Hard: unix.RLIM_INFINITY},
		{Type: "RLIMIT_MEMLOCK", Soft: 8192, Hard: 16384}, {Type: "RLIMIT_NICE", Soft: 0, Hard: 0},
	}
	numbers := map[string]int{
		"RLIMIT_NOFILE": unix.RLIMIT_NOFILE, "RLIMIT_CORE": unix.RLIMIT_CORE, "RLIMIT_STACK": unix.RLIMIT_STACK,
		"RLIMIT_CPU": unix.RLIMIT_CPU, "RLIMIT_MEMLOCK": unix.RLIMIT_MEMLOCK, "RLIMIT_NICE": 13, // getrlimit(2)
	}
	c := harness.New(t, func(s *specs.Spec) { s.Process.Rlimits = limits })
	c.Up()
	got := map[string]unix.Rlimit{}
	sentence(t, "configPOSIXProcess.3", func(t *testing.T) {
		for _, l := range limits {
			var r unix.Rlimit
			if err := unix.Prlimit(c.Init, numbers[l.Type], nil, &r); err != nil {
				t.Errorf("%s: %v", l.Type, err)
			}
			got[l.Type] = r
		}
	})
	sentence(t, "configPOSIXProcess.4 configPOSIXProcess.5", func(t *testing.T) {
		for _, l := range limits {
			if cur := got[l.Type].Cur; cur != l.Soft {
				t.Errorf("%s: the soft limit is %d, want %d", l.Type, cur, l.Soft)
			}
		}
	})
	sentence(t, "configPOSIXProcess.6 configPOSIXProcess.7", func(t *testing.T) {
		for _, l := range limits {
			if hard := got[l.Type].Max; hard != l.Hard {
				t.Errorf("%s: the hard limit is %d, want %d", l.Type, hard, l.Hard)
			}
		}
	})
}

// One capability is unknown, and one the runtime itself has not.
func TestUngrantableCapabilities(t *testing.T) {
	needs.All(t, "command:setpriv")
	c := harness.New(t, func(s *specs.Spec) {
		all := s.Process.Capabilities
		all.Bounding = append(all.Bounding[:14:14], "CAP_FOO", "CAP_SYS_BOOT")
		all.Permitted, all.Effective = all.Bounding[:14], all.Bounding[:14]
	})
	under(t, c, "exec setpriv --bounding-set=-sys_boot")
	log := filepath.Join(harness.Dir(t), "log")
	c.Global = []string{"--log", log}
	r, ok := create(c)
	text, _ := os.ReadFile(log)
	sentence(t, "configLinuxProcess.1", func(t *testing.T) {
		for _, name := range []string{"CAP_FOO", "CAP_SYS_BOOT"} {
			if !strings.Contains(r.Stderr+string(text), name) {
				t.Errorf("no warning names %s: stderr %q, log %q", name, r.Stderr, text)
			}
		}
		if isRT(t) {
			for _, want := range []string{
				`process.capabilities.bounding[14]: unknown capability \"CAP_FOO\"`,
				`process.capabilities.bounding[15]: CAP_SYS_BOOT cannot be granted: rt does not have it`,
			} {
				if strings.Count(string(text), want) != 1 {
					t.Errorf("the log has not once %q:\n%s", want, text)
				}
			}
		}
	})
	sentence(t, "configLinuxProcess.2", func(t *testing.T) {
		if !ok {
			t.Fatal(r)
		}
		if set := status(t, c, "CapBnd"); set != "00000000a80425fb" {
			t.Errorf("the bounding set is %s", set)
		}
	})
}

func TestOOMScore(t *testing.T) {
	score := func(t *testing.T, c *harness.Container) string {
		t.Helper()
		return strings.TrimSpace(on(t, c).ProcFile("oom_score_adj"))
	}
	sentence(t, "configLinuxProcess.3", func(t *testing.T) {
		for _, n := range []int{0, 77, 1000} {
			c := harness.New(t, func(s *specs.Spec) { s.Process.OOMScoreAdj = &n })
			c.Up()
			if got := score(t, c); got != fmt.Sprint(n) {
				t.Errorf("oom_score_adj is %s, want %d", got, n)
			}
		}
	})
	sentence(t, "configLinuxProcess.4", func(t *testing.T) {
		c := harness.New(t)
		under(t, c, "echo 55 >/proc/self/oom_score_adj; exec")
		c.Up()
		if got := score(t, c); got != "55" {
			t.Errorf("oom_score_adj is %s, and the runtime's was 55", got)
		}
	})
}

func TestScheduler(t *testing.T) {
	needs.All(t, "CAP_SYS_NICE")
	attributes := func(t *testing.T, s specs.Scheduler, script string) *unix.SchedAttr {
		t.Helper()
		c := harness.New(t, func(sp *specs.Spec) { sp.Process.Scheduler = &s })
		if script != "" {
			under(t, c, script)
		}
		c.Up()
		a, err := unix.SchedGetAttr(c.Init, 0)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	deadline := func(t *testing.T, s specs.Scheduler) {
		t.Helper()
		s.Policy = specs.SchedDeadline
		c := harness.New(t, func(sp *specs.Spec) { sp.Process.Scheduler = &s })
		if _, ok := create(c); ok {
			if r := c.Do("start", c.ID); r.Code == 0 {
				a, _ := unix.SchedGetAttr(c.Init, 0)
				t.Errorf("the kernel refuses a 0 here, and the process got %+v", a)
			}
		}
	}
	sentence(t, "configLinuxProcess.6", func(t *testing.T) {
		if a := attributes(t, specs.Scheduler{Policy: specs.SchedOther}, "exec nice -n 5"); a.Nice != 0 {
			t.Errorf("nice is %d", a.Nice)
		}
		if a := attributes(t, specs.Scheduler{Policy: specs.SchedOther, Nice: 3}, ""); a.Nice != 3 {
			t.Errorf("nice is %d, want 3", a.Nice)
		}
	})
	sentence(t, "configLinuxProcess.7", func(t *testing.T) {
		if a := attributes(t, specs.Scheduler{Policy: specs.SchedBatch}, ""); a.Policy != unix.SCHED_BATCH || a.Priority != 0 {
			t.Errorf("policy is %d, priority %d", a.Policy, a.Priority)
		}
	})
	sentence(t, "configLinuxProcess.8", func(t *testing.T) {
		deadline(t, specs.Scheduler{Deadline: 20_000_000, Period: 30_000_000})
	})
	sentence(t, "configLinuxProcess.9", func(t *testing.T) {
		deadline(t, specs.Scheduler{Runtime: 1_000_000, Period: 30_000_000})
	})
	sentence(t, "configLinuxProcess.10", func(t *testing.T) {
		// The kernel takes the deadline for a period of 0.
		a := attributes(t, specs.Scheduler{Policy: specs.SchedDeadline, Runtime: 1_000_000, Deadline: 20_000_000}, "")
		if a.Policy != unix.SCHED_DEADLINE || a.Runtime != 1_000_000 || a.Deadline != 20_000_000 || a.Period != 20_000_000 {
			t.Errorf("%+v", a)
		}
	})
}

func TestIOPriority(t *testing.T) {
	sentence(t, "configLinuxProcess.12", func(t *testing.T) {
		for class, number := range map[specs.IOPriorityClass]uintptr{specs.IOPRIO_CLASS_BE: 2, specs.IOPRIO_CLASS_IDLE: 3, specs.IOPRIO_CLASS_RT: 1} {
			c := harness.New(t, func(s *specs.Spec) { s.Process.IOPriority = &specs.LinuxIOPriority{Class: class, Priority: 5} })
			c.Up()
			got, _, errno := unix.Syscall(unix.SYS_IOPRIO_GET, 1 /* IOPRIO_WHO_PROCESS */, uintptr(c.Init), 0)
			if errno != 0 || got != number<<13|5 {
				t.Errorf("%s 5 became class %d, priority %d, %v", class, got>>13, got&7, errno)
			}
		}
	})
}

func TestExecAffinity(t *testing.T) {
	sentence(t, "configLinuxProcess.14", func(t *testing.T) {
		c := harness.New(t)
		c.Up()
		// What the kernel gives to a process that was on CPU 0 before it was moved.
		sleep := exec.Command("taskset", "--cpu-list", "0", "sleep", "1000")
		if err := sleep.Start(); err != nil {
			t.Fatal(err)
		}
		harness.Service(sleep.Process.Pid)
		defer sleep.Wait()
		defer sleep.Process.Kill()
		var want unix.CPUSet
		harness.Eventually(t, "taskset did its work", func() bool {
			err := unix.SchedGetaffinity(sleep.Process.Pid, &want)
			return err == nil && want.Count() == 1
		})
		for line := range strings.Lines(c.ProcFile("cgroup")) {
			controller, path, _ := strings.Cut(strings.SplitN(strings.TrimSpace(line), ":", 2)[1], ":")
			for _, hierarchy := range []string{strings.TrimPrefix(controller, "name="), "unified", ""} {
				file := filepath.Join("/sys/fs/cgroup", hierarchy, path, "cgroup.procs")
				if path != "/" && os.WriteFile(file, []byte(fmt.Sprint(sleep.Process.Pid)), 0) == nil {
					break
				}
			}
		}
		if err := unix.SchedGetaffinity(sleep.Process.Pid, &want); err != nil {
			t.Fatal(err)
		}
		for name, affinity := range map[string]string{"omitted": `{"initial": "0"}`, "empty": `{"initial": "0", "final": ""}`} {
			process := plain(t)["process"]
			process = set(t, process, "args", `["grep", "Cpus_allowed:", "/proc/self/status"]`)
			process = set(t, process, "execCPUAffinity", affinity)
			text, err := json.Marshal(process)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(harness.Dir(t), "process.json")
			if err := os.WriteFile(file, text, 0o644); err != nil {
				t.Fatal(err)
			}
			command := c.Command("exec", "--process", file, c.ID)
			command.Args = append([]string{"taskset", "--cpu-list", "0"}, command.Args...)
			r := command.Run(t)
			if got, wanted := lastHex(r.Stdout), uint64(want[0]); r.Code != 0 || got != wanted {
				t.Errorf("%s: CPUs %x, and the kernel alone makes it %x: %v", name, got, wanted, r)
			}
		}
	})
}

// lastHex reads the last group of "Cpus_allowed:	00000000,00000003".
func lastHex(text string) uint64 {
	var n uint64
	text = strings.TrimSpace(text)
	fmt.Sscanf(text[strings.LastIndexAny(text, ",\t ")+1:], "%x", &n)
	return n
}

func TestUser(t *testing.T) {
	c := harness.New(t, harness.UserNamespace(100000), func(s *specs.Spec) {
		s.Process.User = specs.User{UID: 5, GID: 6, AdditionalGids: []uint32{7, 8}}
	})
	if err := os.Chown(c.Rootfs(), 100000, 100000); err != nil {
		t.Fatal(err)
	}
	r, ok := create(c)
	if ok {
		c.Start()
	}
	sentence(t, "configPOSIXUser.1", func(t *testing.T) {
		if !ok {
			t.Fatal(r)
		}
		if got := status(t, c, "Uid"); got != "100005\t100005\t100005\t100005" {
			t.Errorf("ids on the host are %s", got)
		}
	})
	sentence(t, "configPOSIXUser.2", func(t *testing.T) {
		if !ok {
			t.Fatal(r)
		}
		if got := status(t, c, "Gid"); got != "100006\t100006\t100006\t100006" {
			t.Errorf("ids on the host are %s", got)
		}
		if got := status(t, c, "Groups"); got != "100007 100008" {
			t.Errorf("groups on the host are %s", got)
		}
	})
	sentence(t, "configPOSIXUser.3", func(t *testing.T) {
		mask := uint32(0o027)
		c := harness.New(t, harness.Shell("umask"), func(s *specs.Spec) { s.Process.User.Umask = &mask })
		if out := c.Prints(); out != "0027\n" {
			t.Errorf("the umask is %s, want the config's 0027", out)
		}
		c = harness.New(t, harness.Shell("umask"))
		under(t, c, "umask 035; exec")
		if out := c.Prints(); out != "0035\n" {
			onPurpose(t, "an unset umask is 0022, as images rely on it")
		}
	})
}

// The specification does not say what a process without capabilities in its config
// has. In rt it has none.
func TestNoCapabilities(t *testing.T) {
	if !isRT(t) {
		t.Skip("a decision of rt's, and this is another runtime")
	}
	c := harness.New(t, func(s *specs.Spec) { s.Process.Capabilities = nil })
	c.Up()
	for _, set := range strings.Fields("CapInh CapPrm CapEff CapBnd CapAmb") {
		if got := status(t, c, set); got != "0000000000000000" {
			t.Errorf("%s is %s", set, got)
		}
	}
}
