package rootfs

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// keepNull takes the host's /dev/null aside while it can be reached, for masked
// files of a container whose /dev is somebody else's directory: what is called
// null there may be a link to a file of procfs, which would then be bound over
// the masked path, writable (CVE-2025-31133).
func (p *Plan) keepNull() (err error) {
	fd, err := unix.Open("/dev/null", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open /dev/null: %w", err)
	}
	defer unix.Close(fd)
	p.null, err = cloneNull(fd)
	return err
}

// cloneNull clones the file of fd, if it is /dev/null. The clone is read-only,
// which does not keep anybody from writing to the device, but from chmod and
// chown of a node that others use.
func cloneNull(fd int) (int, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || !defaultDevices[0].is(&st) {
		return 0, fmt.Errorf("/dev/null is not %s", defaultDevices[0].kind())
	}
	clone, err := unix.OpenTree(fd, "", unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return 0, fmt.Errorf("clone /dev/null: %w", err)
	}
	set := Attributes{Set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC}
	if err := mountSetattr(clone, unix.AT_EMPTY_PATH, set); err != nil {
		unix.Close(clone)
		return 0, fmt.Errorf("clone /dev/null: %w", err)
	}
	return clone, nil
}

// nullFile returns a mount of /dev/null to attach: the container's own, which
// Devices made and this proves again. The first one attached is cloned for the
// others (to clone one that is not attached needs 6.15).
func (p *Plan) nullFile() (int, error) {
	if p.null == 0 {
		fd, err := p.root.open("/dev/null", unix.O_PATH|unix.O_NOFOLLOW)
		if err != nil {
			return -1, fmt.Errorf("open /dev/null: %w", err)
		}
		defer unix.Close(fd)
		if p.null, err = cloneNull(fd); err != nil {
			return -1, err
		}
	}
	return again(p.null, &p.nullUsed)
}

// emptyDir returns a mount of an empty read-only directory to attach. All of them
// share one superblock.
func (p *Plan) emptyDir() (int, error) {
	if p.void == 0 {
		var data []string
		if p.Label != "" {
			data = []string{p.LabelKey + "=" + p.Label}
		}
		m := Mount{Source: "tmpfs", Super: unix.MS_RDONLY}
		m.Attr.Set = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC
		fd, err := m.detached("tmpfs", data)
		if err != nil {
			return -1, fmt.Errorf("mount tmpfs: %w", err)
		}
		p.void = fd
	}
	return again(p.void, &p.voidUsed)
}

func again(fd int, used *bool) (int, error) {
	if *used {
		return unix.OpenTree(fd, "", unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	}
	*used = true
	return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
}

// Protect makes read-only and hides what the container shall not change or see:
// read-only mounts that had to be writable until now, linux.readonlyPaths,
// linux.maskedPaths and root.readonly. Paths that do not exist are left out, as
// with every runtime: engines list files that not every kernel has. Links are
// followed, inside the root. Pivot was called before, and nothing of this room
// comes after it.
func (p *Plan) Protect() error {
	defer p.release()
	if !p.mounts() {
		return nil
	}
	for _, l := range p.late {
		if err := mountSetattr(l.fd, unix.AT_EMPTY_PATH, Attributes{Set: unix.MOUNT_ATTR_RDONLY}); err != nil {
			return fmt.Errorf("make %q read-only: %w", l.path, err)
		}
		unix.Close(l.fd)
	}
	p.late = nil
	for _, path := range p.ReadonlyPaths {
		if err := p.over(path, p.readonlyClone); err != nil {
			return fmt.Errorf("make %q read-only: %w", path, err)
		}
	}
	for _, path := range p.Masked {
		if err := p.over(path, p.maskFor); err != nil {
			return fmt.Errorf("mask %q: %w", path, err)
		}
	}
	if p.Readonly {
		if err := mountSetattr(p.root.fd, unix.AT_EMPTY_PATH, Attributes{Set: unix.MOUNT_ATTR_RDONLY}); err != nil {
			return fmt.Errorf("make the root read-only: %w", err)
		}
	}
	p.protected = true
	if p.RootPropagation&unix.MS_UNBINDABLE != 0 {
		return p.Propagation()
	}
	return nil
}

// release closes what the steps kept open, long before execve would: a container
// that waits for start holds no descriptor that it does not need.
func (p *Plan) release() {
	for _, fd := range []int{p.root.fd, p.null, p.void} {
		if fd > 0 {
			unix.Close(fd)
		}
	}
	p.root.fd, p.null, p.void = -1, 0, 0
	p.Close()
}

// over opens path once, asks cover for a mount that goes there, attaches it, and
// proves that the path leads to it.
func (p *Plan) over(path string, cover func(fd int) (int, error)) error {
	fd, err := p.root.open(path, unix.O_PATH)
	if err == unix.ENOENT || err == unix.ENOTDIR {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	mount, err := cover(fd)
	if err != nil {
		return err
	}
	defer unix.Close(mount)
	if err := attach(mount, fd); err != nil {
		return err
	}
	_, err = p.root.leadsTo(path, 0, mount)
	return err
}

func (p *Plan) maskFor(fd int) (int, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return -1, err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return p.emptyDir()
	}
	return p.nullFile()
}

// readonlyClone clones what is at fd with everything that is mounted below, and
// makes its top read-only. The mounts below keep their own flags, as with runc.
// The clone is private: as a peer of a shared root it would get a copy of itself
// when it is attached.
func (p *Plan) readonlyClone(fd int) (int, error) {
	clone, err := unix.OpenTree(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return -1, err
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	if p.shared() {
		attr.Propagation = unix.MS_PRIVATE
	}
	if err := unix.MountSetattr(clone, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		unix.Close(clone)
		return -1, err
	}
	return clone, nil
}
