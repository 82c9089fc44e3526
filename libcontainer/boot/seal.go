package boot

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Seal returns a handle of rt's own binary to execute as init, which nobody can
// open for writing: a container process can reach init's binary through
// /proc/PID/exe (CVE-2019-5736). The caller closes it.
//
// A read-only clone of the mount that the binary lies on costs 2 us. Where rt
// may not make one (no CAP_SYS_ADMIN over its mount namespace; a seccomp filter
// around it), the fallback is a copy in a sealed memfd, which costs 1 ms.
func Seal() (*os.File, error) {
	f, err := readOnlyClone()
	if err == nil {
		return f, nil
	}
	f, copyErr := sealedCopy()
	if copyErr != nil {
		return nil, fmt.Errorf("protect rt's binary: %w", errors.Join(err, copyErr))
	}
	return f, nil
}

const self = "/proc/self/exe"

func readOnlyClone() (*os.File, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, self, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open_tree %s: %w", self, err)
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("mount_setattr %s: %w", self, err)
	}
	return os.NewFile(uintptr(fd), self), nil
}

func sealedCopy() (_ *os.File, err error) {
	binary, err := os.Open(self)
	if err != nil {
		return nil, err
	}
	defer binary.Close()
	// MFD_EXEC since 6.3: without it vm.memfd_noexec may forbid execve.
	fd, err := unix.MemfdCreate("rt", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if err == unix.EINVAL {
		fd, err = unix.MemfdCreate("rt", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), "rt")
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if _, err := f.ReadFrom(binary); err != nil {
		return nil, fmt.Errorf("copy %s: %w", self, err)
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, fmt.Errorf("seal memfd: %w", err)
	}
	return f, nil
}
