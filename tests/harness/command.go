package harness

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A Result is what a finished command said.
type Result struct {
	Command string // as typed
	Code    int    // exit status; -1 if a signal ended it
	Stdout  string
	Stderr  string
}

// A Command is a program to be run with a time limit.
type Command struct {
	Args  []string
	Env   []string // added to the environment
	Dir   string
	Stdin string
	Files []*os.File    // descriptors 3 and up
	Limit time.Duration // 20 s if zero; scaled by Patience

	// SysProcAttr and the like can be set on it.
	Tune func(*exec.Cmd)
}

// A Running command was started and not yet waited for.
type Running struct {
	Pid            int
	t              testing.TB
	cmd            *exec.Cmd
	stdout, stderr *os.File
	late           *time.Timer
	limit          time.Duration
}

// Start starts the command. Its output goes through files, not pipes: a container
// that is left running holds the descriptors, and nobody must wait for it.
func (c Command) Start(t testing.TB) *Running {
	t.Helper()
	r := &Running{t: t, stdout: outputFile(t), stderr: outputFile(t), limit: c.Limit}
	r.cmd = exec.Command(c.Args[0], c.Args[1:]...)
	r.cmd.Env = append(os.Environ(), c.Env...)
	r.cmd.Dir = c.Dir
	r.cmd.Stdout, r.cmd.Stderr = r.stdout, r.stderr
	if c.Stdin != "" {
		r.cmd.Stdin = inputFile(t, c.Stdin)
	}
	r.cmd.ExtraFiles = c.Files
	if c.Tune != nil {
		c.Tune(r.cmd)
	}
	if err := startService(r.cmd); err != nil {
		t.Fatalf("%s: %v", strings.Join(c.Args, " "), err)
	}
	r.Pid = r.cmd.Process.Pid
	if r.limit == 0 {
		r.limit = 20 * time.Second
	}
	r.limit *= Patience
	r.late = time.AfterFunc(r.limit, func() { r.cmd.Process.Kill() })
	return r
}

// Wait waits for the command's end, and fails the test if that is late.
func (r *Running) Wait() Result {
	r.t.Helper()
	r.cmd.Wait() // its error is the exit status
	serviceEnded(r.Pid)
	result := Result{
		Command: strings.Join(r.cmd.Args, " "), Code: r.cmd.ProcessState.ExitCode(),
		Stdout: readFile(r.stdout.Name()), Stderr: readFile(r.stderr.Name()),
	}
	if !r.late.Stop() {
		r.t.Fatalf("still running after %v\n%v", r.limit, result)
	}
	return result
}

// Ended tells whether the command has ended; Wait will not take long then.
func (r *Running) Ended() bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, r.Pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && info.Signo != 0
}

// Output is what the command has printed up to now.
func (r *Running) Output() string { return readFile(r.stdout.Name()) }

// Signal sends a signal.
func (r *Running) Signal(signal os.Signal) { r.cmd.Process.Signal(signal) }

// Run runs the command to its end.
func (c Command) Run(t testing.TB) Result {
	t.Helper()
	return c.Start(t).Wait()
}

// Must runs a command and wants success.
func Must(t testing.TB, args ...string) string {
	t.Helper()
	r := Command{Args: args}.Run(t)
	if r.Code != 0 {
		t.Fatal(r)
	}
	return r.Stdout
}

func (r Result) String() string {
	return fmt.Sprintf("%s\nexit status %d\nstdout: %s\nstderr: %s", r.Command, r.Code, r.Stdout, r.Stderr)
}

var outputs atomic.Int64

func outputFile(t testing.TB) *os.File {
	t.Helper()
	path := filepath.Join(base, fmt.Sprintf("output%d", outputs.Add(1)))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND|os.O_TRUNC, 0o666)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.Close()
		os.Remove(path)
	})
	return f
}

func inputFile(t testing.TB, text string) *os.File {
	t.Helper()
	f := outputFile(t)
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	return f
}

// readFile returns the text of a file, and "" for one that can't be read.
func readFile(path string) string {
	data, _ := os.ReadFile(path)
	return string(bytes.TrimRight(data, "\x00"))
}

// Eventually waits until is says yes, and fails the test if it doesn't in time.
func Eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	EventuallyIn(t, 10*time.Second, what, is)
}

// EventuallyIn is Eventually with a time limit of its own, scaled by Patience.
func EventuallyIn(t testing.TB, limit time.Duration, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit * Patience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after %v still not: %s", limit*Patience, what)
		}
	}
}
