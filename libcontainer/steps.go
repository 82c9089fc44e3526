package libcontainer

import (
	"errors"
	"fmt"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// when says which operations a step belongs to.
type when uint8

const (
	create when = 1 << iota
	exec
	both = create | exec
)

// A step is one named deed of an operation. The name appears in errors, in the
// timeline and in RT_FAULT, and is never reworded.
type step[Side any] struct {
	name string
	when when
	run  func(Side) error
}

// walk runs the steps of w in order and stops at the first that fails. prefix
// starts the error: "init: " or nothing. before is asked ahead of every step.
func walk[Side any](side Side, steps []step[Side], w when, name, prefix string, trace *Trace, before func() error) error {
	for _, s := range steps {
		if s.when&w == 0 {
			continue
		}
		begin := trace.now()
		err := before()
		if err == nil {
			err = fault(s.name)
		}
		if err == nil {
			err = s.run(side)
		}
		trace.add(name, s.name, begin, err)
		if err != nil {
			return named(prefix+s.name, err)
		}
	}
	return nil
}

// named adds the name of the step that failed, unless the error names a better
// place itself: a path in config.json, or the step of init that failed.
func named(name string, err error) error {
	var placed *placedError
	var problems *config.Problems
	var interrupted Interrupted
	if errors.As(err, &placed) || errors.As(err, &problems) || errors.As(err, &interrupted) {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// StepNames lists the steps of create (or exec) in rt and in init, in order.
func StepNames(ofExec bool) (host, init []string) {
	w := create
	if ofExec {
		w = exec
	}
	for _, s := range hostSteps {
		if s.when&w != 0 {
			host = append(host, s.name)
		}
	}
	for _, s := range initSteps {
		if s.when&w != 0 {
			init = append(init, s.name)
		}
	}
	return host, init
}
