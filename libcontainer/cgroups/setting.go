package cgroups

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// A setting is one value for one control file.
type setting struct {
	field string // what asked for it: "linux.resources.memory.limit"
	in    *hierarchy
	file  string
	value string

	other, otherValue string // the file to use where file does not exist
	optional          bool   // nothing is lost where the kernel lacks the file
	early             bool   // needed before a process may enter: Create writes it
	late              bool   // harms init while it starts: ApplyLast writes it

	// Values that cgroup v2 wants in one with what the cgroup has already.
	checked   bool // memory.max: not below memory.current (checkBeforeUpdate)
	lessMax   bool // memory.swap.max: value less the present memory.max
	keepQuota bool // cpu.max: value is the period, the quota stays
}

// settings translates one LinuxResources for one host.
type settings struct {
	h      *host
	ps     *config.Problems
	prefix string // "linux.resources." in a config, "" in an update
	update bool   // values may build on what the container has already
	list   []setting
}

func (b *settings) addf(field, format string, args ...any) {
	b.ps.Addf(b.prefix+field, format, args...)
}

// where returns the hierarchy that has the controller. There being none is a
// problem of the field.
func (b *settings) where(controller, field string) *hierarchy {
	x := b.h.find(controller)
	if x == nil {
		b.addf(field, "this host has no %s controller", controller)
	}
	return x
}

func (b *settings) add(x *hierarchy, field, file, value string) *setting {
	b.list = append(b.list, setting{field: b.prefix + field, in: x, file: file, value: value})
	return &b.list[len(b.list)-1]
}

// plan translates all of r but the device rules. Zero is what engines send for
// "leave it alone", wherever it is not a value of its own.
func (b *settings) plan(r *specs.LinuxResources) {
	if r == nil {
		return
	}
	if r.CPU != nil {
		b.cpu(r.CPU)
		b.cpuset(r.CPU)
	}
	if r.Memory != nil {
		b.memory(r.Memory)
	}
	if r.BlockIO != nil {
		b.blockIO(r.BlockIO)
	}
	b.hugepages(r.HugepageLimits)
	if r.Network != nil {
		b.network(r.Network)
	}
	b.rdma(r.Rdma)
	if r.Pids != nil && r.Pids.Limit != nil {
		b.pids(*r.Pids.Limit)
	}
	b.unified(r.Unified) // last: it is the more exact word
}

func (b *settings) pids(limit int64) {
	if b.update && limit == 0 { // an engine that has nothing to say
		return
	}
	if limit < -1 {
		b.addf("pids.limit", "%d is neither a number of tasks nor -1", limit)
		return
	}
	x := b.where("pids", "pids.limit")
	if x == nil {
		return
	}
	// 0 would let the program run, and fork never: which is what 1 says too,
	// and systemd knows no TasksMax=0.
	value := "max"
	if limit >= 0 {
		value = strconv.FormatInt(max(limit, 1), 10)
	}
	s := b.add(x, "pids.limit", "pids.max", value)
	s.late = !b.update && limit >= 0 && limit < roomForInit
}

// roomForInit is more tasks than init and the hooks around it ever are: a Go
// program that can't start a thread dies. A limit below it waits for ApplyLast.
const roomForInit = 64

// apply writes the settings for which want is true.
//
// Some values bind each other: memory and memory+swap; period, quota and burst;
// weight and idle. Which one has to be first depends on what the cgroup has
// now. So what the kernel finds invalid is tried once more after the rest.
func (c *Cgroup) apply(list []setting, want func(*setting) bool) error {
	var again []*setting
	for i := range list {
		s := &list[i]
		if !want(s) {
			continue
		}
		err := c.set(s)
		if errors.Is(err, unix.EINVAL) {
			again = append(again, s)
		} else if err != nil {
			return err
		}
	}
	for _, s := range again {
		if err := c.set(s); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cgroup) set(s *setting) error {
	dir, err := c.dirOf(s.in.name)
	if err == unix.ENOENT {
		return fmt.Errorf("%s: the container has no cgroup of its own in %s", s.field, s.in.mount)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.field, err)
	}
	file := s.file
	value, err := combined(dir, s)
	if err != nil {
		return fmt.Errorf("%s: %w", s.field, err)
	}
	err = writeLines(dir, file, value)
	if err == unix.ENOENT && s.other != "" {
		file = s.other
		err = writeLines(dir, file, s.otherValue)
	}
	switch {
	case err == nil, err == unix.ENOENT && s.optional:
		return nil
	case err == unix.EBUSY && strings.HasPrefix(file, "memory."):
		now, _ := readFile(dir, usageFile(s.in))
		return fmt.Errorf("%s: %s is less than the container holds now (%s): %w",
			s.field, value, strings.TrimSpace(now), err)
	case err == unix.EINVAL && file == "memory.limit_in_bytes":
		sum, _ := readFile(dir, "memory.memsw.limit_in_bytes")
		return fmt.Errorf("%s: %s is above the limit of memory and swap together, %s: %w",
			s.field, value, strings.TrimSpace(sum), err)
	}
	return fmt.Errorf("%s: %w", s.field, opError("write", fmt.Sprintf("%q to %s", value, file), err))
}

func usageFile(x *hierarchy) string {
	if x.name == "" {
		return "memory.current"
	}
	return "memory.usage_in_bytes"
}

// writeLines writes line by line: io.max and its like take one device a time.
func writeLines(dir int, file, value string) error {
	if !strings.Contains(value, "\n") {
		return writeFile(dir, file, value)
	}
	for line := range strings.Lines(value) {
		if line = strings.TrimSuffix(line, "\n"); line == "" {
			continue
		}
		if err := writeFile(dir, file, line); err != nil {
			return err
		}
	}
	return nil
}

func number[T int64 | uint64 | uint32 | uint16](n T) string { return fmt.Sprint(n) }

// less compares two sizes that came from us or from the kernel.
func less(a, b string) bool { return parse(a) < parse(b) }

func difference(a, b string) string { return number(parse(a) - parse(b)) }

func parse(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}
