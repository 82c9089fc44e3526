package rootfs

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mountBind clones a part of the host's tree into the container. What the
// options do not name keeps the value that it has in the source.
func (p *Plan) mountBind(m *Mount) error {
	fd, err := p.cloneBind(m)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return p.putClone(m, fd)
}

// putClone attaches a clone; a file needs a file as its mount point.
func (p *Plan) putClone(m *Mount, fd int) error {
	var at place
	var err error = unix.ENOENT
	if !m.strict() {
		// The usual case costs no look at the source: the mount point is there.
		at.fd, err = openat2(p.root.fd, m.Path, unix.O_PATH, unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_SYMLINKS)
		at.straight = true
	}
	if err != nil {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return fmt.Errorf("mount %s: %w", m, err)
		}
		if at, err = p.target(m, st.Mode&unix.S_IFMT == unix.S_IFDIR); err != nil {
			return err
		}
	}
	defer unix.Close(at.fd)
	return p.put(m, fd, at)
}

// cloneBind clones the source of a bind mount, with the attributes of the mount.
func (p *Plan) cloneBind(m *Mount) (int, error) {
	if fd, err := p.cloneInOne(m); err == nil {
		return fd, nil
	}
	fd, err := p.cloneSource(m)
	if err != nil {
		return -1, err
	}
	if err := setAttributes(fd, m); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("mount %s: %w", m, err)
	}
	return fd, nil
}

// cloneInOne does so by one system call where that can say it all. Whatever the
// error is, the longer way is open, and finds the words for it.
func (p *Plan) cloneInOne(m *Mount) (int, error) {
	if p.noTreeAttr || m.File != nil || m.Recursive || p.slaves(m) || m.Attr.empty() || m.Attr.Undo != 0 || m.Rattr != (Attributes{}) {
		return -1, unix.EINVAL
	}
	fd, err := openTreeAttr(m.Source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC, &unix.MountAttr{Attr_set: m.Attr.Set, Attr_clr: m.Attr.Clear})
	p.noTreeAttr = err == unix.ENOSYS || err == unix.EPERM // EPERM: also what old seccomp profiles say
	return fd, err
}

// openTreeAttr is open_tree_attr(2) (6.15): open_tree(2) and mount_setattr(2) in one.
func openTreeAttr(path string, flags uintptr, attr *unix.MountAttr) (int, error) {
	name, err := unix.BytePtrFromString(path)
	if err != nil {
		return -1, err
	}
	cwd := unix.AT_FDCWD
	fd, _, errno := unix.Syscall6(unix.SYS_OPEN_TREE_ATTR, uintptr(cwd), uintptr(unsafe.Pointer(name)), flags, uintptr(unsafe.Pointer(attr)), unsafe.Sizeof(*attr), 0)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// slaves tells whether the clone must be made a slave: among shared mounts it is
// a peer of the host's mount. Unless the options want that, mounts made below it
// must not go back to the host.
func (p *Plan) slaves(m *Mount) bool { return p.shared() && len(m.Propagation) == 0 }

func (p *Plan) cloneSource(m *Mount) (int, error) {
	if m.File != nil {
		fd, err := unix.FcntlInt(m.File.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return -1, fmt.Errorf("mount %s: %w", m, err)
		}
		return fd, nil
	}
	fd, err := cloneTree(m.Source, m.Recursive)
	if err != nil {
		return -1, fmt.Errorf("mount %s: source: %w", m, err)
	}
	if p.slaves(m) {
		if err := setPropagation(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, unix.MS_SLAVE); err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("mount %s: %w", m, err)
		}
	}
	return fd, nil
}

// cloneTree clones what is at a path of the host, alone or with all mounts below
// (open_tree(2), 5.2).
func cloneTree(path string, all bool) (int, error) {
	return unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|recursive(all))
}
