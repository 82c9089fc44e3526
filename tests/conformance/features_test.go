package conformance

import (
	"encoding/json"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go/features"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// featuresOf asks the runtime, which need not answer (features.md).
func featuresOf(t *testing.T) (features.Features, string) {
	t.Helper()
	r := harness.Command{Args: []string{harness.Runtime(t), "features"}}.Run(t)
	if r.Code != 0 {
		t.Skip("has no features structure, which it need not have")
	}
	var f features.Features
	if err := json.Unmarshal([]byte(r.Stdout), &f); err != nil {
		t.Fatalf("%v: %s", err, r.Stdout)
	}
	return f, r.Stdout
}

func mountOptionsOfFeatures(t *testing.T) []string {
	t.Helper()
	f, _ := featuresOf(t)
	return f.MountOptions
}
