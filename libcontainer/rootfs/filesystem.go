package rootfs

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mountFilesystem mounts a new instance of a filesystem.
func (p *Plan) mountFilesystem(m *Mount) error {
	at, err := p.target(m, true)
	if err != nil {
		return err
	}
	defer unix.Close(at.fd)
	data := m.Data
	if m.Type == "tmpfs" && !at.made {
		data = inheritOwner(at.fd, data)
	}
	if p.Label != "" && labelled(m.Type) {
		data = append(data[:len(data):len(data)], p.LabelKey+"="+p.Label)
	}
	var fd int
	switch {
	case m.File != nil:
		fd, err = unix.FcntlInt(m.File.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	case m.needsOldCall():
		return p.mountOld(m, at, data)
	default:
		fd, err = m.detached(m.Type, data)
	}
	if err == unix.EPERM && m.Type == "sysfs" {
		return p.bindSysfs(m)
	}
	if err != nil {
		return fmt.Errorf("mount %s: %w", m, err)
	}
	defer unix.Close(fd)
	if m.CopyUp {
		if err := copyUp(at.fd, fd); err != nil {
			return fmt.Errorf("copy %q up: %w", m.Path, err)
		}
	}
	if err := p.put(m, fd, at); err != nil {
		return err
	}
	return p.finish(m, fd)
}

// finish does what only a mount that is in its place can get.
func (p *Plan) finish(m *Mount, fd int) error {
	if p.Label != "" && m.Type == "mqueue" {
		if err := labelRoot(fd, p.Label); err != nil {
			return fmt.Errorf("label %q: %w", m.Path, err)
		}
	}
	if err := m.check(fd); err != nil {
		return fmt.Errorf("mount %s: %w", m, err)
	}
	if m.Late {
		keep, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("mount %s: %w", m, err)
		}
		p.late = append(p.late, late{keep, m.Path})
	}
	return nil
}

// attributes are what a new mount starts with: r… options mean the same as plain
// ones while nothing is mounted below.
func (m *Mount) attributes() uint64 {
	set := m.Rattr.Set&^m.Attr.Clear | m.Attr.Set
	if m.Late {
		set &^= unix.MOUNT_ATTR_RDONLY
	}
	return set
}

// detached makes a filesystem and a mount of it that is attached nowhere.
func (m *Mount) detached(fstype string, data []string) (int, error) {
	ctx, err := unix.Fsopen(fstype, unix.FSOPEN_CLOEXEC)
	if err != nil {
		if err == unix.ENODEV {
			return -1, fmt.Errorf("unknown filesystem type %q: %w", fstype, err)
		}
		return -1, err
	}
	defer unix.Close(ctx)
	if m.Source != "" {
		if err := unix.FsconfigSetString(ctx, "source", m.Source); err != nil {
			return -1, explain(ctx, err)
		}
	}
	if err := m.configure(ctx, data); err != nil {
		return -1, err
	}
	if err := unix.FsconfigCreate(ctx); err != nil {
		return -1, explain(ctx, err)
	}
	fd, err := unix.Fsmount(ctx, unix.FSMOUNT_CLOEXEC, int(m.attributes()))
	if err != nil {
		return -1, explain(ctx, err)
	}
	return fd, nil
}

// configure gives a filesystem context the flags and options of the mount.
func (m *Mount) configure(ctx int, data []string) error {
	for _, row := range superNames {
		word := ""
		switch {
		case m.Super&row.flag != 0 && !(row.flag == unix.MS_RDONLY && m.Late):
			word = row.word[0]
		case m.SuperClear&row.flag != 0:
			word = row.word[1]
		}
		if word != "" {
			if err := unix.FsconfigSetFlag(ctx, word); err != nil {
				return fmt.Errorf("option %q: %w", word, explain(ctx, err))
			}
		}
	}
	for _, o := range data {
		var err error
		if key, value, ok := strings.Cut(o, "="); ok {
			if isContext(key) {
				value = strings.Trim(value, `"`) // quotes are syntax of mount(2) only
			}
			err = unix.FsconfigSetString(ctx, key, value)
		} else {
			err = unix.FsconfigSetFlag(ctx, o)
		}
		if err != nil {
			return fmt.Errorf("option %q: %w", o, explain(ctx, err))
		}
	}
	return nil
}

// reconfigure changes a filesystem through one of its mounts (fspick(2)).
func (m *Mount) reconfigure(target int) error {
	ctx, err := unix.Fspick(target, "", unix.FSPICK_CLOEXEC|unix.FSPICK_EMPTY_PATH)
	if err != nil {
		return err
	}
	defer unix.Close(ctx)
	if err := m.configure(ctx, m.Data); err != nil {
		return err
	}
	if err := unix.FsconfigReconfigure(ctx); err != nil {
		return explain(ctx, err)
	}
	return nil
}

// explain adds what the filesystem wrote into its context, if it did:
// "tmpfs: Bad value for 'size'".
func explain(ctx int, err error) error {
	var buf [512]byte
	n, e := unix.Read(ctx, buf[:])
	if e != nil || n < 3 {
		return err
	}
	text := strings.TrimSpace(string(buf[2:n])) // "e " is its level
	return fmt.Errorf("%s: %w", text, err)
}

// inheritOwner makes a tmpfs look like the directory that it covers, except for
// what the options say: an image expects its /run or /tmp with the mode and the
// owner that it gave them.
func inheritOwner(target int, data []string) []string {
	var st unix.Stat_t
	if hasKey(data, "mode") && hasKey(data, "uid") && hasKey(data, "gid") || unix.Fstat(target, &st) != nil {
		return data
	}
	out := data[:len(data):len(data)]
	if !hasKey(data, "mode") {
		out = append(out, "mode="+strconv.FormatUint(uint64(st.Mode&0o7777), 8))
	}
	// The overflow id stands for an owner that this user namespace does not know.
	if st.Uid != 0 && st.Uid != overflowID && !hasKey(data, "uid") {
		out = append(out, "uid="+strconv.FormatUint(uint64(st.Uid), 10))
	}
	if st.Gid != 0 && st.Gid != overflowID && !hasKey(data, "gid") {
		out = append(out, "gid="+strconv.FormatUint(uint64(st.Gid), 10))
	}
	return out
}

func hasKey(data []string, key string) bool {
	for _, o := range data {
		if k, _, _ := strings.Cut(o, "="); k == key {
			return true
		}
	}
	return false
}

const overflowID = 65534

// labelled tells whether SELinux labels a whole mount of this type by a mount
// option. proc and sysfs refuse it, mqueue is labelled by an extended attribute.
func labelled(fstype string) bool {
	return fstype != "proc" && fstype != "sysfs" && fstype != "mqueue" && fstype != "cgroup" && fstype != "cgroup2"
}

func isContext(key string) bool {
	return key == "context" || key == "fscontext" || key == "defcontext" || key == "rootcontext"
}

// labelRoot labels the root directory of a mount. An O_PATH descriptor takes no
// extended attributes, so the directory is opened through it.
func labelRoot(mount int, label string) error {
	fd, err := unix.Openat(mount, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("open", err)
	}
	defer unix.Close(fd)
	return os.NewSyscallError("fsetxattr security.selinux", unix.Fsetxattr(fd, "security.selinux", []byte(label), 0))
}

// bindSysfs takes the host's /sys where the kernel refuses a new sysfs: a user
// namespace that does not own the network namespace (sysfs shows devices of the
// network). All of it is read-only if the mount is, and not only its top:
// below it lie the cgroups of the host (CVE-2023-25809).
func (p *Plan) bindSysfs(m *Mount) error {
	fd, err := cloneTree("/sys", true)
	if err != nil {
		return fmt.Errorf("mount %s: %w", m, err)
	}
	defer unix.Close(fd)
	if err := mountSetattr(fd, unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, Attributes{Set: m.attributes() &^ unix.MOUNT_ATTR__ATIME}); err != nil {
		return fmt.Errorf("mount %s: %w", m, err)
	}
	return p.putClone(m, fd)
}
