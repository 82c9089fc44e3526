package rootfs

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// A chosen is a mount whose options name a propagation.
type chosen struct {
	fd    int
	path  string
	flags []uint32 // MS_*, in the listed order
}

// propagate sets the propagation that the options of the mount fd name. Where
// the root's is going to reach it, it is set once more after that.
func (p *Plan) propagate(fd int, path string, flags []uint32) error {
	o := chosen{fd, path, flags}
	if err := o.set(); err != nil || len(flags) == 0 || !p.reaches() {
		return err
	}
	var err error
	if o.fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0); err != nil {
		return fmt.Errorf("set propagation of %q: %w", path, err)
	}
	if p.RootPropagation&unix.MS_UNBINDABLE != 0 {
		// Nothing has a master here, and MS_SLAVE would leave it unbindable.
		o.flags = slices.Clone(flags)
		for i, f := range flags {
			if f&unix.MS_SLAVE != 0 {
				o.flags[i] = f&^unix.MS_SLAVE | unix.MS_PRIVATE
			}
		}
	}
	p.chosen = append(p.chosen, o)
	return nil
}

func (o chosen) set() error {
	for _, flags := range o.flags {
		if err := setPropagation(o.fd, "", unix.AT_EMPTY_PATH|recursive(flags&unix.MS_REC != 0), flags&^unix.MS_REC); err != nil {
			return fmt.Errorf("set propagation of %q: %w", o.path, err)
		}
	}
	return nil
}

// reaches tells whether linux.rootfsPropagation changes mounts below the root.
// Private has made them all slaves or private, as they came.
func (p *Plan) reaches() bool {
	return p.RootPropagation&unix.MS_REC != 0 && p.RootPropagation&(unix.MS_SHARED|unix.MS_UNBINDABLE) != 0
}

// Propagation sets linux.rootfsPropagation on the root of the container, and on
// what is mounted below if it says so; a mount that names its own keeps that.
// A shared root could not have been pivoted, and an unbindable one cannot be
// cloned for read-only paths, so Protect does that at its end.
func (p *Plan) Propagation() error {
	if p.RootPropagation == 0 || !p.mounts() || p.RootPropagation&unix.MS_UNBINDABLE != 0 && !p.protected {
		return nil
	}
	if err := setPropagation(p.root.fd, "", unix.AT_EMPTY_PATH|recursive(p.reaches()), p.RootPropagation&^unix.MS_REC); err != nil {
		return fmt.Errorf("set propagation of the root: %w", err)
	}
	for _, o := range p.chosen {
		if err := o.set(); err != nil {
			return err
		}
		unix.Close(o.fd)
	}
	p.chosen = nil
	return nil
}

func setPropagation(fd int, path string, flags uint, propagation uint32) error {
	return unix.MountSetattr(fd, path, flags, &unix.MountAttr{Propagation: uint64(propagation)})
}

func recursive(yes bool) uint {
	if yes {
		return unix.AT_RECURSIVE
	}
	return 0
}
