package conformance

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/tests/harness"
)

func filter(f specs.LinuxSeccomp) harness.Change {
	return func(s *specs.Spec) { s.Linux.Seccomp = &f }
}

// personality2 is a rule for personality(2), which linux32 calls with 8 (PER_LINUX32)
// and linux64 with 0.
func personality2(op specs.LinuxSeccompOperator, value, valueTwo uint64) specs.LinuxSeccomp {
	errno := uint(unix.EXDEV)
	return specs.LinuxSeccomp{DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{
		Names: []string{"personality"}, Action: specs.ActErrno, ErrnoRet: &errno,
		Args: []specs.LinuxSeccompArg{{Index: 0, Value: value, ValueTwo: valueTwo, Op: op}},
	}}}
}

func TestSeccompArgs(t *testing.T) {
	c := harness.New(t)
	bad := func(t *testing.T, arg, says string) {
		t.Helper()
		with(t, c, "linux.seccomp", `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "args": [`+arg+`]}]}`)
		refused(t, c, "config.json: "+says)
	}
	// denied tells which of linux32 and linux64 the filter stops.
	denied := func(t *testing.T, f specs.LinuxSeccomp) string {
		t.Helper()
		c := harness.New(t, filter(f), harness.Shell("linux32 true 2>&1 | grep -q -e 'ross-device' -e 'Invalid' && echo 8; linux64 true 2>&1 | grep -q -e 'ross-device' -e 'Invalid' && echo 0; true"))
		r := c.Run()
		if r.Code != 0 {
			t.Fatal(r)
		}
		return strings.Join(strings.Fields(r.Stdout), " ")
	}
	sentence(t, "configLinuxSeccomp.13", func(t *testing.T) {
		bad(t, `{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}`, `linux.seccomp.syscalls[0].args[0].index: 6 is above 5`)
		if got := denied(t, personality2(specs.OpEqualTo, 8, 0)); got != "8" {
			t.Errorf("denied is %q", got)
		}
	})
	sentence(t, "configLinuxSeccomp.14", func(t *testing.T) {
		for value, want := range map[uint64]string{8: "8", 0: "0", 5: ""} {
			if got := denied(t, personality2(specs.OpEqualTo, value, 0)); got != want {
				t.Errorf("with value %d denied is %q, want %q", value, got, want)
			}
		}
	})
	sentence(t, "configLinuxSeccomp.15", func(t *testing.T) {
		bad(t, `{"index": 0, "value": 1}`, `linux.seccomp.syscalls[0].args[0].op: unknown operator ""`)
		bad(t, `{"index": 0, "value": 1, "op": "SCMP_CMP_ABOUT"}`, `linux.seccomp.syscalls[0].args[0].op: unknown operator "SCMP_CMP_ABOUT"`)
		for _, tt := range []struct {
			op         specs.LinuxSeccompOperator
			value, two uint64
			want       string
		}{
			{specs.OpNotEqual, 8, 0, "0"}, {specs.OpLessThan, 8, 0, "0"}, {specs.OpLessEqual, 8, 0, "8 0"},
			{specs.OpEqualTo, 8, 0, "8"}, {specs.OpGreaterEqual, 8, 0, "8"}, {specs.OpGreaterThan, 7, 0, "8"},
			{specs.OpMaskedEqual, 0xc, 8, "8"},
		} {
			if got := denied(t, personality2(tt.op, tt.value, tt.two)); got != tt.want {
				t.Errorf("%s %d: denied is %q, want %q", tt.op, tt.value, got, tt.want)
			}
		}
	})
}

// An agent listens where a runtime sends the container process state.
type agent struct {
	path     string
	listener *net.UnixListener
}

func newAgent(t *testing.T) *agent {
	t.Helper()
	path := filepath.Join(harness.Dir(t), "agent")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &agent{path, l}
}

// A delivery is what came on one connection.
type delivery struct {
	state  specs.ContainerProcessState
	text   string
	fds    int
	late   bool // descriptors in a later message than the first
	closed bool
	err    error
}

// receive takes one connection to its end, and closes the descriptor that came.
func (a *agent) receive() delivery {
	var d delivery
	a.listener.SetDeadline(time.Now().Add(10 * time.Second * harness.Patience))
	conn, err := a.listener.AcceptUnix()
	if err != nil {
		d.err = err
		return d
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second * harness.Patience))
	for first := true; ; first = false {
		buffer, control := make([]byte, 65536), make([]byte, unix.CmsgSpace(16*4))
		n, nc, _, _, err := conn.ReadMsgUnix(buffer, control)
		n, nc = max(n, 0), max(nc, 0) // they are -1 with an error
		d.text += string(buffer[:n])
		messages, _ := unix.ParseSocketControlMessage(control[:nc])
		for i := range messages {
			fds, _ := unix.ParseUnixRights(&messages[i])
			for _, fd := range fds {
				unix.Close(fd)
			}
			d.fds += len(fds)
			d.late = d.late || !first && len(fds) > 0
		}
		if n == 0 || err != nil {
			d.closed = err == nil || errors.Is(err, io.EOF)
			break
		}
	}
	d.err = json.Unmarshal([]byte(d.text), &d.state)
	return d
}

func notify(path string) harness.Change {
	return filter(specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow, ListenerPath: path, ListenerMetadata: "opaque \"data\"",
		Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir", "mkdirat"}, Action: specs.ActNotify}},
	})
}

func TestSeccompAgent(t *testing.T) {
	a := newAgent(t)
	c := harness.New(t, notify(a.path), func(s *specs.Spec) { s.Annotations = map[string]string{"com.example.a": "x"} })
	// A runtime may send the state in create or in start.
	deliveries := make(chan delivery)
	go func() { deliveries <- a.receive() }()
	r, ok := create(c)
	if ok {
		r = c.Do("start", c.ID)
	} else {
		a.listener.Close()
	}
	d := <-deliveries
	check := func(t *testing.T, is func() bool) {
		t.Helper()
		if d.err != nil || !is() {
			t.Errorf("received %+v\n%v", d, r)
		}
	}
	sentence(t, "configLinuxSeccomp.3", func(t *testing.T) {
		check(t, func() bool { return true })
		// Not to a socket of another type.
		path := filepath.Join(harness.Dir(t), "packets")
		l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		refused(t, harness.New(t, notify(path)), `await init: seccomp listener: connect "`+path+`": protocol wrong type for socket`)
	})
	sentence(t, "configLinuxSeccomp.4 configLinuxSeccomp.5", func(t *testing.T) {
		check(t, func() bool { return d.closed })
		a.listener.SetDeadline(time.Now().Add(50 * time.Millisecond))
		if conn, err := a.listener.Accept(); err == nil {
			conn.Close()
			t.Error("there was another connection")
		}
	})
	sentence(t, "configLinuxSeccomp.6", func(t *testing.T) {
		for path, says := range map[string]string{
			filepath.Join(harness.Dir(t), "nobody"): "no such file or directory",
			deaf(t):                                 "connection refused",
		} {
			refused(t, harness.New(t, notify(path)), `await init: seccomp listener: connect "`+path+`": `+says)
		}
	})
	sentence(t, "configLinuxSeccomp.7", func(t *testing.T) {
		check(t, func() bool { return d.fds == 1 && slices.Equal(d.state.Fds, []string{specs.SeccompFdName}) })
	})
	sentence(t, "containerprocessstate.1 containerprocessstate.2", func(t *testing.T) {
		check(t, func() bool { return d.fds == 1 && !d.late && d.state.Metadata == "opaque \"data\"" })
	})
	sentence(t, "containerprocessstate.3", func(t *testing.T) {
		check(t, func() bool { return strings.HasPrefix(d.state.Version, "1.") })
	})
	sentence(t, "containerprocessstate.4", func(t *testing.T) {
		check(t, func() bool { return d.state.Pid == c.Init && c.Init != 0 })
	})
	sentence(t, "containerprocessstate.5", func(t *testing.T) {
		check(t, func() bool {
			s := d.state.State
			return s.ID == c.ID && s.Pid == c.Init && s.Bundle == c.Bundle && s.Version != "" && s.Status != "" &&
				s.Annotations["com.example.a"] == "x"
		})
	})
}

// deaf is a socket that nobody listens on any more.
func deaf(t *testing.T) string {
	t.Helper()
	path := filepath.Join(harness.Dir(t), "deaf")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	return path
}

// The errno of a rule is what the program gets.
func TestSeccompErrno(t *testing.T) {
	errno := uint(unix.EXDEV)
	for name, f := range map[string]specs.LinuxSeccomp{
		"errnoRet": {DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir"}, Action: specs.ActErrno, ErrnoRet: &errno}}},
		"default":  {DefaultAction: specs.ActAllow, Syscalls: []specs.LinuxSyscall{{Names: []string{"mkdir"}, Action: specs.ActErrno}}},
	} {
		t.Run(name, func(t *testing.T) {
			c := harness.New(t, filter(f), harness.Shell("mkdir /made 2>&1; true"))
			want := map[string]string{"errnoRet": "ross-device link", "default": "Operation not permitted"}[name]
			if r := c.Run(); !strings.Contains(r.Stdout, want) {
				t.Errorf("want %q: %v", want, r)
			}
		})
	}
}
