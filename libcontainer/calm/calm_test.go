package calm

import (
	"fmt"
	"os"
	"testing"
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
