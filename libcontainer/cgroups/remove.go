package cgroups

import (
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long Remove waits for processes that were killed to be gone.
// A process that does not die, being in a system call that can't be ended, is
// better reported than waited for.
const patience = 900 * time.Millisecond

// Remove removes the directories that Create made, those inside them, and made
// parents that are empty; the scope of systemd too. It does not kill. It can be repeated: what is gone is
// no error. Directories that were there before us, or are not ours any more,
// stay.
func (c *Cgroup) Remove() error {
	first := c.stopUnit()
	// The same process is in the way in all hierarchies: one error is enough.
	deadline := time.Now().Add(patience)
	for _, name := range c.names() {
		if err := c.removeIn(name, deadline); err != nil && first == nil {
			first = err
		}
	}
	c.Close()
	return first
}

func (c *Cgroup) removeIn(name string, deadline time.Time) error {
	made := c.state.Made[name]
	if made == 0 {
		return nil
	}
	dir := c.state.Paths[name]
	if c.removeFast(name, dir) {
		return removeParents(dir, made)
	}
	fd, err := c.dirOf(name)
	switch {
	case err == unix.ENOENT:
	case gone(err):
		return nil
	case err != nil:
		return opError("open", dir, err)
	default:
		if err := removeTree(fd, dir, deadline); err != nil {
			return err
		}
		unix.Close(fd)
		delete(c.dirs, name)
	}
	return removeParents(dir, made)
}

func removeParents(dir string, made int) error {
	for ; made > 1; made-- {
		if dir = path.Dir(dir); unix.Rmdir(dir) != nil { // others are in it: theirs now
			break
		}
	}
	return nil
}

// removeFast removes the directory if it is the one we know and nothing is in
// it, which is how it is nearly always. rmdir can't do harm: at worst it takes
// an empty cgroup that took ours' place this very moment.
func (c *Cgroup) removeFast(name, dir string) bool {
	if fd, open := c.dirs[name]; open {
		parent, ok := c.parents[name]
		if !ok || unix.Unlinkat(parent, path.Base(dir), unix.AT_REMOVEDIR) != nil {
			return false
		}
		unix.Close(fd)
		delete(c.dirs, name)
		return true
	}
	var st unix.Statx_t
	return c.state.Inodes[name] != 0 &&
		unix.Statx(unix.AT_FDCWD, dir, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_INO, &st) == nil &&
		st.Ino == c.state.Inodes[name] && st.Attributes&unix.STATX_ATTR_MOUNT_ROOT == 0 &&
		unix.Rmdir(dir) == nil
}

// removeTree removes dir, which fd is open on. EBUSY is a cgroup inside, or a
// process that has been killed and is not gone yet.
func removeTree(fd int, dir string, deadline time.Time) error {
	err := unix.Rmdir(dir)
	if err == nil || err == unix.ENOENT {
		return nil
	}
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		names, _ := children(fd)
		for _, name := range names {
			removeBelow(fd, name)
		}
		if err = unix.Rmdir(dir); err == nil || err == unix.ENOENT {
			return nil
		}
		if err != unix.EBUSY && err != unix.EINTR || time.Now().After(deadline) {
			return stillThere(fd, dir, err)
		}
		time.Sleep(pause)
	}
}

func removeBelow(dir int, name string) {
	if unix.Unlinkat(dir, name, unix.AT_REMOVEDIR) == nil {
		return
	}
	fd, err := open(dir, name, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return
	}
	names, _ := children(fd)
	for _, n := range names {
		removeBelow(fd, n)
	}
	unix.Close(fd)
	unix.Unlinkat(dir, name, unix.AT_REMOVEDIR)
}

// stillThere says who is in the way, and what they do.
func stillThere(fd int, dir string, err error) error {
	pids, _ := pidsBelow(fd)
	var who []string
	for i, pid := range pids {
		if i == 5 {
			who = append(who, "…")
			break
		}
		stat, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		s := string(stat)
		if open, end := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')'); open > 0 && end > open && len(s) > end+2 {
			who = append(who, fmt.Sprintf("%d %s %c", pid, s[open:end+1], s[end+2]))
		}
	}
	if len(who) == 0 {
		return opError("rmdir", dir, err)
	}
	return fmt.Errorf("rmdir %s: %w: still in it: %s", dir, err, strings.Join(who, ", "))
}
