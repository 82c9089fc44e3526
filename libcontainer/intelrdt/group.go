package intelrdt

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/procfs"
)

const usualRoot = "/sys/fs/resctrl"

// A State is what a later exec, update and delete have to know.
type State struct {
	Root    string `json:"root"`              // of resctrl
	Group   string `json:"group"`             // directory whose tasks and schemata count
	Remove  bool   `json:"remove,omitempty"`  // the directory was made for this container
	Inode   uint64 `json:"inode,omitempty"`   // its number, if known
	Monitor string `json:"monitor,omitempty"` // directory of the monitoring group
}

// Intent says what Create is going to make, so that it can be written down before
// the deed. Without linux.intelRdt it is empty.
func (p *Plan) Intent() (State, error) {
	if p == nil {
		return State{}, nil
	}
	if err := p.find(); err != nil {
		return State{}, err
	}
	s := State{Root: p.Root, Group: filepath.Join(p.Root, p.Name)}
	if p.Monitor != "" {
		s.Monitor = filepath.Join(s.Group, "mon_groups", p.Monitor)
	}
	if _, err := os.Lstat(s.Group); errors.Is(err, unix.ENOENT) {
		s.Remove = !p.ClosID
	}
	return s, nil
}

// find finds where resctrl is mounted.
func (p *Plan) find() error {
	if p.Root != "" {
		return nil
	}
	var fs unix.Statfs_t
	if unix.Statfs(usualRoot, &fs) == nil && fs.Type == unix.RDTGROUP_SUPER_MAGIC {
		p.Root = usualRoot
		return nil
	}
	text, err := procfs.ReadHost("self/mountinfo")
	if err != nil {
		return err
	}
	if p.Root = mountPoint(text); p.Root == "" {
		return errors.New("linux.intelRdt: no resctrl filesystem is mounted")
	}
	return nil
}

// mountPoint finds resctrl in proc_pid_mountinfo(5).
func mountPoint(mountinfo string) string {
	for line := range strings.Lines(mountinfo) {
		left, right, _ := strings.Cut(line, " - ")
		fields := strings.Fields(left)
		if strings.HasPrefix(right, "resctrl ") && len(fields) > 4 && fields[3] == "/" {
			return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(fields[4])
		}
	}
	return ""
}

// Create makes the groups that are missing and writes the schemata. After an
// error everything is as it was.
func (p *Plan) Create() (State, error) {
	if p == nil {
		return State{}, nil
	}
	s, err := p.Intent()
	if err != nil {
		return s, err
	}
	p.state = s
	if err := p.create(); err != nil {
		return State{}, errors.Join(err, p.Undo())
	}
	return p.state, nil
}

func (p *Plan) create() error {
	s := &p.state
	s.Remove = false
	monitor := s.Monitor
	s.Monitor = "" // until it is made: Undo
	if p.ClosID && len(p.Lines) == 0 {
		if _, err := os.Lstat(s.Group); errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("linux.intelRdt.closID: resctrl has no group %q, and there is no schema to make it with", p.Name)
		}
	}
	err := unix.Mkdir(s.Group, 0o755)
	switch {
	case err == nil:
		p.created, s.Remove = true, !p.ClosID
		if s.Inode, err = inode(s.Group); err != nil {
			return err
		}
	case errors.Is(err, unix.EEXIST):
		if p.before, err = readFile(s.Group, "schemata"); err != nil {
			return fmt.Errorf("linux.intelRdt: %q is no group of resctrl: %w", s.Group, plain(err))
		}
		if err := p.compare(); err != nil {
			return err
		}
	case errors.Is(err, unix.ENOSPC):
		return errors.New("linux.intelRdt: the processor has no class of service left")
	default:
		return fmt.Errorf("linux.intelRdt: mkdir %q: %w", s.Group, plain(err))
	}
	for _, l := range p.Lines {
		p.wrote = true
		if err := s.write(l); err != nil {
			return err
		}
	}
	if monitor == "" {
		return nil
	}
	switch err = unix.Mkdir(monitor, 0o755); {
	case err == nil:
		s.Monitor = monitor
		return nil
	case errors.Is(err, unix.ENOSPC):
		return errors.New("linux.intelRdt.enableMonitoring: the processor has no monitoring id left")
	case errors.Is(err, unix.EEXIST):
		return fmt.Errorf("linux.intelRdt.enableMonitoring: the monitoring group %q exists already", monitor)
	case errors.Is(err, unix.ENOENT):
		return errors.New("linux.intelRdt.enableMonitoring: this machine has no monitoring")
	}
	return fmt.Errorf("linux.intelRdt.enableMonitoring: mkdir %q: %w", monitor, plain(err))
}

// Undo takes Create back, for a container that did not come to be: also a group
// with a closID is removed if Create made it, and one that was there gets its
// schemata back.
func (p *Plan) Undo() error {
	if p == nil || p.state.Group == "" {
		return nil
	}
	s := p.state
	s.Remove = p.created
	err := s.Delete()
	if !p.created && p.wrote {
		for line := range strings.Lines(p.before) {
			if e := s.write(Schema{"linux.intelRdt: restore schemata", strings.TrimSpace(line), false}); e != nil && err == nil {
				err = e
			}
		}
	}
	p.state, p.created, p.wrote = State{}, false, false
	return err
}

// write writes one line of schemata. The kernel takes it whole or not at all.
func (s *State) write(l Schema) error {
	err := writeFile(s.Group, "schemata", l.Line+"\n")
	if err == nil {
		return nil
	}
	// info/last_cmd_status has the reason, or "ok" (since 4.15).
	if why, e := readFile(s.Root, "info/last_cmd_status"); e == nil && strings.TrimSpace(why) != "ok" {
		return fmt.Errorf("%s: the kernel refuses %q: %s", l.Path, l.Line, strings.TrimSpace(why))
	}
	return fmt.Errorf("%s: the kernel refuses %q: %w", l.Path, l.Line, plain(err))
}

// Update writes new schemata for a container that exists, as `update` has them;
// "" leaves one alone.
func (s *State) Update(l3CacheSchema, memBwSchema string) error {
	if s.Group == "" {
		return errors.New("the container has no linux.intelRdt")
	}
	for _, l := range []Schema{{Path: "l3CacheSchema", Line: l3CacheSchema}, {Path: "memBwSchema", Line: memBwSchema}} {
		if l.Line == "" {
			continue
		}
		if err := s.write(l); err != nil {
			return err
		}
	}
	return nil
}

// Join puts a process into the group, and its monitoring group. It moves one
// thread, the first: so it comes while init has no other, and children and
// threads inherit it. With an empty State it does nothing.
func (s *State) Join(pid int) error {
	if s.Group == "" {
		return nil
	}
	dirs := []string{s.Group}
	if s.Monitor != "" {
		dirs = append(dirs, s.Monitor) // after its parent: a group's tasks are where its monitoring groups' come from
	}
	for _, dir := range dirs {
		if err := writeFile(dir, "tasks", fmt.Sprintln(pid)); err != nil {
			return fmt.Errorf("linux.intelRdt: join %q: %w", dir, plain(err))
		}
	}
	return nil
}

// Delete removes what was made for the container alone: its monitoring group,
// and the group itself if it has no closID. What is gone already is fine, and a
// directory of the same name that is another one stays. Tasks that are left go
// to the default class of service.
func (s *State) Delete() error {
	var errs []error
	if s.Monitor != "" {
		errs = append(errs, rmdir(s.Monitor))
	}
	if s.Remove {
		now, err := inode(s.Group)
		if err == nil && (s.Inode == 0 || s.Inode == now) {
			errs = append(errs, rmdir(s.Group))
		}
	}
	return errors.Join(errs...)
}

// In resctrl a directory goes with its files; in a directory that a test made it
// does not, and the test has its own way.
var removeDirectory = unix.Rmdir

func rmdir(path string) error {
	if err := removeDirectory(path); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("linux.intelRdt: rmdir %q: %w", path, plain(err))
	}
	return nil
}

func inode(path string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return 0, &os.PathError{Op: "lstat", Path: path, Err: err}
	}
	return st.Ino, nil
}

func readFile(dir, name string) (string, error) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 1<<20))
	return string(data), err
}

// writeFile adds text by one write(2). Files of resctrl exist as soon as their
// directory does, and have no end to add to; so O_CREAT and O_APPEND mean
// nothing there, and everything in a directory that a test made.
func writeFile(dir, name, text string) error {
	fd, err := unix.Open(filepath.Join(dir, name), unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(text))
	return err
}

// plain is the system's own error without the words by which engines recognise
// a missing or forbidden command of the container.
func plain(err error) error {
	var e unix.Errno
	if !errors.As(err, &e) {
		return err
	}
	switch e {
	case unix.EPERM, unix.EACCES:
		return errors.New("the kernel does not allow it")
	case unix.ENOENT, unix.ENOTDIR:
		return errors.New("it is missing")
	case unix.ESRCH:
		return errors.New("the process has ended")
	}
	return e
}
