package process

import (
	"fmt"
	"math"
	"slices"
	"unsafe"

	"github.com/c9b5e2ae/rt/libcontainer/config"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// policies are those of config.md, "Linux Process"; the index is the number in
// sched(7). SCHED_ISO has a number but was never in Linux.
var policies = [...]specs.LinuxSchedulerPolicy{
	unix.SCHED_NORMAL:   specs.SchedOther,
	unix.SCHED_FIFO:     specs.SchedFIFO,
	unix.SCHED_RR:       specs.SchedRR,
	unix.SCHED_BATCH:    specs.SchedBatch,
	4:                   specs.SchedISO,
	unix.SCHED_IDLE:     specs.SchedIdle,
	unix.SCHED_DEADLINE: specs.SchedDeadline,
}

// schedulerFlags are the flags of sched_setattr(2), in the order of their bits.
var schedulerFlags = [...]specs.LinuxSchedulerFlag{
	specs.SchedFlagResetOnFork,
	specs.SchedFlagReclaim,
	specs.SchedFlagDLOverrun,
	specs.SchedFlagKeepPolicy,
	specs.SchedFlagKeepParams,
	specs.SchedFlagUtilClampMin,
	specs.SchedFlagUtilClampMax,
}

// A Scheduler is the argument of sched_setattr(2). Times are nanoseconds.
type Scheduler struct {
	Policy                    uint32
	Flags                     uint64
	Nice                      int32
	Priority                  uint32
	Runtime, Deadline, Period uint64
}

func planScheduling(out *Plan, p *specs.Process, exec bool, ps *config.Problems) {
	out.Scheduler = planScheduler(p.Scheduler, ps)
	out.IOPriority = planIOPriority(p.IOPriority, ps)
	if a := p.ExecCPUAffinity; a != nil {
		initial := planIDs("process.execCPUAffinity.initial", "CPU", a.Initial, ps)
		final := planIDs("process.execCPUAffinity.final", "CPU", a.Final, ps)
		if exec { // not applicable to the container's first process
			out.initialAffinity, out.Affinity, out.KeepAffinity = initial, final, initial != nil
		}
	}
}

// planScheduler resolves process.scheduler by the rules of sched_setattr(2).
func planScheduler(s *specs.Scheduler, ps *config.Problems) *Scheduler {
	if s == nil {
		return nil
	}
	const path = "process.scheduler."
	n := slices.Index(policies[:], s.Policy)
	switch {
	case n < 0:
		ps.Addf(path+"policy", "unknown policy %q", s.Policy)
		return nil
	case s.Policy == specs.SchedISO:
		ps.Addf(path+"policy", "Linux does not implement SCHED_ISO")
	}
	if s.Nice < -20 || s.Nice > 19 {
		ps.Addf(path+"nice", "%d is not within -20 to 19", s.Nice)
	}
	realtime := n == unix.SCHED_FIFO || n == unix.SCHED_RR
	switch {
	case realtime && (s.Priority < 1 || s.Priority > 99):
		ps.Addf(path+"priority", "%d is not within 1 to 99, as %s needs it", s.Priority, s.Policy)
	case !realtime && s.Priority != 0:
		ps.Addf(path+"priority", "%s has no priority, only SCHED_FIFO and SCHED_RR have", s.Policy)
	}
	if n == unix.SCHED_DEADLINE {
		planDeadline(s, ps)
	} else {
		for _, v := range []struct {
			name  string
			value uint64
		}{{"runtime", s.Runtime}, {"deadline", s.Deadline}, {"period", s.Period}} {
			if v.value != 0 {
				ps.Addf(path+v.name, "%s has no %s, only SCHED_DEADLINE has", s.Policy, v.name)
			}
		}
	}
	out := &Scheduler{
		Policy: uint32(n), Nice: s.Nice, Priority: uint32(s.Priority),
		Runtime: s.Runtime, Deadline: s.Deadline, Period: s.Period,
	}
	for i, f := range s.Flags {
		bit := slices.Index(schedulerFlags[:], f)
		if bit < 0 {
			ps.Addf(fmt.Sprintf(path+"flags[%d]", i), "unknown flag %q", f)
			continue
		}
		out.Flags |= 1 << bit
	}
	return out
}

// planDeadline checks runtime <= deadline <= period, sched(7). A period of 0 is
// the deadline; 1024 ns is the kernel's resolution.
func planDeadline(s *specs.Scheduler, ps *config.Problems) {
	const path = "process.scheduler."
	switch {
	case s.Runtime < 1024:
		ps.Addf(path+"runtime", "%d ns is below 1024", s.Runtime)
	case s.Deadline < s.Runtime:
		ps.Addf(path+"deadline", "%d ns is below the runtime, %d", s.Deadline, s.Runtime)
	case s.Period != 0 && s.Period < s.Deadline:
		ps.Addf(path+"period", "%d ns is below the deadline, %d", s.Period, s.Deadline)
	case s.Deadline > math.MaxInt64 || s.Period > math.MaxInt64:
		ps.Addf(path+"period", "above 2^63-1 ns")
	}
}

// planIOPriority resolves process.ioPriority to the number of ioprio_set(2).
func planIOPriority(p *specs.LinuxIOPriority, ps *config.Problems) uint32 {
	if p == nil {
		return 0
	}
	var class uint32
	switch p.Class { // IOPRIO_CLASS_*, linux/ioprio.h
	case specs.IOPRIO_CLASS_RT:
		class = 1
	case specs.IOPRIO_CLASS_BE:
		class = 2
	case specs.IOPRIO_CLASS_IDLE:
		class = 3
	default:
		ps.Addf("process.ioPriority.class", "unknown class %q", p.Class)
	}
	if p.Priority < 0 || p.Priority > 7 {
		ps.Addf("process.ioPriority.priority", "%d is not within 0 to 7", p.Priority)
	}
	return class<<ioprioClassShift | uint32(p.Priority)&7
}

const ioprioClassShift = 13

// SetInitialAffinity pins the calling thread to the CPUs of
// execCPUAffinity.initial; rt calls it on its locked thread before it clones the
// process of an exec, which inherits it. undo restores the thread's own CPUs.
func (p *Plan) SetInitialAffinity() (undo func() error, err error) {
	if p.initialAffinity == nil {
		return func() error { return nil }, nil
	}
	var old [maxID / 64]uint64
	n, _, errno := unix.RawSyscall(unix.SYS_SCHED_GETAFFINITY, 0, unsafe.Sizeof(old), uintptr(unsafe.Pointer(&old)))
	if errno != 0 {
		return nil, result("sched_getaffinity", errno)
	}
	if err := setAffinity(p.initialAffinity); err != nil {
		return nil, fmt.Errorf("process.execCPUAffinity.initial: %w", err)
	}
	return func() error { return setAffinity(old[:n/8]) }, nil
}

// anyCPU has all bits set; the kernel takes the CPUs that there are.
func anyCPU() []uint64 {
	mask := make([]uint64, maxID/64)
	for i := range mask {
		mask[i] = ^uint64(0)
	}
	return mask
}

func setAffinity(mask []uint64) error {
	_, _, errno := unix.RawSyscall(unix.SYS_SCHED_SETAFFINITY, 0, uintptr(len(mask)*8), uintptr(unsafe.Pointer(unsafe.SliceData(mask))))
	return result("sched_setaffinity", errno)
}

// Schedule sets affinity, scheduler, I/O priority, memory policy and personality
// of this thread. The cgroup was joined: a cpuset changes the affinity.
func (p *Plan) Schedule() error {
	switch {
	case p.Affinity != nil:
		if err := setAffinity(p.Affinity); err != nil {
			return fmt.Errorf("process.execCPUAffinity.final: %w", err)
		}
	case !p.KeepAffinity:
		// The caller may be pinned, and since 6.2 the kernel remembers that across
		// changes of cpuset. What the container gets is its cpuset's, as with runc.
		// It is a wish: the outer container of a nested rt may forbid the call.
		_ = setAffinity(anyCPU())
	}
	if !p.NewUserns {
		if err := p.prioritize(0); err != nil {
			return err
		}
	}
	if p.MemoryPolicy != nil {
		if err := p.MemoryPolicy.set(); err != nil {
			return err
		}
	}
	if p.Personality != nil {
		_, _, errno := unix.RawSyscall(unix.SYS_PERSONALITY, uintptr(p.Personality.Domain), 0, 0)
		return result("personality "+p.Personality.Name, errno)
	}
	return nil
}

// prioritize sets scheduler and I/O priority of a thread, 0 for this one. Raising
// them needs CAP_SYS_NICE in the initial user namespace, so where the container
// has another one rt does it, with the pid of init: the number of the thread
// that will call execve.
func (p *Plan) prioritize(tid int) error {
	if s := p.Scheduler; s != nil {
		attr := unix.SchedAttr{
			Size: unix.SizeofSchedAttr, Policy: s.Policy, Flags: s.Flags, Nice: s.Nice, Priority: s.Priority,
			Runtime: s.Runtime, Deadline: s.Deadline, Period: s.Period,
		}
		_, _, errno := unix.RawSyscall(unix.SYS_SCHED_SETATTR, uintptr(tid), uintptr(unsafe.Pointer(&attr)), 0)
		if errno == unix.EPERM {
			return fmt.Errorf("process.scheduler: the kernel does not grant %s with these values: it needs CAP_SYS_NICE", policies[s.Policy])
		}
		if errno != 0 {
			return fmt.Errorf("process.scheduler: sched_setattr %s: %w", policies[s.Policy], errno)
		}
	}
	if p.IOPriority != 0 {
		const who = 1 // IOPRIO_WHO_PROCESS: the process group may be the caller's
		_, _, errno := unix.RawSyscall(unix.SYS_IOPRIO_SET, who, uintptr(tid), uintptr(p.IOPriority))
		if errno == unix.EPERM {
			return fmt.Errorf("process.ioPriority: IOPRIO_CLASS_RT needs CAP_SYS_NICE")
		}
		return result("process.ioPriority: ioprio_set", errno)
	}
	return nil
}
