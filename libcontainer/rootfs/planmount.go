package rootfs

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

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

func (p *Plan) planMount(i int, in *specs.Mount, bundle string, userns bool, ps *config.Problems) {
	at := "mounts[" + strconv.Itoa(i) + "]"
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

	m.planOptions(at, in.Options, ps)
	switch {
	case m.Kind == Remount: // its options may name bind as well
	case m.Kind == Bind:
		m.planBind(at, bundle, ps)
	case in.Type == "" || in.Type == "none" || in.Type == "bind":
		m.planNoType(at, in.Type, ps)
	case in.Type == "cgroup" || in.Type == "cgroup2":
		m.Kind = Cgroup
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

// planOptions sorts the options into the mount. What the table does not have is
// for the filesystem, and a bind makes none: mount(2) ignores the data of one
// (config.md, "Linux mount options").
func (m *Mount) planOptions(at string, words []string, ps *config.Problems) {
	var here, below times
	var unknown []int
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
		case optAttr:
			m.Attr.apply(o)
		case optAtime:
			here.apply(o)
		case optRecursive:
			m.Rattr.apply(o)
			m.forget(o)
		case optRatime:
			below.apply(o)
			here = times{} // as forget
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
	here.addTo(&m.Attr)
	below.addTo(&m.Rattr)
	if m.Kind == Bind || m.Kind == Remount && (slices.Contains(words, "bind") || slices.Contains(words, "rbind")) {
		// Flags of the superblock are those of the source, or of the mount that is
		// there; mount(8) ignores them too.
		m.Super, m.SuperClear, m.Data = 0, 0, nil
		for _, i := range unknown {
			ps.Warnf(fmt.Sprintf("%s.options[%d]", at, i), "%q has no effect on a bind mount", words[i])
		}
	}
}

// forget drops what earlier options said of this mount alone, if a recursive one
// says it for the whole tree. So what is left comes later in the list, and is
// applied later.
func (m *Mount) forget(o option) {
	m.Attr.Set &^= o.Attr
	m.Attr.Clear &^= o.Attr
	if o.Attr&unix.MOUNT_ATTR_RDONLY != 0 {
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
		option := "idmap"
		if m.RecursiveID {
			option = "ridmap"
		}
		ps.Addf(at+".options", "%s needs uidMappings and gidMappings, or a user namespace in linux.namespaces", option)
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
