package rootfs

import (
	"fmt"
	"path"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// A Device is a node to make. Type is 'c', 'b' or 'p' (a fifo).
type Device struct {
	Index        int // in linux.devices, -1 for a default device
	Path         string
	Type         byte
	Major, Minor uint32
	Mode         uint32 // permission bits
	UID, GID     uint32
}

// defaultDevices must be in every container (config-linux.md, "Default Devices").
// /dev/console belongs to the terminal, /dev/ptmx is a link.
var defaultDevices = []Device{
	{Index: -1, Path: "/dev/null", Type: 'c', Major: 1, Minor: 3, Mode: 0o666},
	{Index: -1, Path: "/dev/zero", Type: 'c', Major: 1, Minor: 5, Mode: 0o666},
	{Index: -1, Path: "/dev/full", Type: 'c', Major: 1, Minor: 7, Mode: 0o666},
	{Index: -1, Path: "/dev/random", Type: 'c', Major: 1, Minor: 8, Mode: 0o666},
	{Index: -1, Path: "/dev/urandom", Type: 'c', Major: 1, Minor: 9, Mode: 0o666},
	{Index: -1, Path: "/dev/tty", Type: 'c', Major: 5, Minor: 0, Mode: 0o666},
}

// devLinks must be there if their targets are (runtime-linux.md, "Dev symbolic
// links"); /dev/core is not in the spec, but every runtime makes it.
var devLinks = []struct{ target, name string }{
	{"/proc/self/fd", "fd"},
	{"/proc/self/fd/0", "stdin"},
	{"/proc/self/fd/1", "stdout"},
	{"/proc/self/fd/2", "stderr"},
	{"/proc/kcore", "core"},
}

func (p *Plan) planDevices(in []specs.LinuxDevice, ps *config.Problems) {
	for i, d := range in {
		at := fmt.Sprintf("linux.devices[%d]", i)
		out := Device{Index: i, Path: path.Clean(d.Path), Mode: 0o666}
		switch d.Type {
		case "c", "u":
			out.Type = 'c'
		case "b", "p":
			out.Type = d.Type[0]
		default:
			ps.Addf(at+".type", "unknown device type %q", d.Type)
		}
		switch {
		case d.Path == "":
			ps.Addf(at+".path", "is missing")
			continue
		case hasNUL(d.Path):
			ps.Addf(at+".path", "%q contains a NUL byte", d.Path)
		case !path.IsAbs(d.Path):
			ps.Addf(at+".path", "%q is not an absolute path", d.Path)
		case out.Path == "/":
			ps.Addf(at+".path", "%q is the root of the container", d.Path)
		}
		if out.Type != 'p' {
			// dev_t has 12 and 20 bits in Linux.
			if d.Major < 0 || d.Major >= 1<<12 {
				ps.Addf(at+".major", "%d is not a major number", d.Major)
			}
			if d.Minor < 0 || d.Minor >= 1<<20 {
				ps.Addf(at+".minor", "%d is not a minor number", d.Minor)
			}
			out.Major, out.Minor = uint32(d.Major), uint32(d.Minor)
		}
		if d.FileMode != nil {
			// Podman leaves the bits of the file type in.
			out.Mode = uint32(*d.FileMode) & 0o7777
		}
		if d.UID != nil {
			out.UID = *d.UID
		}
		if d.GID != nil {
			out.GID = *d.GID
		}
		p.planNode(at, out, d.Path, ps)
	}
}

func (p *Plan) planNode(at string, d Device, written string, ps *config.Problems) {
	if d.Path == "/dev/ptmx" {
		return // a link into the container's own devpts
	}
	for _, other := range defaultDevices {
		if other.Path == d.Path && !other.same(d) {
			ps.Addf(at+".path", "%q must be %s", written, other.kind())
			return
		}
	}
	for i := range p.Nodes {
		if other := &p.Nodes[i]; other.Path == d.Path {
			if !other.same(d) {
				ps.Addf(at+".path", "%q is also %s in linux.devices[%d]", written, other.kind(), other.Index)
			}
			return
		}
	}
	p.Nodes = append(p.Nodes, d)
}

func (d Device) same(o Device) bool {
	return d.Type == o.Type && d.Major == o.Major && d.Minor == o.Minor
}

// kind is how people and mknod(1) write a device: "c 10:229".
func (d Device) kind() string {
	if d.Type == 'p' {
		return "a fifo"
	}
	return fmt.Sprintf("%c %d:%d", d.Type, d.Major, d.Minor)
}

func (d Device) format() uint32 {
	switch d.Type {
	case 'b':
		return unix.S_IFBLK
	case 'p':
		return unix.S_IFIFO
	}
	return unix.S_IFCHR
}

func (d Device) number() uint64 { return unix.Mkdev(d.Major, d.Minor) }

// is tells whether a file is this device.
func (d Device) is(st *unix.Stat_t) bool {
	return st.Mode&unix.S_IFMT == d.format() && (d.Type == 'p' || uint64(st.Rdev) == d.number())
}

// Devices makes the device nodes and the links of /dev. If somebody bound a
// directory on /dev, it and all that is in it are theirs: rt makes nothing there.
// Mount was called before, and the process is not yet in the new root.
func (p *Plan) Devices() error {
	defer unix.Umask(unix.Umask(0)) // the modes are the config's, not the caller's
	dev := -1
	if !p.DevBound {
		at, err := p.root.create("/dev", true, unix.O_DIRECTORY)
		if err != nil {
			return fmt.Errorf("create %q: %w", "/dev", err)
		}
		dev = at.fd
		defer unix.Close(dev)
	}
	for i := range p.Nodes {
		if err := p.makeDevice(dev, &p.Nodes[i]); err != nil {
			return err
		}
	}
	if p.DevBound {
		return nil
	}
	for i := range defaultDevices {
		d := &defaultDevices[i]
		if p.lists(d.Path) {
			continue
		}
		if err := p.makeDevice(dev, d); err != nil {
			return err
		}
	}
	return p.makeLinks(dev)
}

func (p *Plan) lists(path string) bool {
	for i := range p.Nodes {
		if p.Nodes[i].Path == path {
			return true
		}
	}
	return false
}

func (p *Plan) makeDevice(dev int, d *Device) error {
	dir, name := parent(d.Path)
	at := dev
	if dir != "/dev" {
		if p.DevBound && strings.HasPrefix(dir, "/dev/") {
			return nil
		}
		above, err := p.root.create(dir, true, unix.O_DIRECTORY)
		if err != nil {
			return fmt.Errorf("create %q: %w", dir, err)
		}
		at = above.fd
		defer unix.Close(at)
	} else if p.DevBound {
		return nil
	}
	if p.UserNamespace && p.Namespace && d.Type != 'p' {
		return p.bindDevice(at, name, d)
	}
	err := unix.Mknodat(at, name, d.format()|d.Mode, int(d.number()))
	switch {
	case err == unix.EEXIST:
		return existing(at, name, d)
	case err == unix.EPERM && p.mounts():
		return p.bindDevice(at, name, d)
	case err != nil:
		return fmt.Errorf("mknod %q: %w", d.Path, err)
	}
	if d.Index < 0 {
		return nil
	}
	return own(at, name, d)
}

// existing accepts a node that is there already if it is the right one, and
// leaves it as it is: it may be the image's, or a mount of the host's.
func existing(at int, name string, d *Device) error {
	var st unix.Stat_t
	if err := unix.Fstatat(at, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("stat %q: %w", d.Path, err)
	}
	if d.is(&st) {
		return nil
	}
	if d.Index < 0 {
		return fmt.Errorf("default device %q exists and is not %s", d.Path, d.kind())
	}
	return fmt.Errorf("linux.devices[%d].path: %q exists and is not %s", d.Index, d.Path, d.kind())
}

// own gives a new node its owner, and its mode if a default ACL of the directory
// or the change of owner took some of it. It acts on a descriptor that is proven
// to be the device, never on a name (CVE-2015-1340 was a chmod by name).
func own(at int, name string, d *Device) error {
	fd, err := unix.Openat(at, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %q: %w", d.Path, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("stat %q: %w", d.Path, err)
	}
	if !d.is(&st) {
		return fmt.Errorf("linux.devices[%d].path: %q was replaced while it was made", d.Index, d.Path)
	}
	if st.Uid != d.UID || st.Gid != d.GID {
		if err := unix.Fchownat(fd, "", int(d.UID), int(d.GID), unix.AT_EMPTY_PATH); err != nil {
			return fmt.Errorf("chown %q: %w", d.Path, err)
		}
		if err := unix.Fstat(fd, &st); err != nil {
			return fmt.Errorf("stat %q: %w", d.Path, err)
		}
	}
	if st.Mode&0o7777 != d.Mode {
		if err := chmod(fd, d.Mode); err != nil {
			return fmt.Errorf("chmod %q: %w", d.Path, err)
		}
	}
	return nil
}

// chmod changes the mode of an O_PATH descriptor: fchmodat2(2) of 6.6, and before
// that the host's own /proc, which is still at its place.
func chmod(fd int, mode uint32) error {
	err := unix.Fchmodat(fd, "", mode, unix.AT_EMPTY_PATH)
	if err == unix.ENOSYS || err == unix.EOPNOTSUPP || err == unix.EINVAL {
		err = unix.Chmod(fmt.Sprintf("/proc/self/fd/%d", fd), mode)
	}
	return err
}

// bindDevice mounts the host's node where a user namespace forbids mknod(2). The
// host's node must be the device that is asked for; mode and owner are its own.
func (p *Plan) bindDevice(at int, name string, d *Device) error {
	source, err := cloneTree(d.Path, false)
	if err != nil {
		return fmt.Errorf("device %q of the host: %w", d.Path, err)
	}
	defer unix.Close(source)
	var st unix.Stat_t
	if err := unix.Fstat(source, &st); err != nil {
		return fmt.Errorf("stat %q: %w", d.Path, err)
	}
	if !d.is(&st) {
		return fmt.Errorf("device %q of the host is not %s", d.Path, d.kind())
	}
	if err := unix.Mknodat(at, name, unix.S_IFREG, 0); err != nil && err != unix.EEXIST {
		return fmt.Errorf("create %q: %w", d.Path, err)
	}
	target, err := openat2(at, name, unix.O_PATH|unix.O_NOFOLLOW, unix.RESOLVE_BENEATH|unix.RESOLVE_NO_SYMLINKS)
	if err != nil {
		return fmt.Errorf("open %q: %w", d.Path, err)
	}
	defer unix.Close(target)
	if err := unix.Fstat(target, &st); err != nil {
		return fmt.Errorf("stat %q: %w", d.Path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return existing(at, name, d)
	}
	if err := attach(source, target); err != nil {
		return fmt.Errorf("mount %q: %w", d.Path, err)
	}
	if _, err := p.root.leadsTo(d.Path, 0, source); err != nil {
		return fmt.Errorf("mount %q: %w", d.Path, err)
	}
	return nil
}

// makeLinks makes the links of /dev in the directory that was opened inside the
// root, wherever a link of the image led (CVE-2026-41579).
func (p *Plan) makeLinks(dev int) error {
	for i, l := range devLinks {
		if i == 0 || !strings.HasPrefix(l.target, devLinks[0].target) {
			fd, err := p.root.open(l.target, unix.O_PATH)
			if err != nil {
				if i == 0 {
					break // no procfs, and nothing to link to
				}
				continue
			}
			unix.Close(fd)
		}
		if err := unix.Symlinkat(l.target, dev, l.name); err != nil && err != unix.EEXIST {
			return fmt.Errorf("link /dev/%s: %w", l.name, err)
		}
	}
	const ptmx = "pts/ptmx"
	err := unix.Symlinkat(ptmx, dev, "ptmx")
	if err == unix.EEXIST {
		if target, e := readlink(dev, "ptmx"); e == nil && (target == ptmx || target == "/dev/"+ptmx) {
			return nil
		}
		// The image's own node would be the ptmx of the host.
		if err = unix.Unlinkat(dev, "ptmx", 0); err == unix.EBUSY {
			return nil // mounts[] put something on it
		}
		if err == nil {
			err = unix.Symlinkat(ptmx, dev, "ptmx")
		}
	}
	if err != nil {
		return fmt.Errorf("link /dev/ptmx: %w", err)
	}
	return nil
}
