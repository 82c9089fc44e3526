package network

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/procfs"
)

const (
	patience = 5 * time.Second // for the kernel's answer: it holds the rtnl lock for long if many namespaces end

	headerSize = 16 // struct nlmsghdr, and struct ifinfomsg
	ifinfoSize = 16
	ifaddrSize = 8
	attrSize   = 4 // struct rtattr

	nestedBits = unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER
)

var order = binary.NativeEndian

// A conn is a netlink(7) socket. It belongs to the network namespace that it was
// made in, wherever its user goes.
type conn struct {
	fd   int
	seq  uint32
	torn bool // something changed during the dump, so it is not one picture
}

// dial opens a socket in the network namespace netns, or in ours if it is nil.
func dial(netns *os.File) (*conn, error) {
	if netns == nil {
		return newConn()
	}
	var c *conn
	done := make(chan error)
	go func() { // on a thread that can be thrown away
		runtime.LockOSThread()
		own, err := openNetns("thread-self")
		if err != nil {
			runtime.UnlockOSThread()
			done <- err
			return
		}
		defer own.Close()
		if err = unix.Setns(int(netns.Fd()), unix.CLONE_NEWNET); err != nil {
			runtime.UnlockOSThread()
			done <- os.NewSyscallError("setns", err)
			return
		}
		c, err = newConn()
		if unix.Setns(int(own.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	err := <-done
	return c, err
}

// openNetns opens the network namespace of a process, named as in procfs.
func openNetns(process string) (*os.File, error) {
	proc, err := procfs.OpenHost()
	if err != nil {
		return nil, err
	}
	defer proc.Close()
	dir, err := proc.Open(process+"/ns", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	fd, err := unix.Openat(int(dir.Fd()), "net", unix.O_RDONLY|unix.O_CLOEXEC, 0) // a magic link
	if err != nil {
		return nil, os.NewSyscallError("open network namespace", err)
	}
	return os.NewFile(uintptr(fd), "net"), nil
}

func newConn() (*conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("socket netlink", err)
	}
	// With the kernel's own words in an error. Older ones have none (4.12).
	unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_EXT_ACK, 1)
	unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1)
	limit := unix.NsecToTimeval(int64(patience))
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	}
	if err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("netlink", err)
	}
	return &conn{fd: fd}, nil
}

func (c *conn) close() { unix.Close(c.fd) }

// A message is a request: the body after struct nlmsghdr, attributes appended.
type message struct {
	kind, flags uint16
	body        []byte
}

func linkMessage(kind, flags uint16, index int, set, mask uint32) *message {
	b := make([]byte, ifinfoSize, 128)
	order.PutUint32(b[4:], uint32(index))
	order.PutUint32(b[8:], set)
	order.PutUint32(b[12:], mask)
	return &message{kind, flags, b}
}

func (m *message) attr(kind uint16, data []byte) {
	m.body = order.AppendUint16(m.body, uint16(attrSize+len(data)))
	m.body = order.AppendUint16(m.body, kind)
	m.body = append(m.body, data...)
	for len(m.body)%4 != 0 {
		m.body = append(m.body, 0)
	}
}

func (m *message) attrString(kind uint16, s string) { m.attr(kind, append([]byte(s), 0)) }

func (m *message) attrUint32(kind uint16, n uint32) { m.attr(kind, order.AppendUint32(nil, n)) }

// do sends a request and calls each for the body of every answer of kind want,
// until the kernel says that this was all.
func (c *conn) do(m *message, want uint16, each func(body []byte)) error {
	c.seq++
	c.torn = false
	b := make([]byte, 0, headerSize+len(m.body))
	b = order.AppendUint32(b, uint32(headerSize+len(m.body)))
	b = order.AppendUint16(b, m.kind)
	b = order.AppendUint16(b, m.flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	b = order.AppendUint32(b, c.seq)
	b = order.AppendUint32(b, 0)
	b = append(b, m.body...)
	if err := unix.Sendto(c.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("sendto netlink", err)
	}
	buf := make([]byte, 64<<10)
	for {
		n, from, err := unix.Recvfrom(c.fd, buf, 0)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return fmt.Errorf("netlink: no answer within %v", patience)
		case err != nil:
			return os.NewSyscallError("recvfrom netlink", err)
		}
		if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != 0 {
			continue // a process, and not the kernel
		}
		done, err := c.answers(buf[:n], want, each)
		if done || err != nil {
			return err
		}
	}
}

// answers walks through the messages of one datagram.
func (c *conn) answers(b []byte, want uint16, each func([]byte)) (done bool, err error) {
	for len(b) >= headerSize {
		size := int(order.Uint32(b))
		if size < headerSize || size > len(b) {
			return false, errors.New("netlink: a broken message")
		}
		kind, flags, seq := order.Uint16(b[4:]), order.Uint16(b[6:]), order.Uint32(b[8:])
		body := b[headerSize:size]
		b = b[min(align(size), len(b)):]
		c.torn = c.torn || flags&unix.NLM_F_DUMP_INTR != 0
		switch {
		case seq != c.seq:
		case kind == unix.NLMSG_DONE && c.torn:
			return true, errTorn
		case kind == unix.NLMSG_DONE:
			if len(body) >= 4 && int32(order.Uint32(body)) < 0 {
				return true, &refused{errno: unix.Errno(-int32(order.Uint32(body)))}
			}
			return true, nil
		case kind == unix.NLMSG_ERROR:
			return true, refusal(flags, body)
		case kind == want && each != nil:
			each(body)
		}
	}
	return false, nil
}

var errTorn = errors.New("netlink: the list changes while it is read")

// A refused is the errno of a request that the kernel refuses, and its words.
type refused struct {
	errno unix.Errno
	text  string
}

// Error avoids the words by which engines recognise a missing or forbidden
// command of the container.
func (r *refused) Error() string {
	switch {
	case r.text != "":
		return "the kernel says: " + r.text
	case r.errno == unix.EPERM || r.errno == unix.EACCES:
		return "the kernel does not allow it"
	}
	return r.errno.Error()
}

func (r *refused) Unwrap() error { return r.errno }

func refusal(flags uint16, body []byte) error {
	if len(body) < 4+headerSize {
		return errors.New("netlink: a broken message")
	}
	code := int32(order.Uint32(body))
	if code == 0 {
		return nil
	}
	r := &refused{errno: unix.Errno(-code)}
	if flags&unix.NLM_F_ACK_TLVS != 0 { // the request itself is left out: NETLINK_CAP_ACK
		eachAttr(body[4+headerSize:], func(kind uint16, data []byte) {
			if kind == unix.NLMSGERR_ATTR_MSG {
				r.text = unix.ByteSliceToString(data)
			}
		})
	}
	return r
}

func eachAttr(b []byte, each func(kind uint16, data []byte)) {
	for len(b) >= attrSize {
		size := int(order.Uint16(b))
		if size < attrSize || size > len(b) {
			return
		}
		each(order.Uint16(b[2:])&^nestedBits, b[attrSize:size])
		b = b[min(align(size), len(b)):]
	}
}

func align(n int) int { return (n + 3) &^ 3 }
