package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func init() { children["console"] = console }

func TestInitConsole(t *testing.T) {
	needRoot(t)
	for name, tt := range map[string]struct {
		extra string
		want  string
	}{
		"good":                {},
		"no devpts":           {"nodevpts", "process.terminal: /dev/pts is not a devpts"},
		"no directory":        {"nodir", "process.terminal: there is no /dev/pts in the container: mount a devpts there"},
		"console is a link":   {"link", "/dev/console: neither a file nor a device"},
		"console is a dir":    {"dir", "/dev/console: neither a file nor a device"},
		"pts leads to procfs": {"magic", "process.terminal: there is no /dev/pts in the container: mount a devpts there"},
	} {
		t.Run(name, func(t *testing.T) {
			root := scratch(t)
			pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
			defer ours.Close()
			s := specs.Spec{Process: &specs.Process{Args: []string{"x"}, Cwd: "/", User: specs.User{UID: 77}}}
			r := launch(t, "console", child{Spec: s, Extra: root + " " + tt.extra}, func(cmd *exec.Cmd) {
				cmd.ExtraFiles = append(cmd.ExtraFiles, theirs)
				cmd.SysProcAttr.Unshareflags = unix.CLONE_NEWNS
			})
			theirs.Close()
			if got := r.wait(t); got != tt.want {
				t.Fatalf("got  %s\nwant %s", got, tt.want)
			}
			if tt.want != "" {
				return
			}
			buf, oob := make([]byte, 100), make([]byte, 100)
			n, oobn, _, _, err := unix.Recvmsg(int(ours.Fd()), buf, oob, 0)
			if err != nil || string(buf[:n]) != "/dev/ptmx" {
				t.Fatalf("payload is %q, %v", buf[:n], err)
			}
			messages, _ := unix.ParseSocketControlMessage(oob[:oobn])
			if len(messages) != 1 {
				t.Fatal(messages)
			}
			fds, err := unix.ParseUnixRights(&messages[0])
			if err != nil || len(fds) != 1 {
				t.Fatal(fds, err)
			}
			master := os.NewFile(uintptr(fds[0]), "master")
			defer master.Close()
			n, err = master.Read(buf)
			if err != nil || string(buf[:n]) != "hello" {
				t.Errorf("read %q, %v", buf[:n], err)
			}
		})
	}
}

// console sets a terminal up in a root of its own, looks at it, and writes to it.
func console(c child) error {
	root, how, _ := strings.Cut(c.Extra, " ")
	dev := root + "/dev"
	err := errors.Join(
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("tmpfs", root, "tmpfs", 0, ""),
		os.Mkdir(dev, 0o755),
	)
	switch how {
	case "nodir":
	case "magic":
		err = errors.Join(err, os.Symlink("/proc/self/fd/4", dev+"/pts"), os.Mkdir(root+"/proc", 0o755), unix.Mount("proc", root+"/proc", "proc", 0, ""))
	case "nodevpts":
		err = errors.Join(err, os.Mkdir(dev+"/pts", 0o755), unix.Mknod(dev+"/pts/ptmx", unix.S_IFCHR|0o666, int(unix.Mkdev(5, 2))))
	default:
		err = errors.Join(err, os.Mkdir(dev+"/pts", 0o755), unix.Mount("devpts", dev+"/pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=0620,gid=5"))
	}
	switch how {
	case "link":
		err = errors.Join(err, os.Symlink("/outside", dev+"/console"))
	case "dir":
		err = errors.Join(err, os.Mkdir(dev+"/console", 0o755))
	}
	if err = errors.Join(err, unix.Chroot(root), unix.Chdir("/")); err != nil {
		return err
	}
	p := &Plan{UID: 77}
	if err := p.SetUpConsole(Console{Terminal: true, Socket: os.NewFile(5, "socket"), Width: 80, Height: 25, Device: true}); err != nil {
		return err
	}
	var st, of unix.Stat_t
	size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
	if err = errors.Join(err, unix.Stat("/dev/console", &st), unix.Fstat(1, &of)); err != nil {
		return err
	}
	sid, _ := unix.Getsid(0)
	ours, _ := unix.IoctlGetInt(2, unix.TIOCGSID)
	if size.Col != 80 || size.Row != 25 || st.Rdev != of.Rdev || st.Rdev != unix.Mkdev(136, 0) || of.Uid != 77 || of.Gid != 5 || sid != os.Getpid() || ours != sid {
		return fmt.Errorf("size %+v, console %x, stdout %x of %d:%d, session %d of %d, terminal's %d", size, st.Rdev, of.Rdev, of.Uid, of.Gid, sid, os.Getpid(), ours)
	}
	if _, err := os.Open("/dev/tty"); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	_, err = os.Stdout.WriteString("hello")
	return err
}
