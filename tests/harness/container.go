package harness

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A Container is a bundle with an id and a state directory of its own, and the
// runtime that is to make a container of it. Nothing runs until a test says so.
type Container struct {
	T       testing.TB
	Runtime string
	Root    string   // --root
	Global  []string // more global flags
	Env     []string // environment of the runtime
	ID      string
	Bundle  string
	Spec    *specs.Spec
	Init    int  // pid of the container's init, known after Create
	Lazy    bool // let a dead init be a zombie while delete runs, as some callers do
}

var containers atomic.Int64

// New makes a container of the plain specification, changed as a test wants.
func New(t testing.TB, changes ...Change) *Container {
	t.Helper()
	return NewFrom(t, Plain(), changes...)
}

// NewFrom makes a container of a specification.
func NewFrom(t testing.TB, s *specs.Spec, changes ...Change) *Container {
	t.Helper()
	dir := Dir(t)
	c := &Container{
		T: t, Runtime: Runtime(t), Root: filepath.Join(dir, "state"),
		ID: fmt.Sprintf("%s%d", prefix, containers.Add(1)), Bundle: filepath.Join(dir, "bundle"), Spec: s,
	}
	MakeRootfs(t, c.Rootfs())
	c.Edit(changes...)
	t.Cleanup(c.end)
	return c
}

// Another makes a second container that shares the state directory.
func (c *Container) Another(changes ...Change) *Container {
	c.T.Helper()
	other := New(c.T, changes...)
	other.Runtime, other.Root, other.Global, other.Env = c.Runtime, c.Root, c.Global, c.Env
	return other
}

// Rootfs is the directory of the container's root on the host.
func (c *Container) Rootfs() string { return filepath.Join(c.Bundle, "rootfs") }

// Edit changes the specification and writes config.json.
func (c *Container) Edit(changes ...Change) {
	c.T.Helper()
	for _, change := range changes {
		change(c.Spec)
	}
	text, err := json.MarshalIndent(c.Spec, "", "  ")
	if err != nil {
		c.T.Fatal(err)
	}
	c.WriteConfig(text)
}

// WriteConfig writes config.json as it is given.
func (c *Container) WriteConfig(text []byte) {
	c.T.Helper()
	if err := os.WriteFile(filepath.Join(c.Bundle, "config.json"), text, 0o644); err != nil {
		c.T.Fatal(err)
	}
}

// Command is the runtime with arguments, ready to be changed and run.
func (c *Container) Command(args ...string) Command {
	global := append([]string{c.Runtime, "--root", c.Root}, c.Global...)
	return Command{Args: append(global, args...), Env: c.Env}
}

// Do runs the runtime. While it deletes, dead orphans are waited for, as engines do
// on SIGCHLD: an unreaped process of an exec keeps a pid namespace, and with it
// init, from ending, and runc wants a dead init to be gone.
func (c *Container) Do(args ...string) Result {
	c.T.Helper()
	if args[0] == "delete" && !c.Lazy {
		defer Reaping()()
	}
	return c.Command(args...).Run(c.T)
}

// Must runs the runtime and wants success.
func (c *Container) Must(args ...string) Result {
	c.T.Helper()
	r := c.Do(args...)
	if r.Code != 0 {
		c.T.Fatal(r)
	}
	return r
}

// Fails runs the runtime and wants this exit status, and every one of these texts
// in what it prints on stderr.
func (c *Container) Fails(code int, texts []string, args ...string) Result {
	c.T.Helper()
	r := c.Do(args...)
	r.wantFailure(c.T, code, texts)
	return r
}

func (r Result) wantFailure(t testing.TB, code int, texts []string) {
	t.Helper()
	if r.Code != code {
		t.Errorf("exit status %d, want %d\n%v", r.Code, code, r)
	}
	for _, text := range texts {
		if !strings.Contains(r.Stderr, text) {
			t.Errorf("stderr lacks %q\n%v", text, r)
		}
	}
}

// Create runs create and wants success. The program's output goes to the file
// that Output reads.
func (c *Container) Create(flags ...string) {
	c.T.Helper()
	c.Must(append(append([]string{"create", "--bundle", c.Bundle}, flags...), c.ID)...)
	c.Init = c.State().Pid
	forgetOrphan(c.Init)
}

// CreateFails runs create and wants a failure that names the texts and leaves
// nothing behind.
func (c *Container) CreateFails(texts ...string) Result {
	c.T.Helper()
	r := c.Fails(1, texts, "create", "--bundle", c.Bundle, c.ID)
	c.WantNothing()
	return r
}

// RunFails is CreateFails for errors that only `run` meets, at the program's start.
func (c *Container) RunFails(texts ...string) Result {
	c.T.Helper()
	r := c.Fails(1, texts, "run", "--bundle", c.Bundle, c.ID)
	c.WantNothing()
	return r
}

// Start runs start and wants success.
func (c *Container) Start() {
	c.T.Helper()
	c.Must("start", c.ID)
}

// Up creates and starts the container.
func (c *Container) Up(flags ...string) {
	c.T.Helper()
	c.Create(flags...)
	c.Start()
}

// Run runs the container to its end.
func (c *Container) Run(flags ...string) Result {
	c.T.Helper()
	return c.Do(append(append([]string{"run", "--bundle", c.Bundle}, flags...), c.ID)...)
}

// Prints runs the container, wants success, and returns its output.
func (c *Container) Prints() string {
	c.T.Helper()
	r := c.Run()
	if r.Code != 0 || r.Stderr != "" {
		c.T.Fatal(r)
	}
	return r.Stdout
}

// Exec runs a command in the container and wants success.
func (c *Container) Exec(args ...string) string {
	c.T.Helper()
	return c.Must(append([]string{"exec", c.ID}, args...)...).Stdout
}

// State asks the runtime for the state.
func (c *Container) State() specs.State {
	c.T.Helper()
	r := c.Must("state", c.ID)
	var s specs.State
	if err := json.Unmarshal([]byte(r.Stdout), &s); err != nil {
		c.T.Fatalf("%v\n%v", err, r)
	}
	return s
}

// WantStatus compares the state's status.
func (c *Container) WantStatus(want string) {
	c.T.Helper()
	if got := string(c.State().Status); got != want {
		c.T.Errorf("status is %s, want %s", got, want)
	}
}

// Kill signals init and waits until it is dead.
func (c *Container) Kill(signal string) unix.WaitStatus {
	c.T.Helper()
	c.Must("kill", c.ID, signal)
	return c.Wait()
}

// Delete runs delete and wants success.
func (c *Container) Delete(flags ...string) {
	c.T.Helper()
	c.Must(append(append([]string{"delete"}, flags...), c.ID)...)
}

// Wait waits until init has ended and returns its wait status, as an engine that
// is a subreaper gets it.
func (c *Container) Wait() unix.WaitStatus {
	c.T.Helper()
	return WaitOrphan(c.T, c.Init)
}

// WantNothing fails the test if anything of this container is there. A dead init is
// waited for here: to do so is a subreaper's duty, not the runtime's.
func (c *Container) WantNothing() {
	c.T.Helper()
	if r := c.Do("state", c.ID); r.Code == 0 {
		c.T.Errorf("the container exists: %s", r.Stdout)
	}
	if left := waitForNothing(c.residue); len(left) > 0 {
		c.T.Errorf("left behind:\n%s", strings.Join(left, "\n"))
	}
}

// end deletes the container and wants nothing left of it.
func (c *Container) end() {
	c.T.Helper()
	if _, err := os.Stat(filepath.Join(c.Root, c.ID)); err == nil {
		r := c.Do("delete", "--force", c.ID)
		if r.Code != 0 {
			c.T.Errorf("clean-up: %v", r)
		}
	}
	c.WantNothing()
}

// Read reads a file of the container's root from the host.
func (c *Container) Read(path string) string {
	return readFile(filepath.Join(c.Rootfs(), path))
}

// Has tells whether the container's root has a file.
func (c *Container) Has(path string) bool {
	_, err := os.Lstat(filepath.Join(c.Rootfs(), path))
	return err == nil
}

// ProcFile reads /proc/PID/NAME of the container's init.
func (c *Container) ProcFile(name string) string {
	c.T.Helper()
	data, err := os.ReadFile("/proc/" + strconv.Itoa(c.Init) + "/" + name)
	if err != nil {
		c.T.Fatal(err)
	}
	return string(data)
}

// waitForNothing gives what is on its way out a little time.
func waitForNothing(list func() []string) []string {
	for deadline := time.Now().Add(3 * time.Second * Patience); ; time.Sleep(5 * time.Millisecond) {
		left := list()
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
	}
}
