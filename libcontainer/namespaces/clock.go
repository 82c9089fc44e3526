package namespaces

import (
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/c9b5e2ae/rt/libcontainer/procfs"
)

// A TimeOffset is what a time namespace adds to a clock (time_namespaces(7)).
type TimeOffset struct {
	Name     string // as in linux.timeOffsets
	Clock    int    // CLOCK_MONOTONIC or CLOCK_BOOTTIME
	Secs     int64
	Nanosecs uint32
}

var clocks = [...]TimeOffset{
	{Name: "monotonic", Clock: unix.CLOCK_MONOTONIC},
	{Name: "boottime", Clock: unix.CLOCK_BOOTTIME},
}

func (p *Plan) planTimeOffsets(l *specs.Linux, ps *config.Problems) {
	if len(l.TimeOffsets) == 0 {
		return
	}
	if j := p.joined(unix.CLONE_NEWTIME); j != nil {
		ps.Addf("linux.timeOffsets", "the time namespace of %s.path has its own", place(j.Index))
	} else if p.New&unix.CLONE_NEWTIME == 0 {
		ps.Addf("linux.timeOffsets", "needs a time namespace in linux.namespaces")
	}
	known := 0
	for _, c := range clocks {
		o, ok := l.TimeOffsets[c.Name]
		if !ok {
			continue
		}
		known++
		if o.Nanosecs >= 1e9 {
			ps.Addf("linux.timeOffsets."+c.Name+".nanosecs", "%d is a second or more", o.Nanosecs)
		}
		c.Secs, c.Nanosecs = o.Secs, o.Nanosecs
		p.TimeOffsets = append(p.TimeOffsets, c)
	}
	if known == len(l.TimeOffsets) {
		return
	}
	for _, name := range sorted(l.TimeOffsets) {
		if name != clocks[0].Name && name != clocks[1].Name {
			ps.Addf("linux.timeOffsets", "unknown clock %q", name)
		}
	}
}

// WriteTimeOffsets sets the clocks of the new time namespace of pid. It must
// come between unshare(CLONE_NEWTIME) and the birth of the first process in the
// namespace, which fixes them. pid is a child of rt that nobody has waited for.
func (p *Plan) WriteTimeOffsets(pid int) error {
	if len(p.TimeOffsets) == 0 {
		return nil
	}
	var b strings.Builder
	for _, o := range p.TimeOffsets {
		// By number: Linux 5.6 did not know the names yet.
		fmt.Fprintf(&b, "%d %d %d\n", o.Clock, o.Secs, o.Nanosecs)
	}
	proc, err := procfs.OpenHost()
	if err != nil {
		return err
	}
	defer proc.Close()
	number, err := numberOfChild(proc, pid)
	if err != nil {
		return err
	}
	err = proc.WriteFile(number+"/timens_offsets", b.String())
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ERANGE):
		return fmt.Errorf("linux.timeOffsets: a clock would be below zero or too far in the future: %w", plain(err))
	}
	return fmt.Errorf("linux.timeOffsets: write timens_offsets: %w", plain(err))
}
