// Package namespaces makes and joins the namespaces of a container
// (linux.namespaces), and sets what lives in them and nowhere else: id maps,
// clock offsets, host and domain name, sysctls, the loopback interface.
//
// The namespaces themselves are entered by the C part of init, which has one
// thread; this package tells it which (Plan.New, Plan.Join) and gives it the
// opened files.
package namespaces

import (
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// A kind is one row of namespaces(7).
type kind struct {
	name string // in linux.namespaces[].type
	flag uint32 // CLONE_NEW*
	file string // below /proc/<pid>/ns
	fork string // the same for children that are not born yet, where the kernel keeps it apart
}

// The user namespace comes first: it owns those made after it.
var kinds = [...]kind{
	{"user", unix.CLONE_NEWUSER, "user", "user"},
	{"pid", unix.CLONE_NEWPID, "pid", "pid_for_children"},
	{"network", unix.CLONE_NEWNET, "net", "net"},
	{"mount", unix.CLONE_NEWNS, "mnt", "mnt"},
	{"ipc", unix.CLONE_NEWIPC, "ipc", "ipc"},
	{"uts", unix.CLONE_NEWUTS, "uts", "uts"},
	{"cgroup", unix.CLONE_NEWCGROUP, "cgroup", "cgroup"},
	{"time", unix.CLONE_NEWTIME, "time", "time_for_children"},
}

// Types returns the names of all kinds, for the features document.
func Types() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

func kindOf(name string) *kind {
	for i := range kinds {
		if kinds[i].name == name {
			return &kinds[i]
		}
	}
	return nil
}

// maxName is the length of a host or domain name: __NEW_UTS_LEN, uname(2).
const maxName = 64

// A Plan is everything a container's namespaces are to be.
type Plan struct {
	New  uint32 // CLONE_NEW* of the namespaces to create
	Join []Join // the user namespace first; Open may drop one that rt is in already

	UIDMapping []specs.LinuxIDMapping // of the new user namespace, or what the joined one must have
	GIDMapping []specs.LinuxIDMapping

	TimeOffsets []TimeOffset // of the new time namespace

	Hostname   string // empty: leave it
	Domainname string
	Sysctl     []Sysctl // by name
}

// A Join is a namespace that exists.
type Join struct {
	Type  string
	Flag  uint32
	Path  string
	Index int // in linux.namespaces
}

// PlanNamespaces resolves linux.namespaces and all that depends on them:
// linux.uidMappings and gidMappings, linux.timeOffsets, hostname, domainname
// and linux.sysctl.
func PlanNamespaces(s *specs.Spec, f *config.Facts, ps *config.Problems) *Plan {
	l := s.Linux
	if l == nil {
		l = &specs.Linux{}
	}
	p := &Plan{Hostname: s.Hostname, Domainname: s.Domainname}
	p.planKinds(l, ps)
	if f.EUID != 0 && !p.has(unix.CLONE_NEWUSER) {
		ps.Addf("linux.namespaces", "needs a user namespace, because rt does not run as root")
	}
	p.planMaps(l, ps)
	p.planTimeOffsets(l, ps)
	p.planName("hostname", s.Hostname, ps)
	p.planName("domainname", s.Domainname, ps)
	p.planSysctl(l, ps)
	return p
}

func (p *Plan) planKinds(l *specs.Linux, ps *config.Problems) {
	var seen uint32
	for i, n := range l.Namespaces {
		k := kindOf(string(n.Type))
		switch {
		case k == nil:
			ps.Addf(place(i)+".type", "unknown namespace %q", n.Type)
			continue
		case seen&k.flag != 0:
			ps.Addf(place(i)+".type", "%s is listed twice", k.name)
			continue
		}
		seen |= k.flag
		switch {
		case n.Path == "":
			p.New |= k.flag
			continue
		case n.Path[0] != '/':
			ps.Addf(place(i)+".path", "%q is not an absolute path", n.Path)
		case strings.IndexByte(n.Path, 0) >= 0:
			ps.Addf(place(i)+".path", "%q has a NUL byte", n.Path)
		}
		j := Join{Type: k.name, Flag: k.flag, Path: n.Path, Index: i}
		p.Join = append(p.Join, j)
		if k.flag == unix.CLONE_NEWUSER {
			copy(p.Join[1:], p.Join)
			p.Join[0] = j
		}
	}
}

func (p *Plan) planName(path, name string, ps *config.Problems) {
	switch {
	case name == "":
	case !p.has(unix.CLONE_NEWUTS):
		ps.Addf(path, "needs a uts namespace in linux.namespaces")
	case len(name) > maxName:
		ps.Addf(path, "%q has %d bytes, the kernel takes %d", name, len(name), maxName)
	case strings.IndexByte(name, 0) >= 0:
		ps.Addf(path, "%q has a NUL byte", name)
	}
}

// joined returns the namespace of this kind that is joined, or nil.
func (p *Plan) joined(flag uint32) *Join {
	for i := range p.Join {
		if p.Join[i].Flag == flag {
			return &p.Join[i]
		}
	}
	return nil
}

// has tells whether the container has a namespace of this kind of its own.
func (p *Plan) has(flag uint32) bool {
	return p.New&flag != 0 || p.joined(flag) != nil
}
