package rootfs

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// copyUp fills a tmpfs with what the directory below it holds (option
// tmpcopyup). The directory is the image's: only regular files are opened, never
// a link, a pipe or a device. Sockets are left out, nobody listens on them.
func copyUp(from, to int) error {
	src, err := openDir(from, ".")
	if err != nil {
		return err
	}
	dst, err := openDir(to, ".")
	if err != nil {
		src.Close()
		return err
	}
	return copyDir(src, dst)
}

func openDir(at int, name string) (*os.File, error) {
	fd, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// copyDir copies the entries of src to dst and closes both.
func copyDir(src, dst *os.File) error {
	defer src.Close()
	defer dst.Close()
	names, err := src.Readdirnames(-1)
	if err != nil {
		return err
	}
	from, to := int(src.Fd()), int(dst.Fd())
	for _, name := range names {
		if err := copyEntry(from, to, name); err != nil {
			if _, ok := err.(*os.PathError); ok {
				return err
			}
			return &os.PathError{Op: "copy", Path: name, Err: err}
		}
	}
	return nil
}

func copyEntry(from, to int, name string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(from, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	mode := st.Mode & 0o7777
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		if err := unix.Mkdirat(to, name, 0o700); err != nil {
			return err
		}
		src, err := openDir(from, name)
		if err != nil {
			return err
		}
		dst, err := openDir(to, name)
		if err != nil {
			src.Close()
			return err
		}
		if err := copyDir(src, dst); err != nil {
			return err
		}
	case unix.S_IFREG:
		if err := copyFile(from, to, name); err != nil {
			return err
		}
	case unix.S_IFLNK:
		target, err := readlink(from, name)
		if err != nil {
			return err
		}
		if err := unix.Symlinkat(target, to, name); err != nil {
			return err
		}
		return unix.Fchownat(to, name, int(st.Uid), int(st.Gid), unix.AT_SYMLINK_NOFOLLOW)
	case unix.S_IFCHR, unix.S_IFBLK, unix.S_IFIFO:
		if err := unix.Mknodat(to, name, st.Mode&unix.S_IFMT|0o600, int(st.Rdev)); err != nil {
			return err
		}
	default:
		return nil
	}
	// The tmpfs is nobody else's yet: names in it lead where they did.
	if err := unix.Fchownat(to, name, int(st.Uid), int(st.Gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if err := unix.Fchmodat(to, name, mode, 0); err != nil {
		return err
	}
	times := []unix.Timespec{st.Atim, st.Mtim}
	return unix.UtimesNanoAt(to, name, times, unix.AT_SYMLINK_NOFOLLOW)
}

func copyFile(from, to int, name string) error {
	fd, err := unix.Openat(from, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	src := os.NewFile(uintptr(fd), name)
	defer src.Close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return errMoved
	}
	fd, err = unix.Openat(to, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	dst := os.NewFile(uintptr(fd), name)
	defer dst.Close()
	_, err = io.CopyN(dst, src, st.Size)
	if err == io.EOF {
		err = nil
	}
	return err
}
