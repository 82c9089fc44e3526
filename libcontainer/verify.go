package libcontainer

import (
	"slices"

	"github.com/c9b5e2ae/rt/libcontainer/cgroups"
	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/c9b5e2ae/rt/libcontainer/intelrdt"
	"github.com/c9b5e2ae/rt/libcontainer/namespaces"
	"github.com/c9b5e2ae/rt/libcontainer/network"
	"github.com/c9b5e2ae/rt/libcontainer/process"
	"github.com/c9b5e2ae/rt/libcontainer/rootfs"
	"github.com/c9b5e2ae/rt/seccomp"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Verify compares a created or running container with its config by what the
// kernel says of it now, and returns every difference. A program may have
// changed what it was given: only of a created container all of them are rt's.
func (c *Container) Verify() ([]config.Problem, error) {
	now, err := c.status()
	if err != nil {
		return nil, err
	}
	if now == specs.StateStopped || now == specs.StateCreating {
		return nil, ErrNotRunning
	}
	s, err := c.spec()
	if err != nil {
		return nil, err
	}
	pid := c.state.Pid
	found := slices.Concat(
		namespaces.Verify(pid, s),
		cgroups.Verify(pid, s),
		network.Verify(pid, s),
		intelrdt.Verify(pid, c.state.ID, s),
		rootfs.Verify(pid, s),
	)
	if s.Process != nil {
		found = append(found, process.Verify(pid, s)...)
		// With no_new_privs the filter is loaded at start.
		if now != specs.StateCreated || !s.Process.NoNewPrivileges {
			found = append(found, seccomp.Verify(pid, s)...)
		}
	}
	return found, nil
}
