package rootfs

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// A late mount becomes read-only when nothing needs to be made in it any more.
type late struct {
	fd   int
	path string
}

// Private cuts the mount namespace off from the host's and clones the root
// filesystem onto itself, so that it is a mount (pivot_root(2) wants one) which
// is nobody's peer.
//
// Everything becomes a slave (mounts of the host still arrive, nothing goes
// back), or private if linux.rootfsPropagation says so. Only if it says shared,
// the host's peers stay peers: a volume with the option rshared can then carry
// mounts back to the host, which is what shared is for. The parent of the root
// and the root itself are private in any case.
func (p *Plan) Private() error {
	p.root.fd = -1
	fd, err := openRoot(p.Root)
	if err != nil {
		return err
	}
	if !p.Namespace {
		p.root.fd = fd
		if p.OnHost {
			return p.onHostMount(fd)
		}
		return nil
	}
	defer unix.Close(fd)
	switch {
	case p.shared():
		err = makeParentPrivate(fd)
	case p.RootPropagation&(unix.MS_PRIVATE|unix.MS_UNBINDABLE) != 0:
		err = setPropagation(unix.AT_FDCWD, "/", unix.AT_RECURSIVE, unix.MS_PRIVATE)
	default:
		err = setPropagation(unix.AT_FDCWD, "/", unix.AT_RECURSIVE, unix.MS_SLAVE)
	}
	if err != nil {
		return fmt.Errorf("make the mounts of the host private: %w", err)
	}
	tree, err := unix.OpenTree(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return fmt.Errorf("clone root %q: %w", p.Root, err)
	}
	p.root.fd = tree
	if p.shared() {
		if err := setPropagation(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, unix.MS_PRIVATE); err != nil {
			return fmt.Errorf("make root %q private: %w", p.Root, err)
		}
	}
	if err := attach(tree, fd); err != nil {
		return fmt.Errorf("mount root %q: %w", p.Root, err)
	}
	return nil
}

// openRoot opens the root filesystem, which must not be a link: it was found by
// rt, and another could have come in its place.
func openRoot(path string) (int, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		var st unix.Stat_t
		if err == unix.ENOTDIR && unix.Lstat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK {
			err = fmt.Errorf("it is a symbolic link: %w", err)
		}
		return -1, fmt.Errorf("root.path: open %q: %w", path, err)
	}
	return fd, nil
}

// mounts tells whether the container mounts anything.
func (p *Plan) mounts() bool { return p.Namespace || p.OnHost }

func (p *Plan) shared() bool { return p.RootPropagation&unix.MS_SHARED != 0 }

// makeParentPrivate finds the mount that holds the directory dir, going up until
// the kernel agrees that this is the root of a mount (EINVAL: it is not).
func makeParentPrivate(dir int) error {
	at, err := unix.FcntlInt(uintptr(dir), unix.F_DUPFD_CLOEXEC, 0)
	for range unix.PathMax {
		if err != nil {
			break
		}
		if err = setPropagation(at, "", unix.AT_EMPTY_PATH, unix.MS_PRIVATE); err != unix.EINVAL {
			break
		}
		up, e := unix.Openat(at, "..", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		unix.Close(at)
		at, err = up, e
	}
	if at >= 0 {
		unix.Close(at)
	}
	return err
}

// Mount makes mounts[] in the listed order. Private was called before. The
// umask is set aside, or directories that are made on the way would depend on
// the caller's.
func (p *Plan) Mount() error {
	if !p.mounts() {
		return nil
	}
	if len(p.Masked) > 0 && p.DevBound {
		if err := p.keepNull(); err != nil {
			return err
		}
	}
	defer unix.Umask(unix.Umask(0))
	for i := 0; i < len(p.Mounts); {
		if n := p.row(i); n > 1 {
			if err := p.mountRow(p.Mounts[i : i+n]); err != nil {
				return err
			}
			i += n
			continue
		}
		if err := p.mount(&p.Mounts[i]); err != nil {
			return p.Mounts[i].named(err)
		}
		i++
	}
	return nil
}

func (p *Plan) mount(m *Mount) error {
	switch m.Kind {
	case Bind:
		return p.mountBind(m)
	case Cgroup:
		return p.mountCgroup(m)
	case Remount:
		return p.remount(m)
	}
	return p.mountFilesystem(m)
}

// put attaches the detached mount fd at the mount's path and proves that it got
// there. The caller keeps fd and closes the place.
func (p *Plan) put(m *Mount, fd int, at place) error {
	if m.Path == "/proc" {
		if err := checkProcSource(m, fd); err != nil {
			return err
		}
	}
	if err := checkTarget(m, at); err != nil {
		return err
	}
	if p.OnHost {
		// In a namespace of its own, what is the host's is a slave from the start.
		if err := setPropagation(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, unix.MS_SLAVE); err != nil {
			return fmt.Errorf("make %s a slave: %w", m, err)
		}
	}
	if err := attach(fd, at.fd); err != nil {
		return fmt.Errorf("mount %s: %w", m, hint(err, fd, at.fd))
	}
	var err error
	if m.id, err = p.root.leadsTo(m.Path, at.flags, fd); err != nil {
		return fmt.Errorf("mount %s: %w", m, err)
	}
	return p.propagate(fd, m.Path, m.Propagation)
}

// target opens the mount point, making it if it is missing. proc, sysfs and what
// goes on /proc need a directory that is no link: on a link, the mount would be
// somewhere else, and the real /proc the image's (CVE-2019-19921).
func (p *Plan) target(m *Mount, dir bool) (place, error) {
	flags := 0
	if m.strict() {
		flags = unix.O_NOFOLLOW | unix.O_DIRECTORY
	}
	at, err := p.root.create(m.Path, dir, flags)
	switch {
	case err == nil:
		return at, nil
	case flags != 0 && (err == unix.ENOTDIR || err == unix.ELOOP):
		return at, fmt.Errorf("mount %s: the mount point is not an ordinary directory", m)
	}
	return at, fmt.Errorf("create mount point %q: %w", m.Path, err)
}

func (m *Mount) strict() bool {
	return m.Path == "/proc" || m.Kind == Filesystem && (m.Type == "proc" || m.Type == "sysfs")
}

// checkTarget refuses a mount point that a link of the image put into procfs. The
// plan has looked at the words; where no link was on the way, they are the truth.
func checkTarget(m *Mount, at place) error {
	if at.straight || m.Path == "/proc" {
		return nil
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(at.fd, &fs); err != nil {
		return fmt.Errorf("statfs %q: %w", m.Path, err)
	}
	if fs.Type == unix.PROC_SUPER_MAGIC {
		return fmt.Errorf("mount %s: the mount point is inside /proc", m)
	}
	return nil
}

// checkProcSource lets nothing but a procfs on /proc.
func checkProcSource(m *Mount, fd int) error {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return fmt.Errorf("statfs %q: %w", m.Source, err)
	}
	if fs.Type != unix.PROC_SUPER_MAGIC {
		return fmt.Errorf("mount %s: not a procfs", m)
	}
	return nil
}

// hint explains what people meet often: mount(2) says ENOTDIR when a file and a
// directory meet, move_mount(2) an EINVAL that could be anything.
func hint(err error, fd, target int) error {
	var a, b unix.Stat_t
	if err != unix.EINVAL && err != unix.ENOTDIR || unix.Fstat(fd, &a) != nil || unix.Fstat(target, &b) != nil {
		return err
	}
	from, to := a.Mode&unix.S_IFMT == unix.S_IFDIR, b.Mode&unix.S_IFMT == unix.S_IFDIR
	switch {
	case from && !to:
		return fmt.Errorf("the source is a directory and the mount point is a file: %w", unix.ENOTDIR)
	case to && !from:
		return fmt.Errorf("the source is a file and the mount point is a directory: %w", unix.ENOTDIR)
	}
	return err
}

// named adds the place in config.json to an error.
func (m *Mount) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("mounts[%d]: %w", m.Index, err)
}

func (m *Mount) String() string {
	source := m.Source
	if source == "" {
		source = m.Type
	}
	return fmt.Sprintf("%q on %q", source, m.Path)
}

// remount changes a mount that is there. Only what the options name changes:
// attributes of the mount, and (without the option bind) flags and options of
// the filesystem, for all of its mounts.
func (p *Plan) remount(m *Mount) error {
	target, err := p.root.open(m.Path, unix.O_PATH)
	if err != nil {
		return fmt.Errorf("remount %q: %w", m.Path, err)
	}
	defer unix.Close(target)
	if m.Super|m.SuperClear != 0 || len(m.Data) > 0 {
		if err := m.reconfigure(target); err != nil {
			return fmt.Errorf("remount %q: %w", m.Path, err)
		}
	}
	if err := setAttributes(target, m); err != nil {
		if err == unix.EINVAL {
			err = fmt.Errorf("not a mount point: %w", err)
		}
		return fmt.Errorf("remount %q: %w", m.Path, err)
	}
	return p.propagate(target, m.Path, m.Propagation)
}

// setAttributes applies the attributes of m to the mount fd: first those of the
// whole tree, then those of this mount alone, which were listed later.
func setAttributes(fd int, m *Mount) error {
	r := m.Rattr
	if r.Undo&(unix.MOUNT_ATTR_NOATIME|unix.MOUNT_ATTR_STRICTATIME) != 0 {
		r.Clear |= unix.MOUNT_ATTR__ATIME
	}
	if err := mountSetattr(fd, unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, r); err != nil {
		return err
	}
	a := m.Attr
	if a.Undo != 0 && a.Clear&unix.MOUNT_ATTR__ATIME == 0 {
		undo, err := undoes(fd, a.Undo)
		if err != nil {
			return err
		}
		if undo {
			a.Clear |= unix.MOUNT_ATTR__ATIME
		}
	}
	return mountSetattr(fd, unix.AT_EMPTY_PATH, a)
}

// undoes tells whether the mount has one of the access time modes.
func undoes(fd int, modes uint64) (bool, error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return false, err
	}
	switch {
	case fs.Flags&unix.ST_NOATIME != 0:
		return modes&unix.MOUNT_ATTR_NOATIME != 0, nil
	case fs.Flags&unix.ST_RELATIME == 0:
		return modes&unix.MOUNT_ATTR_STRICTATIME != 0, nil
	}
	return false, nil
}

// mountSetattr explains the EPERM of mount_setattr(2): in a user namespace, flags
// of mounts that came from a more privileged one are locked
// (mount_namespaces(7), "Restrictions on mount namespaces").
func mountSetattr(fd int, flags uint, a Attributes) error {
	if a.empty() {
		return nil
	}
	err := unix.MountSetattr(fd, "", flags, &unix.MountAttr{Attr_set: a.Set, Attr_clr: a.Clear})
	if errors.Is(err, unix.EPERM) && a.Clear != 0 {
		return fmt.Errorf("clear %s, which the owner of the mount has locked: %w", names(a.Clear), err)
	}
	return err
}

func names(attr uint64) string {
	var out []string
	for _, o := range options {
		if o.Kind == optAttr && !o.Clear && o.Attr&attr != 0 {
			out = append(out, o.Name)
		}
	}
	if attr&unix.MOUNT_ATTR__ATIME != 0 {
		out = append(out, "the access time mode")
	}
	return strings.Join(out, ", ")
}

func attach(mount, target int) error {
	return unix.MoveMount(mount, "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
}
