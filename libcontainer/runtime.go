package libcontainer

import (
	"fmt"

	"github.com/c9b5e2ae/rt/libcontainer/cgroups"
	"github.com/c9b5e2ae/rt/libcontainer/config"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A Runtime is what all operations share: the global flags.
type Runtime struct {
	Root     string            // directory of all containers' state
	Systemd  bool              // cgroups are made by systemd
	Rootless string            // "true", "false" or "auto"
	Warn     func(text string) // takes what the spec wants logged as a warning; nil drops it
	Trace    *Trace            // timeline of the operation, or nil
}

func (r *Runtime) warn(format string, args ...any) {
	if r.Warn != nil {
		r.Warn(fmt.Sprintf(format, args...))
	}
}

func (r *Runtime) warnAll(problems []config.Problem) {
	for _, p := range problems {
		r.warn("%s", p)
	}
}

// A Container is one that exists: its state directory is open until Close.
type Container struct {
	r      *Runtime
	dir    *dir
	state  *saved
	locked bool            // by us
	conf   *specs.Spec     // the config, once it was read
	cgroup *cgroups.Cgroup // for the one who has created it
}

// ID is the container's name.
func (c *Container) ID() string { return c.state.ID }

// Close lets go of the container without changing it.
func (c *Container) Close() { c.dir.close() }

// Load finds a container. Its error is an ErrNotExist where there is none.
func (r *Runtime) Load(id string) (*Container, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	d, err := findDir(r.Root, id)
	if err != nil {
		return nil, err
	}
	s, err := d.readState()
	if err != nil {
		d.close()
		return nil, err
	}
	return &Container{r: r, dir: d, state: s}, nil
}

// change loads a container and locks it: no other operation changes it until
// Close. The state is read under the lock.
func (r *Runtime) change(id string) (*Container, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	d, err := findDir(r.Root, id)
	if err != nil {
		return nil, err
	}
	if err := d.lock(); err != nil {
		d.close()
		return nil, err
	}
	s, err := d.readState()
	if err != nil {
		d.close()
		return nil, err
	}
	return &Container{r: r, dir: d, state: s, locked: true}, nil
}
