package harness

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Residue lists what the containers of this test process have on the machine now:
// processes, cgroups, mounts and keyrings. With no container it is empty.
func Residue() []string {
	reapOrphans()
	left := orphans()
	left = append(left, cgroupsWith(prefix)...)
	left = append(left, linesWith("/proc/self/mountinfo", "mount", base, prefix)...)
	return append(left, linesWith("/proc/keys", "key", prefix)...)
}

// residue is Residue for one container, with its state directory.
func (c *Container) residue() []string {
	reapOrphans()
	var left []string
	if entries, err := os.ReadDir(c.Root); err == nil {
		for _, e := range entries {
			if e.Name() == c.ID || strings.Contains(e.Name(), c.ID+".") {
				left = append(left, "file "+filepath.Join(c.Root, e.Name()))
			}
		}
	}
	if c.Init != 0 && isChild(c.Init) {
		left = append(left, describe(c.Init))
	}
	left = append(left, cgroupsWith(c.ID)...)
	left = append(left, linesWith("/proc/self/mountinfo", "mount", c.Bundle)...)
	return append(left, linesWith("/proc/keys", "key", "_ses."+c.ID+":")...)
}

// cgroupsWith lists the cgroups, in all hierarchies, whose name has the text; a
// name that goes on with a digit is another container's.
func cgroupsWith(text string) []string {
	var found []string
	filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && hasName(d.Name(), text) {
			found = append(found, "cgroup "+path)
		}
		return nil // a cgroup that vanishes meanwhile is fine
	})
	return found
}

func hasName(name, text string) bool {
	_, rest, found := strings.Cut(name, text)
	if !found || strings.HasSuffix(text, "-") {
		return found
	}
	return rest == "" || rest[0] < '0' || rest[0] > '9'
}

// linesWith lists the lines of a file that have one of the texts.
func linesWith(path, what string, texts ...string) []string {
	var found []string
	for line := range strings.Lines(readFile(path)) {
		for _, text := range texts {
			if strings.Contains(line, text) {
				found = append(found, what+" "+strings.TrimSpace(line))
				break
			}
		}
	}
	return found
}

// orphans lists the processes that came to this subreaper, and their children.
func orphans() []string {
	var found []string
	for _, pid := range children(os.Getpid()) {
		if !isOurs(pid) {
			found = append(found, describe(pid))
		}
	}
	return found
}

// children lists the direct children of a process, in all its threads.
func children(pid int) []int {
	var pids []int
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, path := range threads {
		for field := range strings.FieldsSeq(readFile(path)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

func isChild(pid int) bool {
	for _, child := range children(os.Getpid()) {
		if child == pid {
			return true
		}
	}
	return false
}

func describe(pid int) string {
	comm := strings.TrimSpace(readFile(fmt.Sprintf("/proc/%d/comm", pid)))
	args := strings.ReplaceAll(readFile(fmt.Sprintf("/proc/%d/cmdline", pid)), "\x00", " ")
	return fmt.Sprintf("process %d (%s) %s", pid, comm, args)
}

// services are the pids of programs that the harness started itself and that run
// for more than one test.
var services = map[int]bool{}

func isOurs(pid int) bool { return services[pid] }

// Service marks a process as the harness's own, not left by a container.
func Service(pid int) { services[pid] = true }

// reapOrphans takes the exit status of dead orphans, which stay zombies else.
func reapOrphans() {
	for _, pid := range children(os.Getpid()) {
		if !isOurs(pid) {
			unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
	}
}

// killDescendants ends all children of this process, until none is left; the
// children of those come to us meanwhile.
func killDescendants() {
	for range 1000 {
		pids := children(os.Getpid())
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			unix.Kill(pid, unix.SIGKILL)
			unix.Wait4(pid, nil, 0, nil)
		}
	}
}

// removeCgroups removes the cgroups of this process's containers, inner ones first.
func removeCgroups() {
	left := cgroupsWith(prefix)
	for i := len(left) - 1; i >= 0; i-- {
		top := strings.TrimPrefix(left[i], "cgroup ")
		var dirs []string
		filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		for j := len(dirs) - 1; j >= 0; j-- {
			unix.Rmdir(dirs[j])
		}
	}
}
