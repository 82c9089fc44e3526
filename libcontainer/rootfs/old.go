package rootfs

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// What fsconfig(2) cannot say goes through mount(2): two flags of the superblock
// have no word there, a key or value ends at 255 bytes (lowerdir of an overlay),
// and "fuse.sshfs" is a type with a subtype.
const fsconfigLimit = 255

func (m *Mount) needsOldCall() bool {
	if m.Super&(unix.MS_SILENT|unix.MS_I_VERSION) != 0 || len(m.Source) > fsconfigLimit || strings.Contains(m.Type, ".") {
		return !m.CopyUp && m.File == nil
	}
	for _, o := range m.Data {
		key, value, _ := strings.Cut(o, "=")
		if len(key) > fsconfigLimit || len(value) > fsconfigLimit {
			return !m.CopyUp && m.File == nil
		}
	}
	return false
}

// oldFlags are the MS_* for MOUNT_ATTR_* where the numbers differ.
var oldFlags = []struct {
	attr  uint64
	flags uintptr
}{
	{unix.MOUNT_ATTR_RDONLY, unix.MS_RDONLY},
	{unix.MOUNT_ATTR_NOSUID, unix.MS_NOSUID},
	{unix.MOUNT_ATTR_NODEV, unix.MS_NODEV},
	{unix.MOUNT_ATTR_NOEXEC, unix.MS_NOEXEC},
	{unix.MOUNT_ATTR_NOATIME, unix.MS_NOATIME},
	{unix.MOUNT_ATTR_STRICTATIME, unix.MS_STRICTATIME},
	{unix.MOUNT_ATTR_NODIRATIME, unix.MS_NODIRATIME},
	{unix.MOUNT_ATTR_NOSYMFOLLOW, unix.MS_NOSYMFOLLOW},
}

// mountOld mounts with mount(2). That call takes a path, and the only path that
// nobody can redirect is "." after fchdir(2) into the mount point.
func (p *Plan) mountOld(m *Mount, at place, data []string) error {
	if err := checkTarget(m, at); err != nil {
		return err
	}
	flags := uintptr(m.Super)
	if m.Late {
		flags &^= unix.MS_RDONLY
	}
	for _, row := range oldFlags {
		if m.attributes()&row.attr != 0 {
			flags |= row.flags
		}
	}
	cwd, err := unix.Open(".", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("mount %s: %w", m, err)
	}
	defer unix.Close(cwd)
	err = unix.Fchdir(at.fd)
	if err == nil {
		err = unix.Mount(m.Source, ".", m.Type, flags, strings.Join(quoteContext(data), ","))
	}
	if e := unix.Fchdir(cwd); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("mount %s: %w", m, err)
	}
	fd, err := p.root.open(m.Path, unix.O_PATH|at.flags)
	if err != nil {
		return fmt.Errorf("mount %s: %w", m, err)
	}
	defer unix.Close(fd)
	before, err := mountID(at.fd)
	if err != nil {
		return fmt.Errorf("mount %s: %w", m, err)
	}
	if m.id, err = mountID(fd); err != nil || before == m.id {
		return fmt.Errorf("mount %s: %w", m, errMoved)
	}
	if err := p.propagate(fd, m.Path, m.Propagation); err != nil {
		return err
	}
	return p.finish(m, fd)
}

// quoteContext quotes SELinux contexts, whose categories may contain a comma.
func quoteContext(data []string) []string {
	out := make([]string, len(data))
	for i, o := range data {
		if key, value, ok := strings.Cut(o, "="); ok && isContext(key) && !strings.HasPrefix(value, `"`) {
			o = key + `="` + value + `"`
		}
		out[i] = o
	}
	return out
}
