package rootfs

import (
	"errors"

	"golang.org/x/sys/unix"
)

// errMoved means that a path stopped leading to the mount that was just put
// there: somebody renames directories of the container while it is made.
var errMoved = errors.New("the mount point was moved or covered while it was in use")

// leadsTo checks that path (opened with flags besides O_PATH) is the root of the
// mount of fd now. STATX_MNT_ID is of 5.8.
func (r root) leadsTo(path string, flags int, mount int) error {
	now, err := r.open(path, unix.O_PATH|flags)
	if err != nil {
		return err
	}
	defer unix.Close(now)
	a, err := mountID(mount)
	if err != nil {
		return err
	}
	b, err := mountID(now)
	if err != nil {
		return err
	}
	if a != b {
		return errMoved
	}
	return nil
}

func mountID(fd int) (uint64, error) {
	var st unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_MNT_ID, &st)
	if err == nil && st.Mask&unix.STATX_MNT_ID == 0 {
		err = unix.ENOSYS
	}
	return st.Mnt_id, err
}
