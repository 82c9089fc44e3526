package cgroups

import (
	"path"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

const (
	nameMax = 255  // NAME_MAX: a component
	pathMax = 4096 // PATH_MAX, with the mount point
)

// planPath resolves linux.cgroupsPath for the cgroupfs driver. The result is
// clean; it is absolute, from the top of each hierarchy, or relative to rt's
// own cgroup. explicit tells that the config asked for it.
//
// Without a path the container's cgroup is called like the container and lies
// below rt's own, as in runc.
func planPath(s *specs.Spec, id string, ps *config.Problems) (dir string, explicit bool) {
	if s.Linux == nil || s.Linux.CgroupsPath == "" {
		return id, false
	}
	given := s.Linux.CgroupsPath
	const field = "linux.cgroupsPath"
	switch clean := path.Clean(given); {
	case strings.ContainsRune(given, 0):
		ps.Addf(field, "%q holds a NUL byte", given)
	case strings.ContainsRune(given, '\n'):
		ps.Addf(field, "%q holds a line break", given)
	case hasWord(given, "..", "/"):
		ps.Addf(field, `%q holds a ".."`, given)
	case clean == "/" || clean == ".":
		ps.Addf(field, "%q is the root cgroup, which holds the whole machine", given)
	case len(clean) > pathMax-512: // the longest file in it still has to be named
		ps.Addf(field, "%d bytes are too long for a path", len(clean))
	case longest(clean) > nameMax:
		ps.Addf(field, "a component of %d bytes is longer than %d", longest(clean), nameMax)
	default:
		return clean, true
	}
	return id, true
}

func longest(p string) int {
	n := 0
	for c := range strings.SplitSeq(p, "/") {
		n = max(n, len(c))
	}
	return n
}

// dir is where the container's cgroup lies in x.
func (x *hierarchy) dir(p string, pure bool) string {
	switch {
	case path.IsAbs(p):
	case pure:
		// Not below rt's own cgroup but beside it: a cgroup that holds
		// processes can't give controllers to its children (cgroups(7), "no
		// internal processes").
		p = path.Join(path.Dir(x.ownDir()), p)
	default:
		p = path.Join(x.ownDir(), p)
	}
	return x.mount + path.Join("/", p)
}
