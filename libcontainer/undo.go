package libcontainer

import "errors"

// An undo list takes an operation back: every deed pushes its opposite on the
// next line. runtime.md, "Errors": an error MUST leave the environment as if
// the operation had never been attempted.
type undo []func() error

func (u *undo) push(f func() error) { *u = append(*u, f) }

// run takes everything back, last first, and reports every failure.
func (u *undo) run() error {
	var errs []error
	for i := len(*u) - 1; i >= 0; i-- {
		errs = append(errs, (*u)[i]())
	}
	*u = nil
	return errors.Join(errs...)
}
