package calm

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The main thread of this process has the slack of its parent's, whatever the
// Go runtime's threads have.
func TestTimerSlack(t *testing.T) {
	slack := func(pid int) string {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/timerslack_ns", pid))
		if err != nil {
			t.Skip(err)
		}
		return string(data)
	}
	if got, want := slack(os.Getpid()), slack(os.Getppid()); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	calm := 0
	for _, task := range tasks {
		var tid int
		fmt.Sscan(task.Name(), &tid)
		if slack(tid) == "2000000\n" {
			calm++
		}
	}
	if calm == 0 {
		t.Error("no thread of the Go runtime has a slack of 2 ms")
	}
}

// This process and what it starts have the limit of their parent's.
func TestLimit(t *testing.T) {
	if os.Getenv("CALM_CHILD") != "" {
		var l unix.Rlimit
		err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l)
		out, outErr := exec.Command("sh", "-c", "ulimit -Sn; ulimit -Hn").Output()
		fmt.Println(l, err, strings.Fields(string(out)), outErr)
		os.Exit(0)
	}
	for _, soft := range []int{64, 77, 1024} {
		cmd := exec.Command("sh", "-c", `ulimit -Sn 64; ulimit -Hn 2000; ulimit -Sn "$1"; exec "$0" -test.run=Limit`, os.Args[0], fmt.Sprint(soft))
		cmd.Env = append(os.Environ(), "CALM_CHILD=1")
		out, err := cmd.Output()
		want := fmt.Sprintf("{%d 2000} <nil> [%[1]d 2000] <nil>\n", soft)
		if err != nil || string(out) != want {
			t.Errorf("with %d: %q, %v, want %q", soft, out, err, want)
		}
	}
}

// The main thread has the CPUs of its parent's.
func TestAffinity(t *testing.T) {
	var own, parent unix.CPUSet
	if err := unix.SchedGetaffinity(os.Getpid(), &own); err != nil {
		t.Fatal(err)
	}
	if err := unix.SchedGetaffinity(os.Getppid(), &parent); err != nil {
		t.Fatal(err)
	}
	if own != parent {
		t.Errorf("%v, want %v", own, parent)
	}
	if n := runtime.GOMAXPROCS(0); n != 1 {
		t.Errorf("GOMAXPROCS is %d", n)
	}
}

// Huge pages are allowed again, unless they never were.
func TestHugePages(t *testing.T) {
	for _, who := range []int{os.Getpid(), os.Getppid()} {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", who))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(data), "\nTHP_enabled:\t1\n") {
			t.Skipf("needs a caller with huge pages, and a kernel that tells THP_enabled: process %d", who)
		}
	}
	disabled, err := unix.PrctlRetInt(unix.PR_GET_THP_DISABLE, 0, 0, 0, 0)
	if disabled != 0 || err != nil {
		t.Errorf("%d, %v", disabled, err)
	}
}
