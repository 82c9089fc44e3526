// Package network moves network interfaces of the host into the network
// namespace of a container (linux.netDevices, config-linux.md "Network
// Devices"). It makes no interfaces, and it does not bring them back when the
// container ends: that is the kernel's part, or a hook's.
//
// It speaks rtnetlink(7) itself: two kinds of requests do not pay for a library.
package network

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// A Plan lists the interfaces to move.
type Plan struct {
	Devices []Device // by the name on the host
}

// A Device is an interface: its name on the host, and its name in the container,
// in which %d is a number that the kernel chooses.
type Device struct {
	Host, Name string
}

// PlanNetwork resolves linux.netDevices.
func PlanNetwork(s *specs.Spec, f *config.Facts, ps *config.Problems) *Plan {
	p := &Plan{}
	if s.Linux == nil || len(s.Linux.NetDevices) == 0 {
		return p
	}
	if !hasNetwork(s.Linux) {
		ps.Addf("linux.netDevices", "needs a network namespace in linux.namespaces")
	}
	if f.Rootless {
		ps.Addf("linux.netDevices", "only root of the host can move interfaces")
	}
	owner := map[string]string{}
	for _, host := range slices.Sorted(maps.Keys(s.Linux.NetDevices)) {
		at := place(host)
		if why := badName(host); why != "" {
			ps.Addf(at, "is not the name of an interface: %s", why)
		} else if strings.Contains(host, "%") {
			ps.Addf(at, "is not the name of an interface: it has a %%")
		}
		d := Device{Host: host, Name: s.Linux.NetDevices[host].Name}
		if d.Name == "" {
			d.Name = host
		} else if why := badName(d.Name); why != "" {
			ps.Addf(at+".name", "%q is not the name of an interface: %s", d.Name, why)
		}
		switch other, taken := owner[d.Name]; {
		case isTemplate(d.Name):
		case d.Name == "lo":
			ps.Addf(at+".name", "every network namespace has an interface \"lo\" already")
		case taken:
			ps.Addf(at+".name", "%q is the name of %s too", d.Name, place(other))
		default:
			owner[d.Name] = host
		}
		p.Devices = append(p.Devices, d)
	}
	return p
}

func hasNetwork(l *specs.Linux) bool {
	return slices.ContainsFunc(l.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.NetworkNamespace })
}

func place(host string) string { return fmt.Sprintf("linux.netDevices[%q]", host) }

func isTemplate(name string) bool { return strings.Contains(name, "%d") }

// badName says why the kernel would refuse a name (dev_valid_name and
// __dev_alloc_name in net/core/dev.c), or "".
func badName(name string) string {
	switch i := strings.IndexByte(name, '%'); {
	case name == "":
		return "it is empty"
	case len(name) >= unix.IFNAMSIZ:
		return fmt.Sprintf("it has %d bytes, the kernel takes %d", len(name), unix.IFNAMSIZ-1)
	case name == "." || name == "..":
		return "it is \".\" or \"..\""
	case strings.ContainsAny(name, "/: \t\n\v\f\r\x00"):
		return "it has a '/', a ':', a space or a NUL byte"
	case i >= 0 && (!strings.HasPrefix(name[i:], "%d") || strings.Contains(name[i+1:], "%")):
		return "a % must be one %d"
	}
	return ""
}
