package soak

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// work is one worker: life after life. The workers' containers are side by side.
func work(t *testing.T, number int, dir string) {
	random := rand.New(rand.NewPCG(*seed, uint64(number)))
	all, done := makeAll(t), tally{}
	defer harness.Reaping()()
	for end := time.Now().Add(*length); time.Now().Before(end) && !t.Failed(); {
		n := random.IntN(len(kinds))
		l := &life{TB: t, kind: &kinds[n], rand: random, c: *all[n], done: done, status: none}
		l.c.T, l.c.Root = l, filepath.Join(dir, "state")
		l.live()
		if err := done.save(filepath.Join(dir, fmt.Sprint(number, ".tally"))); err != nil {
			t.Fatal(err)
		}
	}
}

// A life is one life of a container. As a testing.TB it ends before its test does.
type life struct {
	testing.TB
	*kind
	rand     *rand.Rand
	c        harness.Container
	done     tally
	cleanups []func()
	story    []string // what was done, for whoever reads of a failure
	status   string   // what it must be
}

// Cleanup has f called at the end of the life.
func (l *life) Cleanup(f func()) { l.cleanups = append(l.cleanups, f) }

func (l *life) cleanUp() {
	for _, f := range slices.Backward(l.cleanups) {
		f()
	}
	l.cleanups = nil
}

func (l *life) live() {
	defer func() {
		if l.Failed() {
			l.Logf("the life of %s, %s:\n  %s", l.c.ID, l.name, strings.Join(l.story, "\n  "))
			l.c.Do("delete", "--force", l.c.ID)
		}
		l.cleanUp()
	}()
	var foreground *attempt
	switch l.rand.IntN(6) {
	case 0:
		foreground = l.run()
	case 1:
		l.both("create", "create")
	case 2:
		l.both("create", "delete --force")
	case 3:
		l.do("run --detach")
	default:
		l.do("create")
		l.do("start")
	}
	for range l.rand.IntN(5) {
		if l.rand.IntN(4) > 0 {
			l.do(l.any())
		} else {
			l.both(l.any(), l.any())
		}
	}
	l.over(foreground)
}

// over ends the life, by force and twice, and wants nothing left of it.
func (l *life) over(foreground *attempt) {
	if foreground != nil { // it may not have begun, and make the container after a delete
		harness.Eventually(l, "the end of run", func() bool {
			l.c.Must("delete", "--force", l.c.ID)
			return foreground.running.Ended()
		})
		foreground.end()
	}
	for range 2 {
		l.c.Must("delete", "--force", l.c.ID)
	}
	l.wantNothing()
}

func (l *life) wantNothing() {
	l.Helper()
	l.cleanUp() // a terminal on its way over a socket holds what its container had
	l.c.WantNothing()
	harness.WantNoResidue(l)
}

// pause leaves rt alone until some instant of what it does, mostly an early one.
func (l *life) pause() {
	part := l.rand.Float64()
	time.Sleep(time.Duration(part*part*15000) * time.Microsecond * harness.Patience)
}

// run runs the container in the foreground, while other things are done to it. For
// a terminal rt would have to be on one itself.
func (l *life) run() *attempt {
	if l.terminal {
		return nil
	}
	a := l.begin(operation{name: "run"})
	a.interrupt()
	l.status = unknown
	return a
}

// do does one thing to the container, and interrupts that now and then.
func (l *life) do(name string) {
	l.Helper()
	o := operations[name]
	a := l.begin(o)
	a.interrupt()
	r := a.end()
	due := strings.Contains(o.from, l.status)
	switch {
	case a.signal == 0 && r.Code == -1:
		l.Errorf("a signal that was not sent ended it: %v", r)
	case a.signal != 0 && r.Code > 0 && l.status == none && o.makes():
		l.wantNothing() // SIGTERM has it taken back
	case a.signal != 0 && r.Code != 0:
		a.thaw()
		l.status = unknown
	case due && l.failing(o):
		if r.Code == 0 {
			l.Errorf("no failure: %v", r)
		}
		l.wantNothing()
		l.status = none
	case due && r.Code != 0:
		l.Errorf("the container is %s: %v", l.status, r)
	case r.Code != 0 || o.to == "":
	case !due || l.short:
		l.status = unknown
	case o.to == stopped:
		harness.Eventually(l, "stopped", func() bool { return l.c.State().Status == stopped })
		l.status = stopped
	default:
		l.status = o.to
	}
}

// both does two things at once, and may interrupt the second.
func (l *life) both(first, second string) {
	l.Helper()
	a := l.begin(operations[first])
	if l.rand.IntN(2) == 0 {
		l.pause()
	}
	b := l.begin(operations[second])
	b.interrupt()
	a.thaw()
	b.thaw()
	one, other := a.end(), b.end()
	due := strings.Contains(a.o.from, l.status) && !l.failing(a.o)
	if first == second && due && b.signal == 0 && (first == "create" || first == "start") && (one.Code == 0) == (other.Code == 0) {
		l.Errorf("exactly one must succeed: %v\n%v", one, other)
	}
	if first == "delete --force" && one.Code != 0 || second == "delete --force" && b.signal == 0 && other.Code != 0 {
		l.Errorf("must always succeed: %v\n%v", one, other)
	}
	l.status = unknown
}
