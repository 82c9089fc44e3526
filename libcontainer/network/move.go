package network

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Moved are the interfaces that were moved: what it takes to bring them back
// from a container that did not come to be.
type Moved struct {
	netns *os.File
	list  []moved
}

type moved struct {
	link             // as it was on the host
	addrs  []address // its permanent global addresses
	inside link      // what it is in the container
}

// Move moves the interfaces into the network namespace of the container, where
// they have their names and addresses and are up. Routes do not come along. It
// needs CAP_NET_ADMIN in both namespaces, and comes before any hook. An error
// leaves no interface moved.
func (p *Plan) Move(netns *os.File) (*Moved, error) {
	m := &Moved{netns: netns}
	if len(p.Devices) == 0 {
		return m, nil
	}
	host, err := dial(nil)
	if err != nil {
		return nil, fmt.Errorf("linux.netDevices: %w", err)
	}
	defer host.close()
	inside, err := dial(netns)
	if err != nil {
		return nil, fmt.Errorf("linux.netDevices: %w", err)
	}
	defer inside.close()
	if err := differ(netns); err != nil {
		return nil, fmt.Errorf("linux.netDevices: %w", err)
	}
	for _, d := range p.Devices {
		if err := m.move(host, inside, d); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", place(d.Host), err), m.Back())
		}
	}
	return m, nil
}

// differ refuses the host's own network namespace, where an interface would
// only be renamed.
func differ(netns *os.File) error {
	own, err := openNetns("thread-self")
	if err != nil {
		return err
	}
	defer own.Close()
	var a, b unix.Stat_t
	err = unix.Fstat(int(own.Fd()), &a)
	if err == nil {
		err = unix.Fstat(int(netns.Fd()), &b)
	}
	if err != nil {
		return os.NewSyscallError("fstat network namespace", err)
	}
	if a.Dev == b.Dev && a.Ino == b.Ino {
		return errors.New("the container is in the network namespace of the host")
	}
	return nil
}

func (m *Moved) move(host, inside *conn, d Device) error {
	var err error
	var was moved
	var ok bool
	if was.link, ok, err = host.link(d.Host); err != nil {
		return err
	}
	if !ok {
		return errors.New("the host has no such interface")
	}
	if was.addrs, err = host.addresses(was.index); err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	before, err := inside.links()
	if err != nil {
		return fmt.Errorf("list interfaces of the container: %w", err)
	}
	for _, l := range before {
		if l.name == d.Name {
			return fmt.Errorf("name: the container has an interface %q already", d.Name)
		}
	}
	moveErr := host.move(was.index, int(m.netns.Fd()), d.Name)
	was.inside, ok, err = arrived(inside, before, was.name, d.Name)
	if ok {
		m.list = append(m.list, was)
	}
	switch {
	case moveErr != nil:
		return fmt.Errorf("move: %w", moveErr)
	case err != nil:
		return fmt.Errorf("list interfaces of the container: %w", err)
	case !ok:
		return errors.New("did not arrive in the container")
	}
	return was.restore(inside, was.inside)
}

// arrived finds the interface that was not there before. Its index may be
// another one, and its name too: one that the kernel made, or the old one, if it
// refused the new one after the move.
func arrived(c *conn, before []link, old, name string) (link, bool, error) {
	now, err := c.links()
	if err != nil {
		return link{}, false, err
	}
	prefix, suffix, template := strings.Cut(name, "%d")
	for _, l := range now {
		if known(before, l) {
			continue
		}
		match := l.name == name || l.name == old
		if template {
			match = match || strings.HasPrefix(l.name, prefix) && strings.HasSuffix(l.name, suffix)
		}
		if match {
			return l, true, nil
		}
	}
	return link{}, false, nil
}

func known(list []link, l link) bool {
	for _, k := range list {
		if k.index == l.index && k.name == l.name {
			return true
		}
	}
	return false
}

// restore gives the interface its addresses, and sets it up.
func (w *moved) restore(c *conn, now link) error {
	for _, a := range w.addrs {
		if err := c.add(now.index, a, w.name, now.name); err != nil {
			return fmt.Errorf("add address: %w", err)
		}
	}
	if err := c.up(now.index); err != nil {
		return fmt.Errorf("set up: %w", err)
	}
	return nil
}

// Back brings the interfaces back to the host, with the names and addresses that
// they had, the last one first. It is for a create that failed; the spec forbids
// it for a container that ran.
func (m *Moved) Back() error {
	if len(m.list) == 0 {
		return nil
	}
	host, err := dial(nil)
	if err != nil {
		return err
	}
	defer host.close()
	inside, err := dial(m.netns)
	if err != nil {
		return err
	}
	defer inside.close()
	own, err := openNetns("thread-self")
	if err != nil {
		return err
	}
	defer own.Close()
	var errs []error
	for i := len(m.list) - 1; i >= 0; i-- {
		if err := m.list[i].back(host, inside, int(own.Fd())); err != nil {
			errs = append(errs, fmt.Errorf("%s: bring back: %w", place(m.list[i].name), err))
		}
	}
	m.list = nil
	return errors.Join(errs...)
}

func (w *moved) back(host, inside *conn, own int) error {
	if err := inside.move(w.inside.index, own, w.name); err != nil {
		return err
	}
	now, ok, err := host.link(w.name)
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("did not arrive")
	}
	for _, a := range w.addrs {
		if err := host.add(now.index, a, w.name, w.name); err != nil {
			return fmt.Errorf("add address: %w", err)
		}
	}
	if w.up {
		return host.up(now.index)
	}
	return nil
}
