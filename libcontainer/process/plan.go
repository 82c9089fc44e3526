package process

import (
	"fmt"
	"math"
	"path"
	"strings"

	"github.com/c9b5e2ae/rt/libcontainer/config"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// A Plan is the process object, resolved.
type Plan struct {
	First bool // the container's own process, not one of exec
	Args  []string
	Env   []string // without duplicates
	Cwd   string

	UID, GID uint32
	Groups   []uint32
	Umask    uint32
	Caps     CapSets

	NoNewPrivileges bool
	AppArmor        string // profile for execve, "" to keep the one of rt
	SELinux         string // context for execve, "" to keep the one of rt
	NewUserns       bool   // the container has a user namespace of its own

	Terminal      bool
	Width, Height uint

	Rlimits      []Rlimit
	Scheduler    *Scheduler
	IOPriority   uint32 // as for ioprio_set(2); 0: unchanged
	Affinity     []uint64
	KeepAffinity bool // leave it as execCPUAffinity.initial made it
	MemoryPolicy *MemoryPolicy
	Personality  *Personality

	// For the host only.
	oomScoreAdj     *int
	clampOOM        bool
	initialAffinity []uint64

	// State of init.
	path     string // what FindExecutable found
	cwdAgain bool   // Chdir was refused and is to be tried as the user
}

// A Personality is an execution domain of personality(2).
type Personality struct {
	Name   string
	Domain uint32
}

// defaultUmask is runc's: config.md says that an unset umask is the caller's,
// but images rely on 0022, and the caller is a daemon with a umask of its own.
const defaultUmask = 0o022

// PlanProcess resolves p, a process of the container that s configures. With
// exec p is one more process: what it leaves open is the container's, as with
// runc. Without p there is no plan.
func PlanProcess(s *specs.Spec, p *specs.Process, exec bool, f *config.Facts, ps *config.Problems) *Plan {
	if p == nil {
		return nil
	}
	own := *p
	if exec && s.Process != nil {
		inherit(&own, s.Process)
	}
	p = &own
	out := &Plan{
		First:           !exec,
		Args:            p.Args,
		Cwd:             p.Cwd,
		UID:             p.User.UID,
		GID:             p.User.GID,
		Groups:          p.User.AdditionalGids,
		Umask:           defaultUmask,
		NoNewPrivileges: p.NoNewPrivileges,
		NewUserns:       hasUserns(s),
		Terminal:        p.Terminal,
	}
	planUser(out, s, &p.User, ps)
	planArgs(p, ps)
	out.Env = planEnv(p.Env, ps)
	out.Caps = planCapabilities(p.Capabilities, grantable(out.NewUserns, f), f.LastCap, ps)
	out.Rlimits = planRlimits(p.Rlimits, ps)
	planLabels(out, p, ps)
	planScheduling(out, p, exec, ps)
	planOOM(out, p, f, ps)
	if p.Terminal && p.ConsoleSize != nil {
		planConsoleSize(out, p.ConsoleSize, ps)
	}
	if s.Linux != nil {
		out.MemoryPolicy = planMemoryPolicy(s.Linux.MemoryPolicy, ps)
		out.Personality = planPersonality(s.Linux.Personality, ps)
	}
	return out
}

// inherit fills what a process of exec leaves open from the container's own.
func inherit(p, c *specs.Process) {
	if p.User.Umask == nil {
		p.User.Umask = c.User.Umask
	}
	if p.Capabilities == nil {
		p.Capabilities = c.Capabilities
	}
	if len(p.Rlimits) == 0 {
		p.Rlimits = c.Rlimits
	}
	if p.ApparmorProfile == "" {
		p.ApparmorProfile = c.ApparmorProfile
	}
	if p.SelinuxLabel == "" {
		p.SelinuxLabel = c.SelinuxLabel
	}
	if p.OOMScoreAdj == nil {
		p.OOMScoreAdj = c.OOMScoreAdj
	}
	if p.Scheduler == nil {
		p.Scheduler = c.Scheduler
	}
	if p.IOPriority == nil {
		p.IOPriority = c.IOPriority
	}
	if p.ExecCPUAffinity == nil {
		p.ExecCPUAffinity = c.ExecCPUAffinity
	}
}

func hasUserns(s *specs.Spec) bool {
	if s.Linux == nil {
		return false
	}
	for _, n := range s.Linux.Namespaces {
		if n.Type == specs.UserNamespace {
			return true
		}
	}
	return false
}

func planArgs(p *specs.Process, ps *config.Problems) {
	if len(p.Args) == 0 {
		ps.Addf("process.args", "must have at least one entry")
	}
	for i, a := range p.Args {
		if strings.IndexByte(a, 0) >= 0 {
			ps.Addf(fmt.Sprintf("process.args[%d]", i), "contains a NUL byte")
		}
	}
	switch {
	case !path.IsAbs(p.Cwd):
		ps.Addf("process.cwd", "%q is not an absolute path", p.Cwd)
	case strings.IndexByte(p.Cwd, 0) >= 0:
		ps.Addf("process.cwd", "contains a NUL byte")
	}
}

// noID is the id that means "no change" to setresuid(2), and "overflow" nowhere.
const noID = math.MaxUint32

func planUser(out *Plan, s *specs.Spec, u *specs.User, ps *config.Problems) {
	if u.Umask != nil {
		out.Umask = *u.Umask
		if out.Umask > 0o777 {
			ps.Addf("process.user.umask", "%d is above 511, which is 0777", out.Umask)
		}
	}
	var uids, gids []specs.LinuxIDMapping
	if s.Linux != nil && out.NewUserns {
		uids, gids = s.Linux.UIDMappings, s.Linux.GIDMappings
	}
	planID("process.user.uid", u.UID, "uid", uids, ps)
	planID("process.user.gid", u.GID, "gid", gids, ps)
	for i, g := range u.AdditionalGids {
		planID(fmt.Sprintf("process.user.additionalGids[%d]", i), g, "gid", gids, ps)
	}
}

// planID checks one id. maps are those of a new user namespace; one that is
// joined has its own, which only the kernel knows.
func planID(path string, id uint32, kind string, maps []specs.LinuxIDMapping, ps *config.Problems) {
	if id == noID {
		ps.Addf(path, "%d is not a %s", id, kind)
		return
	}
	for _, m := range maps {
		if id >= m.ContainerID && uint64(id) < uint64(m.ContainerID)+uint64(m.Size) {
			return
		}
	}
	if len(maps) > 0 {
		ps.Addf(path, "%d is not mapped by linux.%sMappings", id, kind)
	}
}

func planConsoleSize(out *Plan, size *specs.Box, ps *config.Problems) {
	out.Width, out.Height = size.Width, size.Height
	if size.Width > math.MaxUint16 { // struct winsize, ioctl_tty(2)
		ps.Addf("process.consoleSize.width", "%d is above 65535", size.Width)
	}
	if size.Height > math.MaxUint16 {
		ps.Addf("process.consoleSize.height", "%d is above 65535", size.Height)
	}
}

// planOOM resolves oomScoreAdj (config.md, "Linux Process"; proc(5)).
func planOOM(out *Plan, p *specs.Process, f *config.Facts, ps *config.Problems) {
	if p.OOMScoreAdj == nil {
		return
	}
	out.oomScoreAdj = p.OOMScoreAdj
	out.clampOOM = f.Rootless
	if v := *p.OOMScoreAdj; v < -1000 || v > 1000 {
		ps.Addf("process.oomScoreAdj", "%d is not within -1000 to 1000", v)
	}
}

// domains are the execution domains of config-linux.md, "Personality".
func planPersonality(l *specs.LinuxPersonality, ps *config.Problems) *Personality {
	if l == nil {
		return nil
	}
	out := &Personality{Name: string(l.Domain)}
	switch l.Domain {
	case specs.PerLinux:
		out.Domain = 0x0000 // PER_LINUX, linux/personality.h
	case specs.PerLinux32:
		out.Domain = 0x0008 // PER_LINUX32
	default:
		ps.Addf("linux.personality.domain", "unknown domain %q", l.Domain)
	}
	for i, flag := range l.Flags {
		ps.Addf(fmt.Sprintf("linux.personality.flags[%d]", i), "unknown flag %q: the spec defines none", flag)
	}
	return out
}
