package lifecycle

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// A created container may wait for its start for hours, beside many others: its
// init must not wake up all the time.
func TestCreatedContainerSleeps(t *testing.T) {
	c := harness.New(t)
	c.Create()
	time.Sleep(100 * time.Millisecond) // it is on its way to sleep
	before := switches(t, c.Init)
	time.Sleep(time.Second)
	if n := switches(t, c.Init) - before; n > 10 {
		t.Errorf("init was scheduled %d times in a second", n)
	}
}

// switches counts how often the threads of a process gave up the CPU
// (proc_pid_status(5)).
func switches(t *testing.T, pid int) (sum int) {
	t.Helper()
	files, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/status")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(data), "\nvoluntary_ctxt_switches:")
		line, _, _ := strings.Cut(rest, "\n")
		n, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		sum += n
	}
	return sum
}

// Nor take much memory: 7 MB with all of rt's binary in it. The exact figure, about
// 4 MB, depends on how the kernel maps files; the benchmarks measure it.
func TestCreatedContainerIsSmall(t *testing.T) {
	c := harness.NewFrom(t, harness.Docker(t), harness.Args("sleep", "1000"))
	c.Create()
	size := func() (kib int) {
		_, rest, _ := strings.Cut(c.ProcFile("smaps_rollup"), "\nRss:")
		line, _, _ := strings.Cut(rest, " kB")
		kib, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		return kib
	}
	var now int
	harness.Eventually(t, "small", func() bool { now = size(); return now <= 5120 })
	t.Logf("%d KiB", now)
	c.Start()
}
