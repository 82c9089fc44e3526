package rootfs

import (
	"fmt"
	"os"
	"path"
	"runtime"
	"slices"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// maxFiles bounds the sources that the host opens without need: a message
// carries 253 descriptors at most (SCM_MAX_FD, unix(7)).
const maxFiles = 200

// Open makes what init cannot make: mounts with mapped ids, and for a container
// with a user namespace the clones of bind sources, which its root may not be
// able to reach on the host. userns is the container's user namespace, nil if it
// has none. It is called in the host's namespaces before the plan is sent; the
// files are the plan's, and Close closes them. A filesystem on a disk is mounted
// here as well: init is in its cgroup already, whose devices are those of the
// container.
func (p *Plan) Open(userns *os.File) error {
	if p.Label != "" && !selinuxEnabled() {
		return fmt.Errorf("linux.mountLabel: SELinux is not enabled on this host")
	}
	var last *Mount
	var own *os.File
	defer func() { own.Close() }()
	files := 0
	for i := range p.Mounts {
		m := &p.Mounts[i]
		plain := userns != nil && m.Kind == Bind || !p.UserNamespace && m.onDisk()
		if !m.IDMap && (!plain || files >= maxFiles) {
			continue
		}
		fd, err := p.openMount(m)
		if err != nil && !m.IDMap {
			continue // init tries again, and says what is wrong
		}
		if err != nil {
			return fmt.Errorf("mounts[%d]: %w", m.Index, err)
		}
		m.File = os.NewFile(uintptr(fd), m.Source)
		files++
		if !m.IDMap {
			continue
		}
		ns := userns
		if len(m.UIDs) > 0 {
			if last == nil || !slices.Equal(last.UIDs, m.UIDs) || !slices.Equal(last.GIDs, m.GIDs) {
				own.Close()
				if own, err = mappedNamespace(m.UIDs, m.GIDs); err != nil {
					return fmt.Errorf("mounts[%d]: user namespace for the mappings: %w", m.Index, err)
				}
				last = m
			}
			ns = own
		}
		if ns == nil {
			return fmt.Errorf("mounts[%d]: idmap needs mappings or a user namespace", m.Index)
		}
		attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(ns.Fd())}
		if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|recursive(m.RecursiveID), &attr); err != nil {
			if err == unix.EINVAL {
				err = fmt.Errorf("the filesystem does not map ids: %w", err)
			}
			return fmt.Errorf("mounts[%d]: map ids of %s: %w", m.Index, m, err)
		}
	}
	for i := range p.Mounts {
		p.Mounts[i].UIDs, p.Mounts[i].GIDs = nil, nil // init needs none of it
	}
	return nil
}

// onDisk tells whether the source of a new filesystem is a block device.
func (m *Mount) onDisk() bool {
	var st unix.Stat_t
	return m.Kind == Filesystem && path.IsAbs(m.Source) && !m.needsOldCall() &&
		unix.Stat(m.Source, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFBLK
}

// selinuxEnabled tells whether the kernel takes SELinux labels.
func selinuxEnabled() bool {
	var fs unix.Statfs_t
	return unix.Statfs("/sys/fs/selinux", &fs) == nil && uint32(fs.Type) == unix.SELINUX_MAGIC
}

// Close closes the files that Open opened.
func (p *Plan) Close() {
	for i := range p.Mounts {
		p.Mounts[i].File.Close() // nil is fine
		p.Mounts[i].File = nil
	}
}

// openMount makes a detached mount in the host's namespace. A clone is a peer of
// the host's mount there, and becomes its slave (or nothing to it).
func (p *Plan) openMount(m *Mount) (int, error) {
	if m.Kind != Bind {
		data := m.Data
		if p.Label != "" && labelled(m.Type) {
			data = append(data[:len(data):len(data)], p.LabelKey+"="+p.Label)
		}
		fd, err := m.detached(m.Type, data)
		if err != nil {
			err = fmt.Errorf("mount %s: %w", m, err)
		}
		return fd, err
	}
	fd, err := cloneTree(m.Source, m.Recursive)
	if err != nil {
		return -1, fmt.Errorf("mount %s: source: %w", m, err)
	}
	propagation := uint32(unix.MS_SLAVE)
	switch {
	case p.shared() && len(m.Propagation) > 0:
		return fd, nil
	case p.RootPropagation&(unix.MS_PRIVATE|unix.MS_UNBINDABLE) != 0:
		propagation = unix.MS_PRIVATE
	}
	if err := setPropagation(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, propagation); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("mount %s: %w", m, err)
	}
	return fd, nil
}

// mappedNamespace makes a user namespace with the given mappings and no process:
// a child enters it, and is killed when the namespace is in our hands. Tracing
// stops the child before its first instruction after execve(2).
func mappedNamespace(uids, gids []specs.LinuxIDMapping) (*os.File, error) {
	runtime.LockOSThread() // the tracer is a thread
	defer runtime.UnlockOSThread()
	child, err := os.StartProcess("/proc/self/exe", []string{"rt"}, &os.ProcAttr{Sys: &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		UidMappings: sysMappings(uids),
		GidMappings: sysMappings(gids),
		Ptrace:      true,
		Pdeathsig:   syscall.SIGKILL,
	}})
	if err != nil {
		return nil, err
	}
	defer func() {
		_ = child.Kill()
		_, _ = child.Wait()
	}()
	return os.OpenFile(fmt.Sprintf("/proc/%d/ns/user", child.Pid), os.O_RDONLY, 0)
}

func sysMappings(in []specs.LinuxIDMapping) []syscall.SysProcIDMap {
	out := make([]syscall.SysProcIDMap, len(in))
	for i, m := range in {
		out[i] = syscall.SysProcIDMap{ContainerID: int(m.ContainerID), HostID: int(m.HostID), Size: int(m.Size)}
	}
	return out
}
