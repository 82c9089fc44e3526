package libcontainer

import (
	"errors"

	"github.com/c9b5e2ae/rt/libcontainer/hooks"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// runHooks runs hooks of the runtime namespace: those that rt itself starts. A
// signal to rt kills the one that runs; so that even a killed rt leaves nothing,
// its group is in the state while it does.
func (d *dir) runHooks(s *saved, run func(*hooks.Runner) error) error {
	i, err := catchInterrupts()
	if err != nil {
		return err
	}
	defer i.close()
	err = run(&hooks.Runner{Dir: s.Bundle, Stop: i.fd, Begin: func(g hooks.Group) error {
		s.Hook = g
		return d.writeState(s)
	}})
	if told := i.err(); err != nil && told != nil {
		err = told
	}
	s.Hook = hooks.Group{} // a daemon that a hook left on purpose lives on
	return errors.Join(err, d.writeState(s))
}

// runPoststop runs the poststop hooks. A failure is a warning, and the others
// run all the same (runtime.md, "Lifecycle" 13).
func (d *dir) runPoststop(r *Runtime, plan *hooks.Plan, s *saved) {
	if plan == nil || len(plan.Poststop) == 0 {
		return
	}
	err := d.runHooks(s, func(runner *hooks.Runner) error {
		for _, err := range runner.Each("poststop", plan.Poststop, s.ociState(specs.StateStopped, 0)) {
			r.warn("%v", err)
		}
		return nil
	})
	if err != nil {
		r.warn("poststop hooks: %v", err)
	}
}
