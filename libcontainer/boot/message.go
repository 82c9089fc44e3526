package boot

// #include "bootstrap.h"
import "C"

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Types of the messages that init sends; bootstrap.h says what each means.
const (
	Maps    = C.BOOT_MAPS
	Offsets = C.BOOT_OFFSETS
	Pid     = C.BOOT_PID
	Failed  = C.BOOT_FAILED
	Log     = C.BOOT_LOG
	Hooks   = C.BOOT_HOOKS
	Notify  = C.BOOT_NOTIFY
	Ready   = C.BOOT_READY
	Exec    = C.BOOT_EXEC
)

// A Message is what init tells rt. Value and Text depend on the type.
type Message struct {
	Type  uint32
	Value int32
	Text  []byte
}

const (
	header     = 8       // Type and Value
	chunk      = 1 << 16 // a packet must fit into the socket's send buffer, 208 KiB by default
	maxMessage = 1 << 16
	// MaxFiles is SCM_MAX_FD, what one packet can carry (unix(7)).
	MaxFiles = 253
)

// ErrTimeout says that the other side did not speak within the time.
var ErrTimeout = errors.New("timed out")

// A Socket is one end of the pair between rt and init.
type Socket struct {
	fd int
}

// Pair makes the socket: rt's end, and the file that becomes init's.
func Pair() (*Socket, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	return &Socket{fd: fds[0]}, os.NewFile(uintptr(fds[1]), "init"), nil
}

// Fd is the descriptor, for poll; it stays the socket's.
func (s *Socket) Fd() int { return s.fd }

// Close ends the conversation. Closing twice is harmless.
func (s *Socket) Close() error {
	if s.fd < 0 {
		return nil
	}
	err := unix.Close(s.fd)
	s.fd = -1
	return err
}

// send uses write(2) where it can: a seccomp filter of the container's may deny the
// calls for sockets. Go ignores SIGPIPE but for standard streams (package os/signal).
func (s *Socket) send(data []byte, fds []int) error {
	if len(fds) == 0 {
		return restart(func() error { _, err := unix.Write(s.fd, data); return err })
	}
	return restart(func() error { return unix.Sendmsg(s.fd, data, unix.UnixRights(fds...), nil, unix.MSG_NOSIGNAL) })
}

// Tell sends a message to rt.
func (s *Socket) Tell(kind uint32, value int32, text []byte) error {
	if len(text) > maxMessage-header {
		text = text[:maxMessage-header]
	}
	data := binary.NativeEndian.AppendUint32(make([]byte, 0, header+len(text)), kind)
	data = binary.NativeEndian.AppendUint32(data, uint32(value))
	return s.send(append(data, text...), nil)
}

// Receive reads init's next message. It waits until the deadline, for ever if
// that is zero, and returns io.EOF when init's end is closed. A readable wake
// (-1 for none) ends the wait with ErrWoken.
func (s *Socket) Receive(deadline time.Time, wake int) (Message, error) {
	if err := wait(s.fd, wake, deadline); err != nil {
		return Message{}, err
	}
	data := make([]byte, maxMessage)
	n, err := 0, error(nil)
	err = restart(func() error { n, err = unix.Read(s.fd, data); return err })
	switch {
	case err == unix.ECONNRESET, err == nil && n == 0:
		return Message{}, io.EOF
	case err != nil:
		return Message{}, fmt.Errorf("read from init: %w", err)
	case n < header:
		return Message{}, fmt.Errorf("read from init: a packet of %d bytes", n)
	}
	m := Message{
		Type:  binary.NativeEndian.Uint32(data),
		Value: int32(binary.NativeEndian.Uint32(data[4:])),
		Text:  data[header:n],
	}
	// The constructor's packets have a text of fixed size, filled up with NULs.
	for i, c := range m.Text {
		if c == 0 && m.Type <= Failed {
			m.Text = m.Text[:i]
			break
		}
	}
	return m, nil
}

// ErrWoken says that the wait ended because the wake descriptor became readable.
var ErrWoken = errors.New("interrupted")

func wait(fd, wake int, deadline time.Time) error {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(wake), Events: unix.POLLIN}}
	for {
		timeout := -1
		if !deadline.IsZero() {
			timeout = max(0, int(time.Until(deadline)/time.Millisecond))
		}
		n, err := unix.Poll(fds, timeout)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("poll: %w", err)
		case n == 0:
			return ErrTimeout
		case fds[0].Revents != 0: // what init said counts before what interrupts us
			return nil
		}
		return ErrWoken
	}
}

// Answer lets init go on after a message that asked something.
func (s *Socket) Answer() error { return s.send([]byte{1}, nil) }

// Await waits in init for rt's Answer; io.EOF means that rt gave up or died.
func (s *Socket) Await() error {
	var b [1]byte
	n, err := 0, error(nil)
	err = restart(func() error { n, err = unix.Read(s.fd, b[:]); return err })
	if err == nil && n == 0 {
		return io.EOF
	}
	return err
}

// SendPlan sends plan, a pointer to a struct, with its files. They stay the
// caller's.
func (s *Socket) SendPlan(plan any) error {
	data, files, err := Encode(plan)
	if err != nil {
		return err
	}
	if len(files) > MaxFiles {
		return fmt.Errorf("the plan holds %d files, %d are possible", len(files), MaxFiles)
	}
	fds := make([]int, len(files))
	for i, f := range files {
		fds[i] = int(f.Fd())
	}
	err = s.send(binary.NativeEndian.AppendUint64(nil, uint64(len(data))), fds)
	for err == nil && len(data) > 0 {
		n := min(len(data), chunk)
		err = s.send(data[:n], nil)
		data = data[n:]
	}
	runtime.KeepAlive(files)
	return err
}

// ReceivePlan fills plan, a pointer to the struct type that was sent. Its files
// are the caller's and close-on-exec.
func (s *Socket) ReceivePlan(plan any) error {
	var size [8]byte
	control := make([]byte, unix.CmsgSpace(MaxFiles*4))
	n, nc, err := 0, 0, error(nil)
	err = restart(func() error {
		n, nc, _, _, err = unix.Recvmsg(s.fd, size[:], control, unix.MSG_CMSG_CLOEXEC)
		return err
	})
	if err != nil {
		return err
	}
	if n != len(size) {
		return io.EOF
	}
	var fds []int
	messages, err := unix.ParseSocketControlMessage(control[:nc])
	if err != nil {
		return err
	}
	for i := range messages {
		rights, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return err
		}
		fds = append(fds, rights...)
	}
	data := make([]byte, binary.NativeEndian.Uint64(size[:]))
	for at := 0; at < len(data); at += n {
		err = restart(func() error { n, err = unix.Read(s.fd, data[at:]); return err })
		if err != nil {
			return err
		}
		if n == 0 {
			return io.EOF
		}
	}
	files := make([]*os.File, len(fds))
	for i, fd := range fds {
		files[i] = os.NewFile(uintptr(fd), "passed")
	}
	return Decode(data, files, plan)
}

// restart repeats a system call that a signal broke off: Go's own handlers do
// that even with SA_RESTART (signal(7), "Interruption of system calls").
func restart(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

// On is the conversation over a socket that the caller keeps.
func On(f *os.File) *Socket { return &Socket{fd: int(f.Fd())} }
