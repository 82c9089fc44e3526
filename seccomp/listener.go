package seccomp

import (
	"fmt"
	"os"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// maxSocketPath is the room in sockaddr_un, without the final zero (unix(7)).
const maxSocketPath = 107

// listenerTimeout bounds each wait for the agent: for room in its queue of
// connections, and in the connection itself.
const listenerTimeout = 10 * time.Second

// SendListener gives the listener to the agent at path, together with the
// container process state (config-linux.md, "The Container Process State"):
// one connection, one state, and closed. pid is the process that the filter is
// on; state is the JSON of the container's state. listener stays the caller's.
func SendListener(path string, listener *os.File, pid int, metadata string, state []byte) error {
	return sendListener(path, listener, processState(pid, metadata, state), listenerTimeout)
}

func sendListener(path string, listener *os.File, message []byte, timeout time.Duration) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("seccomp listener: socket: %w", err)
	}
	defer unix.Close(fd)
	// SO_SNDTIMEO bounds connect(2) as well: a Unix socket waits there while
	// the agent's backlog is full (socket(7)).
	tv := unix.NsecToTimeval(timeout.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv); err != nil {
		return fmt.Errorf("seccomp listener: SO_SNDTIMEO: %w", err)
	}
	if err := retry(func() error { return unix.Connect(fd, &unix.SockaddrUnix{Name: path}) }); err != nil {
		return fmt.Errorf("seccomp listener: connect %q: %w", path, timedOut(err))
	}
	// The descriptor goes with the first bytes, the spec says, and the rest
	// may follow alone.
	rights := unix.UnixRights(int(listener.Fd()))
	for len(message) > 0 {
		var n int
		err := retry(func() (err error) {
			n, err = unix.SendmsgN(fd, message, rights, nil, unix.MSG_NOSIGNAL)
			return err
		})
		if err != nil {
			return fmt.Errorf("seccomp listener: send to %q: %w", path, timedOut(err))
		}
		message, rights = message[n:], nil
	}
	return nil
}

// retry repeats what a signal interrupted. The Go runtime sends itself signals.
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// timedOut names what the kernel reports as EAGAIN when SO_SNDTIMEO has passed.
func timedOut(err error) error {
	if err == unix.EAGAIN {
		return unix.ETIMEDOUT
	}
	return err
}

// processState writes the state without encoding/json, which no container
// without an agent should have to load.
func processState(pid int, metadata string, state []byte) []byte {
	b := make([]byte, 0, 128+len(metadata)+len(state))
	b = append(b, `{"ociVersion":"`+specs.Version+`","fds":["`+specs.SeccompFdName+`"],"pid":`...)
	b = strconv.AppendInt(b, int64(pid), 10)
	if metadata != "" {
		b = append(b, `,"metadata":`...)
		b = appendJSON(b, metadata)
	}
	b = append(b, `,"state":`...)
	b = append(b, state...)
	return append(b, '}')
}

// appendJSON appends s as a JSON string (RFC 8259, section 7).
func appendJSON(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ':
			b = append(b, `\u00`...)
			b = append(b, "0123456789abcdef"[r>>4], "0123456789abcdef"[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
