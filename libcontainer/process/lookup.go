package process

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// defaultPath is searched if the environment has no PATH, as runc and crun do.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

const capDacOverride = 1 // CAP_DAC_OVERRIDE

// errNotInPath has the words by which engines know exit code 127.
var errNotInPath = errors.New("executable file not found in $PATH")

// errDirectory has those for 126, both of engines that look for "is a directory"
// and of older ones that only know the text of EACCES.
var errDirectory = fmt.Errorf("is a directory: %w", unix.EACCES)

// FindExecutable searches the program as execvp(3) would, as the container's user
// in its root and working directory, so that create fails and not start. It also
// sees whether the interpreter that the program names is there.
//
// A seccomp filter of the container may be loaded: only newfstatat, faccessat,
// openat, read, pread and close are used, which every program needs.
func (p *Plan) FindExecutable() error {
	if len(p.Args) == 0 {
		return errors.New("process.args: must have at least one entry")
	}
	name := p.Args[0]
	path, err := p.search(name)
	if err != nil {
		return fmt.Errorf("exec: %q: %w", name, err)
	}
	if err := p.missingInterpreter(path); err != nil {
		return err
	}
	p.path = path
	return nil
}

// search finds the file of a program. A name with a slash is the file, any other
// is looked for in PATH, where an empty element is the working directory.
func (p *Plan) search(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, p.executable(name)
	}
	if name == "" {
		return "", errNotInPath
	}
	list, ok := p.value("PATH")
	if !ok {
		list = defaultPath
	}
	found := errNotInPath
	for dir := range strings.SplitSeq(list, ":") {
		path := name
		if dir != "" {
			path = dir + "/" + name
		}
		switch err := p.executable(path); err {
		case nil:
			return path, nil
		case unix.EACCES, errDirectory:
			found = unix.EACCES // unless another one is better: execvp(3)
		case unix.ENOENT, unix.ENOTDIR, unix.ESTALE, unix.ENODEV, unix.ETIMEDOUT:
		default:
			return "", err
		}
	}
	return "", found
}

// executable says with which errno execve(2) would refuse the file; a directory is
// errDirectory.
func (p *Plan) executable(path string) error {
	var st unix.Stat_t
	if err := restart(func() error { return unix.Fstatat(unix.AT_FDCWD, path, &st, 0) }); err != nil {
		return err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		return errDirectory
	default:
		return unix.EACCES
	}
	if st.Mode&0o111 == 0 {
		return unix.EACCES
	}
	err := unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, 0)
	if err == unix.EPERM || err == unix.ENOSYS {
		return nil // a seccomp filter's answer: execve will tell
	}
	if err == unix.EACCES && p.UID != 0 && p.Caps.Effective&(1<<capDacOverride) != 0 {
		// access(2) judges a user without the capabilities that execve honours.
		return nil
	}
	return err
}

// restart repeats what a signal broke off: a network or user-space file system
// may do that at any call, and the Go runtime sends signals to its threads.
func restart(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}
