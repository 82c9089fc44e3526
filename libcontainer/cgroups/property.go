package cgroups

import (
	"math"
	"os"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// annotation is the prefix of annotations that set properties of the scope.
const annotation = "org.systemd.property."

// annotated returns the D-Bus type of a property that an annotation may set, or
// 0; 'A' is an array of strings. Only what concerns the container's own scope is
// here: whoever writes the annotations is often not who may start units of his
// own on the host, so nothing that runs, triggers or stops something else.
func annotated(name string) byte {
	switch name {
	case "After", "Before":
		return 'A'
	case "CollectMode", "Description", "KillMode", "OOMPolicy":
		return 's'
	case "DefaultDependencies", "SendSIGHUP", "SendSIGKILL":
		return 'b'
	case "KillSignal":
		return 'i'
	case "RuntimeMaxUSec", "TimeoutStopUSec",
		"CPUWeight", "StartupCPUWeight", "IOWeight", "TasksMax",
		"MemoryHigh", "MemoryLow", "MemoryMax", "MemoryMin", "MemorySwapMax":
		return 't'
	}
	return 0
}

// parseProperty reads a value in GVariant text, as `busctl` and the annotations'
// other readers do: "true", "15", "uint64 5000000", "'mixed'", "['a.service']".
// A name …Sec, which systemd's files know and D-Bus does not, is seconds.
func parseProperty(name, text string) (p *Property, problem string) {
	if base, ok := strings.CutSuffix(name, "Sec"); ok && !strings.HasSuffix(name, "USec") && annotated(base+"USec") == 't' {
		n, err := strconv.ParseFloat(bare(text), 64)
		if err != nil || n < 0 || n > math.MaxInt64/1e6 {
			return nil, strconv.Quote(text) + " is not a number of seconds"
		}
		return &Property{Name: base + "USec", Value: uint64(n * 1e6)}, ""
	}
	switch annotated(name) {
	case 0:
		return nil, ""
	case 'b':
		if text == "true" || text == "false" {
			return &Property{Name: name, Value: text == "true"}, ""
		}
		return nil, strconv.Quote(text) + " is neither true nor false"
	case 'i':
		n, err := strconv.ParseInt(bare(text), 0, 32)
		if err != nil {
			return nil, strconv.Quote(text) + " is not a number"
		}
		return &Property{Name: name, Value: int32(n)}, ""
	case 't':
		n, err := strconv.ParseUint(bare(text), 0, 64)
		if err != nil {
			return nil, strconv.Quote(text) + " is not a number"
		}
		return &Property{Name: name, Value: n}, ""
	case 's':
		if s, rest, ok := quoted(text); ok && rest == "" {
			return &Property{Name: name, Value: s}, ""
		}
		return nil, strconv.Quote(text) + " is not a string in quotes"
	}
	inner, ok := strings.CutPrefix(text, "[")
	list := []string{}
	for ok {
		inner = strings.TrimSpace(inner)
		if inner == "]" {
			return &Property{Name: name, Value: list}, ""
		}
		var s string
		if s, inner, ok = quoted(inner); ok {
			list = append(list, s)
			inner = strings.TrimPrefix(strings.TrimSpace(inner), ",")
		}
	}
	return nil, strconv.Quote(text) + " is not a list of strings"
}

// bare drops the type that GVariant text may begin with.
func bare(text string) string {
	if kind, n, ok := strings.Cut(text, " "); ok {
		switch kind {
		case "byte", "int16", "uint16", "int32", "uint32", "int64", "uint64", "double":
			return strings.TrimSpace(n)
		}
	}
	return text
}

func quoted(text string) (s, rest string, ok bool) {
	if text == "" || text[0] != '\'' && text[0] != '"' {
		return "", text, false
	}
	end := strings.IndexByte(text[1:], text[0])
	if end < 0 || strings.ContainsAny(text[1:1+end], "\\\x00\n") {
		return "", text, false
	}
	return text[1 : 1+end], text[2+end:], true
}

// limit adds the resources. systemd writes the control files anew whenever it
// reloads, so it has to know what we want in them, though we write them
// ourselves as well and more exactly.
func (u *Unit) limit(r *specs.LinuxResources, rules []deviceRule, h *host) {
	for _, p := range resourceProperties(r, h) {
		if n, ok := p.Value.(uint64); ok && p.Name == "TasksMax" && n < roomForInit {
			u.late = append(u.late, p)
			continue
		}
		u.set(p)
	}
	for _, p := range deviceProperties(rules) {
		u.set(p)
	}
}

const infinity = math.MaxUint64

func size(n int64) uint64 {
	if n < 0 {
		return infinity
	}
	return uint64(n)
}

func resourceProperties(r *specs.LinuxResources, h *host) []Property {
	var out []Property
	add := func(name string, value any, since int) { out = append(out, Property{name, value, since}) }
	if r == nil {
		return nil
	}
	v2 := h.pure()
	if m := r.Memory; m != nil {
		limit, swap, low := value(m.Limit), value(m.Swap), value(m.Reservation)
		if limit != 0 && v2 {
			add("MemoryMax", size(limit), 0)
		} else if limit != 0 {
			add("MemoryLimit", size(limit), 0)
		}
		if v2 && low != 0 {
			add("MemoryLow", size(low), 0)
		}
		switch {
		case !v2:
		case swap < 0 || limit < 0 && swap == 0:
			add("MemorySwapMax", uint64(infinity), 0)
		case swap > 0 && limit > 0:
			add("MemorySwapMax", uint64(swap-limit), 0)
		}
	}
	if c := r.CPU; c != nil {
		if shares := value(c.Shares); shares != 0 && v2 && value(c.Idle) != 1 {
			add("CPUWeight", weightOfShares(shares), 232)
		} else if shares != 0 && !v2 {
			add("CPUShares", shares, 0)
		}
		if value(c.Idle) == 1 && v2 {
			add("CPUWeight", uint64(0), 252) // "idle"
		}
		out = append(out, quotaProperties(value(c.Quota), value(c.Period))...)
		out = append(out, setProperty("AllowedCPUs", c.Cpus)...)
		out = append(out, setProperty("AllowedMemoryNodes", c.Mems)...)
	}
	if r.BlockIO != nil && value(r.BlockIO.Weight) != 0 {
		if v2 {
			add("IOWeight", ioWeight(*r.BlockIO.Weight), 230)
		} else {
			add("BlockIOWeight", uint64(*r.BlockIO.Weight), 0)
		}
	}
	if r.Pids != nil && r.Pids.Limit != nil {
		n := size(*r.Pids.Limit)
		add("TasksMax", max(n, 1), 0)
	}
	if v2 {
		out = append(out, unifiedProperties(r.Unified)...)
	}
	return out
}

// quotaProperties rounds up to whole percents, which is what systemd writes.
func quotaProperties(quota int64, period uint64) []Property {
	var out []Property
	if period != 0 {
		out = append(out, Property{"CPUQuotaPeriodUSec", period, 242})
	}
	switch {
	case quota < 0:
		out = append(out, Property{"CPUQuotaPerSecUSec", uint64(infinity), 0})
	case quota > 0:
		if period == 0 {
			period = 100000 // the kernel's
		}
		perSecond := (uint64(quota)*1000000 + period - 1) / period
		perSecond = (perSecond + 9999) / 10000 * 10000
		out = append(out, Property{"CPUQuotaPerSecUSec", perSecond, 0})
	}
	return out
}

// setProperty turns "0-2,5" into the bit mask that systemd wants. What is not
// such a list is left to the kernel to judge.
func setProperty(name, list string) []Property {
	var mask []byte
	for part := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		from, to, ok := strings.Cut(part, "-")
		if !ok {
			to = from
		}
		a, err := strconv.ParseUint(from, 10, 13)
		b, err2 := strconv.ParseUint(to, 10, 13)
		if err != nil || err2 != nil {
			return nil
		}
		for ; a <= b; a++ {
			for uint64(len(mask)) <= a/8 {
				mask = append(mask, 0)
			}
			mask[a/8] |= 1 << (a % 8)
		}
	}
	if mask == nil {
		return nil
	}
	return []Property{{name, mask, 244}}
}

func unifiedProperties(files map[string]string) []Property {
	var out []Property
	for _, file := range sortedKeys(files) {
		text := strings.TrimSpace(files[file])
		number, err := strconv.ParseUint(text, 10, 64)
		if text == "max" {
			number, err = infinity, nil
		}
		name := map[string]string{
			"memory.max": "MemoryMax", "memory.high": "MemoryHigh", "memory.low": "MemoryLow", "memory.min": "MemoryMin",
			"memory.swap.max": "MemorySwapMax", "pids.max": "TasksMax", "cpu.weight": "CPUWeight",
		}[file]
		switch {
		case name != "" && err == nil:
			out = append(out, Property{name, number, 0})
		case file == "cpu.idle" && text == "1":
			out = append(out, Property{"CPUWeight", uint64(0), 252})
		case file == "cpuset.cpus":
			out = append(out, setProperty("AllowedCPUs", text)...)
		case file == "cpuset.mems":
			out = append(out, setProperty("AllowedMemoryNodes", text)...)
		case file == "cpu.max":
			first, second, _ := strings.Cut(text, " ")
			period, _ := strconv.ParseUint(second, 10, 64)
			quota, err := strconv.ParseInt(first, 10, 64)
			if first == "max" {
				quota, err = -1, nil
			}
			if err == nil {
				out = append(out, quotaProperties(quota, period)...)
			}
		}
	}
	return out
}

// deviceProperties is as much of the rules as systemd can express: its list
// only allows, by number, by a driver's name, or all of a kind. Our own program
// decides beside it, and both must agree.
func deviceProperties(rules []deviceRule) []Property {
	l := v1Devices(rules, nil)
	list := []DeviceAllow{}
	if l.allow {
		return []Property{{"DevicePolicy", "auto", 0}, {"DeviceAllow", list, 0}}
	}
	drivers := ""
	for _, e := range l.exceptions {
		kind := map[byte]string{'b': "block", 'c': "char"}[e.kind]
		access := strings.Fields(e.String())[2]
		switch {
		case e.major == anyNumber && e.minor == anyNumber:
			list = append(list, DeviceAllow{kind + "-*", access})
		case e.minor != anyNumber && e.major != anyNumber:
			list = append(list, DeviceAllow{"/dev/" + kind + "/" + deviceNumber(e.major) + ":" + deviceNumber(e.minor), access})
		case e.major != anyNumber:
			if drivers == "" {
				data, _ := os.ReadFile("/proc/devices")
				drivers = string(data)
			}
			if name := driver(drivers, kind, e.major); name != "" {
				list = append(list, DeviceAllow{kind + "-" + name, access})
			}
		}
	}
	return []Property{{"DevicePolicy", "strict", 0}, {"DeviceAllow", list, 0}}
}

// driver finds the name of a major number in /proc/devices (proc_devices(5)).
func driver(devices, kind string, major int64) string {
	section := ""
	for line := range strings.Lines(devices) {
		f := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "Character"):
			section = "char"
		case strings.HasPrefix(line, "Block"):
			section = "block"
		case len(f) == 2 && section == kind && f[0] == strconv.FormatInt(major, 10):
			return f[1]
		}
	}
	return ""
}
