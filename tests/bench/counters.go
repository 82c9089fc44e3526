package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A counter is one event of perf_event_open(2), counted in a measured process and
// all that it starts. Times depend on what else the machine does; most of these
// hardly do.
type counter struct {
	name   string
	kind   uint32
	config uint64
	scale  float64 // 0 is 1
}

// Names of rows of the table "counters".
const (
	instructions = "instructions (millions)"
	cpuTime      = "CPU time (µs)"
)

func eventCounters(tracing string) []counter {
	list := []counter{
		{instructions, unix.PERF_TYPE_HARDWARE, unix.PERF_COUNT_HW_INSTRUCTIONS, 1e-6},
		{cpuTime, unix.PERF_TYPE_SOFTWARE, unix.PERF_COUNT_SW_TASK_CLOCK, 1e-3},
		{"page faults", unix.PERF_TYPE_SOFTWARE, unix.PERF_COUNT_SW_PAGE_FAULTS, 0},
		{"context switches", unix.PERF_TYPE_SOFTWARE, unix.PERF_COUNT_SW_CONTEXT_SWITCHES, 0},
	}
	for _, t := range [][2]string{{"system calls", "raw_syscalls/sys_enter"}, {"processes and threads", "sched/sched_process_fork"}, {"programs executed", "sched/sched_process_exec"}} {
		data, err := os.ReadFile(filepath.Join(tracing, "events", t[1], "id"))
		id, numErr := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 64)
		if err == nil && numErr == nil {
			list = append(list, counter{t[0], unix.PERF_TYPE_TRACEPOINT, id, 0})
		}
	}
	return list
}

// counters counts what happens in the process tree of run.
func (b *bench) counters() {
	for _, r := range b.runtimes {
		r.run(bundles[dockerName]) // its caches shall be warm
		l, list, err := countingLane(r)
		if err != nil {
			warn(fmt.Errorf("counters of %s: %w", r.Name, err))
			continue
		}
		for _, c := range list {
			s := b.samples.get(c.name, r.Name)
			for range b.rounds(20, 3) {
				v, err := c.count(l, func() run { return r.on(l, r.id(), bundles[dockerName]) })
				if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) {
					err = errors.New("not supported by this (virtual) machine")
				}
				if err != nil {
					s.fail(err)
					break
				}
				if c.scale != 0 {
					v *= c.scale
				}
				s.value(v)
			}
		}
		l.close()
	}
	reap()
}

// countingLane is a lane with tracefs, which tells the numbers of tracepoints.
func countingLane(r *Runtime) (l *lane, list []counter, err error) {
	dir, err := os.MkdirTemp(base, "tracing")
	if err != nil {
		return nil, nil, err
	}
	l, err = newLane(func() error {
		prepare := privateMounts
		if r.Hidden {
			prepare = hideUnified
		}
		if err := prepare(); err != nil {
			return err
		}
		if unix.Mount("tracefs", dir, "tracefs", 0, "") == nil { // else without tracepoints
			list = eventCounters(dir)
			return unix.Unmount(dir, 0)
		}
		list = eventCounters(dir)
		return nil
	})
	return l, list, err
}

// count counts one event during f, in the processes that the lane starts. The
// event is this thread's, and inherited: enable_on_exec keeps it off here, and
// turns it on in a child from its execve on.
func (c *counter) count(l *lane, f func() run) (float64, error) {
	attr := unix.PerfEventAttr{
		Type:   c.kind,
		Size:   uint32(unsafe.Sizeof(unix.PerfEventAttr{})),
		Config: c.config,
		Bits:   unix.PerfBitDisabled | unix.PerfBitInherit | unix.PerfBitEnableOnExec,
	}
	fd := -1
	var err error
	l.do(func() { fd, err = unix.PerfEventOpen(&attr, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC) })
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	if result := f(); result.Err != nil {
		return 0, result.Err
	}
	var buf [8]byte
	if _, err := unix.Read(fd, buf[:]); err != nil {
		return 0, err
	}
	return float64(binary.NativeEndian.Uint64(buf[:])), nil
}
