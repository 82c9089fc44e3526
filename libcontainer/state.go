package libcontainer

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/c9b5e2ae/rt/libcontainer/cgroups"
	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/c9b5e2ae/rt/libcontainer/hooks"
	"github.com/c9b5e2ae/rt/libcontainer/intelrdt"
	"github.com/c9b5e2ae/rt/libcontainer/rootfs"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// stateVersion is the version of state.json's layout.
const stateVersion = 1

// saved is what the kernel cannot tell about a container. It is written before
// each deed that outlives rt (the intent: pid 0 until init runs), so that
// delete --force can always take the container back.
type saved struct {
	Version     int               `json:"version"`
	BootID      string            `json:"bootId"`
	ID          string            `json:"id"`
	Pid         int               `json:"pid"`       // of init, in rt's pid namespace; 0: not launched yet
	StartTime   uint64            `json:"startTime"` // of init, field 22 of proc_pid_stat(5): tells a reused pid
	Bundle      string            `json:"bundle"`
	Rootfs      string            `json:"rootfs"`
	Created     string            `json:"created"` // RFC 3339 with ns
	OCIVersion  string            `json:"ociVersion"`
	Annotations map[string]string `json:"annotations,omitempty"`
	OwnPidns    bool              `json:"ownPidns"` // the end of init is the end of all its processes
	Cgroup      cgroups.State     `json:"cgroup"`
	IntelRdt    intelrdt.State    `json:"intelRdt,omitzero"`
	HostMount   rootfs.HostMount  `json:"hostMount,omitzero"`
	Hook        hooks.Group       `json:"hook,omitzero"` // one that is running: its group is killed with the container
}

func (d *dir) writeState(s *saved) error {
	return d.write(stateFile, s.json())
}

// A stateError says that state.json is not what rt wrote. delete --force goes on.
type stateError struct {
	path string
	err  error
}

func (e *stateError) Error() string {
	return fmt.Sprintf("state %q: %v: only `delete --force` can still help this container", e.path, e.err)
}

func (e *stateError) Unwrap() error { return e.err }

func (d *dir) readState() (*saved, error) {
	s := &saved{}
	_, err := d.readStateInto(s, nil)
	return s, err
}

// readStateInto is readState for one after the other: it takes the memory of what
// was read before, and returns the new text, which the strings of s are in.
func (d *dir) readStateInto(s *saved, memory []byte) (text []byte, err error) {
	if text, err = d.read(stateFile, memory); err == nil {
		g := &s.Cgroup // its maps are large; the annotations are somebody else's now
		*s = saved{Cgroup: cgroups.State{Paths: empty(g.Paths), Inodes: empty(g.Inodes), Made: empty(g.Made)}}
		decoder := config.NewDecoder(text)
		decodeSaved(decoder, s)
		if err = decoder.Finish(stateFile); err == nil && s.Version != stateVersion {
			err = fmt.Errorf("version %d is unknown", s.Version)
		}
	}
	if err != nil {
		return text, &stateError{filepath.Join(d.path, stateFile), err}
	}
	return text, nil
}

func empty[V any](m map[string]V) map[string]V {
	clear(m)
	return m
}

// A State is the answer of `rt state`: runtime.md, "State", and what runc adds.
type State struct {
	specs.State
	Rootfs  string
	Created string // RFC 3339 with ns
	Owner   string // name or number of the user who owns the state directory
}

// StatusPaused is the status of a frozen container, rt's (and runc's) own.
const StatusPaused = specs.ContainerState("paused")

// seen is what a status is derived from.
type seen struct {
	alive   bool // init runs: its pid, with its start time, is not a zombie
	parked  bool // init is still rt's, it has not executed the program
	newSock bool // create is at work
	sock    bool // start has not begun
	frozen  bool
}

// status derives the lifecycle state (runtime.md, "State") from what the kernel
// and the state directory say now. Nothing is stored that can go stale.
func status(f seen) specs.ContainerState {
	switch {
	case f.newSock && f.alive:
		return specs.StateCreating
	case !f.alive:
		return specs.StateStopped
	case f.frozen:
		return StatusPaused
	// A start that was killed half-way leaves the socket of a running program.
	case f.sock && f.parked:
		return specs.StateCreated
	}
	return specs.StateRunning
}

// bootID identifies the boot: after a reboot every recorded pid is meaningless.
func bootID() (string, error) {
	data, err := config.ReadFile("/proc/sys/kernel/random/boot_id", 64)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(data)), nil
}

func now() string { return time.Now().UTC().Format(time.RFC3339Nano) }

// ociState writes the state that hooks get on stdin (config.md, "POSIX-platform
// Hooks"), compact and with slashes as they are: hooks exist that grep.
func (s *saved) ociState(status specs.ContainerState, pid int) []byte {
	o := &object{b: append(make([]byte, 0, 512), '{')}
	o.text("ociVersion", specs.Version)
	o.text("id", s.ID)
	o.text("status", string(status))
	if pid != 0 {
		o.number("pid", uint64(pid))
	}
	o.text("bundle", s.Bundle)
	each(o, "annotations", s.Annotations, o.text)
	return append(o.b, '}')
}

// procStat are the fields of proc_pid_stat(5) that rt reads.
type procStat struct {
	comm      string
	state     byte
	startTime uint64 // in ticks since boot
}

var errNoProcess = errors.New("no such process")

// readStat reads /proc/PID/stat of rt's own procfs.
func readStat(pid int) (procStat, error) {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return procStat{}, errNoProcess
	}
	defer unix.Close(fd)
	var buf [1024]byte
	n, err := unix.Read(fd, buf[:])
	if err != nil { // ESRCH: it ended between open and read
		return procStat{}, errNoProcess
	}
	return parseStat(buf[:n])
}

// parseStat parses proc_pid_stat(5). The name is in parentheses and may hold
// any byte, so it ends at the last one.
func parseStat(line []byte) (procStat, error) {
	open, end := -1, -1
	for i, c := range line {
		if c == '(' && open < 0 {
			open = i
		}
		if c == ')' {
			end = i
		}
	}
	if open < 0 || end < open || end+2 >= len(line) {
		return procStat{}, fmt.Errorf("proc stat %q is not understood", string(line))
	}
	s := procStat{comm: string(line[open+1 : end]), state: line[end+2]}
	field := 2
	for i := end + 1; i < len(line); i++ {
		if line[i] != ' ' {
			continue
		}
		if field++; field != 22 {
			continue
		}
		for i++; i < len(line) && line[i] >= '0' && line[i] <= '9'; i++ {
			s.startTime = s.startTime*10 + uint64(line[i]-'0')
		}
		return s, nil
	}
	return procStat{}, fmt.Errorf("proc stat %q is too short", string(line))
}

// ended tells whether the process is a zombie, though nobody has waited for it.
func (p procStat) ended() bool { return p.state == 'Z' || p.state == 'X' }
