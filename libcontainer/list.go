package libcontainer

import (
	"errors"
	"iter"
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
	Err  error
	none bool // there is no such container any more, or not yet
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
	infos := make([]Info, len(ids))
	inParallel(len(ids), func(numbers iter.Seq[int]) {
		l := lister{r: r, root: int(root.Fd())}
		for n := range numbers {
			infos[n] = l.info(ids[n])
		}
	})
	return slices.DeleteFunc(infos, func(i Info) bool { return i.none }), nil
}

// A lister reads one container after the other into the same memory: the kernel
// clears each new page.
type lister struct {
	r     *Runtime
	root  int // the state root
	state saved
	text  []byte // of state.json, with the strings of state
}

// info reads one container.
func (l *lister) info(id string) Info {
	// Most directories need not be opened for it.
	info, err := l.read(&dir{fd: l.root, below: id + "/"})
	if err == nil {
		return info
	}
	// What is wrong? With the directory held open it is all about one container.
	d, err := openDir(l.root, l.r.Root, id)
	if errors.Is(err, ErrNotExist) {
		return Info{none: true}
	}
	if err == nil {
		defer d.close()
		info, err = l.read(d)
		if err != nil && !d.has(stateFile) { // a create that has not written it yet is not broken
			return Info{none: true}
		}
	}
	if err != nil {
		info.ID, info.Err = id, err
	}
	return info
}

func (l *lister) read(d *dir) (info Info, err error) {
	if l.text, err = d.readStateInto(&l.state, l.text); err != nil {
		l.text = nil // the error may quote it
		return info, err
	}
	c := Container{r: l.r, dir: d, state: &l.state}
	if info.State, err = c.State(); err != nil {
		return info, err
	}
	s := &info.State
	if len(s.Annotations) > 0 {
		l.text = nil // it stays with them
		return info, nil
	}
	text := s.Version + s.ID + s.Bundle + s.Rootfs + s.Created
	for _, part := range []*string{&s.Version, &s.ID, &s.Bundle, &s.Rootfs, &s.Created} {
		*part, text = text[:len(*part)], text[len(*part):]
	}
	return info, nil
}

// inParallel shares the numbers below n between calls of work, on a few CPUs if
// they are many: most of the time of a list is the kernel's.
func inParallel(n int, f func(numbers iter.Seq[int])) {
	const few, most = 16, 4
	var next atomic.Int64
	work := func() {
		f(func(yield func(int) bool) {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || !yield(i) {
					return
				}
			}
		})
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
