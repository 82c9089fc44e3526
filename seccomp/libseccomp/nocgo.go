//go:build !cgo

package libseccomp

import "errors"

// Compile has no library to ask.
func Compile(uint32, []uint32, []Rule, bool) ([]byte, error) {
	return nil, errors.New("libseccomp: rt was built without cgo")
}
