package rootfs

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// A Plan is the filesystem of a container, ready to be made. Exported fields
// cross to init; the others are init's own.
type Plan struct {
	Root            string // absolute path of the root filesystem on the host
	Readonly        bool   // root.readonly
	Namespace       bool   // there is a mount namespace
	OnHost          bool   // there is none, and rt mounts in its own, below a HostMount
	HostID          uint64 // of the HostMount
	UserNamespace   bool   // init is root of a user namespace only: it cannot make device nodes
	Cgroup2         bool   // the host has cgroup2 alone at /sys/fs/cgroup
	CgroupNS        bool   // the container has a cgroup namespace
	RootPropagation uint32 // MS_* of linux.rootfsPropagation, 0 if not given
	Label           string // linux.mountLabel
	LabelKey        string // mount option that carries Label: "context"
	Mounts          []Mount
	DevBound        bool // somebody bound a directory on /dev: what is in it is theirs
	Nodes           []Device
	Masked          []string
	ReadonlyPaths   []string

	root               root     // the clone of Root, init side
	null               int      // a clone of /dev/null; 0 until needed
	void               int      // the empty directory, detached; 0 until needed
	nullUsed, voidUsed bool     // those are attached, and copies are clones
	protected          bool     // Protect is done
	noTreeAttr         bool     // the kernel has no open_tree_attr(2)
	late               []late   // mounts that become read-only at the end
	chosen             []chosen // mounts whose propagation the root's would change
}

// PlanRootfs resolves root, mounts, and of linux devices, maskedPaths,
// readonlyPaths, rootfsPropagation and mountLabel (config.md, "Root", "Mounts";
// config-linux.md).
func PlanRootfs(s *specs.Spec, bundle string, f *config.Facts, ps *config.Problems) *Plan {
	p := &Plan{Cgroup2: f.CgroupMode == config.CgroupV2, UserNamespace: f.Rootless}
	userns := false
	if s.Linux != nil {
		for _, ns := range s.Linux.Namespaces {
			switch ns.Type {
			case specs.MountNamespace:
				p.Namespace = true
			case specs.UserNamespace:
				userns, p.UserNamespace = true, true
			case specs.CgroupNamespace:
				p.CgroupNS = true
			}
		}
	}
	p.planRoot(s, bundle, ps)
	p.Mounts = make([]Mount, 0, len(s.Mounts))
	for i := range s.Mounts {
		p.planMount(i, &s.Mounts[i], bundle, userns, ps)
	}
	if s.Linux != nil {
		p.planDevices(s.Linux.Devices, ps)
		p.Masked = planPaths("linux.maskedPaths", s.Linux.MaskedPaths, ps)
		if i := slices.Index(p.Masked, "/"); i >= 0 {
			ps.Addf("linux.maskedPaths", "%q is the root of the container", "/")
		}
		p.ReadonlyPaths = planPaths("linux.readonlyPaths", s.Linux.ReadonlyPaths, ps)
		if i := slices.Index(p.ReadonlyPaths, "/"); i >= 0 {
			p.ReadonlyPaths = slices.Delete(p.ReadonlyPaths, i, i+1)
			p.Readonly = true
		}
		p.planPropagation(s.Linux.RootfsPropagation, ps)
		p.planLabel(s, ps)
	} else {
		p.planDevices(nil, ps)
	}
	p.needNamespace(s, ps)
	return p
}

func (p *Plan) planRoot(s *specs.Spec, bundle string, ps *config.Problems) {
	if s.Root == nil {
		ps.Addf("root", "is missing")
		return
	}
	p.Readonly = s.Root.Readonly
	p.Root = s.Root.Path
	switch {
	case p.Root == "":
		ps.Addf("root.path", "is missing")
		return
	case hasNUL(p.Root):
		ps.Addf("root.path", "%q contains a NUL byte", p.Root)
	case !path.IsAbs(p.Root):
		p.Root = path.Join(bundle, p.Root)
	}
	p.Root = path.Clean(p.Root)
	if p.Root == "/" {
		ps.Addf("root.path", "%q is the root of the host", s.Root.Path)
	}
}

// needNamespace finds out where to mount if there is no mount namespace: in rt's,
// unless init is to be root of a user namespace only, which must not do that.
func (p *Plan) needNamespace(s *specs.Spec, ps *config.Problems) {
	if p.Namespace {
		return
	}
	for _, x := range []struct {
		given bool
		at    string
	}{
		{len(s.Mounts) > 0, "mounts"},
		{p.Readonly, "root.readonly"},
		{len(p.Masked) > 0, "linux.maskedPaths"},
		{len(p.ReadonlyPaths) > 0, "linux.readonlyPaths"},
		{p.RootPropagation != 0, "linux.rootfsPropagation"},
	} {
		switch {
		case x.given && p.UserNamespace:
			ps.Addf(x.at, "needs a mount namespace in linux.namespaces, as there is a user namespace")
		case x.given:
			p.OnHost = true
		}
	}
}

// planPaths checks a list of paths of the container.
func planPaths(at string, in []string, ps *config.Problems) []string {
	out := make([]string, 0, len(in))
	for i, s := range in {
		switch {
		case hasNUL(s):
			ps.Addf(fmt.Sprintf("%s[%d]", at, i), "%q contains a NUL byte", s)
		case !path.IsAbs(s):
			ps.Addf(fmt.Sprintf("%s[%d]", at, i), "%q is not an absolute path", s)
		default:
			out = append(out, path.Clean(s))
		}
	}
	return out
}

func (p *Plan) planPropagation(word string, ps *config.Problems) {
	if word == "" {
		return
	}
	o, ok := lookupOption(word)
	if !ok || o.Kind != optPropagation {
		ps.Addf("linux.rootfsPropagation", "unknown propagation %q", word)
		return
	}
	p.RootPropagation = o.Super
}

// planLabel takes linux.mountLabel. The annotation, which Podman sets, chooses
// among the four mount options of selinux(8).
func (p *Plan) planLabel(s *specs.Spec, ps *config.Problems) {
	p.Label = s.Linux.MountLabel
	if p.Label == "" {
		return
	}
	if hasNUL(p.Label) {
		ps.Addf("linux.mountLabel", "%q contains a NUL byte", p.Label)
	}
	const annotation = "run.oci.mount_context_type"
	p.LabelKey = "context"
	if key := s.Annotations[annotation]; key != "" {
		if !slices.Contains([]string{"context", "fscontext", "defcontext", "rootcontext"}, key) {
			ps.Addf("annotations["+annotation+"]", "unknown context type %q", key)
		}
		p.LabelKey = key
	}
}

func hasNUL(s string) bool { return strings.IndexByte(s, 0) >= 0 }
