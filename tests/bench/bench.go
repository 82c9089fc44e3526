package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// A bench is one run of this program.
type bench struct {
	quick    bool
	factor   float64 // of all rounds
	runtimes []*Runtime
	samples  samples // of the table at work
	tables   []*Table
}

// An experiment fills one table.
type experiment struct {
	id, name, title, unit string
	more                  bool
	digits                int
	run                   func(*bench)
}

// experiments are all there are, in the order in which they are run.
var experiments = []experiment{
	{"A", "run-hot", "run a container that ends at once, back to back", "ms", false, 2, (*bench).runHot},
	{"B", "run-cold", "the same with 100 ms between", "ms", false, 2, (*bench).runCold},
	{"C", "counters", "what the kernel counts in the process tree of one run", "", false, 0, (*bench).counters},
	{"D", "lifecycle", "each command, back to back", "ms", false, 2, (*bench).lifecycle},
	{"D2", "lifecycle-cold", "each command, with 100 ms before", "ms", false, 2, (*bench).lifecycleCold},
	{"E", "mounts", "run with read-only bind mounts", "ms", false, 2, (*bench).mounts},
	{"F", "many", "commands beside running containers", "ms", false, 2, (*bench).many},
	{"G", "sizes", "run with variables in the environment, and with system calls in the seccomp profile", "ms", false, 2, (*bench).sizes},
	{"H", "parallel", "containers run in a second, started by P at once", "containers/s", true, 0, (*bench).parallel},
	{"I", "memory", "memory of a created container's init, and peak of the processes of run", "KiB", false, 0, (*bench).memory},
	{"J", "start-up", "what it takes to be started", "ms", false, 3, (*bench).startup},
	{"K", "micro", "parts of rt, each the first time in a fresh process", "µs", false, 0, (*bench).micro},
	{counted, "instructions", "what each command executes, kernel included, on an emulated machine that counts", "millions", false, 1, (*bench).instructions},
}

// rounds is how often something is done: n times, fewer with -quick.
func (b *bench) rounds(n, quick int) int {
	if b.quick {
		n = quick
	}
	return max(1, int(float64(n)*b.factor))
}

// took takes one run.
func (b *bench) took(name string, r *Runtime, result run) bool {
	ok := b.samples.get(name, r.Name).add(result)
	reap()
	return ok
}

// do runs one experiment.
func (b *bench) do(e *experiment) {
	begin := time.Now()
	before := load()
	b.samples = samples{}
	e.run(b)
	t := &Table{ID: e.id, Name: e.name, Title: e.title, Unit: e.unit, More: e.more, Digits: e.digits,
		Rows: b.samples.rows(), Load: max(before, load()), Took: time.Since(begin).Seconds()}
	b.tables = append(b.tables, t)
}

// load is the load average of the last minute (proc_loadavg(5)).
func load() float64 {
	data, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(data), " ")
	v, _ := strconv.ParseFloat(first, 64)
	return v
}

// warn tells of something that went wrong beside what is measured.
func warn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: warning:", err)
	}
}
