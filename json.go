package main

import (
	"maps"
	"slices"
	"strconv"

	"github.com/c9b5e2ae/rt/libcontainer"
	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// appendState writes a state the way `runc state` does: these keys, in this
// order, two spaces deep. It is by hand because an engine that polls state pays
// more for the first use of encoding/json than for all the rest.
func appendState(b []byte, s *libcontainer.State, margin string) []byte {
	key := func(name string) {
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(b, '\n')
		b = append(append(b, margin...), "  "...)
		b = append(config.AppendString(b, name), ": "...)
	}
	text := func(name, value string) {
		key(name)
		b = config.AppendString(b, value)
	}
	b = append(b, '{')
	text("ociVersion", s.Version)
	text("id", s.ID)
	key("pid")
	b = strconv.AppendInt(b, int64(s.Pid), 10)
	text("status", string(s.Status))
	text("bundle", s.Bundle)
	text("rootfs", s.Rootfs)
	text("created", s.Created)
	if len(s.Annotations) > 0 {
		key("annotations")
		b = append(b, '{')
		outer := margin
		margin += "  "
		for _, k := range slices.Sorted(maps.Keys(s.Annotations)) {
			text(k, s.Annotations[k])
		}
		margin = outer
		b = append(append(append(b, '\n'), margin...), "  }"...)
	}
	text("owner", s.Owner)
	b = append(b, '\n')
	return append(append(b, margin...), '}')
}
