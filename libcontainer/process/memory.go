package process

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/c9b5e2ae/rt/libcontainer/config"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// memoryModes are the modes of set_mempolicy(2) by number (linux/mempolicy.h).
var memoryModes = [...]specs.MemoryPolicyModeType{
	0: specs.MpolDefault,
	1: specs.MpolPreferred,
	2: specs.MpolBind,
	3: specs.MpolInterleave,
	4: specs.MpolLocal,
	5: specs.MpolPreferredMany,      // 5.15
	6: specs.MpolWeightedInterleave, // 6.9
}

// memoryFlags are the flags that are or'ed to a mode.
var memoryFlags = [...]struct {
	name specs.MemoryPolicyFlagType
	bit  uint32
}{
	{specs.MpolFNumaBalancing, 1 << 13}, // 5.12
	{specs.MpolFRelativeNodes, 1 << 14},
	{specs.MpolFStaticNodes, 1 << 15},
}

// MemoryPolicyModes lists the modes that rt knows.
func MemoryPolicyModes() []string {
	out := make([]string, len(memoryModes))
	for i, m := range memoryModes {
		out[i] = string(m)
	}
	return out
}

// MemoryPolicyFlags lists the flags that rt knows.
func MemoryPolicyFlags() []string {
	out := make([]string, len(memoryFlags))
	for i, f := range memoryFlags {
		out[i] = string(f.name)
	}
	return out
}

// A MemoryPolicy is the argument of set_mempolicy(2).
type MemoryPolicy struct {
	Mode  uint32 // with the flags
	Nodes []uint64
	Text  string // for the error
}

// planMemoryPolicy resolves linux.memoryPolicy (config-linux.md, "Memory policy")
// and refuses the combinations that set_mempolicy(2) would refuse in init.
func planMemoryPolicy(m *specs.LinuxMemoryPolicy, ps *config.Problems) *MemoryPolicy {
	if m == nil {
		return nil
	}
	mode := slices.Index(memoryModes[:], m.Mode)
	if mode < 0 {
		ps.Addf("linux.memoryPolicy.mode", "unknown mode %q", m.Mode)
		return nil
	}
	out := &MemoryPolicy{Mode: uint32(mode), Text: strings.TrimSpace(string(m.Mode) + " " + m.Nodes)}
	bad := len(ps.List)
	out.Nodes = planIDs("linux.memoryPolicy.nodes", "node", m.Nodes, ps)
	if bad == len(ps.List) {
		planNodes(m.Mode, out.Nodes != nil, ps)
	}
	static := false
	for i, name := range m.Flags {
		path := fmt.Sprintf("linux.memoryPolicy.flags[%d]", i)
		n := -1
		for j, f := range memoryFlags {
			if f.name == name {
				n = j
			}
		}
		if n < 0 {
			ps.Addf(path, "unknown flag %q", name)
			continue
		}
		placed := name == specs.MpolFStaticNodes || name == specs.MpolFRelativeNodes
		switch {
		case placed && static && out.Mode&memoryFlags[n].bit == 0:
			ps.Addf(path, "%s and %s exclude each other", specs.MpolFStaticNodes, specs.MpolFRelativeNodes)
		case placed && out.Nodes == nil && m.Mode != specs.MpolDefault:
			ps.Addf(path, "%s needs linux.memoryPolicy.nodes", name)
		case name == specs.MpolFNumaBalancing && m.Mode != specs.MpolBind && m.Mode != specs.MpolPreferredMany:
			ps.Addf(path, "%s needs the mode MPOL_BIND or MPOL_PREFERRED_MANY", name)
		}
		static = static || placed
		out.Mode |= memoryFlags[n].bit
	}
	return out
}

// planNodes checks whether a mode may and must have nodes.
func planNodes(mode specs.MemoryPolicyModeType, nodes bool, ps *config.Problems) {
	switch mode {
	case specs.MpolDefault, specs.MpolLocal:
		if nodes {
			ps.Addf("linux.memoryPolicy.nodes", "%s takes no nodes", mode)
		}
	case specs.MpolPreferred: // none: the node of the CPU
	default:
		if !nodes {
			ps.Addf("linux.memoryPolicy.nodes", "%s needs at least one node", mode)
		}
	}
}

func (m *MemoryPolicy) set() error {
	// maxnode counts one bit more than there are: the kernel takes one off.
	_, _, errno := unix.RawSyscall(unix.SYS_SET_MEMPOLICY, uintptr(m.Mode), uintptr(unsafe.Pointer(unsafe.SliceData(m.Nodes))), uintptr(len(m.Nodes)*64+1))
	switch errno {
	case 0:
		return nil
	case unix.EINVAL:
		return fmt.Errorf("linux.memoryPolicy: this kernel or the container's cpuset does not allow %s", m.Text)
	}
	return fmt.Errorf("linux.memoryPolicy: set_mempolicy %s: %w", m.Text, errno)
}

// maxID bounds the lists of CPUs and nodes: no kernel has as many.
const maxID = 8192

// planIDs reads a list like "0-3,7" into a mask, nil for an empty list. As in
// runc blanks around the parts and empty parts are allowed.
func planIDs(path, kind, list string, ps *config.Problems) []uint64 {
	var mask []uint64
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		first, last, ranged := strings.Cut(part, "-")
		a, err1 := strconv.ParseUint(first, 10, 32)
		b, err2 := a, error(nil)
		if ranged {
			b, err2 = strconv.ParseUint(last, 10, 32)
		}
		switch {
		case err1 != nil || err2 != nil || b < a:
			ps.Addf(path, "%q is neither a %s nor a range of them", part, kind)
			return nil
		case b >= maxID:
			ps.Addf(path, "%s %d is above %d", kind, b, maxID-1)
			return nil
		}
		for len(mask) <= int(b/64) {
			mask = append(mask, 0)
		}
		for ; a <= b; a++ {
			mask[a/64] |= 1 << (a % 64)
		}
	}
	return mask
}
