package soak

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// Statuses of a container that were told by what was done to it.
const (
	none    = "none"
	stopped = "stopped"
	unknown = "unknown" // after an interruption
	every   = "none created running paused stopped unknown"
)

// An operation is a command and what it does.
type operation struct {
	name string   // the command, with flags
	rest []string // behind the id
	from string   // statuses in which it must succeed
	to   string   // the status then; "" for no other
}

// operations are those to choose from, by name.
var operations = byName(
	operation{"create", nil, none, "created"},
	operation{"run --detach", nil, none, "running"},
	operation{"start", nil, "created", "running"},
	operation{"exec", []string{"true"}, "running", ""},
	operation{"exec --detach", []string{"sleep", "1000"}, "running", ""},
	operation{"pause", nil, "running", "paused"},
	operation{"resume", nil, "paused", "running"},
	operation{"kill", []string{"KILL"}, "created running paused", stopped},
	operation{"delete", nil, "created stopped", none},
	operation{"delete --force", nil, every, none},
	operation{"state", nil, "created running paused stopped", ""},
	operation{"ps", nil, "running", ""},
	operation{"list", nil, every, ""},
)

func byName(list ...operation) map[string]operation {
	m := map[string]operation{}
	for _, o := range list {
		m[o.name] = o
	}
	return m
}

var names = slices.Sorted(maps.Keys(operations))

func (l *life) any() string { return names[l.rand.IntN(len(names))] }

// makes tells whether the operation makes a container.
func (o operation) makes() bool { return o.name == "create" || strings.HasPrefix(o.name, "run") }

// failing tells whether the operation has to fail with such a container.
func (l *life) failing(o operation) bool {
	switch l.fails {
	case "create":
		return o.makes()
	case "start":
		return o.name == "start" || strings.HasPrefix(o.name, "run")
	}
	return false
}

// An attempt is an operation at work.
type attempt struct {
	*life
	o       operation
	running *harness.Running
	begun   time.Time
	signal  unix.Signal // that it got, or 0
	told    string
	result  *harness.Result // once it has ended
}

func (l *life) begin(o operation) *attempt {
	l.Helper()
	command := strings.Fields(o.name)
	if o.makes() {
		command = append(command, "--bundle", l.c.Bundle)
		if l.terminal {
			command = append(command, "--console-socket", harness.NewConsoleSocket(l).Path) // which holds the terminal, too
		}
	}
	if o.name != "list" {
		command = append(command, l.c.ID)
	}
	l.story = append(l.story, o.name+" …")
	return &attempt{life: l, o: o, running: l.c.Command(append(command, o.rest...)...).Start(l), begun: time.Now()}
}

// interrupt may send a signal, at a random instant.
func (a *attempt) interrupt() {
	switch a.rand.IntN(5) {
	case 0, 1:
		a.signal = unix.SIGKILL
	case 2:
		a.signal = unix.SIGTERM
	default:
		return
	}
	a.pause()
	a.told = fmt.Sprintf(", %s after %v", unix.SignalName(a.signal), time.Since(a.begun).Round(time.Microsecond))
	a.running.Signal(a.signal)
}

// thaw lets the container go on after a pause, or after what was killed while it had
// the container stand still: an exec at the same time may wait for that.
func (a *attempt) thaw() {
	switch a.o.name {
	case "kill", "delete", "delete --force":
		if a.signal == 0 {
			return
		}
	case "pause":
	default:
		return
	}
	a.end()
	a.c.Do("resume", a.c.ID)
}

// crash is what no error of rt says.
var crash = regexp.MustCompile(`(?m)^panic: |^fatal error: |^goroutine \d|^SIG[A-Z]+: `)

// end waits for the operation's end, and counts it.
func (a *attempt) end() harness.Result {
	a.Helper()
	if a.result != nil {
		return *a.result
	}
	r := a.running.Wait()
	a.result = &r
	a.story = append(a.story, fmt.Sprintf("%s%s: exit status %d after %v, was %s; %s", a.o.name, a.told, r.Code,
		time.Since(a.begun).Round(time.Microsecond), a.status, strings.TrimSpace(r.Stderr)))
	if crash.MatchString(r.Stderr) {
		a.Error(r)
	}
	n := a.done.of(a.o.name)
	n.Done++
	switch {
	case a.signal == unix.SIGKILL && r.Code == -1:
		n.Killed++
	case a.signal == unix.SIGTERM && (r.Code == -1 || r.Code == 128+int(unix.SIGTERM)):
		n.Terminated++
	}
	return r
}
