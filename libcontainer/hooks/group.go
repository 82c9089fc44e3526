package hooks

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/procfs"
)

// A Group is the process group of a hook: what is to be killed if rt itself was
// killed while the hook ran. The hook dies with rt; its children do not.
type Group struct {
	Pid     int    `json:"pid"`     // of the leader, and number of the group
	Start   uint64 `json:"start"`   // of the leader, field 22 of proc_pid_stat(5)
	Session int    `json:"session"` // of all of them
}

// Kill kills the processes that are left in the group. A number that belongs to
// other processes today is recognised: the kernel gives out a number again only
// when nobody is in the group, and then its members are younger than a leader
// that is not the one we knew, or of another session.
func (g Group) Kill() error {
	if g.Pid <= 1 {
		return nil
	}
	proc, err := ourProcfs()
	if err != nil {
		return err
	}
	defer proc.Close()
	if leader, err := readStat(proc, g.Pid); err == nil && leader.start != g.Start {
		return nil
	}
	end := time.Now().Add(killTime)
	for {
		left, err := g.signal(proc)
		if left == 0 || err != nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d processes of a hook, group %d, do not die", left, g.Pid)
		}
		time.Sleep(killSleep)
	}
}

// signal kills the members that there are now, and counts them.
func (g Group) signal(proc *procfs.Proc) (left int, err error) {
	dir, err := proc.Open(".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || !g.has(proc, pid) {
			continue
		}
		pidfd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // it has ended
		}
		if g.has(proc, pid) { // so the descriptor is of a member
			unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0)
			left++
		}
		unix.Close(pidfd)
	}
	return left, nil
}

func (g Group) has(proc *procfs.Proc, pid int) bool {
	s, err := readStat(proc, pid)
	return err == nil && s.state != 'Z' && s.state != 'X' && s.group == g.Pid && s.session == g.Session && s.start >= g.Start
}

// A stat is some of proc_pid_stat(5).
type stat struct {
	state          byte
	group, session int
	start          uint64
}

func readStat(proc *procfs.Proc, pid int) (s stat, err error) {
	text, err := proc.ReadFile(strconv.Itoa(pid) + "/stat")
	if err != nil {
		return s, err
	}
	// The name before the last parenthesis may have spaces and parentheses.
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return s, fmt.Errorf("stat of process %d is too short", pid)
	}
	s.state = fields[0][0]
	s.group, _ = strconv.Atoi(fields[2])
	s.session, _ = strconv.Atoi(fields[3])
	s.start, err = strconv.ParseUint(fields[19], 10, 64)
	return s, err
}

// ourProcfs opens a procfs in which numbers mean what they mean to us.
func ourProcfs() (*procfs.Proc, error) {
	for _, open := range []func() (*procfs.Proc, error){procfs.OpenHost, procfs.Open} {
		proc, err := open()
		if err != nil {
			continue
		}
		if ours(proc) {
			return proc, nil
		}
		proc.Close()
	}
	return nil, errors.New("no procfs of this pid namespace")
}

// ours tells whether the numbers in this procfs are those of our pid namespace.
// Before pivot_root init still sees the /proc of the host.
func ours(proc *procfs.Proc) bool {
	status, err := proc.ReadFile("self/status")
	if err != nil {
		return false
	}
	for line := range strings.Lines(status) {
		// One number for each pid namespace from the procfs' down to the process'.
		if numbers, ok := strings.CutPrefix(line, "NSpid:"); ok {
			fields := strings.Fields(numbers)
			return len(fields) == 1 && fields[0] == strconv.Itoa(os.Getpid())
		}
	}
	return false
}
