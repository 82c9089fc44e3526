// Package commandline tests what callers see of rt whatever the container: flags,
// messages, exit codes, documents.
package commandline

import (
	"os"
	"testing"

	"github.com/c9b5e2ae/rt/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// bare runs the program without any global flag.
func bare(t *testing.T, args ...string) harness.Result {
	t.Helper()
	return harness.Command{Args: append([]string{harness.Runtime(t)}, args...)}.Run(t)
}

// onlyRT skips a test of what is rt's own where another program is tested.
func onlyRT(t *testing.T) {
	t.Helper()
	if os.Getenv("RUNTIME") != "" && os.Getenv("RUNTIME_FAULTS") == "" {
		t.Skip("the program under test is not rt")
	}
}
