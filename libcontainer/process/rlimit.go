package process

import (
	"fmt"
	"slices"

	"github.com/c9b5e2ae/rt/libcontainer/config"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// resources are the resources of getrlimit(2), by number.
var resources = [...]string{
	unix.RLIMIT_AS:         "RLIMIT_AS",
	unix.RLIMIT_CORE:       "RLIMIT_CORE",
	unix.RLIMIT_CPU:        "RLIMIT_CPU",
	unix.RLIMIT_DATA:       "RLIMIT_DATA",
	unix.RLIMIT_FSIZE:      "RLIMIT_FSIZE",
	unix.RLIMIT_LOCKS:      "RLIMIT_LOCKS",
	unix.RLIMIT_MEMLOCK:    "RLIMIT_MEMLOCK",
	unix.RLIMIT_MSGQUEUE:   "RLIMIT_MSGQUEUE",
	unix.RLIMIT_NICE:       "RLIMIT_NICE",
	unix.RLIMIT_NOFILE:     "RLIMIT_NOFILE",
	unix.RLIMIT_NPROC:      "RLIMIT_NPROC",
	unix.RLIMIT_RSS:        "RLIMIT_RSS",
	unix.RLIMIT_RTPRIO:     "RLIMIT_RTPRIO",
	unix.RLIMIT_RTTIME:     "RLIMIT_RTTIME",
	unix.RLIMIT_SIGPENDING: "RLIMIT_SIGPENDING",
	unix.RLIMIT_STACK:      "RLIMIT_STACK",
}

// A Rlimit is one resource limit, ready for prlimit(2), in the resource's own
// unit: bytes for RLIMIT_AS, seconds for RLIMIT_CPU.
type Rlimit struct {
	Resource   int
	Soft, Hard uint64
}

// planRlimits resolves process.rlimits (config.md, "POSIX process").
func planRlimits(list []specs.POSIXRlimit, ps *config.Problems) []Rlimit {
	var out []Rlimit
	var seen [len(resources)]bool
	for i, r := range list {
		path := fmt.Sprintf("process.rlimits[%d]", i)
		n := slices.Index(resources[:], r.Type)
		switch {
		case n < 0:
			ps.Addf(path+".type", "unknown resource %q", r.Type)
			continue
		case seen[n]:
			ps.Addf(path+".type", "%s is listed twice", r.Type)
		case r.Soft > r.Hard:
			ps.Addf(path+".soft", "%d is above the hard limit %d", r.Soft, r.Hard)
		}
		seen[n] = true
		out = append(out, Rlimit{n, r.Soft, r.Hard})
	}
	return out
}

// raiseRlimits raises the hard limits of pid from outside where they are to be
// above the ones inherited from rt: that needs CAP_SYS_RESOURCE in the initial
// user namespace (setrlimit(2)), which init may have left. It asks for rt's own
// limits, because even reading those of another user's process needs privileges.
func (p *Plan) raiseRlimits(pid int) error {
	for i, r := range p.Rlimits {
		var now unix.Rlimit
		if err := unix.Prlimit(0, r.Resource, nil, &now); err != nil {
			return fmt.Errorf("prlimit %s: %w", resources[r.Resource], err)
		}
		if r.Hard <= now.Max {
			continue
		}
		err := unix.Prlimit(pid, r.Resource, &unix.Rlimit{Cur: now.Cur, Max: r.Hard}, nil)
		if err == unix.EPERM {
			// Not the words of EPERM: engines take them for the user's program's.
			why := "raising it needs CAP_SYS_RESOURCE"
			if p.mayHave(capSysResource) {
				why = "the kernel refuses more" // fs.nr_open
			}
			return fmt.Errorf("process.rlimits[%d]: %s hard limit %d is above rt's own %d and %s",
				i, resources[r.Resource], r.Hard, now.Max, why)
		}
		if err != nil {
			return fmt.Errorf("process.rlimits[%d]: prlimit %s: %w", i, resources[r.Resource], err)
		}
	}
	return nil
}

const (
	capSysResource = 24 // CAP_SYS_RESOURCE

	infinity = ^uint64(0) // RLIM_INFINITY

	// enoughFiles is more descriptors than init has at any time.
	enoughFiles = 256
)

// hampers tells whether the limit could break init itself, which is a Go program
// of a few threads: it needs descriptors, address space, a stack and time.
func (r *Rlimit) hampers() bool {
	switch r.Resource {
	case unix.RLIMIT_NOFILE:
		return r.Soft < enoughFiles
	case unix.RLIMIT_AS, unix.RLIMIT_DATA, unix.RLIMIT_STACK, unix.RLIMIT_CPU,
		unix.RLIMIT_FSIZE, unix.RLIMIT_NPROC, unix.RLIMIT_RTTIME, unix.RLIMIT_SIGPENDING:
		return r.Soft != infinity
	}
	return false
}

// SetRlimits sets all limits but those that could break init. It comes before
// seccomp: an old filter does not know prlimit.
//
// nofile is RLIMIT_NOFILE as it was before the Go runtime of init raised it. The
// program gets that one if the config lists none.
func (p *Plan) SetRlimits(nofile unix.Rlimit) error {
	if !slices.ContainsFunc(p.Rlimits, func(r Rlimit) bool { return r.Resource == unix.RLIMIT_NOFILE }) {
		p.Rlimits = append(p.Rlimits, Rlimit{unix.RLIMIT_NOFILE, nofile.Cur, nofile.Max})
	}
	return p.setRlimits(false)
}

// SetRlimitsLast sets the limits that could break init, which has to have little
// left to do.
func (p *Plan) SetRlimitsLast() error { return p.setRlimits(true) }

func (p *Plan) setRlimits(hampering bool) error {
	for _, r := range p.Rlimits {
		if r.hampers() != hampering {
			continue
		}
		// Setting RLIMIT_NOFILE this way also keeps syscall.Exec from restoring it
		// with a system call that the filter may answer with death.
		if err := unix.Prlimit(0, r.Resource, &unix.Rlimit{Cur: r.Soft, Max: r.Hard}, nil); err != nil {
			return fmt.Errorf("prlimit %s: %w", resources[r.Resource], err)
		}
	}
	return nil
}
