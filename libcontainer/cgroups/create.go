package cgroups

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Intent is what Create is going to make, known before the deed: written to
// state.json first, it lets a later delete find what a killed create made, and
// tell it from what was there before.
func (p *Plan) Intent() State {
	if p.intent != nil {
		return *p.intent
	}
	s := State{Driver: "cgroupfs", Paths: map[string]string{}, Made: map[string]int{}, Rootless: p.rootless}
	if p.unit != nil {
		s.Driver, s.Scope, s.UserBus = "systemd", p.unit.Name, p.unit.User
	}
	p.parents = map[string]int{}
	for i := range p.host.hierarchies {
		x := &p.host.hierarchies[i]
		dir, made, err := p.look(x)
		if err == errNotMounted && x.locate() {
			dir, made, err = p.look(x)
		}
		if err == errNotMounted {
			continue
		}
		s.Paths[x.name] = dir
		if made > 0 {
			s.Made[x.name] = made
		}
	}
	p.intent = &s
	return s
}

// Lost is Intent for a container whose state.json can't be read any more: what
// lies where its config says is taken for its own, though no inode tells. It is
// for `delete --force` alone, when nothing better is known.
func (p *Plan) Lost() State {
	s := p.Intent()
	for name := range s.Paths {
		s.Made[name] = max(s.Made[name], 1)
	}
	return s
}

var errNotMounted = errors.New("is not mounted")

// look says where the container's cgroup is to be in x, and how many of its
// last components do not exist. It keeps the directory above open: a long path
// costs the kernel more than the deed at its end.
func (p *Plan) look(x *hierarchy) (dir string, made int, err error) {
	if p.unit != nil {
		dir = p.unit.dir(x)
	} else {
		dir = x.dir(p.path, p.host.pure())
	}
	above := path.Dir(dir)
	for ; ; above, made = path.Dir(above), made+1 {
		fd, err := open(unix.AT_FDCWD, above, unix.O_PATH|unix.O_DIRECTORY)
		switch {
		case err == nil && !x.is(fd):
			unix.Close(fd)
			return "", 0, errNotMounted
		case err == nil && made > 0:
			unix.Close(fd)
			return dir, made + 1, nil
		case err == nil:
			p.parents[x.name] = fd
			var st unix.Stat_t
			if unix.Fstatat(fd, path.Base(dir), &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
				made = 1
			}
			return dir, made, nil
		case len(above) <= len(x.mount):
			return "", 0, errNotMounted
		}
	}
}

// Create is Begin and Finish in one, for a cgroup without a process yet: on an
// error all that both made is removed.
func (p *Plan) Create() (*Cgroup, error) {
	c, err := p.Begin()
	if err != nil {
		return nil, err
	}
	if err := c.Finish(); err != nil {
		return nil, errors.Join(err, c.forget(true))
	}
	return c, nil
}

// Begin makes the directory in cgroup v2, if the host has that: clone puts init
// there, so it has to be made first. With the systemd driver it makes nothing,
// because a scope needs a process to begin with: see Enter. A directory that
// exists is taken if nothing is in it and it is not frozen (config-linux.md,
// "Control groups"). On an error everything made is removed.
func (p *Plan) Begin() (*Cgroup, error) {
	c := &Cgroup{state: p.Intent(), plan: p, host: p.host, dirs: map[string]int{}, parents: p.parents}
	c.state.Inodes = make(map[string]uint64, len(c.state.Paths))
	return c, c.create(true)
}

// Finish makes the directories in the hierarchies of v1, which init joins later.
// On an error all that it made is removed; what Begin made stays, because init may
// be in it by now.
func (c *Cgroup) Finish() error { return c.create(false) }

func (c *Cgroup) create(v2 bool) error {
	if c.plan.unit != nil {
		return nil
	}
	err := c.createAll(v2)
	if err == nil {
		return nil
	}
	if left := c.forget(v2); left != nil {
		err = fmt.Errorf("%w; and then %w", err, left)
	}
	return err
}

// forget removes what was made in cgroup v2, or in all of v1, and lets go of those
// hierarchies: what is there now is somebody else's, and must not be killed with
// our container.
func (c *Cgroup) forget(v2 bool) (first error) {
	deadline := time.Now().Add(patience)
	for _, name := range c.names() {
		if (name == "") != v2 {
			continue
		}
		if err := c.removeIn(name, deadline); err != nil && first == nil {
			first = err
		}
		if fd, ok := c.dirs[name]; ok {
			unix.Close(fd)
			delete(c.dirs, name)
		}
		delete(c.state.Paths, name)
		delete(c.state.Made, name)
		delete(c.state.Inodes, name)
	}
	return first
}

func (c *Cgroup) createAll(v2 bool) error {
	for i := range c.host.hierarchies {
		x := &c.host.hierarchies[i]
		if (x.name == "") != v2 {
			continue
		}
		err := c.createIn(x)
		if c.state.Rootless && !c.plan.explicit && denied(err) {
			// Nobody gave us this hierarchy, and nobody asked for it: the
			// container stays where we are. A limit that needs it fails.
			delete(c.state.Paths, x.name)
			delete(c.state.Made, x.name)
			continue
		}
		if err != nil {
			return err
		}
	}
	return c.apply(c.plan.settings, func(s *setting) bool { return s.early && (s.in.name == "") == v2 })
}

func denied(err error) bool {
	return errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EROFS)
}

func (c *Cgroup) createIn(x *hierarchy) error {
	dir, ok := c.state.Paths[x.name]
	if !ok { // not mounted
		return nil
	}
	made, err := c.makeDir(x, dir)
	if made > 0 {
		c.state.Made[x.name] = made
	} else {
		delete(c.state.Made, x.name) // somebody was faster: it is theirs
	}
	if err != nil {
		return opError("mkdir", dir, err)
	}
	parent := c.parents[x.name]
	fd, err := open(parent, path.Base(dir), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return opError("open", dir, err)
	}
	c.dirs[x.name] = fd
	if c.state.Inodes[x.name], err = inodeOf(fd); err != nil {
		return opError("stat", dir, err)
	}
	if made == 0 {
		if err := vacant(fd, dir); err != nil {
			return err
		}
	}
	switch {
	case x.name == "":
		return c.prepareV2(x, fd, dir)
	case hasWord(x.name, "freezer", ","):
		if state, err := readFile(fd, "freezer.state"); err == nil && state != "THAWED\n" {
			return fmt.Errorf("cgroup %s is frozen", dir)
		}
	case hasWord(x.name, "cpuset", ","):
		return fillCpuset(parent, fd, dir, x.mount, made > 0)
	}
	return nil
}

// makeDir makes the directory, and those above it that are missing. Someone's
// delete may take an empty one above away in between, so it tries a few times.
func (c *Cgroup) makeDir(x *hierarchy, dir string) (made int, err error) {
	for range 8 {
		if fd, ok := c.parents[x.name]; ok {
			switch err = unix.Mkdirat(fd, path.Base(dir), 0o755); err {
			case nil:
				return made + 1, nil
			case unix.EEXIST:
				return 0, nil
			case unix.ENOENT, unix.ENODEV: // the parent is gone
				unix.Close(fd)
				delete(c.parents, x.name)
			default:
				return made, err
			}
		}
		above := path.Dir(dir)
		n, err := makeDirs(above, x.mount)
		if made += n; err != nil {
			return made, err
		}
		if fd, err := open(unix.AT_FDCWD, above, unix.O_PATH|unix.O_DIRECTORY); err == nil {
			c.parents[x.name] = fd
		}
	}
	return made, err
}

func makeDirs(dir, mount string) (made int, err error) {
	switch err = unix.Mkdir(dir, 0o755); {
	case err == nil:
		return 1, nil
	case err == unix.EEXIST:
		return 0, nil
	case err != unix.ENOENT || len(dir) <= len(mount):
		return 0, err
	}
	made, err = makeDirs(path.Dir(dir), mount)
	if err != nil {
		return made, err
	}
	if err = unix.Mkdir(dir, 0o755); err == nil {
		made++
	} else if err == unix.EEXIST {
		made, err = 0, nil
	}
	return made, err
}

// vacant refuses a cgroup that somebody lives in.
func vacant(fd int, dir string) error {
	return walk(fd, func(fd int) error {
		procs, err := readFile(fd, "cgroup.procs")
		if err == unix.EOPNOTSUPP { // threaded: the processes are above
			procs, err = readFile(fd, "cgroup.threads")
		}
		if err != nil && !gone(err) {
			return opError("read", dir+"/cgroup.procs", err)
		}
		if procs != "" {
			return fmt.Errorf("cgroup %s is not empty: process %s is in it", dir, strings.Fields(procs)[0])
		}
		return nil
	})
}

// fillCpuset gives a v1 cpuset, and empty ones above it, the processors and
// memory nodes of its parent: nothing can enter one that has none (cpuset(7)).
func fillCpuset(parent, fd int, dir, mount string, fresh bool) error {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		value := ""
		if !fresh {
			value, _ = readFile(fd, file)
		}
		if strings.TrimSpace(value) != "" {
			continue
		}
		value, err := readFile(parent, file)
		if err == nil && value == "\n" {
			value, err = inherit(path.Dir(dir), mount, "/"+file)
		}
		if err == nil {
			err = writeFile(fd, file, value)
		}
		if err != nil {
			return opError("fill", dir+"/"+file, err)
		}
	}
	return nil
}

func inherit(dir, mount, file string) (string, error) {
	value, err := readFile(unix.AT_FDCWD, dir+file)
	if err != nil || value != "\n" || len(dir) <= len(mount) {
		return value, err
	}
	if value, err = inherit(path.Dir(dir), mount, file); err == nil {
		err = writeFile(unix.AT_FDCWD, dir+file, value)
	}
	return value, err
}
