package cgroups

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// sizeLimit bounds what is read of a control file; cgroup.procs of a very large
// container is the longest.
const sizeLimit = 8 << 20

// readFile reads a whole control file, whose name is relative to dir.
func readFile(dir int, name string) (string, error) {
	fd, err := open(dir, name, unix.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	buf := make([]byte, 512)
	n := 0
	for {
		r, err := unix.Read(fd, buf[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return "", err
		}
		n += r
		if r == 0 || n >= sizeLimit {
			return string(buf[:n]), nil
		}
		if n == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
	}
}

// writeFile writes value in one write(2), which is what a control file takes.
func writeFile(dir int, name, value string) error {
	fd, err := open(dir, name, unix.O_WRONLY)
	if err != nil {
		return err
	}
	err = write(fd, value)
	unix.Close(fd)
	return err
}

// write repeats on EINTR: the memory controller gives up its search for pages
// when a signal arrives, and the Go runtime sends itself signals.
func write(fd int, value string) error {
	for range 1000 {
		if _, err := unix.Write(fd, []byte(value)); err != unix.EINTR {
			return err
		}
	}
	return unix.EINTR
}

func open(dir int, name string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dir, name, flags|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// field returns the value of a "name value" line, as in cgroup.events.
func field(data, name string) string {
	for line := range strings.Lines(data) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

// A kernelError is an errno in words of our own. Engines take "no such file or
// directory" and "permission denied" anywhere in an error for a statement about
// the user's program, and exit with 127 or 126: so these are not said of
// control files.
type kernelError struct {
	errno unix.Errno
	text  string
}

func (e *kernelError) Error() string { return e.text }
func (e *kernelError) Unwrap() error { return e.errno }

func reword(err error) error {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return err
	}
	switch errno {
	case unix.ENOENT:
		return &kernelError{errno, "this kernel has no such control file"}
	case unix.EACCES, unix.EPERM:
		return &kernelError{errno, "the kernel does not let us"}
	}
	return errno
}

func opError(op, object string, err error) error {
	return fmt.Errorf("%s %s: %w", op, object, reword(err))
}
