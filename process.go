package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// An execRequest is what the flags of exec ask of a process, without --process.
type execRequest struct {
	Args         []string
	Cwd          string   // "" is the container's
	Env          []string // added to the container's; the last of a name wins
	Tty          bool
	User         string // uid[:gid]; "" is the container's
	Groups       []string
	Caps         []string
	NoNewPrivs   *bool // nil is the container's
	AppArmor     string
	ProcessLabel string
}

// process is the container's own process with what the flags change. base may
// be nil: a container needs no process of its own until start.
func (r *execRequest) process(base *specs.Process) (*specs.Process, error) {
	p := specs.Process{Cwd: "/"}
	if base != nil {
		p = *base
	}
	p.Args = r.Args
	p.CommandLine = ""
	p.Terminal = r.Tty
	if !r.Tty {
		p.ConsoleSize = nil
	}
	if r.Cwd != "" {
		p.Cwd = r.Cwd
	}
	p.Env = slices.Concat(p.Env, r.Env)
	for _, e := range r.Env {
		if !strings.Contains(e, "=") || e[0] == '=' {
			return nil, fmt.Errorf("--env %q: not of the form NAME=value", e)
		}
	}
	if r.User != "" {
		uid, gid, err := parseUser(r.User, p.User.GID)
		if err != nil {
			return nil, err
		}
		p.User.UID, p.User.GID = uid, gid
	}
	p.User.AdditionalGids = slices.Clone(p.User.AdditionalGids)
	for _, g := range r.Groups {
		gid, ok := parseID(g)
		if !ok {
			return nil, fmt.Errorf("--additional-gids %q: not a number from 0 to 4294967294", g)
		}
		p.User.AdditionalGids = append(p.User.AdditionalGids, gid)
	}
	p.Capabilities = withCaps(p.Capabilities, r.Caps)
	if r.NoNewPrivs != nil {
		p.NoNewPrivileges = *r.NoNewPrivs
	}
	if r.AppArmor != "" {
		p.ApparmorProfile = r.AppArmor
	}
	if r.ProcessLabel != "" {
		p.SelinuxLabel = r.ProcessLabel
	}
	return &p, nil
}

// withCaps adds caps to the sets that let a process use them. None becomes
// inheritable: it would then survive an execve of anything (CVE-2022-29162). The
// ambient set can't hold more than the inheritable one, so it grows only where
// the container's configuration has given the capability to both already.
func withCaps(c *specs.LinuxCapabilities, caps []string) *specs.LinuxCapabilities {
	if len(caps) == 0 {
		return c
	}
	var out specs.LinuxCapabilities
	if c != nil {
		out = *c
	}
	names := make([]string, len(caps))
	for i, name := range caps {
		names[i] = strings.ToUpper(name)
		if !strings.HasPrefix(names[i], "CAP_") {
			names[i] = "CAP_" + names[i]
		}
	}
	for _, set := range []*[]string{&out.Bounding, &out.Effective, &out.Permitted} {
		*set = slices.Clone(*set)
		for _, name := range names {
			if !slices.Contains(*set, name) {
				*set = append(*set, name)
			}
		}
	}
	for _, name := range names {
		if slices.Contains(out.Inheritable, name) && !slices.Contains(out.Ambient, name) {
			out.Ambient = append(slices.Clone(out.Ambient), name)
		}
	}
	return &out
}

// parseUser reads uid[:gid]. There are no names: a container's /etc/passwd is
// the image's, and says nothing about the host. gid is for a user without one.
func parseUser(s string, gid uint32) (uint32, uint32, error) {
	user, group, both := strings.Cut(s, ":")
	uid, ok := parseID(user)
	if both && ok {
		gid, ok = parseID(group)
	}
	if !ok {
		return 0, 0, fmt.Errorf("--user %.60q: not uid or uid:gid with numbers from 0 to 4294967294", s)
	}
	return uid, gid, nil
}

// parseID reads a user or group id exactly as it is written in decimal, or not
// at all: an id that is cut down to 32 bits is another user, often root. 2^32-1
// is no id, it tells the kernel "no change" (setresuid(2)).
func parseID(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && n < 1<<32-1 && strconv.FormatUint(n, 10) == s
}
