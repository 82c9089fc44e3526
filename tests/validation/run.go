package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"
)

// limit is what a program may take: the longest wait of the suite is 10 s, and some
// programs make 32 containers.
const limit = 120 * time.Second

// A result is what one program found about one runtime.
type result struct {
	verdict
	notes []string
	took  time.Duration
}

// hierarchies are the controllers whose cgroup v1 hierarchy a program needs.
var hierarchies = map[string][]string{
	"linux_cgroups_hugetlb":          {"hugetlb"},
	"linux_cgroups_relative_hugetlb": {"hugetlb"},
	"linux_cgroups_network":          {"net_cls", "net_prio"},
	"linux_cgroups_relative_network": {"net_cls", "net_prio"},
}

// racing are programs that race with the container or with a hook. They get the
// machine for themselves, and five tries to be clean.
var racing = []string{"killsig", "poststart", "poststart_fail", "poststop", "poststop_fail", "prestart", "prestart_fail"}

// lucky are those that a runtime can pass by luck alone: it must have it three times.
var lucky = []string{"hooks_stdin", "pidfile"}

// hidden tells which hierarchies a runtime must not see: crun 1.8 refuses a host
// whose version 2 hierarchy has controllers beside those of version 1.
func (t target) hidden() []string {
	if t.name == "crun" {
		return []string{"unified"}
	}
	return nil
}

// A job is one program with one runtime.
type job struct {
	program string
	target  int
	fixed   bool // uses the cgroups with a fixed name
}

// run runs the programs that match, with each of the targets.
func (s *suite) run(targets []target, only *regexp.Regexp, interrupted <-chan os.Signal) (*report, error) {
	base, err := os.MkdirTemp("/var/tmp", "rtv")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(base)
	// A container with a user namespace looks up its root below here.
	if err := os.Chmod(base, 0o711); err != nil {
		return nil, err
	}
	r := &report{targets: targets, results: map[string][]result{}, begin: time.Now()}
	var alone, inLine, free []job // a whole machine; one at a time; any number at once
	for _, name := range s.names {
		if !only.MatchString(name) {
			continue
		}
		fixed, err := s.fixedCgroup(name)
		if err != nil {
			return nil, err
		}
		r.programs = append(r.programs, name)
		r.results[name] = make([]result, len(targets))
		for i := range targets {
			switch {
			case hierarchies[name] != nil || slices.Contains(racing, name) || slices.Contains(lucky, name):
				alone = append(alone, job{name, i, fixed})
			case fixed:
				inLine = append(inLine, job{name, i, fixed})
			default:
				free = append(free, job{name, i, fixed})
			}
		}
	}
	if len(r.programs) == 0 {
		return nil, fmt.Errorf("-run: no program is called like %q", only)
	}
	w := &workers{suite: s, report: r, base: base, stop: make(chan struct{})}
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-interrupted:
			close(w.stop)
		case <-done:
		}
	}()
	// Most of the time is spent asleep, in the suite's own waits.
	w.work(alone, 1)
	var lines sync.WaitGroup
	lines.Go(func() { w.work(inLine, 1) })
	lines.Go(func() { w.work(free, 2) })
	lines.Wait()
	r.took = time.Since(r.begin)
	return r, errors.Join(w.errs...)
}

type workers struct {
	*suite
	*report
	base string
	stop chan struct{} // closed to end early

	mu    sync.Mutex
	count int
	errs  []error
}

// work does the jobs, so many at once.
func (w *workers) work(jobs []job, width int) {
	queue := make(chan job, len(jobs))
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	var group sync.WaitGroup
	for range width {
		group.Go(func() {
			for j := range queue {
				select {
				case <-w.stop:
					w.fail(errors.New("interrupted"))
					return
				default:
				}
				if err := w.one(j); err != nil {
					w.fail(err)
				}
			}
		})
	}
	group.Wait()
}

func (w *workers) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errs = append(w.errs, err)
}

// one runs a program, as often as it takes to know.
func (w *workers) one(j job) error {
	begin := time.Now()
	tries, end := 1, true // end: the verdict after which no other is sought
	switch {
	case slices.Contains(racing, j.program):
		tries = 5
	case slices.Contains(lucky, j.program):
		tries, end = 3, false
	}
	var r result
	for n := 0; n < tries && (n == 0 || r.Clean != end); n++ {
		var err error
		if r, err = w.try(j); err != nil {
			return err
		}
	}
	r.took = time.Since(begin)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.results[j.program][j.target] = r
	return nil
}

func (w *workers) try(j job) (r result, err error) {
	w.mu.Lock()
	w.count++
	dir := filepath.Join(w.base, strconv.Itoa(w.count))
	w.mu.Unlock()
	if err := os.Mkdir(dir, 0o711); err != nil {
		return r, err
	}
	t := w.targets[j.target]
	c := cell{
		Program: filepath.Join(w.bin, j.program), Root: w.root, Runtime: t.path, Dir: dir,
		Hide: t.hidden(), Add: hierarchies[j.program], Fixed: j.fixed, Seconds: int(limit.Seconds()),
	}
	o, err := c.run(w.stop)
	if err != nil {
		return r, err
	}
	stdout, err := os.ReadFile(filepath.Join(dir, "stdout"))
	if err != nil {
		return r, err
	}
	stderr, err := os.ReadFile(filepath.Join(dir, "stderr"))
	if err != nil {
		return r, err
	}
	r = result{verdict: judge(string(stdout), string(stderr), o.Exit), notes: o.Notes}
	if o.Timeout {
		r.verdict = verdict{Lines: []string{fmt.Sprintf("did not end in %v", limit)}, Short: "timeout"}
	}
	return r, os.RemoveAll(dir)
}
