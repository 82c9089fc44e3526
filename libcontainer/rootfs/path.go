package rootfs

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// A root is a descriptor of the container's root directory. Paths below it are
// opened as the container will see them: absolute links and ".." stay inside
// (openat2(2), RESOLVE_IN_ROOT, 5.6), and magic links of procfs are refused,
// because they lead anywhere.
type root struct{ fd int }

// maxLinks is the kernel's own limit for one lookup (MAXSYMLINKS).
const maxLinks = 40

// open opens a path with the given flags; O_CLOEXEC is implied.
func (r root) open(path string, flags int) (int, error) {
	return openat2(r.fd, path, flags, unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_MAGICLINKS)
}

// openat2 retries what the kernel asks to retry: EAGAIN means that something was
// renamed or mounted somewhere during the lookup of "..", and whoever does so in
// a loop shall not keep us for ever.
func openat2(dir int, path string, flags int, resolve uint64) (fd int, err error) {
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: resolve}
	for range 128 {
		fd, err = unix.Openat2(dir, path, &how)
		if err != unix.EAGAIN && err != unix.EINTR {
			break
		}
	}
	return fd, err
}

// A place is an opened path.
type place struct {
	fd       int
	flags    int  // besides O_PATH, for whoever opens it again
	made     bool // it was missing
	straight bool // no link was on the way
}

// create opens path (O_PATH) and makes it if it is missing: a directory, or an
// empty file. Missing parents are made too, one mkdirat(2) at a time, each below
// a descriptor that the lookup has proven to be inside.
func (r root) create(path string, dir bool, flags int) (p place, err error) {
	p.flags = flags
	p.fd, err = openat2(r.fd, path, unix.O_PATH|flags, unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_SYMLINKS)
	switch err {
	case nil:
		p.straight = true
		return p, nil
	case unix.ELOOP:
		if p.fd, err = r.open(path, unix.O_PATH|flags); err != unix.ENOENT {
			return p, err
		}
	case unix.ENOENT:
		if p.fd, err = r.add(path, dir); err != unix.EEXIST && err != unix.ENOENT && err != unix.ELOOP {
			p.made, p.straight = true, true
			return p, err
		}
	default:
		return p, err
	}
	for range maxLinks {
		var next string
		p.fd, p.made, next, err = r.walk(path, dir)
		if next == "" || err != nil {
			return p, err
		}
		path = next
	}
	return p, unix.ELOOP
}

// add makes the last component of path if its directory exists and no link is on
// the way there: the usual case of something missing.
func (r root) add(path string, dir bool) (int, error) {
	above, name := parent(path)
	at, err := openat2(r.fd, above, unix.O_PATH|unix.O_DIRECTORY, unix.RESOLVE_IN_ROOT|unix.RESOLVE_NO_SYMLINKS)
	if err != nil {
		return -1, err
	}
	defer unix.Close(at)
	if err := makeAt(at, name, dir); err != nil {
		return -1, err // EEXIST: a link to nowhere
	}
	flags := unix.O_PATH | unix.O_NOFOLLOW
	if dir {
		flags |= unix.O_DIRECTORY
	}
	return openat2(at, name, flags, unix.RESOLVE_BENEATH|unix.RESOLVE_NO_SYMLINKS)
}

// makeAt makes a directory, or an empty file, in the directory at.
func makeAt(at int, name string, dir bool) error {
	if dir {
		return unix.Mkdirat(at, name, 0o755)
	}
	return unix.Mknodat(at, name, unix.S_IFREG|0o644, 0)
}

// walk follows path from the root, component by component, and makes what is
// missing. At a link whose target is missing it stops and returns in next the
// path to go on with.
func (r root) walk(path string, dir bool) (fd int, made bool, next string, err error) {
	parts := split(path)
	parent := "" // as far as it exists
	at, err := r.open("/", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return -1, false, "", err
	}
	for i, part := range parts {
		last := i == len(parts)-1
		sub := parent + "/" + part
		fd, err = r.open(sub, unix.O_PATH)
		switch {
		case err == nil:
			parent = sub
		case err != unix.ENOENT:
		default:
			var target string
			if target, err = readlink(at, part); err == nil {
				unix.Close(at)
				rest := strings.Join(parts[i+1:], "/")
				if strings.HasPrefix(target, "/") {
					return -1, false, target + "/" + rest, nil
				}
				return -1, false, parent + "/" + target + "/" + rest, nil
			}
			if err == unix.ENOENT {
				fd, err = makeChain(at, parts[i:], dir)
				return fd, err == nil, "", err
			}
		}
		unix.Close(at)
		if err != nil || last {
			return fd, false, "", err
		}
		at = fd
	}
	return at, false, "", nil
}

// makeChain makes names[0]/names[1]/… below the directory at, which it closes.
// None of them exists; what appears meanwhile is used if it is a real directory
// (or for the last one, anything but a link).
func makeChain(at int, names []string, dir bool) (int, error) {
	for i, name := range names {
		if name == ".." {
			unix.Close(at)
			return -1, unix.ENOENT
		}
		isDir := dir || i < len(names)-1
		err := makeAt(at, name, isDir)
		var fd int
		if err == nil || err == unix.EEXIST {
			flags := unix.O_PATH | unix.O_NOFOLLOW
			if isDir {
				flags |= unix.O_DIRECTORY
			}
			fd, err = openat2(at, name, flags, unix.RESOLVE_BENEATH|unix.RESOLVE_NO_SYMLINKS)
		}
		unix.Close(at)
		if err != nil {
			return -1, err
		}
		at = fd
	}
	return at, nil
}

// readlink reads the link name in the directory at. It returns ENOENT for
// anything that is not a link.
func readlink(at int, name string) (string, error) {
	var buf [unix.PathMax]byte
	n, err := unix.Readlinkat(at, name, buf[:])
	if err == unix.EINVAL {
		err = unix.ENOENT
	}
	if err != nil {
		return "", err
	}
	if n == len(buf) {
		return "", unix.ENAMETOOLONG
	}
	return string(buf[:n]), nil
}

// errMoved means that a path stopped leading to the mount that was just put
// there: somebody renames directories of the container while it is made.
var errMoved = errors.New("the mount point was moved or covered while it was in use")

// leadsTo checks that path (opened with flags besides O_PATH) is the root of the
// mount of fd now, and returns the number of that mount.
func (r root) leadsTo(path string, flags int, mount int) (mountNumber, error) {
	number, err := mountID(mount)
	if err != nil {
		return number, err
	}
	return number, r.leadsToNumber(path, flags, number)
}

func (r root) leadsToNumber(path string, flags int, number mountNumber) error {
	fd, err := r.open(path, unix.O_PATH|flags)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	now, err := mountID(fd)
	if err == nil && now != number {
		err = errMoved
	}
	return err
}

// A mountNumber tells one mount from another. The unique one is of 6.8 and used
// once since boot; the other is that of mountinfo (5.8), used again when free.
type mountNumber struct {
	id     uint64
	unique bool
}

const statxUniqueMountID = 0x4000 // STATX_MNT_ID_UNIQUE

func mountID(fd int) (mountNumber, error) {
	number, _, err := mountOf(fd, "")
	return number, err
}

// mountOf returns the number of the mount that name in the directory fd leads to,
// or fd itself without a name, and the mode of what is there. A link is not
// followed, and a filesystem not asked.
func mountOf(fd int, name string) (mountNumber, uint16, error) {
	flags := unix.AT_SYMLINK_NOFOLLOW | unix.AT_NO_AUTOMOUNT | unix.AT_STATX_DONT_SYNC
	if name == "" {
		flags |= unix.AT_EMPTY_PATH
	}
	var st unix.Statx_t
	err := unix.Statx(fd, name, flags, unix.STATX_TYPE|unix.STATX_MNT_ID|statxUniqueMountID, &st)
	if err == nil && st.Mask&(unix.STATX_MNT_ID|statxUniqueMountID) == 0 {
		err = unix.ENOSYS
	}
	return mountNumber{st.Mnt_id, st.Mask&statxUniqueMountID != 0}, st.Mode, err
}

// parent splits a clean absolute path into its directory and last component.
func parent(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	if i == 0 {
		return "/", path[1:]
	}
	return path[:i], path[i+1:]
}

func split(path string) []string {
	var parts []string
	for part := range strings.SplitSeq(path, "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	return parts
}
