package rootfs

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// mountBind clones a part of the host's tree into the container. What the
// options do not name keeps the value that it has in the source.
func (p *Plan) mountBind(m *Mount) error {
	fd, err := p.cloneSource(m)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := setAttributes(fd, m); err != nil {
		return fmt.Errorf("mount %s: %w", m, err)
	}
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
	// Among shared mounts a clone is a peer of the host's mount. Unless the
	// options want that, mounts made below it must not go back to the host.
	if p.shared() && len(m.Propagation) == 0 {
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
