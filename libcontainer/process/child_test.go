package process

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/c9b5e2ae/rt/libcontainer/procfs"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// Tests of the init side run it for real, in a child that is this test binary
// again. The child's result comes on descriptor 3, which execve closes.

const childVar = "RT_TEST_CHILD"

var children = map[string]func(child) error{}

// A child is what the parent tells it.
type child struct {
	Spec  specs.Spec
	Exec  bool
	Root  string // chroot to it first
	Extra string
}

func init() {
	if os.Getenv(childVar) != "" {
		runtime.LockOSThread() // in init the main goroutine is on the main thread
	}
}

func TestMain(m *testing.M) {
	name := os.Getenv(childVar)
	if name == "" {
		os.Exit(m.Run())
	}
	var c child
	err := json.Unmarshal([]byte(os.Getenv("RT_TEST_ARGS")), &c)
	if err == nil {
		if os.Getenv("RT_TEST_IGNORED") == "" {
			os.NewFile(4, "gate").Read(make([]byte, 1))
		}
		if dir := os.Getenv("RT_TEST_PROC"); dir != "" {
			err = errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("proc", dir, "proc", 0, ""))
		}
		if c.Root != "" && err == nil {
			err = errors.Join(unix.Chroot(c.Root), unix.Chdir("/"))
		}
	}
	if err == nil {
		err = children[name](c)
	}
	if err != nil {
		fmt.Fprint(os.NewFile(3, "result"), err)
	}
	os.Exit(0)
}

// A running is a child that passed its gate.
type running struct {
	*exec.Cmd
	result *os.File
	plan   *Plan
}

// launch starts a child and does to it what rt does from outside.
func launch(t *testing.T, name string, c child, prepare func(*exec.Cmd)) *running {
	t.Helper()
	args, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	resultR, resultW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	gateR, gateW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{childVar + "=" + name, "RT_TEST_ARGS=" + string(args)}
	cmd.ExtraFiles = []*os.File{resultW, gateR}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if prepare != nil {
		prepare(cmd)
	}
	runtime.LockOSThread() // for Pdeathsig
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait(); resultR.Close(); gateW.Close() })
	resultW.Close()
	gateR.Close()
	r := &running{cmd, resultR, planOf(t, &c.Spec, c.Exec)}
	if r.plan != nil {
		if err := r.plan.Outside(cmd.Process.Pid); err != nil {
			t.Fatal(err)
		}
	}
	gateW.Write([]byte{0})
	return r
}

// wait returns the error of the child, "" if it called execve or ended well.
func (r *running) wait(t *testing.T) string {
	t.Helper()
	data, err := io.ReadAll(r.result)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (r *running) status(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return fields(string(data))
}

func planOf(t *testing.T, s *specs.Spec, exec bool) *Plan {
	t.Helper()
	f, err := config.ReadFacts("auto")
	if err != nil {
		t.Fatal(err)
	}
	var ps config.Problems
	p := PlanProcess(s, s.Process, exec, f, &ps)
	if err := ps.Err(); err != nil {
		t.Fatal(err)
	}
	return p
}

func init() { children["run"] = run }

// run is the life of init in the order of the package's documentation.
func run(c child) error {
	f, err := config.ReadFacts("auto")
	if err != nil {
		return err
	}
	p := PlanProcess(&c.Spec, c.Spec.Process, c.Exec, f, &config.Problems{})
	proc, err := procfs.Open()
	if err != nil {
		return err
	}
	var nofile unix.Rlimit
	if err := unix.Prlimit(unix.Getppid(), unix.RLIMIT_NOFILE, nil, &nofile); err != nil {
		nofile = unix.Rlimit{Cur: 1024, Max: 4096}
	}
	nofile.Cur = 777
	for _, step := range []func() error{
		func() error { return p.SetUpConsole(Console{}) },
		p.MakeCwd,
		p.Chdir,
		func() error { return CloseFDs(0) },
		p.Schedule,
		func() error { return p.SetRlimits(nofile) },
		func() error { return p.Label(proc) },
		p.NoNewPrivs,
		p.SetUser,
		p.FindExecutable,
		p.SetRlimitsLast,
		p.Exec,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return errors.New("execve returned")
}

// scratch is a directory that every user may enter.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rt-process-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

// pauser writes a static program that waits for ever and needs nothing, not even
// a descriptor.
func pauser(t *testing.T, dir string) string {
	t.Helper()
	code := map[string][]byte{
		// mov eax, SYS_pause; syscall; jmp back
		"amd64": {0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7},
		// mov x8, SYS_ppoll; movs x0-x4, 0; svc 0; b back
		"arm64": {0x28, 0x09, 0x80, 0xd2, 0, 0, 0x80, 0xd2, 1, 0, 0x80, 0xd2, 2, 0, 0x80, 0xd2, 3, 0, 0x80, 0xd2, 1, 0, 0, 0xd4, 0xfa, 0xff, 0xff, 0x17},
	}[runtime.GOARCH]
	if code == nil {
		t.Skip("no machine code for " + runtime.GOARCH)
	}
	return write(t, filepath.Join(dir, "pause"), elfFile(machineOf(runtime.GOARCH), "", code), 0o755)
}

func write(t *testing.T, path string, data []byte, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func machineOf(arch string) uint16 {
	return map[string]uint16{"386": 3, "arm": 40, "amd64": 62, "arm64": 183, "riscv64": 243}[arch]
}

// elfFile is a little-endian 64-bit program with its segment PT_LOAD, an
// interpreter if it is to have one, and code.
func elfFile(machine uint16, interp string, code []byte) []byte {
	const base, head, entry = 0x400000, 64, 56
	phnum := 1
	if interp != "" {
		phnum = 2
	}
	start := head + phnum*entry
	var b bytes.Buffer
	w := func(v ...any) {
		for _, x := range v {
			binary.Write(&b, binary.LittleEndian, x)
		}
	}
	b.WriteString("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	w(uint16(2), machine, uint32(1), uint64(base+start), uint64(head), uint64(0), uint32(0),
		uint16(head), uint16(entry), uint16(phnum), uint16(0), uint16(0), uint16(0))
	size := uint64(start + len(code))
	w(uint32(1), uint32(5), uint64(0), uint64(base), uint64(base), size, size, uint64(0x1000))
	if interp != "" {
		n := uint64(len(interp) + 1)
		w(uint32(3), uint32(4), size, uint64(0), uint64(0), n, n, uint64(1))
	}
	b.Write(code)
	b.WriteString(interp + "\x00")
	return b.Bytes()
}

// verify fails the test for each difference that Verify finds.
func verify(t *testing.T, r *running, s *specs.Spec) {
	t.Helper()
	for _, p := range Verify(r.Process.Pid, s) {
		t.Error("verify: " + p.String())
	}
}

func hexMask(names ...string) string {
	var mask uint64
	for _, n := range names {
		mask |= 1 << slices.Index(capabilityNames[:], n)
	}
	return fmt.Sprintf("%016s", strconv.FormatUint(mask, 16))
}

func pidText(r *running) string { return strconv.Itoa(r.Process.Pid) }

func join(problems []config.Problem) string {
	var texts []string
	for _, p := range problems {
		texts = append(texts, p.String())
	}
	return strings.Join(texts, "; ")
}
