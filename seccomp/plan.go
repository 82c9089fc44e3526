package seccomp

import (
	"fmt"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// Plan is linux.seccomp with its names resolved. It stays on the host: what
// goes into the container is the Filter that Compile makes of it.
type Plan struct {
	defaultAction uint32
	archs         []*arch // without the native one, which every filter has
	rules         []rule
	flags         uint32
	flagsUnset    bool // the document has no flags at all, which is not the same as none
	notify        bool

	listenerPath, listenerMetadata string
}

// A rule is one entry of linux.seccomp.syscalls: action for each of names, if
// all of conditions hold.
type rule struct {
	names      []string
	action     uint32
	conditions []condition
}

// A condition compares one argument of a call. For opMaskedEQ value is the
// mask and want what must remain; the other operators have no want.
type condition struct {
	index       uint8
	op          operator
	value, want uint64
}

const (
	maxErrno = 4095 // the kernel cuts what is above (linux/err.h)
	maxArgs  = 6
)

// PlanSeccomp resolves linux.seccomp (config-linux.md, "Seccomp"). It returns
// nil if the container has none. A system call that is not known by name is no
// problem: profiles name the calls of kernels to come.
func PlanSeccomp(s *specs.Spec, ps *config.Problems) *Plan {
	if s == nil || s.Linux == nil || s.Linux.Seccomp == nil {
		return nil
	}
	in := s.Linux.Seccomp
	p := &Plan{
		flagsUnset:       in.Flags == nil,
		listenerPath:     in.ListenerPath,
		listenerMetadata: in.ListenerMetadata,
		rules:            make([]rule, 0, len(in.Syscalls)),
	}
	p.defaultAction = planAction(in.DefaultAction, in.DefaultErrnoRet, "linux.seccomp.defaultAction", "linux.seccomp.defaultErrnoRet", ps)
	if p.defaultAction == unix.SECCOMP_RET_USER_NOTIF {
		ps.Addf("linux.seccomp.defaultAction", "SCMP_ACT_NOTIFY would stop init itself, before the agent has the listener")
	}
	for i, name := range in.Architectures {
		a := archByName(string(name))
		if a == nil {
			ps.Addf(fmt.Sprintf("linux.seccomp.architectures[%d]", i), "unknown architecture %q", name)
			continue
		}
		p.archs = append(p.archs, a)
	}
	for i, name := range in.Flags {
		f, ok := flagValue(string(name))
		if !ok {
			ps.Addf(fmt.Sprintf("linux.seccomp.flags[%d]", i), "unknown flag %q", name)
		}
		p.flags |= f
	}
	for i := range in.Syscalls {
		p.planRule(&in.Syscalls[i], i, ps)
	}
	p.planListener(ps)
	return p
}

// planAction resolves an action and its errno. Only ERRNO and TRACE have one,
// in SECCOMP_RET_DATA (seccomp(2)), EPERM if it is not given.
func planAction(name specs.LinuxSeccompAction, ret *uint, path, retPath string, ps *config.Problems) uint32 {
	action, ok := actionValue(string(name))
	switch {
	case name == "":
		ps.Addf(path, "is missing")
		return action
	case !ok:
		ps.Addf(path, "unknown action %q", name)
		return action
	}
	limit := uint(maxErrno)
	switch action {
	case unix.SECCOMP_RET_TRACE:
		limit = unix.SECCOMP_RET_DATA // a message to the tracer, not an errno
	case unix.SECCOMP_RET_ERRNO:
	default:
		if ret != nil {
			ps.Addf(retPath, "%s has no errno", name)
		}
		return action
	}
	switch {
	case ret == nil:
		return action | uint32(unix.EPERM)
	case *ret > limit:
		ps.Addf(retPath, "%d is above %d", *ret, limit)
		return action
	}
	return action | uint32(*ret)
}

func (p *Plan) planRule(in *specs.LinuxSyscall, i int, ps *config.Problems) {
	// The paths are made only for a problem: a profile has hundreds of names.
	path := func(field string) string { return fmt.Sprintf("linux.seccomp.syscalls[%d].%s", i, field) }

	r := rule{names: in.Names}
	if action, ok := actionValue(string(in.Action)); ok && in.ErrnoRet == nil && !hasErrno(action) {
		r.action = action
	} else {
		r.action = planAction(in.Action, in.ErrnoRet, path("action"), path("errnoRet"), ps)
	}
	notify := r.action == unix.SECCOMP_RET_USER_NOTIF
	p.notify = p.notify || notify
	if len(in.Names) == 0 {
		ps.Addf(path("names"), "needs at least one name")
	}
	for j, name := range in.Names {
		switch {
		case name == "":
			ps.Addf(path(fmt.Sprintf("names[%d]", j)), "is empty")
		case notify && name == "write":
			// Init tells its host of the listener by write(2), and waits for
			// the answer; runc has the same limit.
			ps.Addf(path(fmt.Sprintf("names[%d]", j)), "SCMP_ACT_NOTIFY on write would stop init itself, before the agent has the listener")
		}
	}
	if len(in.Args) > 0 {
		r.conditions = make([]condition, len(in.Args))
	}
	for j := range in.Args {
		a := &in.Args[j]
		c := &r.conditions[j]
		var ok bool
		if c.op, ok = operatorValue(string(a.Op)); !ok {
			ps.Addf(path(fmt.Sprintf("args[%d].op", j)), "unknown operator %q", a.Op)
		}
		if a.Index >= maxArgs {
			ps.Addf(path(fmt.Sprintf("args[%d].index", j)), "%d is above %d", a.Index, maxArgs-1)
			continue
		}
		c.index, c.value = uint8(a.Index), a.Value
		if c.op == opMaskedEQ {
			c.want = a.ValueTwo
		}
	}
	p.rules = append(p.rules, r)
}

func (p *Plan) planListener(ps *config.Problems) {
	switch {
	case p.listenerPath == "" && p.listenerMetadata != "":
		ps.Addf("linux.seccomp.listenerMetadata", "needs linux.seccomp.listenerPath")
	case !p.notify:
		// "If the SCMP_ACT_NOTIFY action is not used this value is ignored."
	case p.listenerPath == "":
		ps.Addf("linux.seccomp.listenerPath", "is missing, and SCMP_ACT_NOTIFY needs it")
	case !filepath.IsAbs(p.listenerPath):
		ps.Addf("linux.seccomp.listenerPath", "%q is not an absolute path", p.listenerPath)
	case len(p.listenerPath) > maxSocketPath:
		ps.Addf("linux.seccomp.listenerPath", "is longer than a socket's path can be, %d bytes", maxSocketPath)
	}
}

func hasErrno(action uint32) bool {
	return action == unix.SECCOMP_RET_ERRNO || action == unix.SECCOMP_RET_TRACE
}
