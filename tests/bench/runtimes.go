package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Runtime is a program under measurement.
type Runtime struct {
	Name    string
	Path    string `json:"-"` // where it happened to lie
	Version string // the first line of --version, and for rt its commit
	Size    int64  // of the binary, bytes
	Hidden  bool   `json:",omitempty"` // runs without /sys/fs/cgroup/unified
	crun    bool
	root    string // of its containers' state

	lane *lane
	ids  int
}

const unified = "/sys/fs/cgroup/unified"

// programs are the paths of the runtimes by name, for clean.
var programs = map[string]string{}

// peers are looked for where RUNTIMES names none.
var peers = []string{"crun", "runc"}

// findRuntimes returns rt and those that RUNTIMES names, [NAME=]PATH with blanks
// or commas between; without it those of peers that are installed.
func findRuntimes(rt, given string) ([]*Runtime, error) {
	list := []string{"rt=" + rt}
	if words := strings.FieldsFunc(given, func(c rune) bool { return c == ' ' || c == ',' || c == '\n' }); len(words) > 0 {
		list = append(list, words...)
	} else {
		for _, name := range peers {
			if path, err := exec.LookPath(name); err == nil {
				list = append(list, name+"="+path)
			}
		}
	}
	var out []*Runtime
	for _, word := range list {
		name, path, named := strings.Cut(word, "=")
		if !named {
			name, path = filepath.Base(word), word
		}
		for _, other := range out {
			if other.Name == name {
				return nil, fmt.Errorf("RUNTIMES: two programs are called %q: give them names, NAME=PATH", name)
			}
		}
		r, err := newRuntime(name, path)
		if err != nil {
			return nil, fmt.Errorf("runtime %q: %w", name, err)
		}
		out = append(out, r)
	}
	return out, nil
}

func newRuntime(name, path string) (*Runtime, error) {
	path, err := exec.LookPath(path)
	if err != nil {
		return nil, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("%s --version: %w", path, err)
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(out), "\n")
	r := &Runtime{Name: name, Path: path, Version: lines[0], Size: st.Size(), root: filepath.Join(base, "state-"+name)}
	if commit, found := strings.CutPrefix(lines[min(1, len(lines)-1)], "commit: "); found && len(commit) >= 7 && strings.HasPrefix(lines[0], "rt ") {
		r.Version += " (" + commit[:7] + ")"
	}
	programs[name] = path
	r.crun = strings.HasPrefix(lines[0], "crun ")
	// crun refuses a hybrid host: "cgroups in hybrid mode not supported, drop all
	// controllers from cgroupv2".
	r.Hidden = r.crun && isCgroup2(unified)
	if r.lane, err = r.newLane(); err != nil {
		return nil, err
	}
	return r, os.MkdirAll(r.root, 0o700)
}

func isCgroup2(path string) bool {
	var s unix.Statfs_t
	return unix.Statfs(path, &s) == nil && s.Type == unix.CGROUP2_SUPER_MAGIC
}

// newLane is a thread on which this runtime can run.
func (r *Runtime) newLane() (*lane, error) {
	return newLane(func() error {
		if r.Hidden {
			return hideUnified()
		}
		return nil
	})
}

// args is a command line of the runtime.
func (r *Runtime) args(args ...string) []string {
	return append([]string{r.Path, "--root", r.root}, args...)
}

// do runs a command of the runtime to its end.
func (r *Runtime) do(args ...string) run { return r.lane.run(r.args(args...)...) }

// id is a new one.
func (r *Runtime) id() string {
	r.ids++
	return fmt.Sprintf("rtbench%d-%s-%d", os.Getpid(), r.Name, r.ids)
}

// run runs a container of the bundle to its end.
func (r *Runtime) run(bundle string) run { return r.on(r.lane, r.id(), bundle) }

func (r *Runtime) on(l *lane, id, bundle string) run {
	result := l.run(r.args("run", "--bundle", bundle, id)...)
	if result.Err != nil {
		l.run(r.args("delete", "--force", id)...) // may not be there
	}
	return result
}

// A container is one that was created, and not by `run`.
type container struct {
	r   *Runtime
	id  string
	pid int
}

// create creates a container as engines do, with a pid file.
func (r *Runtime) create(bundle string) (*container, run) {
	return r.detached(func(id, pidFile string) []string {
		return []string{"create", "--bundle", bundle, "--pid-file", pidFile, id}
	})
}

// runDetached creates and starts one.
func (r *Runtime) runDetached(bundle string) (*container, run) {
	return r.detached(func(id, pidFile string) []string {
		return []string{"run", "--detach", "--bundle", bundle, "--pid-file", pidFile, id}
	})
}

func (r *Runtime) detached(args func(id, pidFile string) []string) (*container, run) {
	c := &container{r: r, id: r.id()}
	pidFile := filepath.Join(base, "pid")
	os.Remove(pidFile)
	result := r.do(args(c.id, pidFile)...)
	data, err := os.ReadFile(pidFile)
	if err == nil {
		c.pid, err = strconv.Atoi(strings.TrimSpace(string(data)))
	}
	if result.Err == nil && err != nil {
		result.Err = fmt.Errorf("pid file: %w", err)
	}
	if result.Err != nil {
		r.do("delete", "--force", c.id)
	}
	return c, result
}

// do runs a command on the container.
func (c *container) do(verb string, args ...string) run {
	return c.r.do(append([]string{verb, c.id}, args...)...)
}

// wait waits for the end of init, which is a child of this process since its
// runtime ended: see main.
func (c *container) wait() error {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Microsecond) {
		pid, err := unix.Wait4(c.pid, nil, unix.WNOHANG, nil)
		switch {
		case pid == c.pid || errors.Is(err, unix.ECHILD):
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("init %d of %s does not end", c.pid, c.r.Name)
		}
	}
}

// remove takes the container away, with no measurement.
func (c *container) remove() error {
	syscall.Kill(c.pid, syscall.SIGKILL)
	err := c.wait()
	for try := 0; ; try++ {
		r := c.do("delete")
		if r.Err == nil || try == 20 {
			return errors.Join(err, r.Err)
		}
		time.Sleep(time.Duration(try) * time.Millisecond)
	}
}
