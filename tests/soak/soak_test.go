// Package soak stresses the promise that a failure at any instant leaks nothing.
//
// Several workers take containers of many kinds through random lives, in which rt
// itself is killed or told to end, milliseconds after it was started, or has to do
// two things to a container at once. After each life nothing of it may be there.
//
//	make soak SOAK=10m SEED=1
//
// The choices follow from the seed, the instants from the machine.
package soak

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/c9b5e2ae/rt/tests/harness"
)

var (
	length  = flag.Duration("soak", 5*time.Second, "how long")
	seed    = flag.Uint64("seed", uint64(time.Now().Unix()), "of the choices")
	workers = flag.Int("workers", 4, "how many at once")
)

// progress is where it is told how far the work is: past the output of the test,
// which is shown only if it fails, and to which package testing sends os.Stderr.
var progress = os.NewFile(2, "stderr")

// workerNumber is set for a worker. Each is a process of its own, and so a
// subreaper: what a life leaves behind comes to it, and to no other.
const workerNumber, workerDir = "RT_SOAK_WORKER", "RT_SOAK_DIR"

func TestMain(m *testing.M) { harness.Main(m) }

func TestSoak(t *testing.T) {
	if number, err := strconv.Atoi(os.Getenv(workerNumber)); err == nil {
		work(t, number, os.Getenv(workerDir))
		return
	}
	fmt.Fprintf(progress, "soak: %v, %d workers, seed %d\n", *length, *workers, *seed)
	dir := harness.Dir(t)
	program, runtime := os.Args[0], harness.Runtime(t)
	var all sync.WaitGroup
	for n := range *workers {
		all.Go(func() {
			cmd := exec.Command(program, "-test.run=^TestSoak$", "-test.timeout=0",
				fmt.Sprint("-soak=", *length), fmt.Sprint("-seed=", *seed))
			cmd.Env = append(os.Environ(), fmt.Sprint(workerNumber, "=", n), workerDir+"="+dir, "RUNTIME="+runtime)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("worker %d: %v\n%s", n, err, out)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		all.Wait()
	}()
	begin := time.Now()
	for {
		select {
		case <-time.After(10 * time.Second):
		case <-done:
			report(dir, begin)
			return
		}
		report(dir, begin)
	}
}

// A tally counts what a worker did, by kind of operation.
type tally map[string]*count

type count struct{ Done, Killed, Terminated int }

func (t tally) of(operation string) *count {
	if t[operation] == nil {
		t[operation] = &count{}
	}
	return t[operation]
}

// save leaves it to report.
func (t tally) save(path string) error {
	text, err := json.Marshal(t)
	if err == nil {
		err = os.WriteFile(path+".new", text, 0o644)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	return err
}

// report prints what all workers have done.
func report(dir string, begin time.Time) {
	sum := tally{}
	files, _ := filepath.Glob(filepath.Join(dir, "*.tally"))
	for _, file := range files {
		var one tally
		if text, err := os.ReadFile(file); err != nil || json.Unmarshal(text, &one) != nil {
			continue
		}
		for operation, n := range one {
			s := sum.of(operation)
			s.Done += n.Done
			s.Killed += n.Killed
			s.Terminated += n.Terminated
		}
	}
	var line strings.Builder
	for _, operation := range slices.Sorted(maps.Keys(sum)) {
		n := sum[operation]
		fmt.Fprintf(&line, ", %s %d", operation, n.Done)
		if n.Killed+n.Terminated > 0 {
			fmt.Fprintf(&line, " (%d KILL, %d TERM)", n.Killed, n.Terminated)
		}
	}
	fmt.Fprintf(progress, "soak: %.0f s%s\n", time.Since(begin).Seconds(), line.String())
}
