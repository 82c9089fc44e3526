package rootfs

import (
	"fmt"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/c9b5e2ae/rt/libcontainer/procfs"
)

// A reader compares a container with its config.
type reader struct {
	root   root
	mounts map[int]mountInfo // by mount id
	plan   *Plan
	ps     config.Problems
}

// Verify reads back from the kernel whether the process pid lives in the
// filesystem that s describes, and returns what is not so. It looks at a container
// that was just made: the container may change much of it later.
func Verify(pid int, s *specs.Spec) []config.Problem {
	var r reader
	r.plan = PlanRootfs(s, "/", &config.Facts{}, new(config.Problems))
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/root", pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(fd)
		r.root.fd = fd
		r.mounts, err = mountTable(pid)
	}
	if err != nil {
		return []config.Problem{{Path: "root", Text: fmt.Sprintf("cannot be read from process %d: %v", pid, err)}}
	}
	r.verifyRoot()
	for i := range r.plan.Mounts {
		r.verifyMount(&r.plan.Mounts[i])
	}
	if !r.plan.DevBound {
		for i := range defaultDevices {
			if !r.plan.lists(defaultDevices[i].Path) {
				r.verifyDevice("linux.devices", &defaultDevices[i])
			}
		}
	}
	for i := range r.plan.Nodes {
		d := &r.plan.Nodes[i]
		if !r.plan.DevBound || !strings.HasPrefix(d.Path, "/dev/") {
			r.verifyDevice(fmt.Sprintf("linux.devices[%d].path", d.Index), d)
		}
	}
	for i, path := range r.plan.Masked {
		r.verifyMasked(fmt.Sprintf("linux.maskedPaths[%d]", i), path)
	}
	for i, path := range r.plan.ReadonlyPaths {
		r.verifyReadonly(fmt.Sprintf("linux.readonlyPaths[%d]", i), path)
	}
	return r.ps.List
}

func mountTable(pid int) (map[int]mountInfo, error) {
	text, err := procfs.ReadHost(fmt.Sprintf("%d/mountinfo", pid))
	if err != nil {
		return nil, err
	}
	table := map[int]mountInfo{}
	for line := range strings.Lines(text) {
		i := parseMountInfo(line)
		table[i.ID] = i
	}
	return table, nil
}

func (r *reader) verifyRoot() {
	if r.plan.Readonly {
		r.verifyReadonly("root.readonly", "/")
	}
	if r.plan.RootPropagation == 0 {
		return
	}
	i, err := r.mount("/")
	if err != nil {
		r.ps.Addf("linux.rootfsPropagation", "%v", err)
		return
	}
	got := strings.Join(i.Peers, " ")
	ok := true
	switch r.plan.RootPropagation &^ unix.MS_REC {
	case unix.MS_SHARED:
		ok = strings.Contains(got, "shared:")
	case unix.MS_UNBINDABLE:
		ok = strings.Contains(got, "unbindable")
	case unix.MS_PRIVATE:
		ok = got == ""
	case unix.MS_SLAVE:
		ok = !strings.Contains(got, "shared:")
	}
	if !ok {
		r.ps.Addf("linux.rootfsPropagation", "the root has %q", got)
	}
}

// mount returns the line of mountinfo for the mount that path is in.
func (r *reader) mount(path string) (mountInfo, error) {
	fd, err := r.root.open(path, unix.O_PATH)
	if err != nil {
		return mountInfo{}, err
	}
	defer unix.Close(fd)
	return r.line(fd)
}

func (r *reader) line(fd int) (mountInfo, error) {
	var st unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_MNT_ID, &st); err != nil {
		return mountInfo{}, err
	}
	return r.mounts[int(st.Mnt_id)], nil
}

// covered tells whether a later entry or a mask is at the same path.
func (r *reader) covered(m *Mount) bool {
	for i := range r.plan.Mounts {
		if o := &r.plan.Mounts[i]; o.Index > m.Index && (o.Path == m.Path || strings.HasPrefix(m.Path, o.Path+"/")) {
			return true
		}
	}
	for _, path := range r.plan.Masked {
		if path == m.Path || strings.HasPrefix(m.Path, path+"/") {
			return true
		}
	}
	return false
}

// verifyMount looks for the mount at its path, and for its flags.
func (r *reader) verifyMount(m *Mount) {
	if r.covered(m) {
		return
	}
	at := fmt.Sprintf("mounts[%d]", m.Index)
	fd, err := r.root.open(m.Path, unix.O_PATH)
	if err != nil {
		r.ps.Addf(at+".destination", "%q: %v", m.Path, err)
		return
	}
	defer unix.Close(fd)
	i, err := r.line(fd)
	if err != nil {
		r.ps.Addf(at+".destination", "%q: %v", m.Path, err)
		return
	}
	var stx unix.Statx_t
	err = unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_BASIC_STATS, &stx)
	if err == nil && stx.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0 && stx.Attributes&unix.STATX_ATTR_MOUNT_ROOT == 0 {
		r.ps.Addf(at+".destination", "nothing is mounted on %q", m.Path)
		return
	}
	if m.Kind == Filesystem && i.FSType != m.Type {
		r.ps.Addf(at+".type", "%q has a %s", m.Path, i.FSType)
	}
	attr, _, err := readBack(fd, mountNumber{})
	if err != nil {
		r.ps.Addf(at+".options", "%v", err)
		return
	}
	want, clear := m.attributes()&^unix.MOUNT_ATTR__ATIME, (m.Attr.Clear|m.Rattr.Clear)&^(m.Attr.Set|m.Rattr.Set)&^unix.MOUNT_ATTR__ATIME
	if m.Late {
		want |= unix.MOUNT_ATTR_RDONLY
	}
	if missing := want &^ attr; missing != 0 {
		r.ps.Addf(at+".options", "%q lacks %s", m.Path, names(missing))
	}
	for _, path := range r.plan.ReadonlyPaths {
		if path == m.Path {
			clear &^= unix.MOUNT_ATTR_RDONLY
		}
	}
	if extra := clear & attr; extra != 0 {
		r.ps.Addf(at+".options", "%q has %s", m.Path, names(extra))
	}
}

func (r *reader) verifyDevice(at string, d *Device) {
	if d.Path == "/dev/console" {
		return // a terminal may be on it
	}
	var st unix.Stat_t
	fd, err := r.root.open(d.Path, unix.O_PATH|unix.O_NOFOLLOW)
	if err == nil {
		defer unix.Close(fd)
		err = unix.Fstat(fd, &st)
	}
	switch {
	case err != nil:
		r.ps.Addf(at, "%q: %v", d.Path, err)
	case !d.is(&st):
		r.ps.Addf(at, "%q is not %s", d.Path, d.kind())
	}
}

func (r *reader) verifyMasked(at, path string) {
	fd, err := r.root.open(path, unix.O_PATH)
	if err == unix.ENOENT || err == unix.ENOTDIR {
		return
	}
	var st unix.Stat_t
	var fs unix.Statfs_t
	if err == nil {
		defer unix.Close(fd)
		if err = unix.Fstat(fd, &st); err == nil {
			err = unix.Fstatfs(fd, &fs)
		}
	}
	switch {
	case err != nil:
		r.ps.Addf(at, "%q: %v", path, err)
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		if fs.Type != unix.TMPFS_MAGIC || fs.Flags&unix.ST_RDONLY == 0 || st.Nlink != 2 {
			r.ps.Addf(at, "%q is not an empty read-only directory", path)
		}
	case !defaultDevices[0].is(&st):
		r.ps.Addf(at, "%q is not /dev/null", path)
	}
}

func (r *reader) verifyReadonly(at, path string) {
	fd, err := r.root.open(path, unix.O_PATH)
	if err == unix.ENOENT || err == unix.ENOTDIR {
		return
	}
	var fs unix.Statfs_t
	if err == nil {
		defer unix.Close(fd)
		err = unix.Fstatfs(fd, &fs)
	}
	switch {
	case err != nil:
		r.ps.Addf(at, "%q: %v", path, err)
	case fs.Flags&unix.ST_RDONLY == 0:
		r.ps.Addf(at, "%q is writable", path)
	}
}
