package libcontainer

import (
	"errors"

	"github.com/c9b5e2ae/rt/libcontainer/cgroups"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func oomKills(c *cgroups.Cgroup) (uint64, error) {
	if g, ok := any(c).(interface{ OOMKills() (uint64, error) }); ok {
		return g.OOMKills()
	}
	return 0, nil
}

func updateCgroup(c *cgroups.Cgroup, r *specs.LinuxResources) error {
	if g, ok := any(c).(interface {
		Update(*specs.LinuxResources) error
	}); ok {
		return g.Update(r)
	}
	return errors.New("update is not there")
}

func enterCgroup(c *cgroups.Cgroup, pid int) error {
	if g, ok := any(c).(interface{ Enter(int) error }); ok {
		return g.Enter(pid)
	}
	return nil
}
