package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/c9b5e2ae/rt/libcontainer/config"
	"golang.org/x/sys/unix"
)

// Files of a container's state directory, <root>/<id>.
const (
	configFile = "config.json" // the bundle's bytes as they were at create
	stateFile  = "state.json"  // see state
	startSock  = "start.sock"  // from the end of create until start: init listens
	newSock    = "start.new"   // the same, while create is at work
)

// A dir is a container's state directory, held open: nobody can put another in
// its place between two operations.
type dir struct {
	path  string
	fd    int
	below string // "", or the name with a slash, "id/": then fd is the state root's, and not the dir's to close
}

// openRoot makes and opens the directory of all containers. A link in its place
// is followed: the root is the caller's choice.
func openRoot(root string) (int, error) {
	fd, err := unix.Open(root, unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_RDONLY, 0)
	if errors.Is(err, unix.ENOENT) {
		if err := os.MkdirAll(root, 0o700); err != nil {
			return -1, err
		}
		fd, err = unix.Open(root, unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_RDONLY, 0)
	}
	if err != nil {
		return -1, fmt.Errorf("open state root %q: %w", root, err)
	}
	return fd, nil
}

// claim makes the directory of a new container and locks it. mkdir decides
// between two that want the same id.
func claim(root, id string) (*dir, error) {
	rootFd, err := openRoot(root)
	if err != nil {
		return nil, err
	}
	defer unix.Close(rootFd)
	if err := unix.Mkdirat(rootFd, id, 0o700); err != nil {
		if errors.Is(err, unix.EEXIST) {
			return nil, fmt.Errorf("container with given ID already exists: %q", id)
		}
		return nil, fmt.Errorf("mkdir %q: %w", filepath.Join(root, id), err)
	}
	d, err := openDir(rootFd, root, id)
	if err != nil {
		unix.Unlinkat(rootFd, id, unix.AT_REMOVEDIR)
		return nil, err
	}
	return d, d.lock()
}

// findDir opens the directory of a container that should exist.
func findDir(root, id string) (*dir, error) {
	rootFd, err := unix.Open(root, unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_PATH, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("%w: %q", ErrNotExist, id)
	}
	if err != nil {
		return nil, fmt.Errorf("open state root %q: %w", root, err)
	}
	defer unix.Close(rootFd)
	return openDir(rootFd, root, id)
}

func openDir(rootFd int, root, id string) (*dir, error) {
	fd, err := unix.Openat(rootFd, id, unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_RDONLY, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, fmt.Errorf("%w: %q", ErrNotExist, id)
	}
	path := filepath.Join(root, id)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", path, err)
	}
	return &dir{path: path, fd: fd}, nil
}

// lockTime is how long an operation waits for another one on the same container:
// a create may be at work in a hook that never ends.
const lockTime = time.Minute

// lock waits for every other operation that changes the container. The lock is
// the directory's own, so it goes with it: after the wait it may be removed.
func (d *dir) lock() error {
	deadline := time.Now().Add(lockTime)
	for {
		err := unix.Flock(d.fd, unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			break
		}
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			return fmt.Errorf("lock %q: %w", d.path, err)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("lock %q: another operation on the container has been at work for %v", d.path, lockTime)
		}
		time.Sleep(2 * time.Millisecond)
	}
	var st unix.Stat_t
	if err := unix.Fstat(d.fd, &st); err != nil {
		return fmt.Errorf("stat %q: %w", d.path, err)
	}
	if st.Nlink == 0 {
		return fmt.Errorf("%w: %q", ErrNotExist, filepath.Base(d.path))
	}
	return nil
}

func (d *dir) unlock() { unix.Flock(d.fd, unix.LOCK_UN) }

func (d *dir) close() {
	if d.fd >= 0 {
		unix.Close(d.fd)
		d.fd = -1
	}
}

// write replaces a file whole: whoever reads sees the old or the new one. There
// is no fsync: state must outlive the process, not the kernel.
func (d *dir) write(name string, data []byte) error {
	temporary := name + ".new"
	err := d.put(temporary, unix.O_TRUNC, data)
	if err == nil {
		err = d.replace(temporary, name)
	}
	if err != nil {
		unix.Unlinkat(d.fd, temporary, 0)
		return fmt.Errorf("write %q: %w", filepath.Join(d.path, name), err)
	}
	return nil
}

// replace puts a file in the place of another, if there is one. Where a rename
// replaces a file ext4 (auto_da_alloc) finds blocks for the new one and begins to
// write them at once, which nobody waits for here, and which makes the file slow to
// remove; where it exchanges two, it does not.
func (d *dir) replace(temporary, name string) error {
	err := unix.Renameat2(d.fd, temporary, d.fd, name, unix.RENAME_EXCHANGE)
	if err == nil {
		return unix.Unlinkat(d.fd, temporary, 0)
	}
	return unix.Renameat(d.fd, temporary, d.fd, name) // there is none, or no exchange
}

// create writes a file that is not there yet, and that nobody reads before the
// lock is free.
func (d *dir) create(name string, data []byte) error {
	if err := d.put(name, unix.O_EXCL, data); err != nil {
		return fmt.Errorf("write %q: %w", filepath.Join(d.path, name), err)
	}
	return nil
}

func (d *dir) put(name string, flags int, data []byte) error {
	fd, err := unix.Openat(d.fd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC|flags, 0o600)
	if err != nil {
		return err
	}
	for at := 0; at < len(data) && err == nil; {
		var n int
		n, err = unix.Write(fd, data[at:])
		if err == unix.EINTR {
			err = nil
		}
		at += max(n, 0)
	}
	if closeErr := unix.Close(fd); err == nil {
		err = closeErr
	}
	return err
}

const maxState = 32 << 20 // annotations are part of it, and config.json may have 16 MiB

// read takes the place of memory, if that is large enough.
func (d *dir) read(name string, memory []byte) ([]byte, error) {
	return config.ReadFileInto(memory, d.fd, d.below+name, maxState)
}

// file is the path of a file by way of the descriptor: short enough for the
// 108 bytes of a socket's address whatever the root is, and never another one.
func (d *dir) file(name string) string {
	return "/proc/self/fd/" + strconv.Itoa(d.fd) + "/" + d.below + name
}

func (d *dir) has(name string) bool {
	return unix.Faccessat(d.fd, d.below+name, unix.F_OK, 0) == nil
}

// remove removes the directory with all that rt put into it. Gone is fine.
func (d *dir) remove() error {
	// These are all files of a container that has come to its end in order.
	for _, name := range []string{configFile, stateFile, startSock} {
		unix.Unlinkat(d.fd, name, 0)
	}
	err := unix.Rmdir(d.path)
	if errors.Is(err, unix.ENOTEMPTY) {
		if err = d.empty(); err == nil {
			err = unix.Rmdir(d.path)
		}
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove %q: %w", d.path, err)
	}
	return nil
}

// empty removes all files of the directory.
func (d *dir) empty() error {
	entries, err := os.ReadDir("/proc/self/fd/" + strconv.Itoa(d.fd))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := unix.Unlinkat(d.fd, e.Name(), 0); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return nil
}

// listen binds name as a socket on which init waits for start.
func (d *dir) listen(name string) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	err = unix.Bind(fd, &unix.SockaddrUnix{Name: d.file(name)})
	if err == nil {
		err = unix.Listen(fd, 1)
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listen at %q: %w", filepath.Join(d.path, name), err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
