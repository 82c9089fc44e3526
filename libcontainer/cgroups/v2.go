package cgroups

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// prepareV2 makes a cgroup2 directory ready for its process: its parents hand
// it the controllers, and it belongs to whom the container may give it.
func (c *Cgroup) prepareV2(x *hierarchy, fd int, dir string) error {
	if c.host.pure() {
		if events, err := readFile(fd, "cgroup.events"); err == nil && field(events, "frozen") == "1" {
			return fmt.Errorf("cgroup %s is frozen", dir)
		}
	}
	if err := c.enable(x, fd, dir, c.plan.settings); err != nil {
		return err
	}
	return c.delegate(fd)
}

// enable makes the controllers of the machine available in dir. Each cgroup
// above it has to pass them on (cgroups(7), "Cgroups v2 controllers"). All of
// them, because engines read the usage from their files; but on a hybrid host
// only those that a limit needs. What no limit needs may be missing.
func (c *Cgroup) enable(x *hierarchy, fd int, dir string, list []setting) error {
	needs := map[string]string{} // controller -> the first field that needs it
	for _, s := range list {
		if controller, _, _ := strings.Cut(s.file, "."); s.in == x && controller != "cgroup" && needs[controller] == "" {
			needs[controller] = s.field
		}
	}
	wanted := sortedKeys(needs)
	if c.host.pure() {
		wanted = strings.Fields(c.host.v2Controllers())
	}
	if len(wanted) == 0 {
		return nil
	}
	has, err := readFile(fd, "cgroup.controllers")
	if err != nil {
		return opError("read", dir+"/cgroup.controllers", err)
	}
	if hasFields(has, wanted) {
		return nil
	}
	why := map[string]string{} // controller -> where the way down ends
	passOn(x.mount, path.Dir(dir), wanted, why)
	if has, err = readFile(fd, "cgroup.controllers"); err != nil {
		return opError("read", dir+"/cgroup.controllers", err)
	}
	for _, controller := range sortedKeys(needs) {
		if !hasFields(has, []string{controller}) {
			reason := why[controller]
			if reason == "" {
				reason = "the cgroups above do not pass it on"
			}
			return fmt.Errorf("%s: needs the %s controller: %s", needs[controller], controller, reason)
		}
	}
	return nil
}

// passOn adds the controllers to cgroup.subtree_control of dir and of all above
// it, from the top.
func passOn(mount, dir string, wanted []string, why map[string]string) {
	if len(dir) > len(mount) {
		passOn(mount, path.Dir(dir), wanted, why)
	}
	control := dir + "/cgroup.subtree_control"
	has, err := readFile(unix.AT_FDCWD, control)
	if err != nil {
		return
	}
	var lacks []string
	for _, w := range wanted {
		if !hasFields(has, []string{w}) && why[w] == "" {
			lacks = append(lacks, w)
		}
	}
	if len(lacks) == 0 {
		return
	}
	err = writeFile(unix.AT_FDCWD, control, "+"+strings.Join(lacks, " +"))
	for _, w := range lacks {
		one := err
		if err != nil && err != unix.EBUSY && err != unix.EOPNOTSUPP {
			// All or nothing: one that can't be enabled keeps the others out. Not
			// tried where processes are in the way: the kernel would take those
			// controllers that can be threaded, and no child could hold a process.
			one = writeFile(unix.AT_FDCWD, control, "+"+w)
		}
		switch one {
		case nil:
		case unix.EBUSY:
			why[w] = dir + " can't pass it on: processes are in it"
		case unix.EOPNOTSUPP:
			why[w] = dir + " can't pass it on: it is threaded"
		default:
			why[w] = dir + " can't pass it on: " + reword(one).Error()
		}
	}
}

func hasFields(list string, words []string) bool {
	f := strings.Fields(list)
	for _, w := range words {
		if !slices.Contains(f, w) {
			return false
		}
	}
	return true
}

// delegate gives the cgroup to the container's user: the directory, and the
// files that the kernel says are safe to give (cgroups(7), "Cgroup delegation").
func (c *Cgroup) delegate(fd int) error {
	owner := c.plan.owner
	if owner < 0 {
		return nil
	}
	files, err := readFile(unix.AT_FDCWD, "/sys/kernel/cgroup/delegate")
	if err != nil {
		files = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads"
	}
	for _, name := range append(strings.Fields(files), ".") {
		err := unix.Fchownat(fd, name, owner, -1, unix.AT_SYMLINK_NOFOLLOW)
		if err == unix.ENOENT || err != nil && c.state.Rootless {
			continue // not every cgroup has every file; nor can a user give away
		}
		if err != nil {
			return opError("chown", path.Join(c.state.Paths[""], name), err)
		}
	}
	return nil
}

// combined completes a value that cgroup v2 wants in one with what is there.
func combined(dir int, s *setting) (string, error) {
	switch {
	case s.checked:
		now, err := readFile(dir, "memory.current")
		if err == nil && s.value != "max" && less(s.value, strings.TrimSpace(now)) {
			err = fmt.Errorf("%s is less than the container holds now (%s)", s.value, strings.TrimSpace(now))
		}
		return s.value, err
	case s.lessMax:
		limit, err := readFile(dir, "memory.max")
		if err != nil {
			return "", opError("read", "memory.max", err)
		}
		limit = strings.TrimSpace(limit)
		if limit == "max" {
			return "", fmt.Errorf("is memory and swap together, so it needs a memory.limit")
		}
		if less(s.value, limit) {
			return "", fmt.Errorf("%s is memory and swap together, so it can't be less than the memory.limit %s", s.value, limit)
		}
		return difference(s.value, limit), nil
	case s.keepQuota:
		now, err := readFile(dir, "cpu.max")
		if err != nil {
			return "", opError("read", "cpu.max", err)
		}
		quota, _, _ := strings.Cut(now, " ")
		return quota + " " + s.value, nil
	}
	return s.value, nil
}
