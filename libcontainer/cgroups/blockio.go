package cgroups

import (
	"fmt"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func (b *settings) blockIO(io *specs.LinuxBlockIO) {
	weight, leaf := value(io.Weight), value(io.LeafWeight)
	throttles := []struct {
		field   string
		v1, v2  string
		devices []specs.LinuxThrottleDevice
	}{
		{"throttleReadBpsDevice", "read_bps_device", "rbps", io.ThrottleReadBpsDevice},
		{"throttleWriteBpsDevice", "write_bps_device", "wbps", io.ThrottleWriteBpsDevice},
		{"throttleReadIOPSDevice", "read_iops_device", "riops", io.ThrottleReadIOPSDevice},
		{"throttleWriteIOPSDevice", "write_iops_device", "wiops", io.ThrottleWriteIOPSDevice},
	}
	any := weight != 0 || leaf != 0 || len(io.WeightDevice) > 0
	for _, t := range throttles {
		any = any || len(t.devices) > 0
	}
	if !any {
		return
	}
	x, v2 := b.h.find("blkio"), false
	if x == nil {
		if x, v2 = b.h.find("io"), true; x == nil {
			b.addf("blockIO", "this host has no blkio or io controller")
			return
		}
	}
	if weight != 0 {
		if v2 {
			s := b.add(x, "blockIO.weight", "io.bfq.weight", number(weight))
			s.other, s.otherValue = "io.weight", "default "+number(ioWeight(weight))
		} else {
			s := b.add(x, "blockIO.weight", "blkio.bfq.weight", number(weight))
			s.other, s.otherValue = "blkio.weight", s.value
		}
	}
	if leaf != 0 {
		if v2 {
			b.addf("blockIO.leafWeight", "cgroup v2 has none")
		} else {
			b.add(x, "blockIO.leafWeight", "blkio.leaf_weight", number(leaf))
		}
	}
	for i, d := range io.WeightDevice {
		field := "blockIO.weightDevice[" + strconv.Itoa(i) + "]"
		if d.Weight == nil && d.LeafWeight == nil {
			b.addf(field, "has neither weight nor leafWeight")
		}
		device := fmt.Sprintf("%d:%d ", d.Major, d.Minor)
		if w := value(d.Weight); w != 0 {
			if v2 {
				s := b.add(x, field, "io.bfq.weight", device+number(w))
				s.other, s.otherValue = "io.weight", device+number(ioWeight(w))
			} else {
				s := b.add(x, field, "blkio.bfq.weight_device", device+number(w))
				s.other, s.otherValue = "blkio.weight_device", s.value
			}
		}
		if w := value(d.LeafWeight); w != 0 {
			if v2 {
				b.addf(field+".leafWeight", "cgroup v2 has none")
			} else {
				b.add(x, field, "blkio.leaf_weight_device", device+number(w))
			}
		}
	}
	for _, t := range throttles {
		for i, d := range t.devices {
			field := "blockIO." + t.field + "[" + strconv.Itoa(i) + "]"
			switch {
			case !v2: // 0 lifts the limit
				b.add(x, field, "blkio.throttle."+t.v1, fmt.Sprintf("%d:%d %d", d.Major, d.Minor, d.Rate))
			case d.Rate == 0:
				b.add(x, field, "io.max", fmt.Sprintf("%d:%d %s=max", d.Major, d.Minor, t.v2))
			default:
				b.add(x, field, "io.max", fmt.Sprintf("%d:%d %s=%d", d.Major, d.Minor, t.v2, d.Rate))
			}
		}
	}
}

// ioWeight maps the v1 weight [10, 1000] to io.weight [1, 10000] linearly; with
// the bfq scheduler v2 has the v1 scale.
func ioWeight(w uint16) uint64 {
	if w <= 10 {
		return 1
	}
	return min(10000, 1+(uint64(w)-10)*9999/990)
}
