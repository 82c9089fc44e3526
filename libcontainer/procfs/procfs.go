// Package procfs is the only door of rt to /proc.
//
// What stands at the path /proc cannot be trusted: a container that shares a
// mount with another one, or an image, may have put a file, a link or a mount of
// its own there, so that a label or a sysctl is written to something else and
// the writer believes that it is set. Therefore files are opened below a procfs
// that no path leads to and nobody else can mount on, without leaving it.
package procfs

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const (
	hostProc  = "/proc"
	rootInode = 1        // PROC_ROOT_INO, include/linux/proc_ns.h
	readLimit = 16 << 20 // far above any file of procfs that rt reads whole
)

// A Proc is a procfs of the pid namespace that opened it. It may be used after
// this process entered other mount, user, network, ipc and uts namespaces:
// files below sys/ speak of the namespaces of the task that opens them.
type Proc struct {
	root *os.File
}

// Open makes a procfs instance that is mounted nowhere (fsopen(2), 5.2). Where
// the kernel forbids that (no CAP_SYS_ADMIN; or a user namespace whose /proc is
// partly hidden, "mount_too_revealing"), the host's own /proc serves: it is
// verified to be the root of a procfs, and mounts on top of its files are
// refused later with EXDEV. The descriptor is close-on-exec; the caller closes it.
func Open() (*Proc, error) {
	root, err := private()
	if err != nil {
		root, err = verified(hostProc)
	}
	if err != nil {
		return nil, err
	}
	return &Proc{root: root}, nil
}

// OpenHost takes the procfs that is mounted at /proc, verified as described at
// Open. It is for rt before it enters anything of the container: 3 us, where
// making an instance and taking it down again costs 60.
func OpenHost() (*Proc, error) {
	root, err := verified(hostProc)
	if err != nil {
		return nil, err
	}
	return &Proc{root: root}, nil
}

// ReadHost reads one file through OpenHost.
func ReadHost(path string) (string, error) {
	p, err := OpenHost()
	if err != nil {
		return "", err
	}
	defer p.Close()
	return p.ReadFile(path)
}

// private is a new mount of procfs. It has no option subset=pid: sysctls live
// outside that subset.
func private() (*os.File, error) {
	ctx, err := unix.Fsopen("proc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("fsopen proc", err)
	}
	defer unix.Close(ctx)
	if err := unix.FsconfigCreate(ctx); err != nil {
		return nil, os.NewSyscallError("fsconfig proc", err)
	}
	fd, err := unix.Fsmount(ctx, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("fsmount proc", err)
	}
	return os.NewFile(uintptr(fd), hostProc), nil
}

// verified opens the directory at path and refuses it if it is anything but the
// root of a procfs: a tmpfs, or a bind mount of a directory further down.
func verified(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	var fs unix.Statfs_t
	var st unix.Stat_t
	if err = unix.Fstatfs(fd, &fs); err == nil {
		err = unix.Fstat(fd, &st)
	}
	if err == nil && (fs.Type != unix.PROC_SUPER_MAGIC || st.Ino != rootInode) {
		err = fmt.Errorf("not the root of a procfs")
	}
	if err != nil {
		unix.Close(fd)
		return nil, &os.PathError{Op: "verify", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// Open opens path, which is relative to the root of procfs: "sys/kernel/msgmax",
// "thread-self/attr/exec". Links are followed if they stay inside (self,
// thread-self); magic links (fd/0, root, exe) are refused with ELOOP, and what
// somebody mounted on a file of procfs with EXDEV.
func (p *Proc) Open(path string, flags int) (*os.File, error) {
	fd, err := p.open(path, flags)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), hostProc+"/"+path), nil
}

func (p *Proc) open(path string, flags int) (int, error) {
	if flags&unix.O_PATH == 0 { // openat2 refuses the two together
		flags |= unix.O_NOCTTY
	}
	how := unix.OpenHow{
		Flags:   uint64(flags | unix.O_CLOEXEC),
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_MAGICLINKS,
	}
	for {
		fd, err := unix.Openat2(int(p.root.Fd()), path, &how)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return -1, &os.PathError{Op: "open", Path: hostProc + "/" + path, Err: err}
		}
		return fd, nil
	}
}

// WriteFile writes data with a single write(2), which is what the files of
// procfs take as one value. The file is never created or truncated.
func (p *Proc) WriteFile(path, data string) error {
	fd, err := p.open(path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	n, err := unix.Write(fd, []byte(data))
	if err == nil && n != len(data) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return &os.PathError{Op: "write", Path: hostProc + "/" + path, Err: err}
	}
	return nil
}

// ReadFile reads a whole file, 16 MiB at most.
func (p *Proc) ReadFile(path string) (string, error) {
	fd, err := p.open(path, unix.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	buf := make([]byte, 0, 512)
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		if err == unix.EINTR {
			continue
		}
		if err == nil && len(buf)+n > readLimit {
			err = unix.EFBIG
		}
		if err != nil {
			return "", &os.PathError{Op: "read", Path: hostProc + "/" + path, Err: err}
		}
		if n == 0 {
			return string(buf), nil
		}
		buf = buf[:len(buf)+n]
	}
}

// Close gives the procfs up. A nil Proc may be closed.
func (p *Proc) Close() error {
	if p == nil {
		return nil
	}
	return p.root.Close()
}
