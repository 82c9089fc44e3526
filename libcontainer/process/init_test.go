package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/c9b5e2ae/rt/libcontainer/procfs"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestInitRlimits(t *testing.T) {
	needRoot(t)
	program := pauser(t, scratch(t))
	const mib = 1 << 20
	for name, limits := range map[string][]specs.POSIXRlimit{
		"no descriptors":  {{Type: "RLIMIT_NOFILE", Soft: 0, Hard: 0}},
		"few descriptors": {{Type: "RLIMIT_NOFILE", Soft: 10, Hard: 20}},
		"many":            {{Type: "RLIMIT_NOFILE", Soft: 1024, Hard: 4096}},
		"tiny": {
			{Type: "RLIMIT_AS", Soft: mib, Hard: mib},
			{Type: "RLIMIT_DATA", Soft: 4096, Hard: 4096},
			{Type: "RLIMIT_STACK", Soft: 128 << 10, Hard: mib},
			{Type: "RLIMIT_FSIZE", Soft: 0, Hard: 0},
			{Type: "RLIMIT_NPROC", Soft: 0, Hard: 0},
			{Type: "RLIMIT_CPU", Soft: 100, Hard: 100},
			{Type: "RLIMIT_SIGPENDING", Soft: 0, Hard: 0},
			{Type: "RLIMIT_RTTIME", Soft: 1000, Hard: 1000},
			{Type: "RLIMIT_NOFILE", Soft: 3, Hard: 3},
			{Type: "RLIMIT_CORE", Soft: 1, Hard: 2},
			{Type: "RLIMIT_LOCKS", Soft: 1, Hard: 2},
			{Type: "RLIMIT_MEMLOCK", Soft: 1, Hard: 2},
			{Type: "RLIMIT_MSGQUEUE", Soft: 1, Hard: 2},
			{Type: "RLIMIT_NICE", Soft: 0, Hard: 0},
			{Type: "RLIMIT_RSS", Soft: 1, Hard: 2},
			{Type: "RLIMIT_RTPRIO", Soft: 0, Hard: 0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := specs.Spec{Process: &specs.Process{Args: []string{program}, Cwd: "/", Rlimits: limits, User: specs.User{UID: 1000}}}
			r := launch(t, "run", child{Spec: s}, nil)
			if got := r.wait(t); got != "" {
				t.Fatal(got)
			}
			verify(t, r, &s)
		})
	}
}

// Go raises the soft limit of descriptors for itself; the program gets back what
// init got.
func TestInitNofileRestored(t *testing.T) {
	needRoot(t)
	s := specs.Spec{Process: &specs.Process{Args: []string{pauser(t, scratch(t))}, Cwd: "/"}}
	r := launch(t, "run", child{Spec: s}, nil)
	if got := r.wait(t); got != "" {
		t.Fatal(got)
	}
	var now unix.Rlimit
	if err := unix.Prlimit(r.Process.Pid, unix.RLIMIT_NOFILE, nil, &now); err != nil || now.Cur != 777 {
		t.Errorf("got %+v, %v, want the soft limit 777 that run was given", now, err)
	}
}

func TestOutsideRlimit(t *testing.T) {
	needRoot(t)
	p := &Plan{}
	if p.mayHave(capSysResource) {
		t.Skip("needs to be without CAP_SYS_RESOURCE")
	}
	var now unix.Rlimit
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &now); err != nil {
		t.Fatal(err)
	}
	p.Rlimits = []Rlimit{{unix.RLIMIT_NOFILE, 1, now.Max + 1}}
	want := fmt.Sprintf("process.rlimits[0]: RLIMIT_NOFILE hard limit %d is above rt's own %d and raising it needs CAP_SYS_RESOURCE", now.Max+1, now.Max)
	if err := p.Outside(os.Getpid()); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestOutsideOOM(t *testing.T) {
	needRoot(t)
	s := specs.Spec{Process: &specs.Process{Args: []string{pauser(t, scratch(t))}, Cwd: "/", User: specs.User{UID: 1000}}}
	adj := 123
	s.Process.OOMScoreAdj = &adj
	r := launch(t, "run", child{Spec: s}, nil)
	if got := r.wait(t); got != "" {
		t.Fatal(got)
	}
	verify(t, r, &s)

	if (&Plan{}).mayHave(capSysResource) {
		return
	}
	low := -900
	p := &Plan{oomScoreAdj: &low}
	want := "process.oomScoreAdj: -900 is below rt's own 123 and lowering it needs CAP_SYS_RESOURCE"
	if err := p.Outside(r.Process.Pid); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	p.clampOOM = true // rootless
	if err := p.Outside(r.Process.Pid); err != nil {
		t.Error(err)
	}
}

func TestInitSchedule(t *testing.T) {
	needRoot(t)
	program := pauser(t, scratch(t))
	for name, s := range map[string]specs.Spec{
		"nice":     {Process: &specs.Process{Scheduler: &specs.Scheduler{Policy: "SCHED_OTHER", Nice: -7, Flags: []specs.LinuxSchedulerFlag{"SCHED_FLAG_RESET_ON_FORK"}}}},
		"batch":    {Process: &specs.Process{Scheduler: &specs.Scheduler{Policy: "SCHED_BATCH", Nice: 3}}},
		"idle":     {Process: &specs.Process{Scheduler: &specs.Scheduler{Policy: "SCHED_IDLE"}}},
		"fifo":     {Process: &specs.Process{Scheduler: &specs.Scheduler{Policy: "SCHED_FIFO", Priority: 2}}},
		"rr":       {Process: &specs.Process{Scheduler: &specs.Scheduler{Policy: "SCHED_RR", Priority: 99}}},
		"deadline": {Process: &specs.Process{Scheduler: &specs.Scheduler{Policy: "SCHED_DEADLINE", Runtime: 1e6, Deadline: 1e8}}},
		"io idle":  {Process: &specs.Process{IOPriority: &specs.LinuxIOPriority{Class: "IOPRIO_CLASS_IDLE", Priority: 4}}},
		"io be":    {Process: &specs.Process{IOPriority: &specs.LinuxIOPriority{Class: "IOPRIO_CLASS_BE", Priority: 7}}},
		"io rt":    {Process: &specs.Process{IOPriority: &specs.LinuxIOPriority{Class: "IOPRIO_CLASS_RT"}}},
		"linux32":  {Process: &specs.Process{}, Linux: &specs.Linux{Personality: &specs.LinuxPersonality{Domain: "LINUX32"}}},
		"bind":     {Process: &specs.Process{}, Linux: &specs.Linux{MemoryPolicy: &specs.LinuxMemoryPolicy{Mode: "MPOL_BIND", Nodes: "0", Flags: []specs.MemoryPolicyFlagType{"MPOL_F_STATIC_NODES"}}}},
		"weighted": {Process: &specs.Process{}, Linux: &specs.Linux{MemoryPolicy: &specs.LinuxMemoryPolicy{Mode: "MPOL_WEIGHTED_INTERLEAVE", Nodes: "0"}}},
		"many":     {Process: &specs.Process{}, Linux: &specs.Linux{MemoryPolicy: &specs.LinuxMemoryPolicy{Mode: "MPOL_PREFERRED_MANY", Nodes: "0"}}},
		"local":    {Process: &specs.Process{}, Linux: &specs.Linux{MemoryPolicy: &specs.LinuxMemoryPolicy{Mode: "MPOL_LOCAL"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s.Process.Args, s.Process.Cwd = []string{program}, "/"
			r := launch(t, "run", child{Spec: s}, nil)
			got := r.wait(t)
			if name == "weighted" && strings.Contains(got, "does not allow") {
				t.Skip("needs Linux 6.9")
			}
			if got != "" {
				t.Fatal(got)
			}
			verify(t, r, &s)
		})
	}
}

// A node that is not there must be our words, not a bare EINVAL.
func TestInitMemoryPolicyRefused(t *testing.T) {
	needRoot(t)
	s := specs.Spec{
		Process: &specs.Process{Args: []string{"/bin/true"}, Cwd: "/"},
		Linux:   &specs.Linux{MemoryPolicy: &specs.LinuxMemoryPolicy{Mode: "MPOL_BIND", Nodes: "900"}},
	}
	r := launch(t, "run", child{Spec: s}, nil)
	if got, want := r.wait(t), "linux.memoryPolicy: this kernel or the container's cpuset does not allow MPOL_BIND 900"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestInitAffinity(t *testing.T) {
	needRoot(t)
	if runtime.NumCPU() < 2 {
		t.Skip("needs two CPUs")
	}
	program := pauser(t, scratch(t))
	status, err := os.ReadFile("/proc/1/status")
	if err != nil {
		t.Fatal(err)
	}
	allowed := fields(string(status))["Cpus_allowed_list"] // by cpusets alone
	for name, tt := range map[string]struct{ initial, final, want string }{
		"initial only": {"1", "", "1"},
		"both":         {"0", "1", "1"},
		"final only":   {"", "0", "0"},
		"neither":      {"", "", strings.TrimSpace(allowed)},
	} {
		t.Run(name, func(t *testing.T) {
			s := specs.Spec{Process: &specs.Process{
				Args: []string{program}, Cwd: "/", ExecCPUAffinity: &specs.CPUAffinity{Initial: tt.initial, Final: tt.final},
			}}
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var before, after unix.CPUSet
			unix.SchedGetaffinity(0, &before)
			if tt.initial == "" { // the caller is pinned
				if err := unix.SchedSetaffinity(0, &unix.CPUSet{1}); err != nil {
					t.Fatal(err)
				}
				defer unix.SchedSetaffinity(0, &before)
			}
			undo, err := planOf(t, &s, true).SetInitialAffinity()
			if err != nil {
				t.Fatal(err)
			}
			r := launch(t, "run", child{Spec: s, Exec: true}, nil)
			if err := undo(); err != nil {
				t.Fatal(err)
			}
			if got := r.wait(t); got != "" {
				t.Fatal(got)
			}
			if got := r.status(t)["Cpus_allowed_list"]; got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if unix.SchedGetaffinity(0, &after); before != after && tt.initial != "" {
				t.Error("the thread's own affinity changed")
			}
		})
	}
}

// Signals that the caller ignores or blocks are neither in the container.
func TestInitSignals(t *testing.T) {
	needRoot(t)
	s := specs.Spec{Process: &specs.Process{Args: []string{pauser(t, scratch(t))}, Cwd: "/"}}
	r := launch(t, "ignoring", child{Spec: s}, nil)
	if got := r.wait(t); got != "" {
		t.Fatal(got)
	}
	status := r.status(t)
	for _, field := range []string{"SigBlk", "SigIgn", "SigCgt"} {
		if status[field] != "0000000000000000" {
			t.Errorf("%s: %s", field, status[field])
		}
	}
}

// ignoring ignores and blocks all signals and executes itself to be run.
func ignoring(c child) error {
	if os.Getenv("RT_TEST_IGNORED") != "" {
		return run(c)
	}
	ignore := [4]uint64{1} // SIG_IGN
	for n := uintptr(1); n <= 64; n++ {
		unix.RawSyscall6(unix.SYS_RT_SIGACTION, n, uintptr(unsafe.Pointer(&ignore)), 0, 8, 0, 0)
	}
	all := ^uint64(0)
	unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, 0, uintptr(unsafe.Pointer(&all)), 0, 8, 0, 0)
	return syscall.Exec("/proc/self/exe", os.Args, append(os.Environ(), "RT_TEST_IGNORED=1"))
}

// Descriptors that somebody leaked to init do not reach the program.
func TestInitCloseFDs(t *testing.T) {
	needRoot(t)
	s := specs.Spec{Process: &specs.Process{Args: []string{pauser(t, scratch(t))}, Cwd: "/"}}
	root, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	r := launch(t, "run", child{Spec: s}, func(cmd *exec.Cmd) {
		for range 10 {
			cmd.ExtraFiles = append(cmd.ExtraFiles, root)
		}
	})
	if got := r.wait(t); got != "" {
		t.Fatal(got)
	}
	fds, err := os.ReadDir(filepath.Join("/proc", pidText(r), "fd"))
	if err != nil || len(fds) != 3 {
		t.Errorf("the program has %v, %v", fds, err)
	}
}

func TestInitKeyring(t *testing.T) {
	needRoot(t)
	s := specs.Spec{Process: &specs.Process{Args: []string{"x"}, Cwd: "/"}}
	r := launch(t, "keyring", child{Spec: s, Extra: "_ses.rt-test"}, nil)
	if got := r.wait(t); got != "" {
		t.Error(got)
	}
}

func keyring(c child) error {
	proc, err := procfs.Open()
	if err != nil {
		return err
	}
	before, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false)
	if errors.Is(err, unix.ENOSYS) {
		return nil
	}
	p := &Plan{First: true, SELinux: c.Spec.Process.SelinuxLabel}
	if err := p.JoinKeyring(proc, c.Extra); err != nil {
		return err
	}
	created, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false)
	if err != nil || created == before {
		return fmt.Errorf("session keyring is %d, was %d: %v", created, before, err)
	}
	text, err := unix.KeyctlString(unix.KEYCTL_DESCRIBE, created)
	if err != nil {
		return err
	}
	if want := "keyring;0;0;3f1b0000;" + c.Extra; text != want {
		return fmt.Errorf("got %s, want %s", text, want)
	}
	p.First, p.NewUserns = false, true
	if err := p.JoinKeyring(proc, c.Extra); err != nil {
		return err
	}
	if again, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false); again != created {
		return fmt.Errorf("exec joined %d and not %d: %v", again, created, err)
	}
	p.First = true
	if err := p.JoinKeyring(proc, c.Extra); err != nil {
		return err
	}
	if text, _ := unix.KeyctlString(unix.KEYCTL_DESCRIBE, created); !strings.Contains(text, ";3f1b0008;") {
		return fmt.Errorf("got %s in a user namespace", text)
	}
	return nil
}

// Where the security module is missing a label is refused, not ignored.
func TestPlanLabelsFailClosed(t *testing.T) {
	var s unix.Statfs_t
	if unix.Statfs("/sys/fs/selinux", &s) == nil || fileExists("/sys/module/apparmor") {
		t.Skip("this host has a security module")
	}
	p := good()
	p.ApparmorProfile, p.SelinuxLabel = "docker-default", "system_u:system_r:container_t:s0"
	got := problemsOf(p)
	want := "process.apparmorProfile: AppArmor is not enabled on this host; process.selinuxLabel: SELinux is not enabled on this host"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	p.ApparmorProfile, p.SelinuxLabel = "unconfined", ""
	if got := problemsOf(p); got != "" {
		t.Error(got)
	}
}

func fileExists(path string) bool { _, err := os.Stat(path); return err == nil }

// From the early seccomp on, init may use nothing that old filters do not know.
func TestInitUnderOldFilter(t *testing.T) {
	needRoot(t)
	program := pauser(t, scratch(t))
	s := specs.Spec{Process: &specs.Process{
		Args: []string{program}, Cwd: "/",
		User:         specs.User{UID: 1000, AdditionalGids: []uint32{5}},
		Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}, Permitted: []string{"CAP_KILL"}},
	}}
	r := launch(t, "filtered", child{Spec: s}, nil)
	if got := r.wait(t); got != "" {
		t.Fatal(got)
	}
	if status := r.status(t); status["Seccomp"] != "2" {
		t.Errorf("no filter: %v, %v", status["Seccomp"], r.ProcessState)
	}
}

func filtered(c child) error {
	p := &Plan{
		First: true, UID: 1000, GID: 1000, Groups: []uint32{5}, Args: c.Spec.Process.Args, Cwd: "/",
		Caps: CapSets{Bounding: 1 << 5, Permitted: 1 << 5, Last: 40},
	}
	for _, step := range []func() error{
		p.Chdir, func() error { return CloseFDs(0) }, func() error { return p.SetRlimits(unix.Rlimit{Cur: 1024, Max: 2048}) },
		killNewCalls, p.SetUser, p.FindExecutable, p.SetRlimitsLast, p.Exec,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// killNewCalls loads a filter on this thread that kills the process at calls that
// came after 2013, and at prlimit.
func killNewCalls() error {
	calls := []uint32{
		unix.SYS_OPENAT2, unix.SYS_STATX, unix.SYS_FACCESSAT2, unix.SYS_CLOSE_RANGE, unix.SYS_CLONE3, unix.SYS_PRLIMIT64,
		unix.SYS_SCHED_SETATTR, unix.SYS_EXECVEAT, unix.SYS_FSOPEN, unix.SYS_OPEN_TREE, unix.SYS_PIDFD_OPEN, unix.SYS_RSEQ,
	}
	prog := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}}
	for i, n := range calls {
		prog = append(prog, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: uint8(len(calls) - i), K: n})
	}
	const kill, allow = 0x80000000, 0x7fff0000
	prog = append(prog, unix.SockFilter{Code: unix.BPF_RET, K: allow}, unix.SockFilter{Code: unix.BPF_RET, K: kill})
	fprog := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, 1, 0, uintptr(unsafe.Pointer(&fprog)))
	return result("seccomp", errno)
}

func init() {
	children["ignoring"] = ignoring
	children["keyring"] = keyring
	children["filtered"] = filtered
}
