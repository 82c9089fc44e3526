package cgroups

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// A Plan is the cgroup that a container is to have, and its limits. It stays
// with the host side: init does not need it.
type Plan struct {
	host     *host
	path     string // clean; absolute, or relative to rt's own cgroup
	explicit bool   // the config asked for path
	rootless bool
	owner    int // chown to this uid, or -1

	settings []setting
	rules    []deviceRule // as the config orders them
	list     deviceList   // the same for v1
	unit     *Unit        // with the systemd driver

	intent  *State
	parents map[string]int // directories above the container's, open since Intent
}

// PlanCgroup resolves linux.cgroupsPath and linux.resources for this host.
func PlanCgroup(s *specs.Spec, id string, systemd bool, f *config.Facts, ps *config.Problems) *Plan {
	h, err := readHost(f.CgroupMode)
	if err != nil {
		ps.Addf("linux.cgroupsPath", "%v", err)
		h = &host{}
	}
	return planCgroup(s, id, systemd, f, h, ps)
}

func planCgroup(s *specs.Spec, id string, systemd bool, f *config.Facts, h *host, ps *config.Problems) *Plan {
	p := &Plan{host: h, rootless: f.Rootless, owner: -1}
	if systemd {
		p.unit = planUnit(s, id, f, ps)
		p.explicit = s.Linux != nil && s.Linux.CgroupsPath != ""
	} else {
		p.path, p.explicit = planPath(s, id, ps)
	}
	var r *specs.LinuxResources
	if s.Linux != nil {
		r = s.Linux.Resources
	}
	b := settings{h: h, ps: ps, prefix: "linux.resources."}
	b.plan(r)
	p.settings = b.list
	var devices []specs.LinuxDeviceCgroup
	if r != nil {
		devices = r.Devices
	}
	p.rules = planDevices(devices, ps)
	if h.find("devices") != nil {
		p.list = v1Devices(p.rules, ps)
	}
	p.owner = planOwner(s, f, h)
	if p.unit != nil {
		p.unit.limit(r, p.rules, h)
	}
	return p
}

// planOwner returns the host uid that the cgroup is to belong to, or -1: with
// cgroup v2 only, if the container has a new cgroup namespace and may write its
// cgroup mount (config-linux.md, "Cgroup ownership").
func planOwner(s *specs.Spec, f *config.Facts, h *host) int {
	if !h.pure() || s.Linux == nil || s.Process == nil || !newNamespace(s, specs.CgroupNamespace) {
		return -1
	}
	for _, n := range s.Linux.Namespaces {
		if n.Type == specs.UserNamespace && n.Path != "" {
			return -1 // its id map is not in the config
		}
	}
	writable := false
	for _, m := range s.Mounts {
		if m.Source == "cgroup" && m.Destination == mountRoot && !hasOption(m.Options, "ro") {
			writable = true
		}
	}
	uid := int64(s.Process.User.UID)
	if newNamespace(s, specs.UserNamespace) {
		host := int64(-1)
		for _, m := range s.Linux.UIDMappings {
			if first := int64(m.ContainerID); uid >= first && uid < first+int64(m.Size) {
				host = int64(m.HostID) + uid - first
			}
		}
		uid = host
	}
	if !writable || uid == int64(f.EUID) { // what we make is ours already
		return -1
	}
	return int(uid)
}

func newNamespace(s *specs.Spec, kind specs.LinuxNamespaceType) bool {
	for _, n := range s.Linux.Namespaces {
		if n.Type == kind {
			return n.Path == ""
		}
	}
	return false
}

func hasOption(options []string, want string) bool {
	for _, o := range options {
		if o == want {
			return true
		}
	}
	return false
}
