package namespaces

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	toolTime   = 10 * time.Second // they read two files, or ask a directory service
	toolOutput = 4 << 10

	// Engines start a runtime with an empty environment (conmon, CRI-O).
	defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// runTool lets newuidmap(1) or newgidmap(1) write the map.
func (m *idMap) runTool(pid int) error {
	path, err := lookTool(m.tool)
	if err != nil {
		return fmt.Errorf("%s: %w", m.path, err)
	}
	args := []string{m.tool, strconv.Itoa(pid)}
	for _, a := range m.lines {
		args = append(args, fmt.Sprint(a.ContainerID), fmt.Sprint(a.HostID), fmt.Sprint(a.Size))
	}
	if err := run(path, args); err != nil {
		return fmt.Errorf("%s: %s: %w", m.path, strings.Join(args, " "), err)
	}
	return nil
}

func lookTool(name string) (string, error) {
	list := os.Getenv("PATH")
	if list == "" {
		list = defaultPath
	}
	for dir := range strings.SplitSeq(list, ":") {
		path := dir + "/" + name
		if strings.HasPrefix(path, "/") && unix.Access(path, unix.X_OK) == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is needed to map these ids without privileges, and it is not in %s", name, list)
}

// run runs a program to its end, but not longer than toolTime. What it prints
// goes to a memfd, so nobody has to read while it runs.
func run(path string, args []string) error {
	fd, err := unix.MemfdCreate("output", unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
	if err == unix.EINVAL { // before 6.3
		fd, err = unix.MemfdCreate("output", unix.MFD_CLOEXEC)
	}
	if err != nil {
		return os.NewSyscallError("memfd_create", err)
	}
	output := os.NewFile(uintptr(fd), "output")
	defer output.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	pidfd := -1
	pid, err := syscall.ForkExec(path, args, &syscall.ProcAttr{
		Files: []uintptr{null.Fd(), output.Fd(), output.Fd()},
		Sys:   &syscall.SysProcAttr{PidFD: &pidfd},
	})
	if err != nil {
		return fmt.Errorf("exec %q: %w", path, plain(err))
	}
	late := false
	if pidfd >= 0 {
		late = !ends(pidfd, toolTime)
		unix.Close(pidfd)
	}
	if late {
		unix.Kill(pid, unix.SIGKILL)
	}
	var status unix.WaitStatus
	for {
		if _, err = unix.Wait4(pid, &status, 0, nil); err != unix.EINTR {
			break
		}
	}
	said := make([]byte, toolOutput)
	n, _ := output.ReadAt(said, 0)
	text := strings.TrimSpace(string(said[:n]))
	switch {
	case err != nil:
		return os.NewSyscallError("wait4", err)
	case late:
		return fmt.Errorf("did not end within %v and was killed", toolTime)
	case status.Signaled():
		return fmt.Errorf("killed by signal %d: %s", status.Signal(), text)
	case status.ExitStatus() != 0:
		return fmt.Errorf("exit status %d: %s", status.ExitStatus(), text)
	}
	return nil
}

// ends waits until the process ended, and tells whether it did in time.
func ends(pidfd int, limit time.Duration) bool {
	end := time.Now().Add(limit)
	for {
		left := time.Until(end)
		if left <= 0 {
			return false
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, int(left/time.Millisecond)+1)
		if n > 0 || (err != nil && err != unix.EINTR) {
			return true
		}
	}
}
