package rootfs

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/procfs"
)

const cgroupRoot = "/sys/fs/cgroup"

// A hierarchy is one line of /proc/self/cgroup (cgroups(7)).
type hierarchy struct {
	controllers string // "cpu,cpuacct", "name=systemd", "" for cgroup2
	path        string // the cgroup of this process, as its cgroup namespace shows it
}

// dir is the name of the directory where systemd and all others mount it.
func (h hierarchy) dir() string { return strings.TrimPrefix(h.controllers, "name=") }

func ownCgroups() ([]hierarchy, error) {
	text, err := procfs.ReadHost("self/cgroup")
	if err != nil {
		return nil, err
	}
	var out []hierarchy
	for line := range strings.Lines(text) {
		_, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, dir, ok := strings.Cut(rest, ":")
		if ok {
			out = append(out, hierarchy{controllers, dir})
		}
	}
	return out, nil
}

// mountCgroup shows the container its cgroups as the host has them: cgroup2, or
// one directory per hierarchy of v1. On a hybrid host the container sees v1 and
// not the cgroup2 beside it, as with runc.
func (p *Plan) mountCgroup(m *Mount) error {
	if p.Cgroup2 || m.Type == "cgroup2" {
		return p.mountCgroup2(m)
	}
	return p.mountCgroup1(m)
}

// mountCgroup2 mounts cgroup2. Without a cgroup namespace that would be a second
// mount of the host's whole tree, which a bind gives 500 times faster (the kernel
// waits for all CPUs when it makes one: 7 ms). In a user namespace neither is
// allowed or wanted, and the container gets its own cgroup only; if even that
// cannot be reached, the directory is empty and read-only (CVE-2023-25809).
func (p *Plan) mountCgroup2(m *Mount) error {
	if !p.CgroupNS && !p.UserNamespace {
		fd, err := cloneTree(cgroupRoot, false)
		if err == nil {
			defer unix.Close(fd)
			return p.putCgroup(m, fd)
		}
	}
	if p.CgroupNS || !p.UserNamespace {
		fd, err := m.detached("cgroup2", m.Data)
		if err == nil {
			defer unix.Close(fd)
			return p.putCgroup(m, fd)
		}
		return fmt.Errorf("mount %s: %w", m, err)
	}
	all, err := ownCgroups()
	if err != nil {
		return err
	}
	for _, h := range all {
		if h.controllers != "" {
			continue
		}
		fd, err := cloneTree(path.Join(cgroupRoot, h.path), true)
		if err == unix.ENOENT || err == unix.EACCES {
			break
		}
		if err != nil {
			return fmt.Errorf("mount %s: %w", m, err)
		}
		defer unix.Close(fd)
		return p.putCgroup(m, fd)
	}
	void, err := p.emptyDir()
	if err != nil {
		return err
	}
	defer unix.Close(void)
	return p.putClone(m, void)
}

func (p *Plan) putCgroup(m *Mount, fd int) error {
	if err := setAttributes(fd, m); err != nil {
		return fmt.Errorf("mount %s: %w", m, err)
	}
	return p.putClone(m, fd)
}

// mountCgroup1 mounts a tmpfs with one directory per hierarchy of v1.
func (p *Plan) mountCgroup1(m *Mount) error {
	hierarchies, err := ownCgroups()
	if err != nil {
		return err
	}
	top := Mount{Index: m.Index, Path: m.Path, Type: "tmpfs", Source: "tmpfs"}
	top.Attr.Set = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC
	data := []string{"mode=755"}
	if p.Label != "" {
		data = append(data, p.LabelKey+"="+p.Label)
	}
	tmpfs, err := top.detached("tmpfs", data)
	if err != nil {
		return fmt.Errorf("mount %s: %w", m, err)
	}
	defer unix.Close(tmpfs)
	at, err := p.target(m, true)
	if err != nil {
		return err
	}
	defer unix.Close(at.fd)
	if err := p.put(&top, tmpfs, at); err != nil {
		return err
	}
	for _, h := range hierarchies {
		if h.controllers == "" {
			continue
		}
		if err := p.mountHierarchy(m, h, tmpfs); err != nil {
			return fmt.Errorf("mount cgroup %s on %q: %w", h.controllers, m.Path, err)
		}
	}
	// All of them at once: nobody is in the container yet.
	if err := mountSetattr(tmpfs, unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, m.Rattr.or(m.Attr)); err != nil {
		return fmt.Errorf("mount %s: %w", m, err)
	}
	all := slices.Clone(m.Propagation)
	for i := range all {
		all[i] |= unix.MS_REC
	}
	return p.propagate(tmpfs, m.Path, all)
}

// mountHierarchy puts one hierarchy into the tmpfs: a new mount, whose root a
// cgroup namespace moves to the container's cgroup, or without one a clone of
// just that directory.
func (p *Plan) mountHierarchy(m *Mount, h hierarchy, tmpfs int) error {
	var fd int
	var err error
	dir := h.dir()
	if p.CgroupNS {
		fd, err = m.newHierarchy(h)
	} else {
		fd, dir, err = cloneHierarchy(h)
	}
	if err == unix.ENOENT {
		return nil // not mounted on this host
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Mkdirat(tmpfs, dir, 0o755); err != nil {
		return err
	}
	// The name is no link, and the tmpfs is nobody else's: no need to open it.
	if err := unix.MoveMount(fd, "", tmpfs, dir, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return err
	}
	if !strings.Contains(dir, ",") {
		return nil
	}
	for name := range strings.SplitSeq(dir, ",") {
		if err := unix.Symlinkat(dir, tmpfs, name); err != nil && err != unix.EEXIST {
			return err
		}
	}
	return nil
}

func (m *Mount) newHierarchy(h hierarchy) (int, error) {
	n := Mount{Source: "cgroup", Attr: m.Attr, Rattr: m.Rattr}
	n.Attr.Set |= unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC
	if strings.HasPrefix(h.controllers, "name=") {
		return n.detached("cgroup", []string{"none", h.controllers})
	}
	return n.detached("cgroup", strings.Split(h.controllers, ","))
}

// cloneHierarchy clones the own directory of the hierarchy from where the host
// has it mounted, which is nearly always at the name of its controllers. It
// returns also the name under which the host shows it.
func cloneHierarchy(h hierarchy) (int, string, error) {
	fd, err := cloneCgroup(path.Join(cgroupRoot, h.dir(), h.path), h.path == "/")
	if err == nil || err != unix.ENOENT {
		return fd, h.dir(), err
	}
	at, root, err := findHierarchy(h)
	if err != nil {
		return -1, "", err
	}
	// rt itself may be in a container: the mount shows a part of the tree only.
	below, ok := strings.CutPrefix(h.path, root)
	if root == "/" {
		below, ok = h.path, true
	}
	if !ok {
		return -1, "", unix.ENOENT
	}
	fd, err = cloneCgroup(path.Join(at, below), false)
	return fd, path.Base(at), err
}

// cloneCgroup clones a directory of a hierarchy. The name of one that is not
// mounted may exist as a plain directory; a cgroup in it does not.
func cloneCgroup(dir string, check bool) (int, error) {
	fd, err := cloneTree(dir, true)
	if err != nil || !check {
		return fd, err
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil || fs.Type != unix.CGROUP_SUPER_MAGIC {
		unix.Close(fd)
		return -1, unix.ENOENT
	}
	return fd, nil
}

// findHierarchy looks a hierarchy up in mountinfo: its mount point, and the
// cgroup that is at its root.
func findHierarchy(h hierarchy) (at, root string, err error) {
	text, err := procfs.ReadHost("self/mountinfo")
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(text) {
		i := parseMountInfo(line)
		if i.FSType != "cgroup" {
			continue
		}
		all := true
		for name := range strings.SplitSeq(h.controllers, ",") {
			all = all && hasWord(i.Super, name)
		}
		if all {
			return i.Point, i.Root, nil
		}
	}
	return "", "", unix.ENOENT
}
