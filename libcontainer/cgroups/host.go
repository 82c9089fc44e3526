package cgroups

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// A hierarchy is one tree of cgroups: a cgroup v1 mount with its controllers,
// or the cgroup2 mount.
type hierarchy struct {
	name  string // as in /proc/self/cgroup: "memory", "cpu,cpuacct", "name=systemd"; "" is cgroup2
	mount string // where it is mounted
	own   string // the cgroup of rt itself, below mount
}

// host is what this machine has of cgroups.
type host struct {
	hierarchies []hierarchy
	v2          *hierarchy // the one named "", or nil
	controllers string     // cgroup2: " cpu memory pids ", read when first asked for
	asked       bool
}

const mountRoot = "/sys/fs/cgroup"

// readHost lists the hierarchies of /proc/self/cgroup (cgroups(7)) at their usual
// places, which costs 10 µs. Whether they are mounted there turns out when they
// are used first: see locate.
func readHost(mode config.CgroupMode) (*host, error) {
	data, err := readFile(unix.AT_FDCWD, "/proc/self/cgroup")
	if err != nil {
		return nil, fmt.Errorf("read /proc/self/cgroup: %w", err)
	}
	h := &host{}
	for line := range strings.Lines(data) {
		_, line, _ = strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		name, own, ok := strings.Cut(line, ":")
		if !ok || name == "" && mode == config.CgroupV1 || name != "" && mode == config.CgroupV2 {
			continue
		}
		mount := mountRoot + "/" + strings.TrimPrefix(name, "name=")
		if name == "" {
			mount = mountRoot
			if mode == config.CgroupHybrid {
				mount += "/unified"
			}
		}
		h.hierarchies = append(h.hierarchies, hierarchy{name, mount, own})
	}
	for i := range h.hierarchies {
		if h.hierarchies[i].name == "" {
			h.v2 = &h.hierarchies[i]
		}
	}
	return h, nil
}

// A mountLine is what matters of a line of mountinfo (proc_pid_mountinfo(5)).
type mountLine struct{ root, point, kind, options string }

func cgroupMounts() []mountLine {
	data, err := readFile(unix.AT_FDCWD, "/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	var out []mountLine
	for line := range strings.Lines(data) {
		left, right, ok := strings.Cut(line, " - ")
		f, g := strings.Fields(left), strings.Fields(right)
		if ok && len(f) > 5 && len(g) > 2 && (g[0] == "cgroup" || g[0] == "cgroup2") {
			out = append(out, mountLine{f[3], f[4], g[0], g[2]})
		}
	}
	return out
}

// mounted tells that x is where it is supposed to be.
func (x *hierarchy) mounted() bool {
	fd, err := open(unix.AT_FDCWD, x.mount, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return x.is(fd)
}

// is tells that fd lies in a mount of x's kind.
func (x *hierarchy) is(fd int) bool {
	var s unix.Statfs_t
	if unix.Fstatfs(fd, &s) != nil {
		return false
	}
	if x.name == "" {
		return s.Type == unix.CGROUP2_SUPER_MAGIC
	}
	return s.Type == unix.CGROUP_SUPER_MAGIC
}

// locate finds a hierarchy that is not mounted at its usual place, by the
// controllers in the super block's options, whatever their order. Not every
// hierarchy of the kernel need be mounted in our namespace.
func (x *hierarchy) locate() bool {
	for _, m := range cgroupMounts() {
		if m.kind == "cgroup2" && x.name == "" || m.kind == "cgroup" && x.name != "" && hasAll(m.options, x.name) {
			x.mount = m.point
			return true
		}
	}
	return false
}

func hasAll(options, names string) bool {
	for name := range strings.SplitSeq(names, ",") {
		if !hasWord(options, name, ",") {
			return false
		}
	}
	return true
}

func hasWord(list, word, separator string) bool {
	for w := range strings.SplitSeq(list, separator) {
		if w == word {
			return true
		}
	}
	return false
}

// find returns the v1 hierarchy that has the controller, or cgroup2 if that
// has it, or nil. A controller is in one hierarchy at a time (cgroups(7)).
func (h *host) find(controller string) *hierarchy {
	for i := range h.hierarchies {
		if x := &h.hierarchies[i]; x.name != "" && hasWord(x.name, controller, ",") {
			return x
		}
	}
	if h.v2 != nil && strings.Contains(h.v2Controllers(), " "+controller+" ") {
		return h.v2
	}
	return nil
}

// pure tells that there is nothing but cgroup2.
func (h *host) pure() bool {
	return len(h.hierarchies) == 1 && h.v2 != nil
}

func (h *host) v2Controllers() string {
	if !h.asked && h.v2 != nil {
		h.asked = true
		data, _ := readFile(unix.AT_FDCWD, h.v2.mount+"/cgroup.controllers")
		h.controllers = " " + strings.TrimSpace(data) + " "
	}
	return h.controllers
}

// ownDir is rt's own cgroup as a path below the mount point. Inside a container
// without a cgroup namespace the mount shows only the container's part of the
// tree, and /proc/self/cgroup the path from the top: then the mount's root in
// mountinfo is what they share.
func (x *hierarchy) ownDir() string {
	own := x.own
	if own == "/.." || strings.HasPrefix(own, "/../") {
		return "/" // moved out of our cgroup namespace: not visible here
	}
	if own == "/" || unix.Access(x.mount+own, unix.F_OK) == nil {
		return own
	}
	for _, m := range cgroupMounts() {
		if m.point == x.mount {
			if rest, ok := strings.CutPrefix(own, m.root); ok && (rest == "" || rest[0] == '/') {
				return "/" + strings.TrimPrefix(rest, "/")
			}
		}
	}
	return "/"
}
