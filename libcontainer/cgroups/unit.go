package cgroups

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

type Unit struct {
	Name string
	User bool
}

func planUnit(s *specs.Spec, id string, f *config.Facts, h *host, ps *config.Problems) *Unit {
	return nil
}
func (u *Unit) dir(x *hierarchy) string                                    { return "" }
func (u *Unit) limit(r *specs.LinuxResources, rules []deviceRule, h *host) {}
