package namespaces

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/procfs"
)

// The tests of what happens in namespaces run this test binary again in new
// ones, with the name of one of these functions. Its error is printed.
var inside = map[string]func() error{
	"names": func() error {
		p := Plan{Hostname: strings.Repeat("h", 64), Domainname: "d"}
		if err := p.SetNames(); err != nil {
			return err
		}
		var u unix.Utsname
		unix.Uname(&u)
		if got := unix.ByteSliceToString(u.Nodename[:]); got != p.Hostname {
			return fmt.Errorf("hostname %q", got)
		}
		if got := unix.ByteSliceToString(u.Domainname[:]); got != "d" {
			return fmt.Errorf("domainname %q", got)
		}
		return nil
	},
	"names refused": func() error {
		p := Plan{Hostname: "h"}
		return p.SetNames()
	},
	"sysctl": func() error {
		proc, err := procfs.Open()
		if err != nil {
			return err
		}
		p := planSysctls("net.ipv4.ip_forward", "1", "net.ipv4.ping_group_range", "0 0", "kernel.msgmax", "4096", "net.ipv4.conf.lo.forwarding", "0")
		if err := p.SetSysctls(proc); err != nil {
			return err
		}
		for _, s := range p.Sysctl {
			has, err := proc.ReadFile(s.Path)
			if err != nil {
				return err
			}
			if strings.Join(strings.Fields(has), " ") != s.Value {
				return fmt.Errorf("%s is %q", s.Name, has)
			}
		}
		return nil
	},
	"sysctl errors": func() error {
		proc, err := procfs.Open()
		if err != nil {
			return err
		}
		var errs []error
		for _, s := range [][2]string{
			{"net.nosuch", "1"},
			{"net.ipv4.ip_forward", "abc"},
			{"net.ipv4", "1"},
			{"net.ipv4.ip_forward.x", "1"},
			{"net.core.rmem_max", "1"},
		} {
			errs = append(errs, planSysctls(s[0], s[1]).SetSysctls(proc))
		}
		return errors.Join(errs...)
	},
}

func planSysctls(kv ...string) *Plan {
	p := &Plan{}
	for i := 0; i < len(kv); i += 2 {
		path, _ := sysctlPath(kv[i])
		p.Sysctl = append(p.Sysctl, Sysctl{kv[i], "sys/" + path, kv[i+1]})
	}
	return p
}

// The main thread stays the main goroutine's: in /proc/<pid> it stands for all.
func init() { runtime.LockOSThread() }

func TestMain(m *testing.M) {
	stdin := bufio.NewReader(os.Stdin)
	switch name := os.Getenv("RT_TEST_INSIDE"); name {
	case "":
		os.Exit(m.Run())
	case "time": // as wait, with a time namespace for its children: at a line of input it shows theirs
		if err := unix.Unshare(unix.CLONE_NEWTIME); err != nil {
			fmt.Println(err)
		}
		fmt.Println("ready")
		stdin.ReadString('\n')
		out, err := exec.Command("cat", "/proc/self/timens_offsets").Output()
		fmt.Println(strings.Join(strings.Fields(string(out)), " "), err)
		stdin.ReadString(0)
	case "wait": // a process to look at: it says that it runs, and ends with its stdin
		fmt.Println("ready")
		stdin.ReadString(0)
	default:
		if err := inside[name](); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

func command(name string, flags uintptr) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "RT_TEST_INSIDE="+name)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL}
	if flags&unix.CLONE_NEWUSER != 0 {
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return cmd
}

func TestInit(t *testing.T) {
	for _, tt := range []struct {
		name  string
		flags uintptr
		want  string
	}{
		{"names", unix.CLONE_NEWUTS, ""},
		{"names refused", unix.CLONE_NEWUSER, `sethostname "h": the kernel does not allow it`},
		{"sysctl", unix.CLONE_NEWNET | unix.CLONE_NEWIPC, ""},
		{"sysctl errors", unix.CLONE_NEWNET | unix.CLONE_NEWIPC, "sysctl net.nosuch: this kernel has no such key\n" +
			"sysctl net.ipv4.ip_forward: the kernel refuses the value \"abc\": invalid argument\n" +
			"sysctl net.ipv4: is a group of keys\n" +
			"sysctl net.ipv4.ip_forward.x: a part of the name is a key, not a group of keys\n" +
			"sysctl net.core.rmem_max: the kernel does not let a container write it"},
	} {
		for _, user := range []uintptr{0, unix.CLONE_NEWUSER} {
			if user == 0 && tt.flags == unix.CLONE_NEWUSER {
				continue
			}
			t.Run(fmt.Sprintf("%s, user namespace %t", tt.name, user != 0), func(t *testing.T) {
				if user == 0 {
					needRoot(t)
				}
				out, err := command(tt.name, tt.flags|user).CombinedOutput()
				if got := strings.TrimSpace(string(out)); got != tt.want {
					t.Errorf("%v\ngot  %s\nwant %s", err, got, tt.want)
				}
			})
		}
	}
}

// A child is a process that waits in new namespaces until the test ends.
type child struct {
	pid, pidfd int
	in         *os.File // what it reads
	out        *bufio.Reader
}

func start(t *testing.T, name string, flags, unshare uintptr) *child {
	t.Helper()
	c := &child{}
	cmd := command(name, flags)
	cmd.SysProcAttr.PidFD = &c.pidfd
	cmd.SysProcAttr.Unshareflags = unshare
	cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings = nil, nil
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stdin, c.in = r, w
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread() // Pdeathsig is of the thread
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.pid, c.out = cmd.Process.Pid, bufio.NewReader(out)
	t.Cleanup(func() {
		w.Close()
		cmd.Wait()
		unix.Close(c.pidfd)
		runtime.UnlockOSThread()
	})
	c.expect(t, "ready\n")
	return c
}

func (c *child) expect(t *testing.T, want string) {
	t.Helper()
	if line, err := c.out.ReadString('\n'); line != want {
		t.Fatalf("%q %v", line, err)
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
