package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Each program runs in a cell: a process of ours with a mount namespace of its own,
// subreaper of all that the program, the runtime and the containers start. Whatever
// these leave behind ends with it.
const cellVerb = "cell"

// A cell is what such a process is told, as JSON.
type cell struct {
	Program string   // path
	Root    string   // of the suite
	Runtime string   // path of the program under test
	Dir     string   // the cell's own; files "stdout" and "stderr" come to lie there
	Hide    []string // hierarchies below /sys/fs/cgroup that shall not be seen
	Add     []string // controllers of cgroup v1 to be mounted there
	Fixed   bool     // the program uses the cgroups with a fixed name
	Seconds int      // limit of the program's time
}

// An outcome is the cell's answer.
type outcome struct {
	Exit    int
	Timeout bool
	Notes   []string // what could not be prepared, and what was left behind
}

// run starts a cell and waits for it. interrupted ends it early.
func (c cell) run(interrupted <-chan struct{}) (outcome, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return outcome{}, err
	}
	runtime.LockOSThread() // Pdeathsig is the thread's
	defer runtime.UnlockOSThread()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command("/proc/self/exe", cellVerb, string(text))
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Pdeathsig: syscall.SIGTERM, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return outcome{}, err
	}
	done := make(chan struct{})
	go func() {
		select {
		case <-interrupted:
			cmd.Process.Signal(syscall.SIGTERM)
		case <-done:
		}
	}()
	err = cmd.Wait()
	close(done)
	var o outcome
	if err != nil || json.Unmarshal(stdout.Bytes(), &o) != nil {
		return o, fmt.Errorf("cell of %s: %w\n%s%s", filepath.Base(c.Program), err, stdout.Bytes(), stderr.Bytes())
	}
	return o, nil
}

// inCell is the cell's main function.
func inCell(text string) int {
	var c cell
	err := json.Unmarshal([]byte(text), &c)
	var o outcome
	if err == nil {
		o, err = c.inside()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	json.NewEncoder(os.Stdout).Encode(o)
	return 0
}

func (c *cell) inside() (o outcome, err error) {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return o, fmt.Errorf("subreaper: %w", err)
	}
	stdout, err := os.Create(filepath.Join(c.Dir, "stdout"))
	if err != nil {
		return o, err
	}
	stderr, err := os.Create(filepath.Join(c.Dir, "stderr"))
	if err != nil {
		return o, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return o, err
	}
	tree, notes, err := arrangeCgroups(filepath.Join(c.Dir, "old"), c.Hide, c.Add)
	if err != nil {
		return o, err
	}
	o.Notes, tree.fixed = notes, c.Fixed
	work := filepath.Join(c.Dir, "suite")
	if err := c.furnish(work); err != nil {
		return o, err
	}
	// Bundles, and what programs forget to remove, vanish with the namespace.
	program := &os.ProcAttr{
		Dir: c.Root,
		Env: []string{
			"PATH=" + os.Getenv("PATH"), "HOME=/root", "TMPDIR=" + work + "/tmp",
			"RUNTIME=" + work + "/" + filepath.Base(c.Runtime),
		},
		Files: []*os.File{null, stdout, stderr},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	}
	p, err := os.StartProcess(c.Program, []string{filepath.Base(c.Program)}, program)
	if err != nil {
		return o, err
	}
	status, timeout := reap(p.Pid, time.Duration(c.Seconds)*time.Second, ended)
	o.Timeout = timeout
	o.Exit = status.ExitStatus()
	if status.Signaled() {
		o.Exit = 128 + int(status.Signal())
	}
	o.Notes = append(o.Notes, c.cleanUp(work, tree)...)
	return o, nil
}

// furnish makes the cell's work directory: a place for bundles, a state directory for
// the runtime, and a stand-in for it, which tells it of that directory and notes the
// ids of containers.
func (c *cell) furnish(work string) error {
	if err := os.Mkdir(work, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", work, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount a tmpfs: %w", err)
	}
	script := fmt.Sprintf("#!/bin/sh\nfor last; do :; done\necho \"$last\" >>%s/ids\nexec %s --root %s/root \"$@\"\n", work, c.Runtime, work)
	return errors.Join(
		os.Mkdir(filepath.Join(work, "tmp"), 0o755),
		os.Mkdir(filepath.Join(work, "root"), 0o700),
		os.WriteFile(filepath.Join(work, filepath.Base(c.Runtime)), []byte(script), 0o755))
}

// reap waits for a child, and for whatever else comes to the subreaper meanwhile:
// a runtime must not find a dead init that nobody waits for.
func reap(pid int, limit time.Duration, ended <-chan os.Signal) (unix.WaitStatus, bool) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	timeout := make(chan bool, 1)
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-timer.C:
		case <-ended:
		case <-done:
			timeout <- false
			return
		}
		timeout <- true
		unix.Kill(-pid, unix.SIGKILL)
	}()
	for {
		var status unix.WaitStatus
		got, err := unix.Wait4(-1, &status, 0, nil)
		if got == pid || err == unix.ECHILD {
			select {
			case late := <-timeout:
				return status, late
			default:
				return status, false
			}
		}
	}
}

// cleanUp takes away what the program left: containers, processes, cgroups. It tells
// what it found.
func (c *cell) cleanUp(work string, tree *cgroupTree) []string {
	var notes []string
	left, _ := os.ReadDir(filepath.Join(work, "root"))
	for _, container := range left {
		notes = append(notes, "left a container")
		command := exec.Command(c.Runtime, "--root", filepath.Join(work, "root"), "delete", "--force", container.Name())
		if out, err := command.CombinedOutput(); err != nil {
			notes = append(notes, fmt.Sprintf("%s: %v: %s", command, err, out))
		}
	}
	for range 1000 {
		pids := children(os.Getpid())
		if len(pids) == 0 {
			break
		}
		for _, pid := range pids {
			unix.Kill(pid, unix.SIGKILL)
			unix.Wait4(pid, nil, 0, nil)
		}
	}
	ids, _ := os.ReadFile(filepath.Join(work, "ids"))
	return append(notes, tree.remove(strings.Fields(string(ids)))...)
}

func children(pid int) []int {
	var pids []int
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, path := range threads {
		text, _ := os.ReadFile(path)
		for field := range strings.FieldsSeq(string(text)) {
			var child int
			if _, err := fmt.Sscan(field, &child); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}
