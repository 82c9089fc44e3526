package seccomp

import (
	"errors"
	"fmt"
	"slices"
	"time"

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
	f.Program, err = p.compile(p.targets(nativeArch()))
	if err != nil {
		return nil, err
	}
	if n := len(f.Program) / instructionSize; n > maxInstructions {
		return nil, fmt.Errorf("the profile needs %d BPF instructions, and the kernel takes %d", n, maxInstructions)
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
				return 0, fmt.Errorf("%s: not supported by this kernel: %w", flags[i].name, err)
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
			return fmt.Errorf("%s: not supported by this kernel: %w", actionName(action), err)
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

// compile makes the program for the given architectures, the native one first.
func (p *Plan) compile(archs []*arch) ([]byte, error) {
	if len(archs) == 0 {
		return nil, errors.New("no system call numbers are known for this machine's architecture")
	}
	c := newCompiler(p, archs)
	c.read()
	err := c.program(outBadArch << 2)
	if err == errOrder {
		return c.fallback()
	}
	if err != nil {
		return nil, err
	}
	return c.bytes(), nil
}

// targets are the architectures of the filter: the native one, and those that
// the profile lists. Those of the other byte order are left out, because no
// kernel of this machine ever asks the filter about them; and so are those
// that no number is known for.
func (p *Plan) targets(native *arch) []*arch {
	if native == nil || native.numbers == "" {
		return nil
	}
	out := []*arch{native}
	for _, a := range p.archs {
		if a.numbers != "" && a.little() == native.little() && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// maxFallback limits the rules with conditions that are given to libseccomp:
// its time and its programs grow much faster than their number. 128 take up to
// 0.3 s, 2,000 minutes.
const maxFallback = 128

// fallback has libseccomp compile the profile.
func (c *compiler) fallback() ([]byte, error) {
	var tokens []uint32
	for i := range c.tables {
		tokens = append(tokens, c.tables[i].token())
	}
	rules, conditional := c.plan.libseccompRules()
	if conditional > maxFallback {
		return nil, fmt.Errorf("rules for one call overlap with different actions, and %d rules with conditions are too many to find their order; %d are possible", conditional, maxFallback)
	}
	program, err := withDeadline(func() ([]byte, error) {
		return libseccomp.Compile(c.plan.defaultAction, tokens, rules, c.plan.libseccompTree())
	})
	if errors.Is(err, unix.EEXIST) {
		return nil, fmt.Errorf("two rules have different actions for the same arguments: %w", err)
	}
	if err != nil {
		return nil, err
	}
	if !c.enosys {
		return program, nil
	}
	if err := c.prologue(program); err != nil {
		return nil, err
	}
	return c.bytes(), nil
}

// fallbackTimeout bounds the wait for libseccomp. Some rules make it turn in a
// circle: two for one call that begin with the same inequality, for example.
// Nothing but the end of this process can stop it then, and the error is what
// brings that about.
const fallbackTimeout = 3 * time.Second

var errTooLong = errors.New("libseccomp does not come to an end with this profile, whose rules for one call overlap with different actions")

func withDeadline(compile func() ([]byte, error)) ([]byte, error) {
	var program []byte
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		program, err = compile()
	}()
	select {
	case <-done:
		return program, err
	case <-time.After(fallbackTimeout):
		return nil, errTooLong
	}
}

// libseccompTree tells when runc wants a tree of libseccomp: from 33 calls on.
// For few it is not worth it, and 2.5.4 gets it wrong for none. Where the
// library is wrong about conditions, the verdict may depend on it.
func (p *Plan) libseccompTree() bool {
	n := 0
	for i := range p.rules {
		n += len(p.rules[i].names)
	}
	return n > 32
}

// libseccompRules are the rules, one for each call and set of conditions, and
// how many have conditions. What follows a rule without conditions is left
// out: it changes nothing, and costs time.
func (p *Plan) libseccompRules() (rules []libseccomp.Rule, conditional int) {
	var decided [nameCount]bool
	for i := range p.rules {
		r := &p.rules[i]
		if r.action == p.defaultAction {
			continue
		}
		sets := r.alternatives()
		for _, name := range r.names {
			n := lookup(name)
			if n < 0 || decided[n] {
				continue
			}
			decided[n] = len(r.conditions) == 0
			for _, set := range sets {
				args := make([]libseccomp.Arg, len(set))
				for j, c := range set {
					args[j] = libseccomp.Arg{Index: uint32(c.index), Op: uint32(c.op), Value: c.value, ValueTwo: c.want}
				}
				rules = append(rules, libseccomp.Rule{Name: name, Action: r.action, Args: args})
				if len(args) > 0 {
					conditional++
				}
			}
		}
	}
	return rules, conditional
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
