package libcontainer

import (
	"maps"
	"slices"
	"strconv"

	"github.com/c9b5e2ae/rt/libcontainer/cgroups"
	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/c9b5e2ae/rt/libcontainer/hooks"
	"github.com/c9b5e2ae/rt/libcontainer/intelrdt"
	"github.com/c9b5e2ae/rt/libcontainer/rootfs"
)

// state.json is written and read without encoding/json: its first use in a
// process costs as much as all of `rt state`. state_gen.go reads; this writes,
// and a test compares both with encoding/json for every field.

// An object writes the members of a JSON object.
type object struct {
	b []byte
}

func (o *object) key(name string) {
	if last := o.b[len(o.b)-1]; last != '{' {
		o.b = append(o.b, ',')
	}
	o.b = append(config.AppendString(o.b, name), ':')
}

func (o *object) text(name, value string) {
	o.key(name)
	o.b = config.AppendString(o.b, value)
}

func (o *object) number(name string, value uint64) {
	o.key(name)
	o.b = strconv.AppendUint(o.b, value, 10)
}

func (o *object) truth(name string, value bool) {
	o.key(name)
	o.b = strconv.AppendBool(o.b, value)
}

// in writes a member that is an object itself.
func (o *object) in(name string, write func()) {
	o.key(name)
	o.b = append(o.b, '{')
	write()
	o.b = append(o.b, '}')
}

func each[V any](o *object, name string, m map[string]V, write func(key string, value V)) {
	if len(m) == 0 {
		return
	}
	o.in(name, func() {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			write(k, m[k])
		}
	})
}

func (s *saved) json() []byte {
	o := &object{b: append(make([]byte, 0, 2048), '{')}
	o.number("version", uint64(s.Version))
	o.text("bootId", s.BootID)
	o.text("id", s.ID)
	o.number("pid", uint64(s.Pid))
	o.number("startTime", s.StartTime)
	o.text("bundle", s.Bundle)
	o.text("rootfs", s.Rootfs)
	o.text("created", s.Created)
	o.text("ociVersion", s.OCIVersion)
	each(o, "annotations", s.Annotations, o.text)
	o.truth("ownPidns", s.OwnPidns)
	o.in("cgroup", func() { writeCgroup(o, &s.Cgroup) })
	if s.IntelRdt != (intelrdt.State{}) {
		o.in("intelRdt", func() { writeIntelRdt(o, &s.IntelRdt) })
	}
	if s.HostMount != (rootfs.HostMount{}) {
		o.in("hostMount", func() {
			o.text("path", s.HostMount.Path)
			o.number("id", s.HostMount.ID)
		})
	}
	if s.Hook != (hooks.Group{}) {
		o.in("hook", func() {
			o.number("pid", uint64(s.Hook.Pid))
			o.number("start", s.Hook.Start)
			o.number("session", uint64(s.Hook.Session))
		})
	}
	return append(o.b, '}')
}

func writeIntelRdt(o *object, r *intelrdt.State) {
	o.text("root", r.Root)
	o.text("group", r.Group)
	o.truth("remove", r.Remove)
	o.number("inode", r.Inode)
	o.text("monitor", r.Monitor)
}

func writeCgroup(o *object, c *cgroups.State) {
	o.text("driver", c.Driver)
	each(o, "paths", c.Paths, o.text)
	each(o, "inodes", c.Inodes, o.number)
	each(o, "made", c.Made, func(k string, n int) { o.number(k, uint64(n)) })
	o.text("scope", c.Scope)
	o.truth("userBus", c.UserBus)
	o.truth("rootless", c.Rootless)
}
