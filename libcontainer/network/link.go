package network

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// A link is an interface as the kernel describes it.
type link struct {
	index int
	name  string
	up    bool
}

func parseLink(body []byte) (l link) {
	if len(body) < ifinfoSize {
		return l
	}
	l.index = int(int32(order.Uint32(body[4:])))
	l.up = order.Uint32(body[8:])&unix.IFF_UP != 0
	eachAttr(body[ifinfoSize:], func(kind uint16, data []byte) {
		if kind == unix.IFLA_IFNAME {
			l.name = unix.ByteSliceToString(data)
		}
	})
	return l
}

// link finds an interface by its name; ok says whether there is one.
func (c *conn) link(name string) (l link, ok bool, err error) {
	m := linkMessage(unix.RTM_GETLINK, 0, 0, 0, 0)
	m.attrString(unix.IFLA_IFNAME, name)
	err = c.do(m, unix.RTM_NEWLINK, func(body []byte) { l, ok = parseLink(body), true })
	if errors.Is(err, unix.ENODEV) {
		return link{}, false, nil
	}
	return l, ok && err == nil, err
}

// links lists all interfaces.
func (c *conn) links() (list []link, err error) {
	err = dump(func() error {
		list = nil
		return c.do(linkMessage(unix.RTM_GETLINK, unix.NLM_F_DUMP, 0, 0, 0), unix.RTM_NEWLINK,
			func(body []byte) { list = append(list, parseLink(body)) })
	})
	return list, err
}

// dump repeats a listing that was disturbed, a few times.
func dump(list func() error) (err error) {
	for range 10 {
		if err = list(); err != errTorn {
			break
		}
	}
	return err
}

// move sends an interface to the network namespace of the descriptor. The name
// is the one there, and may have a %d. The kernel sets the interface down and
// drops its addresses. If it refuses the name after the move, the interface is
// there already (do_setlink in net/core/rtnetlink.c).
func (c *conn) move(index int, netns int, name string) error {
	m := linkMessage(unix.RTM_NEWLINK, 0, index, 0, 0)
	m.attrUint32(unix.IFLA_NET_NS_FD, uint32(netns))
	m.attrString(unix.IFLA_IFNAME, name)
	return c.do(m, 0, nil)
}

func (c *conn) up(index int) error {
	return c.do(linkMessage(unix.RTM_NEWLINK, 0, index, unix.IFF_UP, unix.IFF_UP), 0, nil)
}

// An address is an RTM_NEWADDR message: struct ifaddrmsg, and attributes.
type address struct {
	family, prefix uint8
	flags          uint32
	attrs          []attr
}

type attr struct {
	kind uint16
	data []byte
}

const (
	ifaProto = 11 // IFA_PROTO, since 5.18

	// What an address keeps of its flags. The others are its state (tentative,
	// secondary, deprecated), or say that the kernel made it.
	keepFlags = unix.IFA_F_NODAD | unix.IFA_F_HOMEADDRESS | unix.IFA_F_MANAGETEMPADDR |
		unix.IFA_F_NOPREFIXROUTE | unix.IFA_F_MCAUTOJOIN
)

// addresses lists what the spec wants kept: the permanent addresses of global
// scope, of any family, in the kernel's order, in which the primary ones come
// first.
func (c *conn) addresses(index int) (list []address, err error) {
	err = dump(func() error {
		list = nil
		return c.do(&message{unix.RTM_GETADDR, unix.NLM_F_DUMP, make([]byte, ifaddrSize, 128)}, unix.RTM_NEWADDR,
			func(body []byte) {
				if a, ok := parseAddress(body, index); ok {
					list = append(list, a)
				}
			})
	})
	return list, err
}

func parseAddress(body []byte, index int) (a address, ok bool) {
	if len(body) < ifaddrSize || int(order.Uint32(body[4:])) != index || body[3] != unix.RT_SCOPE_UNIVERSE {
		return a, false
	}
	a.family, a.prefix, a.flags = body[0], body[1], uint32(body[2])
	eachAttr(body[ifaddrSize:], func(kind uint16, data []byte) {
		switch kind {
		case unix.IFA_FLAGS: // all 32 of them
			if len(data) >= 4 {
				a.flags = order.Uint32(data)
			}
		case unix.IFA_ADDRESS, unix.IFA_LOCAL, unix.IFA_LABEL, unix.IFA_BROADCAST, unix.IFA_ANYCAST,
			unix.IFA_CACHEINFO, unix.IFA_RT_PRIORITY, ifaProto:
			a.attrs = append(a.attrs, attr{kind, append([]byte(nil), data...)})
		}
	})
	return a, a.flags&unix.IFA_F_PERMANENT != 0
}

// add gives an interface an address that it had under its old name.
func (c *conn) add(index int, a address, from, to string) error {
	b := make([]byte, ifaddrSize, 128)
	b[0], b[1], b[2], b[3] = a.family, a.prefix, uint8(a.flags&keepFlags), unix.RT_SCOPE_UNIVERSE
	order.PutUint32(b[4:], uint32(index))
	m := &message{unix.RTM_NEWADDR, unix.NLM_F_CREATE | unix.NLM_F_EXCL, b}
	m.attrUint32(unix.IFA_FLAGS, a.flags&keepFlags)
	for _, at := range a.attrs {
		if at.kind != unix.IFA_LABEL {
			m.attr(at.kind, at.data)
			continue
		}
		// By convention a label is the name of the interface, or "name:alias".
		label := unix.ByteSliceToString(at.data)
		if rest, ok := strings.CutPrefix(label, from); ok && (rest == "" || rest[0] == ':') {
			label = to + rest
		}
		if len(label) < unix.IFNAMSIZ {
			m.attrString(unix.IFA_LABEL, label)
		}
	}
	return c.do(m, 0, nil)
}
