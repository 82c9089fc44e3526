package namespaces

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/c9b5e2ae/rt/libcontainer/procfs"
)

const (
	maxExtents = 340       // UID_GID_MAP_MAX_EXTENTS, since 4.15
	maxID      = 1<<32 - 2 // 2^32-1 means "no id" to every system call
)

// An idMap is one of the two maps of a user namespace (user_namespaces(7)).
type idMap struct {
	path       string // JSON path
	file       string // below /proc/<pid>
	tool       string // the setuid helper that writes it for an unprivileged user
	capability int    // what writing it directly takes
	lines      []specs.LinuxIDMapping
	self       int // the effective id of rt
}

func (p *Plan) maps() [2]idMap {
	return [2]idMap{
		{"linux.uidMappings", "uid_map", "newuidmap", unix.CAP_SETUID, p.UIDMapping, os.Geteuid()},
		{"linux.gidMappings", "gid_map", "newgidmap", unix.CAP_SETGID, p.GIDMapping, os.Getegid()},
	}
}

func (p *Plan) planMaps(l *specs.Linux, ps *config.Problems) {
	p.UIDMapping, p.GIDMapping = l.UIDMappings, l.GIDMappings
	for _, m := range p.maps() {
		switch {
		case len(m.lines) == 0 && p.New&unix.CLONE_NEWUSER != 0:
			ps.Addf(m.path, "a new user namespace needs them")
		case len(m.lines) == 0:
		case !p.has(unix.CLONE_NEWUSER):
			ps.Addf(m.path, "needs a user namespace in linux.namespaces")
		case len(m.lines) > maxExtents:
			ps.Addf(m.path, "has %d entries, the kernel takes %d", len(m.lines), maxExtents)
		default:
			m.check(ps)
		}
	}
}

// check refuses what map_write in kernel/user_namespace.c would answer with a
// bare EINVAL, and a map in which nobody is root: rt has to become root there.
func (m *idMap) check(ps *config.Problems) {
	before := len(ps.List)
	root := false
	for i, a := range m.lines {
		path := fmt.Sprintf("%s[%d]", m.path, i)
		if a.Size == 0 {
			ps.Addf(path+".size", "0 maps nothing")
			continue
		}
		if last := uint64(a.ContainerID) + uint64(a.Size) - 1; last > maxID {
			ps.Addf(path, "container ids %d-%d go beyond the last one, %d", a.ContainerID, last, uint32(maxID))
		}
		if last := uint64(a.HostID) + uint64(a.Size) - 1; last > maxID {
			ps.Addf(path, "host ids %d-%d go beyond the last one, %d", a.HostID, last, uint32(maxID))
		}
		for j, b := range m.lines[:i] {
			if overlap(a.ContainerID, a.Size, b.ContainerID, b.Size) {
				ps.Addf(path, "container ids %s overlap those of %s[%d]", span(a.ContainerID, a.Size), m.path, j)
			}
			if overlap(a.HostID, a.Size, b.HostID, b.Size) {
				ps.Addf(path, "host ids %s overlap those of %s[%d]", span(a.HostID, a.Size), m.path, j)
			}
		}
		root = root || a.ContainerID == 0
	}
	if len(ps.List) > before {
		return
	}
	if !root {
		ps.Addf(m.path, "id 0 of the container is not mapped")
	}
	// The kernel takes a map in one write of less than a page.
	if size, page := len(m.text()), os.Getpagesize(); size >= page {
		ps.Addf(m.path, "the map has %d bytes, the kernel takes less than %d", size, page)
	}
}

func overlap(a, na, b, nb uint32) bool {
	return uint64(a) < uint64(b)+uint64(nb) && uint64(b) < uint64(a)+uint64(na)
}

func span(first, size uint32) string {
	return fmt.Sprintf("%d-%d", first, uint64(first)+uint64(size)-1)
}

// text is the map as the kernel reads it: inside, outside, count.
func (m *idMap) text() string {
	var b strings.Builder
	for _, a := range m.lines {
		fmt.Fprintf(&b, "%d %d %d\n", a.ContainerID, a.HostID, a.Size)
	}
	return b.String()
}

// WriteMaps gives the new user namespace of pid its id maps. pid is a child of
// rt that nobody has waited for, so its number cannot be another process'; it
// is in its new user namespace, and dumpable, or an unprivileged rt may not
// open its files.
//
// With CAP_SETUID and CAP_SETGID the maps are written directly. Without, rt may
// map its own id and nothing else, after groups can no longer be dropped there
// (setgroups "deny", CVE-2014-8989); other maps are for newuidmap(1) and
// newgidmap(1), which know /etc/subuid and /etc/subgid.
func (p *Plan) WriteMaps(pid int) error {
	caps, err := effective()
	if err != nil {
		return err
	}
	proc, err := procfs.OpenHost()
	if err != nil {
		return err
	}
	defer proc.Close()
	number, err := numberOfChild(proc, pid)
	if err != nil {
		return err
	}
	dir := number + "/"
	for _, m := range p.maps() {
		direct := caps&(1<<m.capability) != 0
		if !direct && len(m.lines) == 1 && m.lines[0].Size == 1 && m.lines[0].HostID == uint32(m.self) {
			direct = true
			if m.file == "gid_map" {
				if err := proc.WriteFile(dir+"setgroups", "deny"); err != nil {
					return fmt.Errorf("write setgroups of the user namespace: %w", err)
				}
			}
		}
		if !direct {
			err = m.runTool(pid)
		} else if err = proc.WriteFile(dir+m.file, m.text()); err != nil {
			err = m.explain(proc, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// explain finds the line that the kernel did not like: a host id that rt's own
// user namespace does not have cannot be given away.
func (m *idMap) explain(proc *procfs.Proc, cause error) error {
	own, err := readMap(proc, "self/"+m.file)
	if err == nil && errors.Is(cause, unix.EPERM) {
		for i, a := range m.lines {
			if !within(a, own) {
				return fmt.Errorf("%s[%d]: host ids %s are not in the user namespace of rt", m.path, i, span(a.HostID, a.Size))
			}
		}
	}
	return fmt.Errorf("%s: write %s %q: %w", m.path, m.file, strings.TrimSuffix(m.text(), "\n"), plain(cause))
}

func within(a specs.LinuxIDMapping, own []specs.LinuxIDMapping) bool {
	for _, o := range own {
		// One line of a map must lie in one line of its parent's (map_write).
		if a.HostID >= o.ContainerID && uint64(a.HostID)+uint64(a.Size) <= uint64(o.ContainerID)+uint64(o.Size) {
			return true
		}
	}
	return false
}

// ChecksMaps tells whether CheckMaps has anything to compare.
func (p *Plan) ChecksMaps() bool {
	return p != nil && p.joined(unix.CLONE_NEWUSER) != nil && len(p.UIDMapping)+len(p.GIDMapping) > 0
}

// CheckMaps compares the maps of the user namespace that pid has joined with
// those of the config, if it has any. A map must be listed as the kernel shows
// it, in any order.
func (p *Plan) CheckMaps(pid int) error {
	if !p.ChecksMaps() {
		return nil
	}
	j := p.joined(unix.CLONE_NEWUSER)
	proc, err := procfs.OpenHost()
	if err != nil {
		return err
	}
	defer proc.Close()
	number, err := numberOfChild(proc, pid)
	if err != nil {
		return err
	}
	for _, m := range p.maps() {
		if len(m.lines) == 0 {
			continue
		}
		have, err := readMap(proc, number+"/"+m.file)
		if err != nil {
			return err
		}
		if !sameMap(m.lines, have) {
			return fmt.Errorf("%s: the user namespace %q has other ones", m.path, j.Path)
		}
	}
	return nil
}

func sameMap(want, have []specs.LinuxIDMapping) bool {
	if len(want) != len(have) {
		return false
	}
	for _, w := range want {
		found := false
		for _, h := range have {
			found = found || w == h
		}
		if !found {
			return false
		}
	}
	return true
}

// readMap reads uid_map or gid_map, the second column as seen from rt.
func readMap(proc *procfs.Proc, path string) ([]specs.LinuxIDMapping, error) {
	text, err := proc.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var lines []specs.LinuxIDMapping
	for line := range strings.Lines(text) {
		var n [3]uint32
		fields := strings.Fields(line)
		for i := range min(len(fields), 3) {
			v, err := strconv.ParseUint(fields[i], 10, 32)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			n[i] = uint32(v)
		}
		lines = append(lines, specs.LinuxIDMapping{ContainerID: n[0], HostID: n[1], Size: n[2]})
	}
	return lines, nil
}

// effective returns the effective capabilities of this thread as a mask.
func effective() (uint64, error) {
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var d [2]unix.CapUserData
	if err := unix.Capget(&h, &d[0]); err != nil {
		return 0, os.NewSyscallError("capget", err)
	}
	return uint64(d[0].Effective) | uint64(d[1].Effective)<<32, nil
}
