package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/c9b5e2ae/rt/libcontainer/procfs"
	"golang.org/x/sys/unix"
)

// Outside does to init what needs privileges that it may not have in its own user
// namespace: hard limits, oom_score_adj, priorities. pid is as rt sees it.
func (p *Plan) Outside(pid int) error {
	if err := p.raiseRlimits(pid); err != nil {
		return err
	}
	if p.NewUserns {
		if err := p.prioritize(pid); err != nil {
			return err
		}
	}
	if p.oomScoreAdj == nil {
		return nil
	}
	proc, err := procfs.OpenHost()
	if err != nil {
		return err
	}
	defer proc.Close()
	return p.setOOM(proc, pid)
}

// setOOM writes oom_score_adj (proc_pid_oom_score_adj(5)). Lowering it below the
// lowest value that a privileged process ever set needs CAP_SYS_RESOURCE; rootless
// that is given up, as runc does, for no engine could start a container otherwise.
func (p *Plan) setOOM(proc *procfs.Proc, pid int) error {
	file := strconv.Itoa(pid) + "/oom_score_adj"
	want := *p.oomScoreAdj
	err := proc.WriteFile(file, strconv.Itoa(want))
	if err == nil {
		return nil
	}
	if !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("process.oomScoreAdj: %w", err)
	}
	if p.clampOOM {
		return nil
	}
	now, err := proc.ReadFile(file)
	if err != nil {
		return fmt.Errorf("process.oomScoreAdj: %w", err)
	}
	return fmt.Errorf("process.oomScoreAdj: %d is below rt's own %s and lowering it needs CAP_SYS_RESOURCE", want, strings.TrimSpace(now))
}

// FixStdio gives the inherited standard streams to the container's user, who
// could not open /dev/stdout otherwise. Devices belong to the host and stay what
// they are, above all /dev/null; a terminal is the exception.
func (p *Plan) FixStdio() error {
	for fd := range 3 {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			if err == unix.EBADF {
				continue
			}
			return os.NewSyscallError("fstat "+strconv.Itoa(fd), err)
		}
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFIFO, unix.S_IFSOCK, unix.S_IFREG:
		case unix.S_IFCHR:
			if _, err := unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
				continue
			}
		default:
			continue
		}
		if st.Uid == p.UID {
			continue
		}
		switch err := unix.Fchown(fd, int(p.UID), -1); err {
		case nil:
		case unix.EPERM, unix.EACCES, unix.EROFS, unix.EINVAL:
			// A file that is not ours to give, or whose owner has no id in this user
			// namespace. The descriptor works all the same.
		default:
			return os.NewSyscallError("fchown "+strconv.Itoa(fd), err)
		}
	}
	return nil
}
