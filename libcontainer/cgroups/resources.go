package cgroups

import (
	"math"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Here is the translation of linux.resources to control files: config-linux.md,
// "Control groups"; the kernel's admin-guide/cgroup-v1/*.rst and cgroup-v2.rst.
// A v1 value that cgroup v2 has nothing for is a problem and not dropped
// (config-linux.md, "Unified": "If the conversion is not possible the runtime
// MUST generate an error").

func (b *settings) memory(m *specs.LinuxMemory) {
	limit, swap, reservation := value(m.Limit), value(m.Swap), value(m.Reservation)
	for _, f := range []struct {
		name  string
		value int64
	}{{"limit", limit}, {"swap", swap}, {"reservation", reservation}} {
		if f.value < -1 {
			b.addf("memory."+f.name, "%d is neither a size nor -1", f.value)
			return
		}
	}
	switch {
	case swap > 0 && limit == -1, swap > 0 && limit == 0 && !b.update:
		b.addf("memory.swap", "is memory and swap together, so it needs a memory.limit")
		return
	case swap > 0 && limit > swap:
		b.addf("memory.swap", "%d is memory and swap together, so it can't be less than the memory.limit %d", swap, limit)
		return
	case limit == -1 && swap == 0:
		swap = -1 // a finite sum would refuse an infinite part
	}
	if value(m.Kernel) > 0 {
		b.ps.Warnf(b.prefix+"memory.kernel", "ignored: Linux has no limit of kernel memory since 5.16")
	}
	tcp := value(m.KernelTCP)
	if tcp < -1 {
		b.addf("memory.kernelTCP", "%d is neither a size nor -1", tcp)
		return
	}
	swappy := m.Swappiness != nil && *m.Swappiness != math.MaxUint64 // -1, says an old Docker
	if swappy && *m.Swappiness > 100 {
		b.addf("memory.swappiness", "%d is not in 0..100", *m.Swappiness)
		return
	}
	noKiller := m.DisableOOMKiller != nil && *m.DisableOOMKiller
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"limit", limit != 0}, {"swap", swap != 0}, {"reservation", reservation != 0},
		{"kernelTCP", tcp > 0}, {"swappiness", swappy}, {"disableOOMKiller", noKiller}, {"useHierarchy", m.UseHierarchy != nil},
	} {
		if f.set && b.where("memory", "memory."+f.name) == nil {
			return
		}
	}
	x := b.h.find("memory")
	if x == nil {
		return
	}
	if x.name == "" {
		b.memory2(m, x, limit, swap, reservation, swappy, noKiller)
		return
	}
	if limit != 0 {
		b.add(x, "memory.limit", "memory.limit_in_bytes", number(limit))
	}
	if swap != 0 {
		b.add(x, "memory.swap", "memory.memsw.limit_in_bytes", number(swap)).optional = swap == -1
	}
	if reservation != 0 {
		b.add(x, "memory.reservation", "memory.soft_limit_in_bytes", number(reservation))
	}
	if tcp != 0 {
		b.add(x, "memory.kernelTCP", "memory.kmem.tcp.limit_in_bytes", number(tcp)).optional = tcp == -1
	}
	if swappy {
		b.add(x, "memory.swappiness", "memory.swappiness", number(*m.Swappiness))
	}
	if noKiller {
		b.add(x, "memory.disableOOMKiller", "memory.oom_control", "1")
	}
	if m.UseHierarchy != nil {
		b.add(x, "memory.useHierarchy", "memory.use_hierarchy", flag(*m.UseHierarchy))
	}
}

func (b *settings) memory2(m *specs.LinuxMemory, x *hierarchy, limit, swap, reservation int64, swappy, noKiller bool) {
	if value(m.KernelTCP) > 0 {
		b.ps.Warnf(b.prefix+"memory.kernelTCP", "ignored: cgroup v2 counts TCP buffers as memory, and has no other limit of them")
	}
	if swappy {
		b.addf("memory.swappiness", "cgroup v2 has none")
	}
	if noKiller {
		b.addf("memory.disableOOMKiller", "cgroup v2 can't")
	}
	if m.UseHierarchy != nil && !*m.UseHierarchy {
		b.addf("memory.useHierarchy", "cgroup v2 is always hierarchical")
	}
	if limit != 0 {
		s := b.add(x, "memory.limit", "memory.max", amount(limit))
		s.checked = m.CheckBeforeUpdate != nil && *m.CheckBeforeUpdate
	}
	// swap is the sum of both, memory.swap.max is swap alone.
	switch {
	case swap == -1:
		b.add(x, "memory.swap", "memory.swap.max", "max").optional = true
	case swap > 0 && limit > 0:
		// No file means no swap, which is what 0 wants.
		b.add(x, "memory.swap", "memory.swap.max", number(swap-limit)).optional = swap == limit
	case swap > 0:
		b.add(x, "memory.swap", "memory.swap.max", number(swap)).lessMax = true
	}
	if reservation != 0 {
		b.add(x, "memory.reservation", "memory.low", amount(reservation))
	}
}

func (b *settings) hugepages(limits []specs.LinuxHugepageLimit) {
	for i, l := range limits {
		field := "hugepageLimits[" + strconv.Itoa(i) + "]"
		if !pageSize(l.Pagesize) {
			b.addf(field+".pageSize", `%q is not a size like "2MB"`, l.Pagesize)
			continue
		}
		x := b.where("hugetlb", field)
		if x == nil {
			continue
		}
		last := ".limit_in_bytes"
		if x.name == "" {
			last = ".max"
		}
		// Reservations since 5.7. Their limit alone would not count pages that
		// are used without one.
		b.add(x, field+".limit", "hugetlb."+l.Pagesize+".rsvd"+last, number(l.Limit)).optional = true
		b.add(x, field+".limit", "hugetlb."+l.Pagesize+last, number(l.Limit))
	}
}

func pageSize(s string) bool {
	n := len(s)
	return n > 2 && s[n-1] == 'B' && strings.IndexByte("KMG", s[n-2]) >= 0 &&
		s[0] != '0' && strings.Trim(s[:n-2], "0123456789") == ""
}

func (b *settings) network(n *specs.LinuxNetwork) {
	if value(n.ClassID) != 0 {
		if x := b.where("net_cls", "network.classID"); x != nil {
			b.add(x, "network.classID", "net_cls.classid", number(*n.ClassID))
		}
	}
	for i, p := range n.Priorities {
		field := "network.priorities[" + strconv.Itoa(i) + "]"
		if p.Name == "" || strings.ContainsAny(p.Name, " \t\n\x00/") {
			b.addf(field+".name", "%q is not the name of an interface", p.Name)
		} else if x := b.where("net_prio", field); x != nil {
			b.add(x, field, "net_prio.ifpriomap", p.Name+" "+number(p.Priority))
		}
	}
}

func (b *settings) rdma(devices map[string]specs.LinuxRdma) {
	for _, name := range sortedKeys(devices) {
		d := devices[name]
		field := "rdma[" + strconv.Quote(name) + "]"
		line := name
		if d.HcaHandles != nil {
			line += " hca_handle=" + number(*d.HcaHandles)
		}
		if d.HcaObjects != nil {
			line += " hca_object=" + number(*d.HcaObjects)
		}
		switch {
		case name == "" || strings.ContainsAny(name, " \t\n\x00"):
			b.addf(field, "is not the name of a device")
		case line == name:
			b.addf(field, "has neither hcaHandles nor hcaObjects")
		default:
			if x := b.where("rdma", field); x != nil {
				b.add(x, field, "rdma.max", line)
			}
		}
	}
}

// notASetting are files of every cgroup that move, stop or reshape instead of
// limiting; a pid in cgroup.procs would be one of the host's.
var notASetting = []string{"cgroup.procs", "cgroup.threads", "cgroup.kill", "cgroup.freeze", "cgroup.subtree_control", "cgroup.type"}

func (b *settings) unified(files map[string]string) {
	for _, name := range sortedKeys(files) {
		field := "unified[" + strconv.Quote(name) + "]"
		controller, rest, ok := strings.Cut(name, ".")
		switch {
		case !ok || controller == "" || rest == "" || strings.ContainsAny(name, "/\x00") || strings.Contains(name, ".."):
			b.addf(field, "is not the name of a control file")
		case slices.Contains(notASetting, name):
			b.addf(field, "is not a limit")
		case b.h.v2 == nil:
			b.addf(field, "this host has no cgroup v2 hierarchy")
		case controller != "cgroup" && !strings.Contains(b.h.v2Controllers(), " "+controller+" "):
			b.addf(field, "the cgroup v2 hierarchy of this host has no %s controller", controller)
		default:
			b.add(b.h.v2, field, name, files[name])
		}
	}
}

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// amount is a v2 limit: a number, or "max" for anything negative.
func amount(n int64) string {
	if n < 0 {
		return "max"
	}
	return number(n)
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
