package harness

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A Console is our end of a terminal. It collects what is written on it.
type Console struct {
	File *os.File
	t    testing.TB
	mu   sync.Mutex
	text strings.Builder
	done chan struct{}
}

func newConsole(t testing.TB, f *os.File) *Console {
	c := &Console{File: f, t: t, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		io.Copy(c, f) // ends with EIO when the last process has closed its end
	}()
	t.Cleanup(func() { f.Close() })
	return c
}

// Write collects output; it is for the reader in newConsole.
func (c *Console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

// Text is what was written on the terminal up to now.
func (c *Console) Text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// Type sends keys.
func (c *Console) Type(keys string) {
	c.t.Helper()
	if _, err := io.WriteString(c.File, keys); err != nil {
		c.t.Fatal(err)
	}
}

// Expect waits until the terminal shows the text.
func (c *Console) Expect(text string) {
	c.t.Helper()
	for deadline := time.Now().Add(10 * time.Second * Patience); !strings.Contains(c.Text(), text); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("the terminal never showed %q but %q", text, c.Text())
		}
	}
}

// Resize sets the window's size.
func (c *Console) Resize(width, height uint16) {
	c.t.Helper()
	// Not by Fd, which may make the descriptor blocking.
	conn, err := c.File.SyscallConn()
	if err == nil {
		controlErr := conn.Control(func(fd uintptr) {
			err = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: height, Col: width})
		})
		err = errors.Join(err, controlErr)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// A ConsoleSocket is what --console-socket names: a runtime connects to it and
// sends the terminal.
type ConsoleSocket struct {
	Path     string
	t        testing.TB
	listener *net.UnixListener
}

// NewConsoleSocket listens on a new socket.
func NewConsoleSocket(t testing.TB) *ConsoleSocket {
	t.Helper()
	path := filepath.Join(Dir(t), "console")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &ConsoleSocket{path, t, l}
}

// Receive takes the terminal that was sent. As go-runc does, it wants exactly one
// descriptor with a payload that is not empty.
func (s *ConsoleSocket) Receive() *Console {
	s.t.Helper()
	s.listener.SetDeadline(time.Now().Add(10 * time.Second * Patience))
	conn, err := s.listener.AcceptUnix()
	if err != nil {
		s.t.Fatalf("console socket: %v", err)
	}
	defer conn.Close()
	payload, control := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
	n, controlLength, _, _, err := conn.ReadMsgUnix(payload, control)
	if err != nil || n == 0 {
		s.t.Fatalf("console socket: %d bytes, %v", n, err)
	}
	file, err := oneDescriptor(control[:controlLength])
	if err != nil {
		s.t.Fatalf("console socket: %v", err)
	}
	return newConsole(s.t, file)
}

func oneDescriptor(control []byte) (*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("%d control messages, %v", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, fmt.Errorf("%d descriptors, %v", len(fds), err)
	}
	unix.CloseOnExec(fds[0])
	// Non-blocking, so that Close ends the reader.
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fds[0]), "terminal"), nil
}

// OpenTerminal makes a terminal of our own: our end, and the end for a program.
func OpenTerminal(t testing.TB) (*Console, *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var peer int
	controlErr := conn.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			peer, err = openPeer(int(fd))
		}
	})
	if controlErr != nil || err != nil {
		t.Fatalf("terminal: %v, %v", controlErr, err)
	}
	slave := os.NewFile(uintptr(peer), "terminal's other end")
	t.Cleanup(func() { slave.Close() })
	return newConsole(t, master), slave
}

// openPeer opens the other end of a terminal without its name (TIOCGPTPEER of
// ioctl_tty(2), since 4.13).
func openPeer(fd int) (int, error) {
	peer, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		return -1, errno
	}
	return int(peer), nil
}
