package process

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// MakeCwd creates the working directory and its parents, mode 0755, where an
// image does not have it: engines rely on that. The root directory of this
// process is the container's by now, so no link leads out of it. The process of
// an exec gets no directory.
func (p *Plan) MakeCwd() error {
	if !p.First {
		return nil
	}
	fd, err := openDir(unix.AT_FDCWD, p.Cwd)
	if err == nil {
		unix.Close(fd)
		return nil
	}
	if err != unix.ENOENT {
		return nil // Chdir will say it, or can do it as the user
	}
	dir, err := openDir(unix.AT_FDCWD, "/")
	if err != nil {
		return cwdError(p.Cwd, err)
	}
	for name := range strings.SplitSeq(p.Cwd, "/") {
		if name == "" {
			continue
		}
		next, err := openDir(dir, name)
		if err == unix.ENOENT {
			if err = unix.Mkdirat(dir, name, 0o755); err == nil || err == unix.EEXIST {
				next, err = openDir(dir, name) // EEXIST: a link to nowhere, which ends here
			}
		}
		unix.Close(dir)
		if err != nil {
			return fmt.Errorf("create working directory: %w", cwdError(p.Cwd, err))
		}
		dir = next
	}
	return unix.Close(dir)
}

// openDir opens a directory. Magic links are refused: /proc/self/fd/N as the
// working directory, in the config or as a link of the image, would lead to a
// directory of the host if rt had leaked one (CVE-2024-21626).
func openDir(at int, path string) (int, error) {
	how := unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_MAGICLINKS,
	}
	return openat2(at, path, &how)
}

// Chdir goes to the working directory, and adds HOME to the environment if that
// is missing. Where init, with all its privileges, may not enter the directory (a
// network file system that does not trust root), SetUser tries it as the user.
func (p *Plan) Chdir() error {
	p.setHome()
	unix.Umask(int(p.Umask)) // init makes no more files
	fd, err := openDir(unix.AT_FDCWD, p.Cwd)
	if err == nil {
		err = unix.Fchdir(fd)
		unix.Close(fd)
	}
	if err == unix.EACCES || err == unix.EPERM {
		p.cwdAgain = true
		return nil
	}
	if err != nil {
		return cwdError(p.Cwd, err)
	}
	return verifyCwd()
}

// chdirAsUser is Chdir with a system call that every seccomp filter knows. The
// magic links that it would follow are caught by verifyCwd.
func (p *Plan) chdirAsUser() error {
	if err := unix.Chdir(p.Cwd); err != nil {
		return cwdError(p.Cwd, err)
	}
	return verifyCwd()
}

// cwdError words the common causes itself: engines take the words of ENOENT and
// EACCES for a statement about the program.
func cwdError(cwd string, err error) error {
	switch err {
	case unix.ENOENT:
		return fmt.Errorf("process.cwd: %q is not in the container", cwd)
	case unix.ENOTDIR:
		return fmt.Errorf("process.cwd: %q is no directory", cwd)
	case unix.EACCES, unix.EPERM:
		return fmt.Errorf("process.cwd: the user may not enter %q", cwd)
	case unix.ELOOP:
		return fmt.Errorf("process.cwd: %q leads through a link of procfs, or in a circle", cwd)
	}
	return fmt.Errorf("process.cwd: %w", &os.PathError{Op: "chdir", Path: cwd, Err: err})
}

// verifyCwd makes sure that the working directory is inside the container: of one
// outside, getcwd(2) says "(unreachable)" (CVE-2024-21626).
func verifyCwd() error {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Getcwd(buf)
	switch {
	case err == unix.ENOENT:
		return errors.New("process.cwd: the directory was removed")
	case err != nil:
		return fmt.Errorf("process.cwd: getcwd: %w", err)
	case n == 0 || buf[0] != '/':
		return errors.New("process.cwd: the directory is outside the container")
	}
	return nil
}
