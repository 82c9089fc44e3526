package rootfs

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkContainer makes containers, each in a process of its own, and reports
// the median time of each step in microseconds, cold as rt has them.
func BenchmarkContainer(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root")
	}
	times := map[string][]float64{}
	for b.Loop() {
		for i := 0; i < 20; i++ {
			cmd := exec.Command("/proc/self/exe", "-test.run=^TestBenchmarkChild$", "-test.count=1")
			cmd.Env = append(os.Environ(), "ROOTFS_BENCH=1")
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | containerNamespaces, Pdeathsig: syscall.SIGKILL}
			out, err := cmd.CombinedOutput()
			if err != nil {
				b.Fatalf("%v\n%s", err, out)
			}
			var name string
			var us float64
			for line := range splitLines(out) {
				if n, _ := fmt.Sscanf(line, "STEP %s %f", &name, &us); n == 2 {
					times[name] = append(times[name], us)
				}
			}
		}
	}
	for name, list := range times {
		slices.Sort(list)
		b.ReportMetric(list[len(list)/2], name+"-us")
	}
	b.ReportMetric(0, "ns/op")
}

func splitLines(out []byte) func(func(string) bool) {
	return func(yield func(string) bool) {
		start := 0
		for i, c := range out {
			if c == '\n' {
				if !yield(string(out[start:i])) {
					return
				}
				start = i + 1
			}
		}
	}
}

func TestBenchmarkChild(t *testing.T) {
	if os.Getenv("ROOTFS_BENCH") == "" {
		return // BenchmarkContainer runs it
	}
	runtime.LockOSThread()
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	b := newBundle(t)
	dockerLike(b)
	p := b.plan()
	b.enter()
	for _, s := range stepsOf(p) {
		begin := time.Now()
		if err := s.run(); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		fmt.Printf("STEP %s %f\n", s.name, float64(time.Since(begin).Nanoseconds())/1000)
	}
}
