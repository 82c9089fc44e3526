package cgroups

import (
	"math"
	"os"
	"strconv"
	"strings"
)

// clockTick is USER_HZ, the unit of cpuacct.stat, in nanoseconds. It is 100 on
// every architecture that Go knows but Alpha's.
const clockTick = 10_000_000

func (s *Stats) readV1(r reader, name string) {
	for controller := range strings.SplitSeq(name, ",") {
		switch controller {
		case "cpu":
			t := r.table("cpu.stat")
			s.CPU.Throttling.Periods = t["nr_periods"]
			s.CPU.Throttling.ThrottledPeriods = t["nr_throttled"]
			s.CPU.Throttling.ThrottledTime = t["throttled_time"]
		case "cpuacct":
			t := r.table("cpuacct.stat")
			u := &s.CPU.Usage
			u.Kernel, u.User = t["system"]*clockTick, t["user"]*clockTick
			u.Total, u.Percpu = r.number("cpuacct.usage"), r.numbers("cpuacct.usage_percpu")
			u.PercpuKernel, u.PercpuUser = r.numbers("cpuacct.usage_percpu_sys"), r.numbers("cpuacct.usage_percpu_user")
		case "cpuset":
			s.CPUSet = CPUSetStats{
				CPUs: r.list("cpuset.cpus"), CPUExclusive: r.number("cpuset.cpu_exclusive"),
				Mems: r.list("cpuset.mems"), MemHardwall: r.number("cpuset.mem_hardwall"),
				MemExclusive: r.number("cpuset.mem_exclusive"), MemoryMigrate: r.number("cpuset.memory_migrate"),
				MemorySpreadPage: r.number("cpuset.memory_spread_page"), MemorySpreadSlab: r.number("cpuset.memory_spread_slab"),
				MemoryPressure: r.number("cpuset.memory_pressure"), SchedLoadBalance: r.number("cpuset.sched_load_balance"),
				SchedRelaxDomainLevel: parse(r.text("cpuset.sched_relax_domain_level")),
			}
		case "memory":
			m := &s.Memory
			m.Raw = r.table("memory.stat")
			m.Cache = m.Raw["cache"]
			m.Usage, m.Swap = r.memory("memory"), r.memory("memory.memsw")
			m.Kernel, m.KernelTCP = r.memory("memory.kmem"), r.memory("memory.kmem.tcp")
		case "pids":
			s.Pids = r.pids()
		case "blkio":
			s.BlockIO.readV1(r)
		case "hugetlb":
			s.huge(r, ".usage_in_bytes", func(size string) HugeStats {
				return HugeStats{r.number(size + ".usage_in_bytes"), r.number(size + ".max_usage_in_bytes"), r.number(size + ".failcnt")}
			})
		}
	}
}

func (r reader) memory(name string) MemoryUsage {
	return MemoryUsage{
		Usage: r.number(name + ".usage_in_bytes"), Max: r.number(name + ".max_usage_in_bytes"),
		Failcnt: r.number(name + ".failcnt"), Limit: r.number(name + ".limit_in_bytes"),
	}
}

func (r reader) pids() PidsStats {
	p := PidsStats{Current: r.number("pids.current"), Limit: r.number("pids.max")}
	if p.Limit == math.MaxUint64 {
		p.Limit = 0
	}
	return p
}

// readV1 takes bfq's counters where that scheduler counts, else those of the
// layer that throttles, which sees every request.
func (b *BlockIOStats) readV1(r reader) {
	for _, t := range []struct {
		file string
		to   *[]BlockIOEntry
	}{
		{"io_service_bytes", &b.ServiceBytes}, {"io_serviced", &b.Serviced}, {"io_queued", &b.Queued},
		{"io_service_time", &b.ServiceTime}, {"io_wait_time", &b.WaitTime}, {"io_merged", &b.Merged},
		{"time", &b.Time}, {"sectors", &b.Sectors},
	} {
		for _, layer := range []string{"blkio.bfq.", "blkio.throttle."} {
			if *t.to = r.blockIO(layer + t.file + "_recursive"); *t.to != nil {
				break
			}
		}
	}
}

// blockIO reads lines of "8:0 Read 4096" or "8:0 4096".
func (r reader) blockIO(file string) []BlockIOEntry {
	var out []BlockIOEntry
	for line := range strings.Lines(r.text(file)) {
		f := strings.Fields(line)
		major, minor, ok := strings.Cut(f[0], ":")
		if !ok || len(f) < 2 { // "Total 4096"
			continue
		}
		e := BlockIOEntry{Major: unsigned(major), Minor: unsigned(minor), Value: unsigned(f[len(f)-1])}
		if len(f) > 2 {
			e.Op = f[1]
		}
		out = append(out, e)
	}
	return out
}

// readV2 fills in what is not known from a v1 hierarchy: on a hybrid host a
// controller is in one of the two, and the other has no files of it.
func (s *Stats) readV2(r reader) {
	if t := r.table("cpu.stat"); t["usage_usec"] != 0 && s.CPU.Usage.Total == 0 {
		u := &s.CPU.Usage
		u.Total, u.Kernel, u.User = t["usage_usec"]*1000, t["system_usec"]*1000, t["user_usec"]*1000
		s.CPU.Throttling.Periods = t["nr_periods"]
		s.CPU.Throttling.ThrottledPeriods = t["nr_throttled"]
		s.CPU.Throttling.ThrottledTime = t["throttled_usec"] * 1000
	}
	s.CPU.PSI, s.Memory.PSI, s.BlockIO.PSI = r.psi("cpu.pressure"), r.psi("memory.pressure"), r.psi("io.pressure")
	if cpus := r.list("cpuset.cpus.effective"); cpus != nil {
		s.CPUSet.CPUs, s.CPUSet.Mems = cpus, r.list("cpuset.mems.effective")
	}
	if raw := r.table("memory.stat"); len(raw) > 0 {
		s.memoryV2(r, raw)
	}
	if r.text("pids.current") != "" {
		s.Pids = r.pids()
	}
	for line := range strings.Lines(r.text("io.stat")) {
		f := strings.Fields(line)
		major, minor, _ := strings.Cut(f[0], ":")
		for _, item := range f[1:] {
			key, v, _ := strings.Cut(item, "=")
			e := BlockIOEntry{Major: unsigned(major), Minor: unsigned(minor), Op: "Read", Value: unsigned(v)}
			if key[0] == 'w' {
				e.Op = "Write"
			}
			switch key {
			case "rbytes", "wbytes":
				s.BlockIO.ServiceBytes = append(s.BlockIO.ServiceBytes, e)
			case "rios", "wios":
				s.BlockIO.Serviced = append(s.BlockIO.Serviced, e)
			}
		}
	}
	s.huge(r, ".current", func(size string) HugeStats {
		return HugeStats{Usage: r.number(size + ".current"), Failcnt: r.table(size + ".events")["max"]}
	})
}

func (s *Stats) memoryV2(r reader, raw map[string]uint64) {
	m := &s.Memory
	m.Raw, m.Cache = raw, raw["file"]
	events := r.table("memory.events")
	m.Usage = MemoryUsage{r.number("memory.max"), r.number("memory.current"), r.number("memory.peak"), events["max"]}
	if r.text("memory.swap.max") == "" {
		return
	}
	m.Swap = MemoryUsage{Limit: r.number("memory.swap.max"), Usage: r.number("memory.swap.current"), Failcnt: r.table("memory.swap.events")["max"]}
	m.Swap.Usage += m.Usage.Usage
	if sum := m.Swap.Limit + m.Usage.Limit; sum >= m.Swap.Limit { // no limit plus a limit is none
		m.Swap.Limit = sum
	} else {
		m.Swap.Limit = math.MaxUint64
	}
}

// pageSizes lists the sizes of huge pages as the control files spell them.
func pageSizes() []string {
	entries, _ := os.ReadDir("/sys/kernel/mm/hugepages") // hugepages-2048kB
	var out []string
	for _, e := range entries {
		kb, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(e.Name(), "hugepages-"), "kB"), 10, 63)
		switch {
		case err != nil:
		case kb >= 1<<20:
			out = append(out, strconv.FormatUint(kb>>20, 10)+"GB")
		case kb >= 1<<10:
			out = append(out, strconv.FormatUint(kb>>10, 10)+"MB")
		default:
			out = append(out, strconv.FormatUint(kb, 10)+"KB")
		}
	}
	return out
}

func (s *Stats) huge(r reader, suffix string, read func(string) HugeStats) {
	for _, size := range pageSizes() {
		if r.text("hugetlb."+size+suffix) != "" {
			s.Hugetlb[size] = read("hugetlb." + size)
		}
	}
}
