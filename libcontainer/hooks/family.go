package hooks

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/procfs"
)

const (
	killTime  = 300 * time.Millisecond // for a killed hook and its descendants to be gone
	killSleep = time.Millisecond
)

// A family finds the descendants of hooks that have left their process group. A
// child subreaper is who an orphan comes to, so every descendant whose parent
// died is a child of ours: one that was not there before. Killing those brings
// the next generation, until there is none.
//
// Only children are killed by number: nobody has waited for them, so no number
// can mean another process meanwhile.
type family struct {
	known []int        // our children before the hook
	proc  *procfs.Proc // nil: our children cannot be listed, only groups are killed
	unset bool         // we were no subreaper before
}

// adopt makes this process a subreaper. It does without what it cannot get: init
// may run its hooks under a seccomp filter, and without a /proc.
func adopt() *family {
	f := &family{}
	var was int32
	if unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&was)), 0, 0, 0) == nil && was == 0 {
		f.unset = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == nil
	}
	f.proc, _ = ourProcfs()
	return f
}

// look remembers the children that are no descendants of the next hook: our own
// ones, and what earlier hooks left behind and succeeded.
func (f *family) look() {
	if f.proc == nil {
		return
	}
	known, err := children(f.proc)
	if err != nil {
		f.proc.Close()
		f.proc = nil
	}
	f.known = known
}

// children lists the children of all our threads: a child belongs to the thread
// that made it. It needs CONFIG_PROC_CHILDREN.
func children(proc *procfs.Proc) ([]int, error) {
	dir, err := proc.Open("self/task", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	threads, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var pids []int
	read := 0
	for _, thread := range threads {
		text, e := proc.ReadFile("self/task/" + thread + "/children")
		if e != nil {
			err = e // the thread may have ended
			continue
		}
		read++
		for field := range strings.FieldsSeq(text) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	if read > 0 {
		err = nil
	}
	return pids, err
}

// kill kills all descendants that are left. It gives up when the time is over: a
// process that sleeps uninterruptibly dies when it wakes.
func (f *family) kill(end time.Time) {
	if f.proc == nil {
		return
	}
	for {
		pids, err := children(f.proc)
		if err != nil {
			return
		}
		left := 0
		for _, pid := range pids {
			if slices.Contains(f.known, pid) {
				continue
			}
			left++
			unix.Kill(pid, unix.SIGKILL)
			unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
		if left == 0 || time.Now().After(end) {
			return
		}
		time.Sleep(killSleep)
	}
}

func (f *family) release() {
	if f.unset {
		unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
	}
	if f.proc != nil {
		f.proc.Close()
	}
}
