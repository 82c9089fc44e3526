package libcontainer

import "github.com/c9b5e2ae/rt/libcontainer/cgroups"

func oomKills(c *cgroups.Cgroup) (uint64, error) {
	if g, ok := any(c).(interface{ OOMKills() (uint64, error) }); ok {
		return g.OOMKills()
	}
	return 0, nil
}
