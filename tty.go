package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	goruntime "runtime"
	"time"

	"golang.org/x/sys/unix"
)

// A terminal is the master side of a container's pseudo-terminal (pty(7)), held
// in the foreground: what is typed at the outer terminal goes in, what the
// container prints comes out.
type terminal struct {
	master *os.File
	outer  *os.File      // the terminal that rt itself has, for the size; nil without
	saved  *unix.Termios // of stdin before raw mode; nil if stdin is no terminal
	output chan error    // closed when all output was copied
}

// outerTerminal is the first of rt's own stdio that is a terminal, or nil.
func outerTerminal() *os.File {
	for _, f := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err == nil {
			return f
		}
	}
	return nil
}

// sizeOf is the size of a terminal, or 0.
func sizeOf(t *os.File) (width, height uint16) {
	if t == nil {
		return 0, 0
	}
	size, err := unix.IoctlGetWinsize(int(t.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0
	}
	return size.Col, size.Row
}

// receiveTerminal takes the master that init sends over the socket by
// SCM_RIGHTS (unix(7)). It is nil if the other side closed without one: the
// process has no terminal.
func receiveTerminal(socket *os.File, outer *os.File) (*terminal, error) {
	data := make([]byte, 4096)
	control := make([]byte, unix.CmsgSpace(4))
	var n, used int
	err := error(unix.EINTR)
	for err == unix.EINTR {
		n, used, _, _, err = unix.Recvmsg(int(socket.Fd()), data, control, unix.MSG_CMSG_CLOEXEC)
	}
	if err != nil {
		return nil, fmt.Errorf("receive terminal: %w", err)
	}
	if n == 0 && used == 0 {
		return nil, nil
	}
	messages, err := unix.ParseSocketControlMessage(control[:used])
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("receive terminal: %d control messages: %w", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, fmt.Errorf("receive terminal: %d descriptors: %w", len(fds), err)
	}
	// Non-blocking, so that reading can have a deadline.
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, fmt.Errorf("receive terminal: %w", err)
	}
	t := &terminal{master: os.NewFile(uintptr(fds[0]), "terminal"), outer: outer, output: make(chan error)}
	t.resize()
	return t, nil
}

// resize gives the container's terminal the size of rt's own.
func (t *terminal) resize() {
	if t.outer == nil {
		return
	}
	size, err := unix.IoctlGetWinsize(int(t.outer.Fd()), unix.TIOCGWINSZ)
	if err == nil {
		t.control(func(fd int) { unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, size) })
	}
}

// control calls f with the master's descriptor: os.File.Fd would make it
// blocking again.
func (t *terminal) control(f func(fd int)) {
	if conn, err := t.master.SyscallConn(); err == nil {
		conn.Control(func(fd uintptr) { f(int(fd)) })
	}
}

// begin puts rt's own terminal into raw mode, so that every key reaches the
// container, ^C too, and starts to copy both ways.
func (t *terminal) begin() {
	goruntime.GOMAXPROCS(4) // three goroutines block in system calls from now on
	if saved, err := unix.IoctlGetTermios(int(os.Stdin.Fd()), unix.TCGETS); err == nil {
		raw := *saved
		makeRaw(&raw)
		if unix.IoctlSetTermios(int(os.Stdin.Fd()), unix.TCSETS, &raw) == nil {
			t.saved = saved
		}
	}
	go t.input()
	go func() {
		_, err := io.Copy(onlyWriter{os.Stdout}, t.master)
		// EIO: the last process has closed its side.
		if err != nil && !errors.Is(err, unix.EIO) && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.master.Close() // nobody reads us any more: hang up
		}
		close(t.output)
	}()
}

// input copies what is typed. At the end of a file or a pipe it types ^D, twice
// where a line was begun (termios(3), VEOF): a shell that reads a script so ends.
func (t *terminal) input() {
	buf := make([]byte, 32<<10)
	last := byte('\n')
	for {
		n, err := os.Stdin.Read(buf)
		if n > 0 {
			last = buf[n-1]
			if _, err := t.master.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			break
		}
	}
	end := []byte{4, 4}
	if last == '\n' {
		end = end[:1]
	}
	t.master.Write(end)
}

// onlyWriter hides the ReadFrom of os.File, which would try splice(2) first:
// terminals don't have it.
type onlyWriter struct{ io.Writer }

// end copies what was printed last and restores rt's own terminal. A process
// that exec left behind may hold the terminal open for ever; it is not waited for.
func (t *terminal) end() {
	t.master.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	<-t.output
	if t.saved != nil {
		unix.IoctlSetTermios(int(os.Stdin.Fd()), unix.TCSETS, t.saved)
	}
}

// makeRaw is cfmakeraw(3).
func makeRaw(t *unix.Termios) {
	t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	t.Oflag &^= unix.OPOST
	t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	t.Cflag &^= unix.CSIZE | unix.PARENB
	t.Cflag |= unix.CS8
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
}
