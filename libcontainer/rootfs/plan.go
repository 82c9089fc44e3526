package rootfs

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// A Plan is the filesystem of a container, ready to be made. Exported fields
// cross to init; the others are init's own.
type Plan struct {
	Root            string // absolute path of the root filesystem on the host
	Readonly        bool   // root.readonly
	Namespace       bool   // there is a mount namespace; without one rt mounts nothing
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

	root               root   // the clone of Root, init side
	null               int    // a clone of /dev/null; 0 until needed
	void               int    // the empty directory, detached; 0 until needed
	nullUsed, voidUsed bool   // those are attached, and copies are clones
	protected          bool   // Protect is done
	late               []late // mounts that become read-only at the end
}

// A Kind of mount.
type Kind uint8

const (
	Filesystem Kind = iota // a new instance of a filesystem
	Bind                   // a clone of a part of the host's tree
	Cgroup                 // the container's view of its cgroups
	Remount                // new attributes for a mount that is there
)

// A Mount is one entry of mounts[].
type Mount struct {
	Index       int    // in mounts[], for messages
	Kind        Kind   //
	Path        string // clean and absolute, inside the container
	Type        string
	Source      string   // absolute for a bind
	Data        []string // "key=value" or "key", for the filesystem
	Recursive   bool     // rbind
	Attr, Rattr Attributes
	Super       uint32   // MS_* flags of the superblock to set
	SuperClear  uint32   // and to clear
	Propagation []uint32 // MS_*, in the listed order
	CopyUp      bool
	Late        bool // read-only only after everything below is mounted
	IDMap       bool
	RecursiveID bool // ridmap
	UIDs, GIDs  []specs.LinuxIDMapping
	File        *os.File // the detached mount, if the host had to make it

	id mountNumber // of the mount that was made
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

// needNamespace refuses what rt would have to do to the host's own mounts.
func (p *Plan) needNamespace(s *specs.Spec, ps *config.Problems) {
	if p.Namespace {
		return
	}
	const text = "needs a mount namespace in linux.namespaces"
	if len(s.Mounts) > 0 {
		ps.Addf("mounts", text)
	}
	if p.Readonly {
		ps.Addf("root.readonly", text)
	}
	if len(p.Masked) > 0 {
		ps.Addf("linux.maskedPaths", text)
	}
	if len(p.ReadonlyPaths) > 0 {
		ps.Addf("linux.readonlyPaths", text)
	}
	if p.RootPropagation != 0 {
		ps.Addf("linux.rootfsPropagation", text)
	}
}

func (p *Plan) planMount(i int, in *specs.Mount, bundle string, userns bool, ps *config.Problems) {
	at := fmt.Sprintf("mounts[%d]", i)
	m := Mount{Index: i, Type: in.Type, Source: in.Source, UIDs: in.UIDMappings, GIDs: in.GIDMappings}
	for _, field := range [...]struct{ name, value string }{
		{".destination", in.Destination}, {".type", in.Type}, {".source", in.Source},
	} {
		if hasNUL(field.value) {
			ps.Addf(at+field.name, "%q contains a NUL byte", field.value)
			return
		}
	}
	if in.Destination == "" {
		ps.Addf(at+".destination", "is missing")
	} else if !path.IsAbs(in.Destination) {
		ps.Warnf(at+".destination", "%q is relative, which is deprecated: taken as %q", in.Destination, "/"+in.Destination)
	}
	m.Path = path.Clean("/" + in.Destination)
	if in.Destination != "" && m.Path == "/" {
		ps.Addf(at+".destination", "%q is the root of the container", in.Destination)
	}

	unknown := m.planOptions(at, in.Options, ps)
	switch {
	case m.Kind == Remount: // its options may name bind as well
	case m.Kind == Bind:
		m.planBind(at, bundle, ps)
	case in.Type == "" || in.Type == "none" || in.Type == "bind":
		m.planNoType(at, in.Type, ps)
	case in.Type == "cgroup" || in.Type == "cgroup2":
		m.Kind = Cgroup
	}
	if m.Kind == Bind {
		for _, o := range unknown {
			ps.Addf(fmt.Sprintf("%s.options[%d]", at, o), "unknown option %q for a bind mount", in.Options[o])
		}
	}
	if m.CopyUp && (m.Kind != Filesystem || m.Type != "tmpfs") {
		ps.Addf(at+".options", "tmpcopyup is for a mount of type tmpfs")
	}
	m.planIDMap(at, userns, ps)
	m.checkProc(at, in.Destination, ps)

	// Mount points below a tmpfs, and nodes in /dev, must still be made.
	if m.Kind == Filesystem && m.attributes()&unix.MOUNT_ATTR_RDONLY != 0 {
		m.Late = m.Type == "tmpfs" || m.Path == "/dev"
	}
	if m.Kind == Bind && m.Path == "/dev" {
		p.DevBound = true
	}
	p.Mounts = append(p.Mounts, m)
}

// planOptions sorts the options into the mount and returns the numbers of those
// that are for the filesystem.
func (m *Mount) planOptions(at string, words []string, ps *config.Problems) (unknown []int) {
	for i, word := range words {
		o, ok := lookupOption(word)
		if !ok {
			switch {
			case hasNUL(word):
				ps.Addf(fmt.Sprintf("%s.options[%d]", at, i), "%q contains a NUL byte", word)
			case word != "":
				unknown = append(unknown, i)
				m.Data = append(m.Data, word)
			}
			continue
		}
		switch o.Kind {
		case optBind:
			if m.Kind == Filesystem {
				m.Kind = Bind
			}
			m.Recursive = o.Super&unix.MS_REC != 0
		case optRemount:
			m.Kind = Remount
		case optAttr, optAtime:
			m.Attr.apply(o)
		case optRecursive, optRatime:
			m.Rattr.apply(o)
			m.forget(o)
		case optPropagation:
			m.Propagation = append(m.Propagation, o.Super)
		case optIdmap:
			m.IDMap = true
			m.RecursiveID = o.Super&unix.MS_REC != 0
		case optCopyUp:
			m.CopyUp = true
		}
		if o.Kind == optSuper || o.Kind == optAttr && o.Super != 0 {
			if o.Clear {
				m.Super, m.SuperClear = m.Super&^o.Super, m.SuperClear|o.Super
			} else {
				m.Super, m.SuperClear = m.Super|o.Super, m.SuperClear&^o.Super
			}
		}
	}
	if m.Kind == Remount && (slices.Contains(words, "bind") || slices.Contains(words, "rbind")) {
		// mount(8): remount,bind changes the mount and not the filesystem.
		m.Super, m.SuperClear = 0, 0
		if len(unknown) > 0 {
			m.Data = nil
			for _, i := range unknown {
				ps.Addf(fmt.Sprintf("%s.options[%d]", at, i), "unknown option %q for a bind mount", words[i])
			}
		}
	}
	return unknown
}

// forget drops what earlier options said of this mount alone, if a recursive one
// says it for the whole tree. So what is left comes later in the list, and is
// applied later.
func (m *Mount) forget(o option) {
	bits := o.Attr
	if o.Kind == optRatime {
		bits = unix.MOUNT_ATTR__ATIME
		m.Attr.Undo = 0
	}
	m.Attr.Set &^= bits
	m.Attr.Clear &^= bits
	if bits&unix.MOUNT_ATTR_RDONLY != 0 {
		m.Super &^= unix.MS_RDONLY
		m.SuperClear &^= unix.MS_RDONLY
	}
}

func (m *Mount) planBind(at, bundle string, ps *config.Problems) {
	m.Type = ""
	if m.Source == "" {
		ps.Addf(at+".source", "is missing, and a bind mount needs one")
		return
	}
	if !path.IsAbs(m.Source) {
		m.Source = path.Join(bundle, m.Source)
	}
	// Flags of the superblock are those of the source; mount(8) ignores them too.
	m.Super, m.SuperClear = 0, 0
}

func (m *Mount) planNoType(at, typ string, ps *config.Problems) {
	if typ == "" {
		ps.Addf(at+".type", "is missing, and the options have neither bind nor rbind")
	} else {
		ps.Addf(at+".type", "%q needs the option bind or rbind", typ)
	}
}

func (m *Mount) planIDMap(at string, userns bool, ps *config.Problems) {
	switch {
	case len(m.UIDs) > 0 && len(m.GIDs) == 0:
		ps.Addf(at+".gidMappings", "is missing, and uidMappings needs it")
	case len(m.GIDs) > 0 && len(m.UIDs) == 0:
		ps.Addf(at+".uidMappings", "is missing, and gidMappings needs it")
	case len(m.UIDs) > 0:
		m.IDMap = true
	case m.IDMap && !userns:
		ps.Addf(at+".options", "idmap needs uidMappings and gidMappings, or a user namespace in linux.namespaces")
	}
	for _, list := range [...]struct {
		name string
		maps []specs.LinuxIDMapping
	}{{".uidMappings", m.UIDs}, {".gidMappings", m.GIDs}} {
		for i, id := range list.maps {
			if id.Size == 0 {
				ps.Addf(fmt.Sprintf("%s%s[%d].size", at, list.name, i), "is 0")
			}
		}
	}
	if m.IDMap && (m.Kind == Cgroup || m.Kind == Remount) {
		ps.Addf(at+".options", "idmap is for a bind mount or a new filesystem")
	}
}

// procFiles may be mounted over: lxcfs and tools that show a container its own
// limits do so, and runc allows the same ten.
var procFiles = []string{
	"/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg", "/proc/meminfo", "/proc/slabinfo", "/proc/stat",
	"/proc/swaps", "/proc/uptime", "/proc/sys/crypto/fips_enabled", "/proc/sys/kernel/ns_last_pid",
}

// checkProc keeps everything but procfs away from /proc: labels and limits are
// written there, and masks rely on it (CVE-2019-16884, CVE-2019-19921).
func (m *Mount) checkProc(at, dest string, ps *config.Problems) {
	switch {
	case m.Path == "/proc":
		if m.Kind == Filesystem && m.Type != "proc" || m.Kind == Cgroup {
			ps.Addf(at+".destination", "%q takes a mount of type proc only, not %q", dest, m.Type)
		}
	case strings.HasPrefix(m.Path, "/proc/"):
		if m.Kind != Remount && !slices.Contains(procFiles, m.Path) {
			ps.Addf(at+".destination", "%q is inside /proc", dest)
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
