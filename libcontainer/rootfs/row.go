package rootfs

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// A row is bind mounts that follow each other in mounts[] and lie in the same
// directory, as an engine's volumes do. The directory is opened once and kept.
// A mount goes on a name in it, which is not followed if it is a link, and the
// name must lead to the mount afterwards. That the directory still is where the
// path says is proven at the end of the row, once for all: the whole path of the
// last mount is opened, and leads to it by no other directory than this.
type row struct {
	p    *Plan
	path string // of the directory
	dir  int    // -1 if it is not open
	last *Mount // the last one that was put into it; nil for none
}

// row counts the mounts from the i-th on that are one.
func (p *Plan) row(i int) int {
	n := 0
	for ; i+n < len(p.Mounts); n++ {
		m := &p.Mounts[i+n]
		if m.Kind != Bind || m.strict() || p.OnHost || n > 0 && !neighbours(m.Path, p.Mounts[i].Path) {
			break
		}
	}
	return n
}

func neighbours(a, b string) bool {
	above, _ := parent(a)
	other, _ := parent(b)
	return above == other
}

func (p *Plan) mountRow(mounts []Mount) error {
	r := row{p: p, dir: -1}
	r.path, _ = parent(mounts[0].Path)
	defer r.drop()
	for i := range mounts {
		if err := r.mount(&mounts[i]); err != nil {
			return err
		}
	}
	return r.end()
}

func (r *row) mount(m *Mount) error {
	fd, err := r.p.cloneBind(m)
	if err != nil {
		return m.named(err)
	}
	defer unix.Close(fd)
	if ok, err := r.put(m, fd); ok || err != nil {
		return m.named(err)
	}
	// A link, or something is wrong. The mount may cover the directory then.
	if err := r.end(); err != nil {
		return err
	}
	return m.named(r.p.putClone(m, fd))
}

// put attaches the clone fd to its name in the directory. It returns false if
// that cannot be done, and nothing has happened.
func (r *row) put(m *Mount, fd int) (bool, error) {
	var err error
	if r.dir < 0 {
		r.dir, err = openat2(r.p.root.fd, r.path, unix.O_PATH|unix.O_DIRECTORY, unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_SYMLINKS)
		if err != nil {
			return false, nil
		}
	}
	number, mode, err := mountOf(fd, "")
	if err != nil {
		return false, fmt.Errorf("mount %s: %w", m, err)
	}
	_, name := parent(m.Path)
	dir := mode&unix.S_IFMT == unix.S_IFDIR
	if !dir {
		// move_mount(2) takes a link for a file.
		if _, mode, err = mountOf(r.dir, name); err == nil && mode&unix.S_IFMT == unix.S_IFLNK {
			return false, nil
		}
	}
	if err == nil {
		err = attachName(fd, r.dir, name)
	}
	if err == unix.ENOENT {
		if err = makeAt(r.dir, name, dir); err == nil {
			err = attachName(fd, r.dir, name)
		}
	}
	if err != nil {
		return false, nil
	}
	r.last, m.id = m, number
	now, _, err := mountOf(r.dir, name)
	if err == nil && now != number {
		err = errMoved
	}
	if err != nil {
		return false, fmt.Errorf("mount %s: %w", m, err)
	}
	return true, r.p.propagate(fd, m.Path, m.Propagation)
}

// end proves that the directory is where it was, and closes it.
func (r *row) end() error {
	defer r.drop()
	if r.last == nil {
		return nil
	}
	if err := r.p.root.leadsToNumber(r.last.Path, 0, r.last.id); err != nil {
		return r.last.named(fmt.Errorf("mount %s: %w", r.last, err))
	}
	return nil
}

func (r *row) drop() {
	if r.dir >= 0 {
		unix.Close(r.dir)
	}
	r.dir, r.last = -1, nil
}

// attachName attaches a mount to a name in a directory, a link's name to the link.
func attachName(mount, dir int, name string) error {
	return unix.MoveMount(mount, "", dir, name, unix.MOVE_MOUNT_F_EMPTY_PATH)
}
