package seccomp

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

var probeDir string

// probe builds testdata/probe.c once.
var probe = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "probe")
	if err != nil {
		return "", err
	}
	probeDir = dir
	path := filepath.Join(dir, "probe")
	out, err := exec.Command("cc", "-O1", "-mno-red-zone", "-o", path, "testdata/probe.c").CombinedOutput()
	if err != nil {
		os.Stderr.Write(out)
	}
	return path, err
})

func TestMain(m *testing.M) {
	if os.Getenv("SECCOMP_ORACLE") != "" {
		serveOracle()
		return
	}
	code := m.Run()
	stopOracle()
	if probeDir != "" {
		os.RemoveAll(probeDir)
	}
	os.Exit(code)
}

// The probe's structs.
type probeOrder struct {
	int80  uint32
	nr     uint32
	args   [6]uint64
	result int64
}

type probeHead struct{ instructions, orders, done, exit uint32 }

// runProbe has the probe make calls under a program, and returns how it ended.
func runProbe(t *testing.T, program []unix.SockFilter, orders []probeOrder, exits bool) (done int, status syscall.WaitStatus) {
	t.Helper()
	path, err := probe()
	if err != nil {
		t.Skipf("no C compiler: %v", err)
	}
	size := int(unsafe.Sizeof(probeHead{})) + len(program)*instructionSize + len(orders)*int(unsafe.Sizeof(probeOrder{}))
	fd, err := unix.MemfdCreate("probe", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "probe")
	defer f.Close()
	if err := f.Truncate(int64(size)); err != nil {
		t.Fatal(err)
	}
	mem, err := unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mem)
	head := (*probeHead)(unsafe.Pointer(&mem[0]))
	head.instructions, head.orders = uint32(len(program)), uint32(len(orders))
	if exits {
		head.exit = 1
	}
	start := int(unsafe.Sizeof(probeHead{}))
	copy(unsafe.Slice((*unix.SockFilter)(unsafe.Pointer(&mem[start])), len(program)), program)
	shared := unsafe.Slice((*probeOrder)(unsafe.Pointer(&mem[start+len(program)*instructionSize])), len(orders))
	copy(shared, orders)

	cmd := exec.Command(path)
	cmd.ExtraFiles = []*os.File{f}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread() // the signal follows the thread
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	deadline := time.After(20 * time.Second)
	for wait := true; wait; {
		select {
		case <-ended:
			wait = false
		case <-deadline:
			t.Error("the probe did not come to its end")
			cmd.Process.Kill()
		case <-time.After(time.Millisecond):
			if !exits && *(*uint32)(unsafe.Pointer(&head.done)) == head.orders {
				cmd.Process.Kill()
			}
		}
	}
	copy(orders, shared)
	return int(head.done), cmd.ProcessState.Sys().(syscall.WaitStatus)
}

// harmless makes a profile that says the same with errno numbers, so that all
// calls can be made: nothing of it runs.
func harmless(p *Plan) *Plan {
	q := *p
	number := map[uint32]uint32{}
	errno := func(action uint32) uint32 {
		if action&unix.SECCOMP_RET_ACTION_FULL == unix.SECCOMP_RET_ERRNO {
			return action
		}
		if number[action] == 0 {
			number[action] = 2000 + uint32(len(number))
		}
		return unix.SECCOMP_RET_ERRNO | number[action]
	}
	q.defaultAction = errno(p.defaultAction)
	q.rules = append([]rule{}, p.rules...)
	for i := range q.rules {
		q.rules[i].action = errno(q.rules[i].action)
	}
	return &q
}

// TestKernelVerdicts loads filters and makes every call of three architectures
// under them. Whatever the kernel answers must be what libseccomp's program
// says, and what the emulator says of ours.
func TestKernelVerdicts(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the probe is for x86_64")
	}
	archs := archSet("X86_64", "X86", "X32")
	r := rand.New(rand.NewPCG(5, 6))
	plans := []*Plan{docker(t)}
	for range 20 {
		plans = append(plans, randomPlan(r, archs))
	}
	calls := 0
	for _, p := range plans {
		p = harmless(p)
		program, err := compileOwn(p, archs)
		if err != nil {
			continue
		}
		o, err := newOracle(t, p, archs, 0)
		if err != nil {
			continue
		}
		vals := values(p)
		var orders []probeOrder
		for _, nr := range numbersOf(auditX86_64, archs) {
			if nr == 335 || nr == 336 {
				continue // uretprobe and uprobe, which no filter is asked about since 6.14
			}
			for _, int80 := range []uint32{0, 1} {
				for range 4 {
					order := probeOrder{int80: int80, nr: nr}
					for i := range order.args {
						order.args[i] = vals[r.IntN(len(vals))]
						if int80 == 1 {
							order.args[i] &= 1<<32 - 1
						}
					}
					if v, _ := verdict(program, &order); v&unix.SECCOMP_RET_ACTION_FULL == unix.SECCOMP_RET_ERRNO {
						orders = append(orders, order)
					}
				}
			}
		}
		done, status := runProbe(t, program, orders, false)
		if done != len(orders) {
			t.Fatalf("the probe made %d of %d calls, and ended with %v", done, len(orders), status)
		}
		calls += done
		for i := range orders {
			order := &orders[i]
			got := uint32(-order.result)
			ours, c := verdict(program, order)
			data := c.bytes(byteOrder(true))
			want := o.run(&c, &data)
			d := difference{c, ours, want, ""}
			if got != ours&unix.SECCOMP_RET_DATA || ours != want && d.known(p, o, archs) == "" {
				t.Errorf("the kernel says %d; %v", got, d)
			}
		}
	}
	t.Logf("%d calls", calls)
}

func verdict(program []unix.SockFilter, o *probeOrder) (uint32, call) {
	c := call{nr: o.nr, arch: auditX86_64, args: o.args}
	if o.int80 == 1 {
		c.arch = archByName("SCMP_ARCH_X86").audit
	}
	data := c.bytes(byteOrder(true))
	v, _ := emulate(program, &data, byteOrder(true))
	return v, c
}

// TestKernelActions takes each action at its word.
func TestKernelActions(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the probe is for x86_64")
	}
	const killed = -1
	for name, want := range map[string]int64{
		"SCMP_ACT_ALLOW": 0, "SCMP_ACT_LOG": 0, "SCMP_ACT_ERRNO": -int64(unix.EPERM), "SCMP_ACT_TRACE": -int64(unix.ENOSYS), // no tracer
		"SCMP_ACT_KILL": killed, "SCMP_ACT_KILL_THREAD": killed, "SCMP_ACT_KILL_PROCESS": killed, "SCMP_ACT_TRAP": killed,
	} {
		action, _ := actionValue(name)
		if hasErrno(action) {
			action |= uint32(unix.EPERM)
		}
		p := &Plan{defaultAction: unix.SECCOMP_RET_ALLOW, rules: []rule{{names: []string{"getuid"}, action: action}}}
		if action == unix.SECCOMP_RET_ALLOW {
			p = &Plan{defaultAction: unix.SECCOMP_RET_ERRNO | 1, rules: []rule{{names: []string{"getuid", "exit_group"}, action: action}}}
		}
		f, err := p.Compile()
		if err != nil {
			t.Fatal(err)
		}
		orders := []probeOrder{{nr: unix.SYS_GETUID}}
		done, status := runProbe(t, instructions(f.Program), orders, true)
		if want == killed && name != "SCMP_ACT_ERRNO" {
			if done != 0 || !status.Signaled() || status.Signal() != syscall.SIGSYS {
				t.Errorf("%s: made %d calls, then %#x", name, done, status)
			}
			continue
		}
		if name == "SCMP_ACT_ALLOW" || name == "SCMP_ACT_LOG" {
			want = int64(os.Getuid())
		}
		if done != 1 || orders[0].result != want || !status.Exited() {
			t.Errorf("%s: got %d, %d calls, %#x", name, orders[0].result, done, status)
		}
	}
	// A foreign architecture: int $0x80 where only x86_64 is allowed.
	f, err := (&Plan{defaultAction: unix.SECCOMP_RET_ALLOW}).Compile()
	if err != nil {
		t.Fatal(err)
	}
	done, status := runProbe(t, instructions(f.Program), []probeOrder{{int80: 1, nr: 24}}, true)
	if done != 0 || !status.Signaled() || status.Signal() != syscall.SIGSYS {
		t.Errorf("a call of i386: %d calls, %#x", done, status)
	}
}
