package cgroups

import (
	"math"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func (b *settings) cpu(c *specs.LinuxCPU) {
	shares, quota, period := value(c.Shares), value(c.Quota), value(c.Period)
	runtime, rtPeriod := value(c.RealtimeRuntime), value(c.RealtimePeriod)
	if quota > 0 && c.Burst != nil && *c.Burst > uint64(quota) {
		b.addf("cpu.burst", "%d is above the quota %d", *c.Burst, quota)
		return
	}
	if c.Idle != nil && *c.Idle != 0 && *c.Idle != 1 {
		b.addf("cpu.idle", "%d is neither 0 nor 1", *c.Idle)
		return
	}
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"shares", shares != 0}, {"quota", quota != 0}, {"period", period != 0}, {"burst", c.Burst != nil},
		{"idle", c.Idle != nil}, {"realtimeRuntime", runtime != 0}, {"realtimePeriod", rtPeriod != 0},
	} {
		if f.set && b.where("cpu", "cpu."+f.name) == nil {
			return
		}
	}
	if value(c.Idle) == 1 {
		shares = 0 // idle is a weight below all others; the kernel takes no second one
	}
	x := b.h.find("cpu")
	if x == nil {
		return
	}
	if x.name == "" {
		b.cpu2(c, x, shares, quota, period)
		return
	}
	// The kernel takes other values silently for the nearest of these.
	if shares != 0 && (shares < minShares || shares > maxShares) {
		b.addf("cpu.shares", "%d is not in %d..%d", shares, minShares, maxShares)
		return
	}
	// A real-time process may enter only a cgroup with real-time left to use.
	if rtPeriod != 0 {
		b.add(x, "cpu.realtimePeriod", "cpu.rt_period_us", number(rtPeriod)).early = true
	}
	if runtime != 0 {
		b.add(x, "cpu.realtimeRuntime", "cpu.rt_runtime_us", number(runtime)).early = true
	}
	if shares != 0 {
		b.add(x, "cpu.shares", "cpu.shares", number(shares))
	}
	if period != 0 {
		b.add(x, "cpu.period", "cpu.cfs_period_us", number(period))
	}
	if quota != 0 {
		b.add(x, "cpu.quota", "cpu.cfs_quota_us", number(max(quota, -1)))
	}
	if c.Burst != nil {
		b.add(x, "cpu.burst", "cpu.cfs_burst_us", number(*c.Burst)).optional = *c.Burst == 0
	}
	if c.Idle != nil {
		b.add(x, "cpu.idle", "cpu.idle", number(*c.Idle)).optional = *c.Idle == 0
	}
}

func (b *settings) cpu2(c *specs.LinuxCPU, x *hierarchy, shares uint64, quota int64, period uint64) {
	if value(c.RealtimeRuntime) != 0 {
		b.addf("cpu.realtimeRuntime", "cgroup v2 has none")
	}
	if value(c.RealtimePeriod) != 0 {
		b.addf("cpu.realtimePeriod", "cgroup v2 has none")
	}
	if shares != 0 {
		b.add(x, "cpu.shares", "cpu.weight", number(weightOfShares(shares)))
	}
	switch {
	case quota != 0 && period != 0:
		b.add(x, "cpu.quota", "cpu.max", amount(quota)+" "+number(period))
	case quota != 0:
		b.add(x, "cpu.quota", "cpu.max", amount(quota)) // leaves the period as it is
	case period != 0:
		b.add(x, "cpu.period", "cpu.max", number(period)).keepQuota = true
	}
	if c.Burst != nil {
		b.add(x, "cpu.burst", "cpu.max.burst", number(*c.Burst)).optional = *c.Burst == 0
	}
	if c.Idle != nil {
		b.add(x, "cpu.idle", "cpu.idle", number(*c.Idle)).optional = *c.Idle == 0
	}
}

const minShares, maxShares = 2, 262144

// weightOfShares maps cpu.shares [2, 262144] to cpu.weight [1, 10000] such that
// the defaults, 1024 and 100, meet: a parabola through the three points in
// logarithmic scale. All runtimes use this formula since 2025; the linear one
// before it made 1024 a mere 39.
func weightOfShares(shares uint64) uint64 {
	switch {
	case shares <= minShares:
		return 1
	case shares >= maxShares:
		return 10000
	}
	l := math.Log2(float64(shares))
	return uint64(math.Ceil(math.Pow(10, (l*l+125*l)/612-7.0/34)))
}

func (b *settings) cpuset(c *specs.LinuxCPU) {
	for _, f := range []struct{ name, value, kind string }{{"cpus", c.Cpus, "CPU"}, {"mems", c.Mems, "node"}} {
		if f.value == "" {
			continue
		}
		good := true
		for part := range strings.FieldsFuncSeq(f.value, func(r rune) bool { return r == ',' || r == ' ' }) {
			if !isRange(part) {
				b.addf("cpu."+f.name, "%q is neither a %s nor a range of them", part, f.kind)
				good = false
			}
		}
		if !good {
			continue
		}
		if x := b.where("cpuset", "cpu."+f.name); x != nil {
			s := b.add(x, "cpu."+f.name, "cpuset."+f.name, f.value)
			s.early = !b.update && x.name != "" // v1: no process may enter without both
		}
	}
}

// isRange tells whether the kernel reads part of a list: "3", "0-7", "8-N" up to
// the last, "all", and with a stride "0-63:1/4" (bitmap_parselist in
// lib/bitmap-str.c; "all" and N since 5.13).
func isRange(part string) bool {
	part, stride, ok := strings.Cut(part, ":")
	if ok {
		used, group, _ := strings.Cut(stride, "/")
		if !isNumber(used) || !isNumber(group) {
			return false
		}
	}
	from, to, ok := strings.Cut(part, "-")
	switch {
	case part == "all":
		return true
	case !ok:
		to = from
	}
	return (from == "N" || isNumber(from)) && (to == "N" || isNumber(to) && parse(from) <= parse(to))
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil
}
