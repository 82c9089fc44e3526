package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// children of this process are either services, which it started itself, or
// orphans: processes of containers that came to it, the subreaper.
var (
	mu       sync.Mutex
	services = map[int]bool{}
	ended    = map[int]unix.WaitStatus{} // orphans that were waited for
)

// startService starts a process that nobody takes for an orphan, however soon it ends.
func startService(cmd *exec.Cmd) error {
	mu.Lock()
	defer mu.Unlock()
	err := cmd.Start()
	if err == nil {
		services[cmd.Process.Pid] = true
	}
	return err
}

// Service marks a process as one that the harness started, not left by a container.
func Service(pid int) {
	mu.Lock()
	defer mu.Unlock()
	services[pid] = true
}

func serviceEnded(pid int) {
	mu.Lock()
	defer mu.Unlock()
	delete(services, pid)
}

func isService(pid int) bool {
	mu.Lock()
	defer mu.Unlock()
	return services[pid]
}

// reapOrphans takes the exit status of dead orphans, which stay zombies else.
func reapOrphans() {
	for _, pid := range children(os.Getpid()) {
		if isService(pid) {
			continue
		}
		var status unix.WaitStatus
		if got, err := unix.Wait4(pid, &status, unix.WNOHANG, nil); err == nil && got == pid {
			mu.Lock()
			ended[pid] = status
			mu.Unlock()
		}
	}
}

// Reaping waits for dead orphans until stop is called, as engines do on SIGCHLD.
func Reaping() (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			reapOrphans()
			select {
			case <-end:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}

// WaitOrphan waits until a process of a container has ended and returns its wait
// status.
func WaitOrphan(t testing.TB, pid int) unix.WaitStatus {
	t.Helper()
	var status unix.WaitStatus
	Eventually(t, fmt.Sprintf("process %d ended", pid), func() bool {
		reapOrphans()
		mu.Lock()
		defer mu.Unlock()
		found := false
		status, found = ended[pid]
		return found
	})
	return status
}

// forgetOrphan is for a new process: its pid may have been another's.
func forgetOrphan(pid int) {
	mu.Lock()
	defer mu.Unlock()
	delete(ended, pid)
}

// orphans lists the processes that came to this subreaper, and their children.
func orphans() []string {
	var found []string
	for _, pid := range children(os.Getpid()) {
		if !isService(pid) {
			found = append(found, describe(pid))
		}
	}
	return found
}

// children lists the direct children of a process, in all its threads.
func children(pid int) []int {
	var pids []int
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, path := range threads {
		for field := range strings.FieldsSeq(readFile(path)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

func isChild(pid int) bool {
	for _, child := range children(os.Getpid()) {
		if child == pid {
			return true
		}
	}
	return false
}

func describe(pid int) string {
	comm := strings.TrimSpace(readFile(fmt.Sprintf("/proc/%d/comm", pid)))
	args := strings.ReplaceAll(readFile(fmt.Sprintf("/proc/%d/cmdline", pid)), "\x00", " ")
	return fmt.Sprintf("process %d (%s) %s", pid, comm, args)
}

// killDescendants ends all children of this process, until none is left; the
// children of those come to us meanwhile. It does not wait for one of them: the
// first process of a pid namespace ends after all others were waited for.
func killDescendants() {
	for range 1000 {
		pids := children(os.Getpid())
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			unix.Kill(pid, unix.SIGKILL)
			unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
		time.Sleep(time.Millisecond)
	}
}
