package rootfs

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// check reads a new mount back. A filesystem may share its superblock with other
// mounts (sysfs, mqueue, cgroup) and then keeps the flags that it had.
func (m *Mount) check(fd int) error {
	attr, super, err := readBack(fd, m.id)
	if err != nil {
		return err
	}
	if missing := (m.attributes() &^ unix.MOUNT_ATTR__ATIME) &^ attr; missing != 0 {
		return fmt.Errorf("the kernel ignored %s", names(missing))
	}
	for _, row := range superNames {
		if row.flag&(unix.MS_SYNCHRONOUS|unix.MS_DIRSYNC|unix.MS_LAZYTIME)&m.Super&^super != 0 {
			return fmt.Errorf("the filesystem ignored %s", row.word[0])
		}
	}
	return nil
}

// statmount is the head of struct statmount (include/uapi/linux/mount.h).
type statmount struct {
	size, opts             uint32
	mask                   uint64
	devMajor, devMinor     uint32
	magic                  uint64
	sbFlags                uint32
	fsType                 uint32
	id, parent             uint64
	oldID, oldParent       uint32
	attr                   uint64
	propagation            uint64
	peerGroup, master, dom uint64
	_                      [432]byte
}

type mountIDRequest struct {
	size, _    uint32
	id, params uint64
}

const (
	statmountSuper = 1 // STATMOUNT_SB_BASIC
	statmountMount = 2 // STATMOUNT_MNT_BASIC
)

// readBack returns MOUNT_ATTR_* of the mount and MS_* of its superblock, without
// asking the filesystem itself, which might be a server that does not answer:
// statmount(2) (6.8). Older kernels tell the most of it by fstatfs(2).
func readBack(fd int, number mountNumber) (attr uint64, super uint32, err error) {
	if number.unique {
		request := mountIDRequest{id: number.id, params: statmountSuper | statmountMount}
		request.size = uint32(unsafe.Sizeof(request))
		var out statmount
		_, _, errno := unix.RawSyscall6(unix.SYS_STATMOUNT, uintptr(unsafe.Pointer(&request)), uintptr(unsafe.Pointer(&out)), unsafe.Sizeof(out), 0, 0, 0)
		if errno == 0 && out.mask&(statmountSuper|statmountMount) == statmountSuper|statmountMount {
			return out.attr, out.sbFlags, nil
		}
	}
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return 0, 0, err
	}
	for _, row := range []struct {
		flag int64
		attr uint64
	}{
		{unix.ST_RDONLY, unix.MOUNT_ATTR_RDONLY},
		{unix.ST_NOSUID, unix.MOUNT_ATTR_NOSUID},
		{unix.ST_NODEV, unix.MOUNT_ATTR_NODEV},
		{unix.ST_NOEXEC, unix.MOUNT_ATTR_NOEXEC},
		{unix.ST_NODIRATIME, unix.MOUNT_ATTR_NODIRATIME},
		{0x2000, unix.MOUNT_ATTR_NOSYMFOLLOW}, // ST_NOSYMFOLLOW
	} {
		if int64(fs.Flags)&row.flag != 0 {
			attr |= row.attr
		}
	}
	super = uint32(fs.Flags)&unix.MS_SYNCHRONOUS | unix.MS_DIRSYNC | unix.MS_LAZYTIME // the last two are not told
	return attr, super, nil
}
