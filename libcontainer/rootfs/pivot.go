package rootfs

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/procfs"
)

// Pivot makes the container's tree the root of this process and takes the host's
// away. noPivot is for a host that runs from an initramfs, which cannot be
// pivoted: the tree is moved over it instead, and a process with CAP_SYS_CHROOT
// may find its way back; that is why it is an option. Without a mount namespace
// there is only chroot(2). The working directory is the new root afterwards.
func (p *Plan) Pivot(noPivot bool) error {
	if err := unix.Fchdir(p.root.fd); err != nil {
		return fmt.Errorf("chdir %q: %w", p.Root, err)
	}
	var err error
	switch {
	case !p.Namespace:
		err = chroot()
	case noPivot:
		err = p.moveRoot()
	default:
		err = p.pivot()
	}
	if err != nil {
		return err
	}
	return p.reopenNull()
}

// pivot stacks the old root on top of the new one, which "." allows although the
// manual once forbade it (pivot_root(2), NOTES), and unmounts it from there: no
// directory of the image is needed for it.
func (p *Plan) pivot() error {
	old, err := unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open old root: %w", err)
	}
	defer unix.Close(old)
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root %q: %w", p.Root, err)
	}
	if err := unix.Fchdir(old); err != nil {
		return fmt.Errorf("chdir to the old root: %w", err)
	}
	if p.shared() {
		// The host's peers would lose their mounts with us.
		if err := unix.Mount("", ".", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("make the old root a slave: %w", err)
		}
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount the old root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return fmt.Errorf("chdir to the new root: %w", err)
	}
	return nil
}

// moveRoot moves the tree over the root of the namespace. The old root stays
// below, so every whole procfs and sysfs in it is taken away first: with one of
// them in reach the kernel would let the container mount one without masks.
func (p *Plan) moveRoot() error {
	points, err := wholeKernelMounts(p.Root)
	if err != nil {
		return err
	}
	for _, point := range points {
		err := unix.Mount("", point, "", unix.MS_SLAVE|unix.MS_REC, "")
		if errors.Is(err, unix.ENOENT) {
			continue // went with a mount above it
		}
		if err == nil {
			if err = unix.Unmount(point, unix.MNT_DETACH); err == unix.EINVAL || err == unix.EPERM {
				err = unix.Mount("tmpfs", point, "tmpfs", 0, "") // locked: cover it
			}
		}
		if err != nil {
			return fmt.Errorf("unmount %q of the host: %w", point, err)
		}
	}
	if err := unix.MoveMount(p.root.fd, "", unix.AT_FDCWD, "/", unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("move %q to /: %w", p.Root, err)
	}
	return chroot()
}

func wholeKernelMounts(except string) ([]string, error) {
	text, err := procfs.ReadHost("self/mountinfo")
	if err != nil {
		return nil, err
	}
	var points []string
	for line := range strings.Lines(text) {
		i := parseMountInfo(line)
		if i.Root == "/" && (i.FSType == "proc" || i.FSType == "sysfs") && !strings.HasPrefix(i.Point+"/", except+"/") {
			points = append(points, i.Point)
		}
	}
	return points, nil
}

func chroot() error {
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return fmt.Errorf("chdir to the new root: %w", err)
	}
	return nil
}

// reopenNull exchanges standard streams that are the host's /dev/null for the
// container's: its own may be changed (chmod, chown) without harm.
func (p *Plan) reopenNull() error {
	null := -1
	for fd := range 3 {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil || !defaultDevices[0].is(&st) {
			continue
		}
		if null < 0 {
			var own unix.Stat_t
			var err error
			if null, err = p.root.open("/dev/null", unix.O_RDWR|unix.O_NONBLOCK|unix.O_NOCTTY); err != nil {
				return nil // /dev is somebody else's and has none
			}
			defer unix.Close(null)
			if unix.Fstat(null, &own) != nil || !defaultDevices[0].is(&own) {
				return nil
			}
			// Not to hang on what is no null was the flag for.
			if _, err := unix.FcntlInt(uintptr(null), unix.F_SETFL, 0); err != nil {
				return fmt.Errorf("reopen /dev/null: %w", err)
			}
		}
		if err := unix.Dup3(null, fd, 0); err != nil {
			return fmt.Errorf("reopen /dev/null: %w", err)
		}
	}
	return nil
}
