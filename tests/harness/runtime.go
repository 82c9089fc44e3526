package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// Runtime returns the path of the program under test: $RUNTIME, or rt built from
// this checkout.
func Runtime(t testing.TB) string {
	t.Helper()
	if name := os.Getenv("RUNTIME"); name != "" {
		path, err := exec.LookPath(name)
		if err == nil {
			path, err = filepath.Abs(path)
		}
		if err != nil {
			t.Fatalf("RUNTIME: %v", err)
		}
		return path
	}
	return built(t, buildRT)
}

// PublicRuntime returns a copy of the program under test in a place that every user
// can look up: the checkout may lie below /root.
func PublicRuntime(t testing.TB) string {
	t.Helper()
	program, err := os.ReadFile(Runtime(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(Dir(t), "rt")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// FaultyRuntime returns rt built with fault points: RT_FAULT=STEP=ERRNO makes a
// step fail. It skips the test when another program than rt is tested.
func FaultyRuntime(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("RUNTIME_FAULTS"); path != "" {
		return path
	}
	if os.Getenv("RUNTIME") != "" {
		t.Skip("RUNTIME is another program, without fault points")
	}
	return built(t, buildFaulty)
}

// A build is one way to build rt, done once at most.
type build struct {
	name, tags string
	once       sync.Once
	path       string
	output     []byte
	err        error
}

var (
	buildRT     = &build{name: "rt"}
	buildFaulty = &build{name: "rt-faults", tags: "faults"}
)

func built(t testing.TB, b *build) string {
	t.Helper()
	b.once.Do(func() {
		b.path = filepath.Join(base, b.name)
		_, file, _, _ := runtime.Caller(0)
		script := filepath.Join(filepath.Dir(file), "../build")
		b.output, b.err = exec.Command(script, b.tags, b.path).CombinedOutput()
	})
	if b.err != nil {
		t.Fatalf("build of %s: %v\n%s", b.name, b.err, b.output)
	}
	return b.path
}
