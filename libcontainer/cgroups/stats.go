package cgroups

import (
	"math"
	"strconv"
	"strings"
)

// Stats is what a container has used. As JSON it is the data of a line of `rt
// events`, whose keys are runc's. Sizes are in bytes, times in nanoseconds.
// What the kernel does not tell is left out.
type Stats struct {
	CPU     CPUStats             `json:"cpu"`
	CPUSet  CPUSetStats          `json:"cpuset"`
	Memory  MemoryStats          `json:"memory"`
	Pids    PidsStats            `json:"pids"`
	BlockIO BlockIOStats         `json:"blkio"`
	Hugetlb map[string]HugeStats `json:"hugetlb"`
}

// CPUStats has the time that was used, and how often the quota was used up.
type CPUStats struct {
	Usage struct {
		Total        uint64   `json:"total,omitempty"`
		Percpu       []uint64 `json:"percpu,omitempty"`
		PercpuKernel []uint64 `json:"percpu_kernel,omitempty"`
		PercpuUser   []uint64 `json:"percpu_user,omitempty"`
		Kernel       uint64   `json:"kernel"`
		User         uint64   `json:"user"`
	} `json:"usage"`
	Throttling struct {
		Periods          uint64 `json:"periods,omitempty"`
		ThrottledPeriods uint64 `json:"throttledPeriods,omitempty"`
		ThrottledTime    uint64 `json:"throttledTime,omitempty"`
	} `json:"throttling"`
	PSI *PSI `json:"psi,omitempty"`
}

// PSI is pressure stall information (the kernel's accounting/psi.rst).
type PSI struct {
	Some Pressure `json:"some"`
	Full Pressure `json:"full"`
}

// A Pressure has shares of time in percent, and the sum in microseconds.
type Pressure struct {
	Avg10  float64 `json:"avg10"`
	Avg60  float64 `json:"avg60"`
	Avg300 float64 `json:"avg300"`
	Total  uint64  `json:"total"`
}

// CPUSetStats are the flags of cpuset(7); all but the lists are v1's.
type CPUSetStats struct {
	CPUs                  []uint16 `json:"cpus,omitempty"`
	CPUExclusive          uint64   `json:"cpu_exclusive"`
	Mems                  []uint16 `json:"mems,omitempty"`
	MemHardwall           uint64   `json:"mem_hardwall"`
	MemExclusive          uint64   `json:"mem_exclusive"`
	MemoryMigrate         uint64   `json:"memory_migrate"`
	MemorySpreadPage      uint64   `json:"memory_spread_page"`
	MemorySpreadSlab      uint64   `json:"memory_spread_slab"`
	MemoryPressure        uint64   `json:"memory_pressure"`
	SchedLoadBalance      uint64   `json:"sched_load_balance"`
	SchedRelaxDomainLevel int64    `json:"sched_relax_domain_level"`
}

// MemoryStats has swap as the sum of memory and swap, as v1 counts.
type MemoryStats struct {
	Cache     uint64            `json:"cache,omitempty"`
	Usage     MemoryUsage       `json:"usage"`
	Swap      MemoryUsage       `json:"swap"`
	Kernel    MemoryUsage       `json:"kernel"`
	KernelTCP MemoryUsage       `json:"kernelTCP"`
	Raw       map[string]uint64 `json:"raw,omitempty"` // memory.stat
	PSI       *PSI              `json:"psi,omitempty"`
}

// A MemoryUsage is one counter; Max is the most that it ever was.
type MemoryUsage struct {
	Limit   uint64 `json:"limit"`
	Usage   uint64 `json:"usage,omitempty"`
	Max     uint64 `json:"max,omitempty"`
	Failcnt uint64 `json:"failcnt"`
}

// PidsStats counts tasks; a limit of 0 is none.
type PidsStats struct {
	Current uint64 `json:"current,omitempty"`
	Limit   uint64 `json:"limit,omitempty"`
}

// BlockIOStats counts per device and kind of operation.
type BlockIOStats struct {
	ServiceBytes []BlockIOEntry `json:"ioServiceBytesRecursive,omitempty"`
	Serviced     []BlockIOEntry `json:"ioServicedRecursive,omitempty"`
	Queued       []BlockIOEntry `json:"ioQueueRecursive,omitempty"`
	ServiceTime  []BlockIOEntry `json:"ioServiceTimeRecursive,omitempty"`
	WaitTime     []BlockIOEntry `json:"ioWaitTimeRecursive,omitempty"`
	Merged       []BlockIOEntry `json:"ioMergedRecursive,omitempty"`
	Time         []BlockIOEntry `json:"ioTimeRecursive,omitempty"`
	Sectors      []BlockIOEntry `json:"sectorsRecursive,omitempty"`
	PSI          *PSI           `json:"psi,omitempty"`
}

// A BlockIOEntry is one device and operation.
type BlockIOEntry struct {
	Major uint64 `json:"major,omitempty"`
	Minor uint64 `json:"minor,omitempty"`
	Op    string `json:"op,omitempty"`
	Value uint64 `json:"value,omitempty"`
}

// HugeStats counts pages of one size, in bytes.
type HugeStats struct {
	Usage   uint64 `json:"usage,omitempty"`
	Max     uint64 `json:"max,omitempty"`
	Failcnt uint64 `json:"failcnt"`
}

// Stats reads the counters. Controllers that the container has no cgroup of
// stay zero, and a container that is gone has used nothing.
func (c *Cgroup) Stats() (*Stats, error) {
	s := &Stats{Hugetlb: map[string]HugeStats{}}
	for _, name := range c.names() {
		dir, err := c.dirOf(name)
		if gone(err) {
			continue
		}
		if err != nil {
			return nil, opError("open", c.state.Paths[name], err)
		}
		r := reader{dir}
		if name == "" {
			s.readV2(r)
		} else {
			s.readV1(r, name)
		}
	}
	return s, nil
}

// OOMKills counts the processes of the container that died for want of memory.
func (c *Cgroup) OOMKills() (uint64, error) {
	name, file := c.with("memory"), "memory.oom_control"
	if name == "" {
		file = "memory.events"
	}
	dir, err := c.dirOf(name)
	if gone(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	data, err := readFile(dir, file)
	if gone(err) {
		return 0, nil
	}
	n, _ := strconv.ParseUint(field(data, "oom_kill"), 10, 64)
	return n, err
}

// A reader reads control files of one cgroup; a file that is missing is empty.
type reader struct{ dir int }

func (r reader) text(file string) string {
	data, _ := readFile(r.dir, file)
	return strings.TrimSpace(data)
}

// number reads a number; "max" is the largest.
func (r reader) number(file string) uint64 { return unsigned(r.text(file)) }

func unsigned(s string) uint64 {
	if s == "max" {
		return math.MaxUint64
	}
	n, _ := strconv.ParseUint(s, 10, 64)
	return n
}

func (r reader) numbers(file string) []uint64 {
	var out []uint64
	for _, f := range strings.Fields(r.text(file)) {
		out = append(out, unsigned(f))
	}
	return out
}

// table reads lines of "name value".
func (r reader) table(file string) map[string]uint64 {
	out := map[string]uint64{}
	for line := range strings.Lines(r.text(file)) {
		if name, v, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			out[name] = unsigned(v)
		}
	}
	return out
}

// list reads "0-2,5".
func (r reader) list(file string) []uint16 {
	var out []uint16
	for part := range strings.SplitSeq(r.text(file), ",") {
		from, to, ok := strings.Cut(part, "-")
		if !ok {
			to = from
		}
		a, err := strconv.ParseUint(from, 10, 14)
		b, err2 := strconv.ParseUint(to, 10, 14)
		for ; err == nil && err2 == nil && a <= b; a++ {
			out = append(out, uint16(a))
		}
	}
	return out
}

// psi reads "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" and "full …".
func (r reader) psi(file string) *PSI {
	text := r.text(file)
	if text == "" {
		return nil
	}
	var out PSI
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		p := &out.Some
		if f[0] == "full" {
			p = &out.Full
		}
		for _, item := range f[1:] {
			key, v, _ := strings.Cut(item, "=")
			share, _ := strconv.ParseFloat(v, 64)
			switch key {
			case "avg10":
				p.Avg10 = share
			case "avg60":
				p.Avg60 = share
			case "avg300":
				p.Avg300 = share
			case "total":
				p.Total = unsigned(v)
			}
		}
	}
	return &out
}
