//go:build !faults

package libcontainer

// fault is a point where a test build can make a step fail: see fault_on.go.
func fault(string) error { return nil }

// faultEnv is what init's environment needs for its own faults: nothing.
func faultEnv() []string { return nil }
