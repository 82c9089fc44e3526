// Package systemd lets package cgroups talk to systemd over D-Bus. A program
// that imports it has the systemd driver, and pays 0.12 ms for it at each start
// (godbus and below it package net; measured on an empty main).
//
// The interface is org.freedesktop.systemd1(5). Every wait has a deadline, for
// a bus that hangs would hang every container of the machine.
package systemd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/c9b5e2ae/rt/libcontainer/cgroups"
)

func init() {
	cgroups.Systemd = &cgroups.Bus{Start: start, Set: set, Stop: stop}
}

// deadline is for one answer; jobDeadline for a job, which may wait for others.
var (
	deadline    = 10 * time.Second
	jobDeadline = 30 * time.Second
)

const (
	destination = "org.freedesktop.systemd1"
	object      = "/org/freedesktop/systemd1"
	manager     = "org.freedesktop.systemd1.Manager"
)

// A property is the struct (sv) of the interface.
type property struct {
	Name  string
	Value dbus.Variant
}

type auxiliary struct {
	Name       string
	Properties []property
}

func start(u cgroups.Unit, pid int) error {
	s, err := connect(u.User)
	if err != nil {
		return err
	}
	defer s.close()
	props := s.properties(u.Properties)
	props = append(props, property{"PIDs", dbus.MakeVariant([]uint32{uint32(pid)})})
	err = s.job("StartTransientUnit", u.Name, "replace", props, []auxiliary{})
	if is(err, "UnitExists") {
		// A unit that failed keeps its name until somebody looks at it.
		if s.call("ResetFailedUnit", u.Name).Err == nil {
			err = s.job("StartTransientUnit", u.Name, "replace", props, []auxiliary{})
		}
	}
	if is(err, "UnitExists") {
		err = cgroups.ErrUnitExists
	}
	return err
}

func set(unit string, user bool, properties []cgroups.Property) error {
	s, err := connect(user)
	if err != nil {
		return err
	}
	defer s.close()
	return explain(s.call("SetUnitProperties", unit, true, s.properties(properties)).Err)
}

func stop(unit string, user bool) error {
	s, err := connect(user)
	if err != nil {
		return err
	}
	defer s.close()
	err = s.job("StopUnit", unit, "replace")
	s.call("ResetFailedUnit", unit) // it may have failed instead; then its name is free now
	if is(err, "NoSuchUnit") {
		return nil // it ended with its last process
	}
	return err
}

// A session is one connection to one systemd.
type session struct {
	conn   *dbus.Conn
	direct bool // to systemd itself, no bus daemon between
	cancel context.CancelFunc
}

func (s *session) close() {
	s.conn.Close()
	s.cancel()
}

// connect prefers systemd's own socket: it needs no bus daemon, and is a hop
// less. The context ends everything, also a peer that never answers.
func connect(user bool) (*session, error) {
	ctx, cancel := context.WithTimeout(context.Background(), deadline+jobDeadline*2)
	var errs []string
	for _, address := range addresses(user) {
		conn, err := dial(ctx, address)
		if err == nil {
			return &session{conn, isDirect(address), cancel}, nil
		}
		errs = append(errs, fmt.Sprintf("%s: %v", address, err))
	}
	cancel()
	if !user {
		return nil, fmt.Errorf("systemd is not reached (is it this machine's init?): %s", strings.Join(errs, "; "))
	}
	if errs == nil {
		errs = []string{"neither XDG_RUNTIME_DIR nor DBUS_SESSION_BUS_ADDRESS is set"}
	}
	return nil, fmt.Errorf("the systemd of user %s is not reached: %s; log in by a session of systemd, "+
		"run `loginctl enable-linger`, or do without the systemd cgroup driver", owner(), strings.Join(errs, "; "))
}

func addresses(user bool) []string {
	if !user {
		return []string{"unix:path=/run/systemd/private", "unix:path=/run/dbus/system_bus_socket"}
	}
	var out []string
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if dir != "" {
		out = append(out, "unix:path="+dbus.EscapeBusAddressValue(dir+"/systemd/private"))
	}
	if bus := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); bus != "" {
		out = append(out, bus)
	} else if dir != "" {
		out = append(out, "unix:path="+dbus.EscapeBusAddressValue(dir+"/bus"))
	}
	return out
}

func isDirect(address string) bool { return strings.HasSuffix(address, "/private") }

func dial(ctx context.Context, address string) (*dbus.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	conn, err := dbus.Dial(address)
	if err != nil {
		cancel()
		return nil, errors.New(reworded(err))
	}
	// Until we are let in, the deadline closes the connection under the read.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	err = conn.Auth([]dbus.Auth{dbus.AuthExternal(owner())})
	if err == nil && !isDirect(address) {
		err = conn.Hello()
	}
	if !stop() {
		err = fmt.Errorf("no answer within %v", deadline)
	}
	cancel()
	if err != nil {
		conn.Close()
		return nil, errors.New(reworded(err))
	}
	return conn, nil
}

// reworded keeps "no such file or directory" out of errors: engines take it for
// a statement about the program that the user asked for.
func reworded(err error) string {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "there is no such socket"
	case errors.Is(err, os.ErrPermission):
		return "it does not let us in"
	}
	return err.Error()
}

// owner is our user id as those outside a user namespace see it, which is what
// the peer's kernel tells it of us.
func owner() string {
	uid := os.Geteuid()
	data, _ := os.ReadFile("/proc/self/uid_map")
	for line := range strings.Lines(string(data)) {
		var inside, outside, count int
		if n, _ := fmt.Sscan(line, &inside, &outside, &count); n == 3 && uid >= inside && uid-inside < count {
			return strconv.Itoa(outside + uid - inside)
		}
	}
	return strconv.Itoa(uid)
}

func (s *session) call(method string, args ...any) *dbus.Call {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	return s.conn.Object(destination, object).CallWithContext(ctx, manager+"."+method, 0, args...)
}

// job calls a method that starts a job, and waits for the job's end.
func (s *session) job(method string, args ...any) error {
	signals := make(chan *dbus.Signal, 64)
	s.conn.Signal(signals)
	defer s.conn.RemoveSignal(signals)
	if err := s.listen(); err != nil {
		return err
	}
	var job dbus.ObjectPath
	if err := s.call(method, args...).Store(&job); err != nil {
		return explain(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), jobDeadline)
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: systemd did not finish within %v", method, jobDeadline)
		case signal, ok := <-signals:
			if !ok {
				return fmt.Errorf("%s: systemd closed the connection", method)
			}
			// JobRemoved(u id, o job, s unit, s result)
			if signal.Name != manager+".JobRemoved" || len(signal.Body) < 4 || signal.Body[1] != job {
				continue
			}
			if signal.Body[3] != "done" {
				return fmt.Errorf("%s: the job's result is %q", method, signal.Body[3])
			}
			return nil
		}
	}
}

// listen asks for the signals of jobs. On its own socket systemd sends them
// anyway, through a bus daemon we have to say which ones we want.
func (s *session) listen() error {
	if s.direct {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	err := s.conn.AddMatchSignalContext(ctx, dbus.WithMatchInterface(manager), dbus.WithMatchMember("JobRemoved"))
	if err == nil {
		err = s.call("Subscribe").Err
	}
	return explain(err)
}

// properties leaves out what this systemd is too old for.
func (s *session) properties(list []cgroups.Property) []property {
	version := 0
	var out []property
	for _, p := range list {
		if p.Since > oldest && version == 0 {
			version = s.version()
		}
		if p.Since > oldest && p.Since > version {
			continue
		}
		out = append(out, property{p.Name, dbus.MakeVariant(p.Value)})
	}
	return out
}

// oldest is the systemd that we don't ask for its version: that of 2018.
const oldest = 239

// version is of the form "252.39-1~deb12u1".
func (s *session) version() int {
	v, err := s.conn.Object(destination, object).GetProperty(manager + ".Version")
	if err != nil {
		return oldest
	}
	text, _ := v.Value().(string)
	text = strings.TrimLeft(text, "v\"")
	end := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(text)
	}
	n, _ := strconv.Atoi(text[:end])
	return n
}

func is(err error, name string) bool {
	var e dbus.Error
	return errors.As(err, &e) && e.Name == "org.freedesktop.systemd1."+name
}

// explain adds what to do about the errors that people meet most.
func explain(err error) error {
	var e dbus.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer within %v", deadline)
	case !errors.As(err, &e):
		return err
	case e.Name == "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
		e.Name == "org.freedesktop.DBus.Error.AccessDenied":
		return fmt.Errorf("%w (only root may use the machine's systemd; others need one of their own)", err)
	}
	return err
}
