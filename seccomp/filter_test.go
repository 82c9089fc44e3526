package seccomp

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func compile(t *testing.T, in specs.LinuxSeccomp) *Filter {
	t.Helper()
	p, ps := plan(t, in)
	if err := ps.Err(); err != nil {
		t.Fatal(err)
	}
	f, err := p.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// onThread runs f on a thread with no_new_privs that ends with it. Filters and
// no_new_privs are per thread, and a goroutine that ends locked takes its
// thread along; only the first thread of the process stays, so it is spared.
func onThread(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	run := func() {
		defer close(done)
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			t.Error(err)
			return
		}
		f()
	}
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			run()
			return
		}
		go func() {
			runtime.LockOSThread()
			run()
		}()
		<-done
		runtime.UnlockOSThread()
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the filtered thread did not come back")
	}
}

func deny(action specs.LinuxSeccompAction, ret *uint, names ...string) specs.LinuxSeccomp {
	return specs.LinuxSeccomp{
		DefaultAction: specs.ActAllow,
		ListenerPath:  "/run/agent",
		Syscalls:      []specs.LinuxSyscall{{Names: names, Action: action, ErrnoRet: ret}},
	}
}

func TestInitLoad(t *testing.T) {
	f := compile(t, deny(specs.ActErrno, uintp(uint(unix.EOVERFLOW)), "getppid"))
	onThread(t, func() {
		listener, err := f.Load()
		if listener != -1 || err != nil {
			t.Errorf("load: %d, %v", listener, err)
		}
		if _, _, errno := unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0); errno != unix.EOVERFLOW {
			t.Errorf("getppid: %v", errno)
		}
		if _, _, errno := unix.RawSyscall(unix.SYS_GETPID, 0, 0, 0); errno != 0 {
			t.Errorf("getpid: %v", errno)
		}
	})
}

func TestInitLoadEachFlag(t *testing.T) {
	for _, name := range Features().SupportedFlags {
		in := deny(specs.ActErrno, nil, "getppid")
		in.Flags = []specs.LinuxSeccompFlag{specs.LinuxSeccompFlag(name)}
		if name == "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" {
			in.Syscalls[0].Action = specs.ActNotify
		}
		f := compile(t, in)
		onThread(t, func() {
			fd, err := f.Load()
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			unix.Close(fd)
		})
	}
}

func TestFlagsOfADocument(t *testing.T) {
	for name, tt := range map[string]struct {
		flags  []specs.LinuxSeccompFlag
		action specs.LinuxSeccompAction
		want   uint32
	}{
		"none given":        {nil, specs.ActErrno, unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW},
		"empty":             {[]specs.LinuxSeccompFlag{}, specs.ActErrno, 0},
		"log, tsync":        {[]specs.LinuxSeccompFlag{specs.LinuxSeccompFlagLog, "SECCOMP_FILTER_FLAG_TSYNC"}, specs.ActErrno, unix.SECCOMP_FILTER_FLAG_LOG},
		"wait, no listener": {[]specs.LinuxSeccompFlag{specs.LinuxSeccompFlagWaitKillableRecv}, specs.ActErrno, 0},
		"wait":              {[]specs.LinuxSeccompFlag{specs.LinuxSeccompFlagWaitKillableRecv}, specs.ActNotify, unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV},
	} {
		in := deny(tt.action, nil, "getppid")
		in.Flags = tt.flags
		if f := compile(t, in); f.Flags != tt.want {
			t.Errorf("%s: got %#x, want %#x", name, f.Flags, tt.want)
		}
	}
}

func TestInitLoadErrors(t *testing.T) {
	f := compile(t, deny(specs.ActErrno, nil, "getppid"))
	for name, tt := range map[string]struct {
		program []byte
		want    string
	}{
		"empty":      {nil, "load filter: 0 bytes are no filter"},
		"broken off": {f.Program[:9], "load filter: 9 bytes are no filter"},
		"invalid":    {make([]byte, 16), "load filter: invalid argument"},
	} {
		onThread(t, func() {
			if _, err := (&Filter{Program: tt.program}).Load(); err == nil || err.Error() != tt.want {
				t.Errorf("%s: got %v, want %s", name, err, tt.want)
			}
		})
	}
	for errno, want := range map[unix.Errno]string{
		524:         "load filter: the kernel has no memory left for BPF programs, raise net.core.bpf_jit_limit: not supported (524)",
		unix.EACCES: "load filter: needs no_new_privs or CAP_SYS_ADMIN: permission denied",
		unix.EBUSY:  "load filter: a filter of this process has a listener already, and the kernel allows one: device or resource busy",
		unix.ENOMEM: "load filter: cannot allocate memory",
	} {
		if got := loadError(errno, true).Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestHostListener walks the whole way of a notification: filter, listener,
// socket, agent, answer.
func TestHostListener(t *testing.T) {
	in := deny(specs.ActNotify, nil, "getppid")
	in.ListenerMetadata = "a \"quoted\"\n\\ \x01 värde"
	f := compile(t, in)
	socket := filepath.Join(t.TempDir(), "agent")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	state, err := json.Marshal(specs.State{Version: specs.Version, ID: "c1", Status: specs.StateCreating, Pid: 7, Bundle: "/b"})
	if err != nil {
		t.Fatal(err)
	}
	agent := make(chan error, 1)
	go func() { agent <- serveAgent(l, in.ListenerMetadata) }()
	onThread(t, func() {
		fd, err := f.Load()
		if err != nil || fd < 0 {
			t.Errorf("load: %d, %v", fd, err)
			return
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("listener is not close-on-exec: %d, %v", flags, err)
		}
		listener := os.NewFile(uintptr(fd), "listener")
		defer listener.Close()
		if err := SendListener(socket, listener, 7, f.ListenerMetadata, state); err != nil {
			t.Error(err)
			return
		}
		// Not RawSyscall: the agent is in this process, and it needs the processor
		// that the call would keep while it waits.
		if r, _, errno := unix.Syscall(unix.SYS_GETPPID, 0, 0, 0); r != 4711 || errno != 0 {
			t.Errorf("getppid: %d, %v", r, errno)
		}
	})
	if err := <-agent; err != nil {
		t.Error(err)
	}
}

// serveAgent takes one state and answers one call with 4711.
func serveAgent(l net.Listener, metadata string) error {
	c, err := l.Accept()
	if err != nil {
		return err
	}
	buf, oob := make([]byte, 4096), make([]byte, 256)
	n, oobn, _, _, err := c.(*net.UnixConn).ReadMsgUnix(buf, oob)
	if err != nil {
		return err
	}
	if rest, err := c.Read(make([]byte, 1)); rest != 0 || err == nil {
		return errors.New("the connection was not closed after the state")
	}
	var got specs.ContainerProcessState
	if err := json.Unmarshal(buf[:n], &got); err != nil {
		return err
	}
	if len(got.Fds) != 1 || got.Fds[0] != "seccompFd" || got.Pid != 7 || got.Metadata != metadata || got.State.ID != "c1" || got.Version != specs.Version {
		return errors.New("wrong state: " + string(buf[:n]))
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil {
		return err
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return err
	}
	defer unix.Close(fds[0])
	// struct seccomp_notif and seccomp_notif_resp (linux/seccomp.h)
	var request struct {
		id         uint64
		pid, flags uint32
		data       [8]uint64
	}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fds[0]), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return errno
	}
	response := struct {
		id, val      uint64
		error, flags uint32
	}{id: request.id, val: 4711}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fds[0]), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&response))); errno != 0 {
		return errno
	}
	return nil
}

func TestHostSendListenerErrors(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing")
	deaf := filepath.Join(dir, "deaf")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: deaf}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	message := processState(1, "", []byte("{}"))

	err = sendListener(missing, null, message, time.Second)
	if want := `seccomp listener: connect "` + missing + `": no such file or directory`; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	// An agent that takes the connection and never reads: big states fill the
	// buffer. One that doesn't take it: the backlog of 0 has room for one.
	big := append(message, strings.Repeat(" ", 4<<20)...)
	err = sendListener(deaf, null, big, 50*time.Millisecond)
	if want := `seccomp listener: send to "` + deaf + `": connection timed out`; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	err = sendListener(deaf, null, message, 50*time.Millisecond)
	if want := `seccomp listener: connect "` + deaf + `": connection timed out`; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestFeatures(t *testing.T) {
	f := Features()
	if got := strings.Join(f.KnownFlags, " "); got != "SECCOMP_FILTER_FLAG_LOG SECCOMP_FILTER_FLAG_SPEC_ALLOW SECCOMP_FILTER_FLAG_TSYNC SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" {
		t.Errorf("known flags: %s", got)
	}
	if !*f.Enabled || len(f.Actions) != 9 || len(f.Operators) != 7 || len(f.Archs) != 23 || len(f.SupportedFlags) == 0 {
		t.Errorf("%+v", f)
	}
	if flagSupported(1<<30) == nil || actionSupported(unix.SECCOMP_RET_ACTION_FULL) == nil {
		t.Error("a flag or an action that does not exist is supported")
	}
}
