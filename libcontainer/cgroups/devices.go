package cgroups

import (
	"fmt"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// Access bits, as the kernel gives them to a device program
// (BPF_DEVCG_ACC_*, linux/bpf.h).
const (
	accessMknod = 1 << iota
	accessRead
	accessWrite
	accessAll = accessMknod | accessRead | accessWrite
)

const anyNumber = -1

// A deviceRule allows or denies some use of some devices. The last rule that
// speaks of a use of a device decides.
type deviceRule struct {
	index        int // in linux.resources.devices; -1 is one of ours
	allow        bool
	kind         byte // 'b', 'c', or 'a' for both
	major, minor int64
	access       uint8
}

// everything tells that nothing of what was said before is left.
func (r deviceRule) everything() bool {
	return r.kind == 'a' && r.major == anyNumber && r.minor == anyNumber && r.access == accessAll
}

// String is the rule without its verdict as the v1 files have it: "c 1:3 rwm".
func (r deviceRule) String() string {
	var access string
	for i, bit := range []uint8{accessRead, accessWrite, accessMknod} {
		if r.access&bit != 0 {
			access += "rwm"[i : i+1]
		}
	}
	return string(r.kind) + " " + deviceNumber(r.major) + ":" + deviceNumber(r.minor) + " " + access
}

func deviceNumber(n int64) string {
	if n == anyNumber {
		return "*"
	}
	return strconv.FormatInt(n, 10)
}

// defaultDevices every container may use, as in runc, whatever the config
// denies before: the default devices of config-linux.md, terminals, and tun.
// Making any node is harmless, opening it is what counts.
var defaultDevices = []deviceRule{
	{-1, true, 'c', anyNumber, anyNumber, accessMknod},
	{-1, true, 'b', anyNumber, anyNumber, accessMknod},
	{-1, true, 'c', 1, 3, accessAll},           // null
	{-1, true, 'c', 1, 5, accessAll},           // zero
	{-1, true, 'c', 1, 7, accessAll},           // full
	{-1, true, 'c', 1, 8, accessAll},           // random
	{-1, true, 'c', 1, 9, accessAll},           // urandom
	{-1, true, 'c', 5, 0, accessAll},           // tty
	{-1, true, 'c', 5, 2, accessAll},           // ptmx
	{-1, true, 'c', 136, anyNumber, accessAll}, // pts/*
	{-1, true, 'c', 10, 200, accessAll},        // net/tun
}

// planDevices resolves linux.resources.devices (config-linux.md, "Allowed
// Device list"). What no rule speaks of is denied.
func planDevices(list []specs.LinuxDeviceCgroup, ps *config.Problems) []deviceRule {
	out := make([]deviceRule, 0, len(list)+len(defaultDevices))
	for i, d := range list {
		path := "linux.resources.devices[" + strconv.Itoa(i) + "]"
		r := deviceRule{index: i, allow: d.Allow, kind: 'a', major: anyNumber, minor: anyNumber}
		switch d.Type {
		case "", "a":
		case "b", "c":
			r.kind = d.Type[0]
		default:
			ps.Addf(path+".type", `%q is not "a", "b" or "c"`, d.Type)
		}
		r.major = number32(d.Major, path+".major", ps)
		r.minor = number32(d.Minor, path+".minor", ps)
		if d.Access == "" {
			ps.Addf(path+".access", "is empty")
		}
		for _, a := range d.Access {
			bit := strings.IndexRune("mrw", a)
			if bit < 0 {
				ps.Addf(path+".access", `%q is not made of "r", "w" and "m"`, d.Access)
				break
			}
			r.access |= 1 << bit
		}
		if r.everything() {
			out = out[:0]
		}
		out = append(out, r)
	}
	return append(out, defaultDevices...)
}

func number32(n *int64, path string, ps *config.Problems) int64 {
	if n == nil {
		return anyNumber
	}
	if *n < anyNumber || *n > 1<<31-1 {
		ps.Addf(path, "%d is not a device number", *n)
	}
	return *n
}

// A deviceList is what a v1 devices cgroup can hold: one verdict for all, and
// exceptions from it that are not ordered.
type deviceList struct {
	allow      bool
	exceptions []deviceRule
}

// v1Devices turns ordered rules into a v1 list. A rule that takes back a part
// of an exception with a wildcard can't be expressed; ps may be nil.
func v1Devices(rules []deviceRule, ps *config.Problems) deviceList {
	var l deviceList
	for _, r := range rules {
		if r.everything() {
			l = deviceList{allow: r.allow}
			continue
		}
		kinds := []byte{r.kind}
		if r.kind == 'a' { // "a" alone means everything to the kernel
			kinds = []byte{'b', 'c'}
		}
		for _, r.kind = range kinds {
			if r.allow != l.allow {
				l.except(r)
			} else if hole := l.takeBack(r); hole != nil && r.index >= 0 && ps != nil {
				ps.Addf("linux.resources.devices["+strconv.Itoa(r.index)+"]",
					"cgroup v1 can't take %q out of %q", r, *hole)
			}
		}
	}
	return l
}

func (l *deviceList) except(r deviceRule) {
	for i, e := range l.exceptions {
		if e.kind == r.kind && e.major == r.major && e.minor == r.minor {
			l.exceptions[i].access |= r.access
			return
		}
	}
	l.exceptions = append(l.exceptions, r)
}

func (l *deviceList) takeBack(r deviceRule) (hole *deviceRule) {
	kept := l.exceptions[:0]
	for _, e := range l.exceptions {
		meet := e.kind == r.kind && e.access&r.access != 0 &&
			(e.major == r.major || e.major == anyNumber || r.major == anyNumber) &&
			(e.minor == r.minor || e.minor == anyNumber || r.minor == anyNumber)
		covered := (r.major == anyNumber || r.major == e.major) && (r.minor == anyNumber || r.minor == e.minor)
		if meet && covered {
			e.access &^= r.access
		} else if meet {
			hole = &deviceRule{kind: e.kind, major: e.major, minor: e.minor, access: e.access}
		}
		if e.access != 0 {
			kept = append(kept, e)
		}
	}
	l.exceptions = kept
	return hole
}

// write puts the list into a v1 devices cgroup. The verdict for all forgets
// the exceptions, so for a moment less is allowed than later: a process in the
// cgroup can notice, which is why Apply goes before the plan to init.
func (l *deviceList) write(dir int) error {
	first, second := "devices.deny", "devices.allow"
	if l.allow {
		first, second = second, first
	}
	if err := writeFile(dir, first, "a"); err != nil {
		return opError("write", "a to "+first, err)
	}
	if len(l.exceptions) == 0 {
		return nil
	}
	fd, err := open(dir, second, unix.O_WRONLY)
	if err != nil {
		return opError("open", second, err)
	}
	defer unix.Close(fd)
	for _, e := range l.exceptions {
		if err := write(fd, e.String()); err != nil {
			where := ""
			if e.index >= 0 {
				where = "[" + strconv.Itoa(e.index) + "]: "
			}
			if err == unix.EPERM {
				return fmt.Errorf("%sthe cgroup above allows no %q", where, e)
			}
			return fmt.Errorf("%s%w", where, opError("write", fmt.Sprintf("%q to %s", e, second), err))
		}
	}
	return nil
}
