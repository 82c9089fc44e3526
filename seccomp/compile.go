package seccomp

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/seccomp/libseccomp"
)

// Compile makes the filter. It asks the kernel whether it has what the profile
// uses, so that a container is refused before init has done anything. A nil
// plan has a nil filter.
func (p *Plan) Compile() (*Filter, error) {
	if p == nil {
		return nil, nil
	}
	f := &Filter{Notify: p.notify, ListenerPath: p.listenerPath, ListenerMetadata: p.listenerMetadata}
	var err error
	if f.Flags, err = p.filterFlags(); err != nil {
		return nil, err
	}
	if err := p.checkActions(); err != nil {
		return nil, err
	}
	f.Program, err = p.compileLibseccomp()
	if err != nil {
		return nil, err
	}
	if n := len(f.Program) / instructionSize; n > maxInstructions {
		return nil, fmt.Errorf("seccomp: the profile needs %d BPF instructions, and the kernel takes %d", n, maxInstructions)
	}
	return f, nil
}

// filterFlags are the flags for seccomp(2). A document without flags means
// SPEC_ALLOW, as in runc, where the kernel has it; an empty list means none.
func (p *Plan) filterFlags() (uint32, error) {
	set := p.flags &^ flagTSync
	if !p.notify {
		set &^= unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV // EINVAL without a listener, which it is about
	}
	for i := range flags {
		if f := flags[i].value; set&f != 0 {
			if err := flagSupported(f); err != nil {
				return 0, fmt.Errorf("seccomp: %s: not supported by this kernel: %w", flags[i].name, err)
			}
		}
	}
	if p.flagsUnset && flagSupported(unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW) == nil {
		set |= unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW
	}
	return set, nil
}

func (p *Plan) checkActions() error {
	last := uint32(unix.SECCOMP_RET_ALLOW)
	check := func(action uint32) error {
		action &= unix.SECCOMP_RET_ACTION_FULL
		switch action {
		case last, unix.SECCOMP_RET_ALLOW, unix.SECCOMP_RET_ERRNO, unix.SECCOMP_RET_KILL_THREAD, unix.SECCOMP_RET_TRACE, unix.SECCOMP_RET_TRAP:
			return nil // every kernel with filters has them (3.5)
		}
		last = action
		if err := actionSupported(action); err != nil {
			return fmt.Errorf("seccomp: %s: not supported by this kernel: %w", actionName(action), err)
		}
		return nil
	}
	if err := check(p.defaultAction); err != nil {
		return err
	}
	for i := range p.rules {
		if err := check(p.rules[i].action); err != nil {
			return err
		}
	}
	return nil
}

// compileLibseccomp compiles with the C library.
func (p *Plan) compileLibseccomp() ([]byte, error) {
	var tokens []uint32
	native := nativeArch()
	for _, a := range p.archs {
		// The library refuses a filter of two byte orders. No kernel of this
		// machine's ever asks the filter for the other one.
		if native == nil || a.little() == native.little() {
			tokens = append(tokens, a.token())
		}
	}
	var rules []libseccomp.Rule
	for i := range p.rules {
		r := &p.rules[i]
		if r.action == p.defaultAction {
			continue
		}
		for _, set := range r.alternatives() {
			args := make([]libseccomp.Arg, len(set))
			for j, c := range set {
				args[j] = libseccomp.Arg{Index: uint32(c.index), Op: uint32(c.op), Value: c.value, ValueTwo: c.want}
			}
			for _, name := range r.names {
				rules = append(rules, libseccomp.Rule{Name: name, Action: r.action, Args: args})
			}
		}
	}
	return libseccomp.Compile(p.defaultAction, tokens, rules)
}

// alternatives are the sets of conditions of which one must hold. Usually it is
// one set. But if two conditions are about the same argument, each condition is
// an alternative of its own: libseccomp never took two for one argument, runc
// split them so, and profiles rely on it.
func (r *rule) alternatives() [][]condition {
	var seen uint8
	for i, c := range r.conditions {
		if seen&(1<<c.index) != 0 {
			out := make([][]condition, len(r.conditions))
			for i := range r.conditions {
				out[i] = r.conditions[i : i+1]
			}
			return out
		}
		seen |= 1 << r.conditions[i].index
	}
	return [][]condition{r.conditions}
}
