package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// counted is the table that is filled in a guest of QEMU's (-icount shift=0) whose
// clocks advance by a nanosecond with each instruction that is executed, and with
// nothing else. CPU time is a number of instructions there, of user and kernel, the
// same from run to run but for a few in a thousand, whatever else the host does.
const counted = "L"

// instructions measures by that clock. It is the CPU time of the whole tree, also of
// what has not ended: init, after create.
func (b *bench) instructions() {
	for _, r := range b.runtimes {
		l, _, err := countingLane(r)
		if err != nil {
			warn(fmt.Errorf("instructions of %s: %w", r.Name, err))
			return
		}
		l.clock = &counter{cpuTime, unix.PERF_TYPE_SOFTWARE, unix.PERF_COUNT_SW_TASK_CLOCK, 0}
		r.lane = l
		r.run(bundles[dockerName]) // its caches shall be warm
	}
	for range b.rounds(10, 2) {
		for _, r := range b.runtimes {
			for _, bundle := range []string{dockerName, plainName} {
				b.took("run, "+bundle, r, r.run(bundles[bundle]))
			}
		}
	}
	b.lives(b.rounds(10, 2), 0)
}
