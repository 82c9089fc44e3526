package namespaces

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/procfs"
)

// A Namespace is what setns(2) takes: a namespace and its CLONE_NEW* flag, or a
// pidfd and the flags of all namespaces of the process to enter (since 5.8).
type Namespace struct {
	File *os.File
	Flag uint32
}

// Open opens the namespaces to join, in the order of p.Join; the caller closes
// them. Each one is checked to be of its type. A user namespace that rt is in
// already cannot be joined again (setns(2)) and needs not be: it is taken out of
// p.Join, so read that after Open.
//
// What would set a name or a sysctl of the host through a joined namespace that
// is rt's own is refused here: only the kernel can tell.
func (p *Plan) Open() (files []*os.File, err error) {
	defer func() {
		if err != nil {
			for _, f := range files {
				f.Close()
			}
			files = nil
		}
	}()
	joins := p.Join[:0:0]
	for _, j := range p.Join {
		f, err := openPath(j)
		if err != nil {
			return files, err
		}
		files = append(files, f)
		joins = append(joins, j)
		touched := p.touches(j.Flag)
		if touched == "" && j.Flag != unix.CLONE_NEWUSER {
			continue
		}
		own, err := isOwn(f, j.Flag)
		if err != nil {
			return files, err
		}
		if own && touched != "" {
			return files, fmt.Errorf("%s: %s.path %q is the namespace of the host", touched, place(j.Index), j.Path)
		}
		if own {
			f.Close()
			files, joins = files[:len(files)-1], joins[:len(joins)-1]
		}
	}
	p.Join = joins
	return files, nil
}

func place(i int) string { return "linux.namespaces[" + strconv.Itoa(i) + "]" }

// openPath opens one namespace file. Opening for reading may wait (a FIFO), or
// act (a device), so what the path names is looked at first, with a handle that
// does neither.
func openPath(j Join) (*os.File, error) {
	at := place(j.Index) + ".path"
	handle, err := unix.Open(j.Path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, openError(at, j.Path, err)
	}
	ok := onNsfs(handle)
	unix.Close(handle)
	if ok {
		var fd int
		fd, err = unix.Open(j.Path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return nil, openError(at, j.Path, err)
		}
		if onNsfs(fd) { // still: the ioctl means something else to other files
			if flag, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE); err == nil && uint32(flag) == j.Flag {
				return os.NewFile(uintptr(fd), j.Path), nil
			}
		}
		unix.Close(fd)
	}
	return nil, fmt.Errorf("%s: %q is not %s namespace", at, j.Path, withArticle(j.Flag))
}

func onNsfs(fd int) bool {
	var s unix.Statfs_t
	return unix.Fstatfs(fd, &s) == nil && s.Type == unix.NSFS_MAGIC
}

// openError avoids the words by which engines recognise a missing command.
func openError(at, path string, err error) error {
	switch err {
	case unix.ENOENT, unix.ENOTDIR:
		return fmt.Errorf("%s: there is nothing at %q", at, path)
	case unix.EACCES, unix.EPERM:
		return fmt.Errorf("%s: rt may not open %q", at, path)
	}
	return fmt.Errorf("%s: open %q: %w", at, path, err)
}

// isOwn tells whether f is the namespace that a child of rt would be in anyway.
func isOwn(f *os.File, flag uint32) (bool, error) {
	var theirs, ours unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &theirs); err != nil {
		return false, os.NewSyscallError("fstat namespace", err)
	}
	proc, err := procfs.OpenHost()
	if err != nil {
		return false, err
	}
	defer proc.Close()
	dir, err := proc.Open("thread-self/ns", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return false, err
	}
	defer dir.Close()
	for _, k := range kinds {
		if k.flag == flag {
			if err := unix.Fstatat(int(dir.Fd()), k.fork, &ours, 0); err != nil {
				return false, fmt.Errorf("stat own %s namespace: %w", k.name, err)
			}
		}
	}
	return same(&ours, &theirs), nil
}

func same(a, b *unix.Stat_t) bool { return a.Dev == b.Dev && a.Ino == b.Ino }

// touches returns the JSON path of a value that is set in the namespace of this
// kind, or "".
func (p *Plan) touches(flag uint32) string {
	for _, s := range p.Sysctl {
		if sysctlOwner(s.Path[len("sys/"):]) == flag {
			return fmt.Sprintf("linux.sysctl[%q]", s.Name)
		}
	}
	switch {
	case flag == unix.CLONE_NEWUTS && p.Hostname != "":
		return "hostname"
	case flag == unix.CLONE_NEWUTS && p.Domainname != "":
		return "domainname"
	}
	return ""
}

// ErrGone says that the process whose namespaces were asked for has ended.
var ErrGone = errors.New("the process has ended")

// OfProcess finds the namespaces that a process joining pid has to enter: those
// of pid in which a child of rt would not be by birth. pidfd must refer to pid.
// types are words of linux.namespaces[].type, nil for all kinds. The caller
// closes the files, which are pidfds: one for the user namespace, which comes
// first if there is one, and one for all other kinds together. That spares an
// open, and a setns, for each kind.
//
// Of pid itself it is pid and time that count, not pid_for_children and
// time_for_children: those are what init has prepared for others. Of rt it is
// the other way round.
func OfProcess(pid, pidfd int, types []string) (found []Namespace, err error) {
	flags, err := differing(pid, pidfd, types)
	if err != nil {
		return nil, err
	}
	for _, part := range [...]uint32{flags & unix.CLONE_NEWUSER, flags &^ unix.CLONE_NEWUSER} {
		if part == 0 {
			continue
		}
		fd, err := unix.FcntlInt(uintptr(pidfd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			closeAll(found)
			return nil, os.NewSyscallError("fcntl", err)
		}
		found = append(found, Namespace{os.NewFile(uintptr(fd), "pidfd"), part})
	}
	return found, nil
}

// differing compares the namespaces of pid with those that a child of rt has.
func differing(pid, pidfd int, types []string) (flags uint32, err error) {
	proc, err := procfs.OpenHost()
	if err != nil {
		return 0, err
	}
	defer proc.Close()
	number, err := numberOf(proc, pidfd)
	if err != nil {
		return 0, err
	}
	// Its mode is 0511, and its owner whatever id the process has now: an ordinary
	// user may not read it, but follow its links.
	theirs, err := proc.Open(number+"/ns", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return 0, gone(err)
	}
	defer theirs.Close()
	ours, err := proc.Open("thread-self/ns", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return 0, err
	}
	defer ours.Close()
	for _, k := range kinds {
		if !wanted(types, k.name) {
			continue
		}
		// The text of the link is type and inode, and cheaper than stat(2).
		var a, b [64]byte
		n, err := unix.Readlinkat(int(ours.Fd()), k.fork, a[:])
		if err == unix.ENOENT {
			continue // a kernel without this kind
		} else if err != nil {
			return 0, fmt.Errorf("readlink own %s namespace: %w", k.name, plain(err))
		}
		m, err := unix.Readlinkat(int(theirs.Fd()), k.file, b[:])
		if err != nil {
			if err = gone(err); err != ErrGone {
				err = fmt.Errorf("readlink %s namespace of process %d: %w", k.name, pid, plain(err))
			}
			return 0, err
		}
		// "pid:[4026531836]"
		if _, own, _ := strings.Cut(string(a[:n]), ":"); !strings.HasSuffix(string(b[:m]), ":"+own) {
			flags |= k.flag
		}
	}
	// Still there: so it was the process' directory, and not that of another one
	// with its number.
	if err := unix.PidfdSendSignal(pidfd, 0, nil, 0); err != nil {
		return 0, gone(os.NewSyscallError("pidfd_send_signal", err))
	}
	return flags, nil
}

// numberOf returns the number by which this procfs knows the process of a pidfd.
// That is rt's own number for it only if /proc is of rt's pid namespace.
func numberOf(proc *procfs.Proc, pidfd int) (string, error) {
	text, err := proc.ReadFile("thread-self/fdinfo/" + strconv.Itoa(pidfd))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(text) {
		if number, ok := strings.CutPrefix(line, "Pid:"); ok {
			switch number = strings.TrimSpace(number); number {
			case "-1":
				return "", ErrGone
			case "0":
				return "", errors.New("/proc is of a pid namespace that does not know the process")
			}
			return number, nil
		}
	}
	return "", fmt.Errorf("descriptor %d is not a pidfd", pidfd)
}

// numberOfChild is numberOf for a child of rt that nobody has waited for: its
// pid cannot be another process'.
func numberOfChild(proc *procfs.Proc, pid int) (string, error) {
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return "", os.NewSyscallError("pidfd_open", err)
	}
	defer unix.Close(pidfd)
	return numberOf(proc, pidfd)
}

func closeAll(list []Namespace) {
	for _, n := range list {
		n.File.Close()
	}
}

func wanted(types []string, name string) bool {
	for _, t := range types {
		if t == name {
			return true
		}
	}
	return types == nil
}

// gone turns what procfs and pidfds say of a dead process into ErrGone. A
// zombie has no namespaces any more: ENOENT.
func gone(err error) error {
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENOENT) {
		return ErrGone
	}
	return err
}
