package libcontainer

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// An Info is one line of `rt list`. Err is set where the container's state
// cannot be read; then only its ID is known.
type Info struct {
	State
	Err error
}

// List reads all containers, by name. One that goes while it is read is left
// out, one that is broken is listed as such.
func (r *Runtime) List() ([]Info, error) {
	root, err := os.Open(r.Root)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	entries, err := root.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() && CheckID(e.Name()) == nil {
			ids = append(ids, e.Name())
		}
	}
	slices.Sort(ids)
	infos := make([]*Info, len(ids))
	inParallel(len(ids), func(n int) { infos[n] = r.info(int(root.Fd()), ids[n]) })
	var out []Info
	for _, info := range infos {
		if info != nil {
			out = append(out, *info)
		}
	}
	return out, nil
}

// info reads one container; nil if there is none, or none yet.
func (r *Runtime) info(root int, id string) *Info {
	d, err := openDir(root, r.Root, id)
	if errors.Is(err, ErrNotExist) {
		return nil
	}
	info := &Info{}
	if err == nil {
		c := &Container{r: r, dir: d}
		defer c.Close()
		if c.state, err = d.readState(); err == nil {
			info.State, err = c.State()
		} else if !d.has(stateFile) { // a create that has not written it yet is not broken
			return nil
		}
	}
	if err != nil {
		info.ID, info.Err = id, err
	}
	return info
}

// inParallel calls f for the numbers below n, on a few CPUs if there are many: most
// of the time of a list is the kernel's.
func inParallel(n int, f func(int)) {
	const few, most = 16, 4
	var next atomic.Int64
	work := func() {
		for {
			i := int(next.Add(1)) - 1
			if i >= n {
				return
			}
			f(i)
		}
	}
	var wg sync.WaitGroup
	if n >= 2*few {
		workers := min(n/few, most, useAllCPUs())
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(workers))
		for range workers - 1 {
			wg.Go(work)
		}
	}
	work()
	wg.Wait()
}

// useAllCPUs lets every thread run where the main thread may, since package calm
// keeps them on one CPU, and returns how many CPUs that are.
func useAllCPUs() int {
	var cpus unix.CPUSet
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil || unix.SchedGetaffinity(os.Getpid(), &cpus) != nil {
		return 1
	}
	for _, task := range tasks {
		if tid, err := strconv.Atoi(task.Name()); err == nil {
			unix.SchedSetaffinity(tid, &cpus)
		}
	}
	return cpus.Count()
}
