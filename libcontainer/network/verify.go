package network

import (
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// Verify asks the kernel whether the container of pid has its interfaces, and
// whether they are up.
func Verify(pid int, s *specs.Spec) []config.Problem {
	var ps config.Problems
	p := PlanNetwork(s, &config.Facts{}, &ps)
	if len(ps.List) > 0 || len(p.Devices) == 0 {
		return ps.List
	}
	netns, err := openNetns(strconv.Itoa(pid))
	if err != nil {
		ps.Addf("linux.netDevices", "%v", err)
		return ps.List
	}
	defer netns.Close()
	c, err := dial(netns)
	if err != nil {
		ps.Addf("linux.netDevices", "%v", err)
		return ps.List
	}
	defer c.close()
	have, err := c.links()
	if err != nil {
		ps.Addf("linux.netDevices", "%v", err)
		return ps.List
	}
	for _, d := range p.Devices {
		prefix, suffix, template := strings.Cut(d.Name, "%d")
		found, up := false, false
		for _, l := range have {
			if l.name == d.Name || template && strings.HasPrefix(l.name, prefix) && strings.HasSuffix(l.name, suffix) {
				found, up = true, up || l.up
			}
		}
		if !found {
			ps.Addf(place(d.Host), "the container has no interface %q", d.Name)
		} else if !up {
			ps.Addf(place(d.Host), "%q is down", d.Name)
		}
	}
	return ps.List
}
