package libcontainer

import (
	"errors"
	"fmt"
	"os"

	"github.com/c9b5e2ae/rt/libcontainer/namespaces"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// ExecOptions are the flags of exec.
type ExecOptions struct {
	Process       *specs.Process
	PidFile       string  // gets the pid, without a newline, once the program runs
	PidfdSocket   string  // Unix socket that gets the pidfd
	ConsoleSocket string  // Unix socket that gets the terminal
	Console       Console // in its place: exec in the foreground
	PreserveFDs   int
	ListenFDs     int
	Cgroup        []string // sub-cgroups to enter, "path" or "controller:path"; none: init's
	IgnorePaused  bool
}

// Config is the container's config as it was at create.
func (c *Container) Config() (*specs.Spec, error) { return c.spec() }

// Exec runs one more process in the container and returns once it has executed
// its program; the process is the caller's child. It takes no lock: any number
// of them may be at work.
func (c *Container) Exec(o ExecOptions) (*Process, error) {
	now, err := c.status()
	if err != nil {
		return nil, err
	}
	switch {
	case now == specs.StateStopped || now == specs.StateCreating:
		return nil, fmt.Errorf("cannot exec in a %s container", now)
	case now == StatusPaused && !o.IgnorePaused:
		return nil, errors.New("cannot exec in a paused container (use --ignore-paused to override)")
	}
	s, err := c.spec()
	if err != nil {
		return nil, err
	}
	h := &host{r: c.r, exec: &o, when: exec, spec: s, dir: c.dir, state: c.state}
	if err := h.operate(); err != nil {
		return nil, err
	}
	return h.process, nil
}

// namespacesOfInit opens the namespaces of the container in which rt is not.
func (h *host) namespacesOfInit() ([]namespaces.Namespace, error) {
	c := Container{r: h.r, dir: h.dir, state: h.state}
	pidfd, err := c.pidfd()
	if err != nil {
		return nil, err
	}
	h.keep(os.NewFile(uintptr(pidfd), "init"))
	return namespaces.OfProcess(h.state.Pid, pidfd, nil)
}
