package cgroups

import (
	"path"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// A Unit is what systemd is asked to make of a container: a scope, which is a
// cgroup that systemd owns and we fill.
type Unit struct {
	Name       string // "docker-c1.scope"
	Slice      string // "system.slice"
	User       bool   // of the user's systemd, not of the machine's
	Properties []Property
	late       []Property // with what ApplyLast sets
}

// A Property is one of org.freedesktop.systemd1(5). The type of the value is
// that of D-Bus: string, bool, uint64, int32, []byte, []string, []DeviceAllow.
type Property struct {
	Name  string
	Value any
	Since int // the first version of systemd that has it; older ones do without
}

// A DeviceAllow is one entry of the property of that name.
type DeviceAllow struct{ Device, Access string }

// planUnit resolves linux.cgroupsPath for the systemd driver, where it reads
// "slice:prefix:name", and the annotations that set properties.
func planUnit(s *specs.Spec, id string, f *config.Facts, ps *config.Problems) *Unit {
	u := &Unit{User: f.Rootless, Slice: "system.slice", Name: "rt-" + id + ".scope"}
	if u.User {
		u.Slice = "user.slice"
	}
	const field = "linux.cgroupsPath"
	if s.Linux != nil && s.Linux.CgroupsPath != "" {
		parts := strings.Split(s.Linux.CgroupsPath, ":")
		if len(parts) != 3 {
			ps.Addf(field, `%q is not of the form "slice:prefix:name", which the systemd driver needs`, s.Linux.CgroupsPath)
			return u
		}
		switch parts[0] {
		case "":
		case "-":
			u.Slice = "-.slice"
		default:
			u.Slice = parts[0]
		}
		switch prefix, name := parts[1], parts[2]; {
		case strings.HasSuffix(name, ".slice"):
			u.Name = name
		case prefix == "":
			u.Name = name + ".scope"
		default:
			u.Name = prefix + "-" + name + ".scope"
		}
	}
	slice, ok := strings.CutSuffix(u.Slice, ".slice")
	if !ok || slice != "-" && (!unitName(u.Slice) || slice == "" || strings.Contains("-"+slice+"-", "--")) {
		ps.Addf(field, "%q is not the name of a slice", u.Slice)
	}
	if !unitName(u.Name) || strings.HasPrefix(u.Name, ".") {
		ps.Addf(field, "%q is not the name of a unit", u.Name)
	}
	u.properties(s, id, ps)
	return u
}

// unitName tells that systemd takes the name (systemd.unit(5)): others would
// have to be escaped, and the caller would look for the unescaped one.
func unitName(name string) bool {
	return len(name) <= nameMax && strings.Trim(name,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@") == ""
}

func (u *Unit) isSlice() bool { return strings.HasSuffix(u.Name, ".slice") }

func (u *Unit) properties(s *specs.Spec, id string, ps *config.Problems) {
	add := func(name string, value any, since int) {
		u.Properties = append(u.Properties, Property{name, value, since})
	}
	add("Description", "container "+id, 0)
	add("DefaultDependencies", false, 0) // a shutdown stops the engine first, and that us
	add("MemoryAccounting", true, 0)
	add("CPUAccounting", true, 0)
	add("TasksAccounting", true, 0)
	add("IOAccounting", true, 230)
	if u.isSlice() {
		add("Wants", []string{u.Slice}, 0)
	} else {
		add("Slice", u.Slice, 0)
		add("Delegate", true, 0)
		add("CollectMode", "inactive-or-failed", 236) // a failed scope would block its name
	}
	for _, key := range sortedKeys(s.Annotations) {
		name, ok := strings.CutPrefix(key, annotation)
		if !ok {
			continue
		}
		field := "annotations[" + strconv.Quote(key) + "]"
		p, problem := parseProperty(name, s.Annotations[key])
		switch {
		case problem != "":
			ps.Addf(field, "%s", problem)
		case p == nil:
			ps.Warnf(field, "ignored: this property can't be set by an annotation")
		default:
			u.set(*p)
		}
	}
}

// set replaces a property, or adds it.
func (u *Unit) set(p Property) {
	for i := range u.Properties {
		if u.Properties[i].Name == p.Name {
			u.Properties[i] = p
			return
		}
	}
	u.Properties = append(u.Properties, p)
}

// dir is where systemd puts the unit in x: slices nest by the dashes in their
// names (systemd.slice(5)). A user's systemd starts from its own cgroup.
func (u *Unit) dir(x *hierarchy) string {
	top := "/"
	if u.User {
		top = userTop(x.own)
	}
	return path.Join(x.mount, top, sliceDir(u.Slice), u.Name)
}

func sliceDir(slice string) string {
	name := strings.TrimSuffix(slice, ".slice")
	if name == "-" {
		return ""
	}
	dir := ""
	for i := 0; i < len(name); i++ {
		if name[i] == '-' {
			dir = path.Join(dir, name[:i]+".slice")
		}
	}
	return path.Join(dir, slice)
}

// userTop finds the user's systemd from our own cgroup: either we are below it,
// or in a session beside it.
func userTop(own string) string {
	dir := ""
	for part := range strings.SplitSeq(strings.TrimPrefix(own, "/"), "/") {
		dir += "/" + part
		if strings.HasPrefix(part, "user@") {
			return dir
		}
		if uid, ok := strings.CutPrefix(part, "user-"); ok && strings.HasSuffix(uid, ".slice") {
			service := "/user@" + strings.TrimSuffix(uid, ".slice") + ".service"
			if !strings.Contains(own, service) {
				return dir + service
			}
		}
	}
	return "/"
}
