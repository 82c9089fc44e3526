package process

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// A Console is the terminal that a process is to get. It crosses the boundary.
type Console struct {
	Terminal      bool
	Socket        *os.File // connected; gets the other end of the terminal
	Width, Height uint16   // 0: unset
	Device        bool     // mount it on /dev/console
}

// consolePayload goes with the descriptor; go-runc refuses an empty message.
const consolePayload = "/dev/ptmx"

// SetUpConsole makes the process leader of a session without the caller's
// terminal, into which it could otherwise type (TIOCSTI), and gives it one of its
// own or the inherited streams. It comes after the pivot: the terminal is made in
// the container's devpts, as /dev/pts/0, where ttyname(3) finds it.
func (p *Plan) SetUpConsole(c Console) error {
	// EPERM: leader of a process group already, so of a session of its own if it
	// is the caller's no longer.
	if _, err := unix.Setsid(); err != nil && !leadsSession() {
		return os.NewSyscallError("setsid", err)
	}
	if !c.Terminal {
		return p.FixStdio()
	}
	if c.Socket == nil {
		return errors.New("no socket to send the terminal to")
	}
	master, slave, err := openTerminal()
	if err != nil {
		return err
	}
	defer unix.Close(master)
	defer unix.Close(slave)
	if c.Width != 0 || c.Height != 0 {
		size := unix.Winsize{Col: c.Width, Row: c.Height}
		if err := unix.IoctlSetWinsize(master, unix.TIOCSWINSZ, &size); err != nil {
			return os.NewSyscallError("set window size", err)
		}
	}
	// The group stays: it is the devpts' gid= option, "tty" as a rule.
	if err := unix.Fchown(slave, int(p.UID), -1); err != nil {
		return os.NewSyscallError("fchown terminal", err)
	}
	if c.Device {
		if err := mountConsole(slave); err != nil {
			return fmt.Errorf("/dev/console: %w", err)
		}
	}
	if err := sendTerminal(c.Socket, master); err != nil {
		return fmt.Errorf("console socket: %w", err)
	}
	if err := unix.IoctlSetInt(slave, unix.TIOCSCTTY, 0); err != nil {
		return os.NewSyscallError("set controlling terminal", err)
	}
	for fd := range 3 {
		if err := unix.Dup3(slave, fd, 0); err != nil {
			return os.NewSyscallError("dup3", err)
		}
	}
	return nil
}

func leadsSession() bool {
	sid, err := unix.Getsid(0)
	return err == nil && sid == unix.Getpid()
}

// openTerminal opens a new pair. /dev/pts is opened and verified first, and ptmx
// below it without leaving it: a devpts has no other devices, whereas anything
// may be called /dev/ptmx in an image, and opening a device can do harm
// (CVE-2025-52565). The slave comes from the master and not by its path.
func openTerminal() (master, slave int, err error) {
	pts, err := openDir(unix.AT_FDCWD, "/dev/pts")
	if err != nil {
		return -1, -1, errors.New("process.terminal: there is no /dev/pts in the container: mount a devpts there")
	}
	defer unix.Close(pts)
	var fs unix.Statfs_t
	if err := unix.Fstatfs(pts, &fs); err != nil {
		return -1, -1, os.NewSyscallError("fstatfs /dev/pts", err)
	}
	if fs.Type != unix.DEVPTS_SUPER_MAGIC {
		return -1, -1, errors.New("process.terminal: /dev/pts is not a devpts")
	}
	master, err = openat2(pts, "ptmx", &unix.OpenHow{
		Flags:   unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return -1, -1, fmt.Errorf("process.terminal: %w", &os.PathError{Op: "open", Path: "/dev/pts/ptmx", Err: err})
	}
	defer func() {
		if err != nil {
			unix.Close(master)
		}
	}()
	var st unix.Stat_t
	if err = unix.Fstat(master, &st); err != nil {
		return -1, -1, os.NewSyscallError("fstat ptmx", err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != unix.Mkdev(5, 2) {
		err = errors.New("process.terminal: /dev/pts/ptmx is not the device 5:2")
		return -1, -1, err
	}
	if err = unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0); err != nil {
		return -1, -1, os.NewSyscallError("unlock terminal", err)
	}
	slave, err = peer(master)
	return master, slave, err
}

// mountConsole mounts the terminal on /dev/console, by descriptors on both sides.
func mountConsole(slave int) error {
	dev, err := openDir(unix.AT_FDCWD, "/dev")
	if err != nil {
		return &os.PathError{Op: "open", Path: "/dev", Err: err}
	}
	defer unix.Close(dev)
	// mknodat and not open: that would follow a link, or open a device.
	if err := unix.Mknodat(dev, "console", unix.S_IFREG|0o620, 0); err != nil && err != unix.EEXIST {
		return os.NewSyscallError("mknod", err)
	}
	target, err := openat2(dev, "console", &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return os.NewSyscallError("open", err)
	}
	defer unix.Close(target)
	var st unix.Stat_t
	if err := unix.Fstat(target, &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	if kind := st.Mode & unix.S_IFMT; kind != unix.S_IFREG && kind != unix.S_IFCHR {
		return errors.New("neither a file nor a device")
	}
	tree, err := unix.OpenTree(slave, "", unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("open_tree", err)
	}
	defer unix.Close(tree)
	err = unix.MoveMount(tree, "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	return os.NewSyscallError("move_mount", err)
}

// sendTerminal sends exactly one descriptor, which is what engines accept. It does
// not wait for a receiver that takes nothing.
func sendTerminal(socket *os.File, master int) error {
	fd := int(socket.Fd())
	for {
		err := unix.Sendmsg(fd, []byte(consolePayload), unix.UnixRights(master), nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
		if err != unix.EINTR {
			return os.NewSyscallError("sendmsg", err)
		}
	}
}

// peer opens the other end of a terminal (TIOCGPTPEER, since 4.13).
func peer(master int) (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(master), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		return -1, os.NewSyscallError("open the terminal's other end", errno)
	}
	return int(fd), nil
}
