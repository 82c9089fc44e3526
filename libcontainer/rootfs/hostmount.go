package rootfs

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// A HostMount is the root of a container that shares rt's mount namespace ("If a
// namespace type is not specified in the namespaces array, the container MUST
// inherit the runtime namespace of that type", config-linux.md) and mounts
// something: its root filesystem, bound on itself. Everything that the container
// mounts lies below it, and goes when it goes.
type HostMount struct {
	Path string `json:"path"`
	ID   uint64 `json:"id"` // of the mount, see mountNumber; the unique ones begin above 2^31
}

// CloneRoot clones the root filesystem for such a container. The mount is written
// down before Attach puts it in its place, so that Detach can always find it. The
// caller closes the file.
func (p *Plan) CloneRoot() (*os.File, HostMount, error) {
	root, err := openRoot(p.Root)
	if err != nil {
		return nil, HostMount{}, err
	}
	defer unix.Close(root)
	fd, err := unix.OpenTree(root, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return nil, HostMount{}, fmt.Errorf("clone root %q: %w", p.Root, err)
	}
	tree := os.NewFile(uintptr(fd), p.Root)
	number, err := mountID(fd)
	if err == nil {
		err = setPropagation(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, unix.MS_PRIVATE)
	}
	if err != nil {
		tree.Close()
		return nil, HostMount{}, fmt.Errorf("clone root %q: %w", p.Root, err)
	}
	p.HostID = number.id
	return tree, HostMount{p.Root, number.id}, nil
}

// onHostMount makes sure that fd, the container's root, is what will be detached.
func (p *Plan) onHostMount(fd int) error {
	number, err := mountID(fd)
	if err == nil && number.id != p.HostID {
		err = errMoved
	}
	if err != nil {
		return fmt.Errorf("root.path: %q: %w", p.Root, err)
	}
	return nil
}

// Attach puts the clone in its place. If the mount there is shared, so is what is
// attached to it: made private once more, it keeps what the container mounts.
func (m HostMount) Attach(tree *os.File) error {
	root, err := openRoot(m.Path)
	if err != nil {
		return err
	}
	defer unix.Close(root)
	if err := attach(int(tree.Fd()), root); err != nil {
		return fmt.Errorf("mount root %q: %w", m.Path, err)
	}
	if err := setPropagation(int(tree.Fd()), "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, unix.MS_PRIVATE); err != nil {
		return fmt.Errorf("make root %q private: %w", m.Path, err)
	}
	return nil
}

// Detach takes the mount and everything below away, if it is there. First it makes
// all of it private: the unmounting would reach the host's own mounts otherwise,
// where those below are their peers.
func (m HostMount) Detach() error {
	if m.Path == "" {
		return nil
	}
	fd, err := openRoot(m.Path)
	if err != nil {
		return nil // nothing can be mounted where there is no directory
	}
	defer unix.Close(fd)
	number, err := mountID(fd)
	if err != nil {
		return fmt.Errorf("statx %q: %w", m.Path, err)
	}
	if number.id != m.ID {
		return nil // not yet, no more, or in another mount namespace
	}
	if err := setPropagation(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, unix.MS_PRIVATE); err != nil {
		return fmt.Errorf("make root %q private: %w", m.Path, err)
	}
	if err := unix.Unmount(fmt.Sprintf("/proc/self/fd/%d", fd), unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount root %q: %w", m.Path, err)
	}
	return nil
}
