// Package intelrdt puts a container into a class of service of the processor's
// cache and memory bandwidth (linux.intelRdt), through the resctrl filesystem
// (Documentation/filesystems/resctrl.rst; Intel RDT, AMD QoS, Arm MPAM).
package intelrdt

import (
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// A Plan is where the container belongs and what is written there.
type Plan struct {
	Root    string   // of resctrl; empty: found by Create and Intent
	Name    string   // of the group: the closID, the id of the container, or "/"
	ClosID  bool     // the group has a name of its own, and outlives the container
	Lines   []Schema // in the order in which they are written
	Monitor string   // name of the monitoring group, or ""

	// What Create did, for Undo.
	state   State
	created bool   // the group's directory
	wrote   bool   // schemata
	before  string // schemata of a group that was there
}

// A Schema is a line for the file schemata. Path is where the config has it.
type Schema struct {
	Path, Line string
	Compare    bool // with a group that exists
}

// PlanIntelRdt resolves linux.intelRdt. It returns nil, on which every method
// does nothing, where the config has none. id is the container's.
func PlanIntelRdt(s *specs.Spec, id string, f *config.Facts, ps *config.Problems) *Plan {
	const at = "linux.intelRdt"
	if s.Linux == nil || s.Linux.IntelRdt == nil {
		return nil
	}
	r := s.Linux.IntelRdt
	p := &Plan{Name: r.ClosID, ClosID: r.ClosID != ""}
	if !p.ClosID {
		p.Name = id
	}
	switch why := badName(p.Name); {
	case p.Name == "/" && p.ClosID: // the default class of service
	case why != "" && p.ClosID:
		ps.Addf(at+".closID", "%q %s", p.Name, why)
	case why != "":
		ps.Addf(at, "the id of the container names its group, but %q %s", p.Name, why)
	}
	if r.EnableMonitoring {
		p.Monitor = id
	}
	if l := r.L3CacheSchema; l != "" {
		// The spec's SHOULD: two lines are how code and data are told apart.
		if !strings.HasPrefix(l, "L3:") || strings.Contains(l, "\n") {
			ps.Warnf(at+".l3CacheSchema", "%q is not one line that starts with L3:", l)
		}
		p.Lines = append(p.Lines, Schema{at + ".l3CacheSchema", l, true})
	}
	if l := r.MemBwSchema; l != "" {
		if !strings.HasPrefix(l, "MB:") {
			ps.Addf(at+".memBwSchema", "%q does not start with MB:", l)
		}
		oneLine(at+".memBwSchema", l, ps)
		p.Lines = append(p.Lines, Schema{at + ".memBwSchema", l, true})
	}
	for i, l := range r.Schemata {
		path := at + ".schemata[" + strconv.Itoa(i) + "]"
		if l == "" {
			ps.Addf(path, "is empty")
		}
		oneLine(path, l, ps)
		p.Lines = append(p.Lines, Schema{Path: path, Line: l})
	}
	return p
}

func oneLine(path, line string, ps *config.Problems) {
	if strings.Contains(line, "\n") {
		ps.Addf(path, "%q has a newline", line)
	}
}

// Directories at the root of resctrl that are no groups.
var reserved = []string{"info", "mon_groups", "mon_data"}

func badName(name string) string {
	switch {
	case name == "." || name == ".." || strings.ContainsAny(name, "/\n\x00"):
		return "is not the name of a group"
	case len(name) > 255:
		return "is longer than a name can be"
	case slices.Contains(reserved, name):
		return "has another meaning in resctrl"
	}
	return ""
}
