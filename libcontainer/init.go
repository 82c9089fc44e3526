package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"github.com/c9b5e2ae/rt/libcontainer/boot"
	"github.com/c9b5e2ae/rt/libcontainer/hooks"
	"github.com/c9b5e2ae/rt/libcontainer/process"
	"github.com/c9b5e2ae/rt/libcontainer/procfs"
	"golang.org/x/sys/unix"
)

// initSide is the inside of create and exec: what its steps share.
type initSide struct {
	InitPlan
	socket *boot.Socket // to rt; after start, to start
	proc   *procfs.Proc
	door   *os.File // tells the descriptor of who has come to start; nil: accept does
	trace  *Trace

	parting []byte // the timeline, made while memory and system calls are to be had, told with the last word
}

// initSteps is what happens between the Go runtime's first instruction and
// execve, in this order. A step without a reason may move.
//
// From the first seccomp step on, only the plainest system calls are safe: the
// filter may deny any other.
var initSteps = []step[*initSide]{
	{"procfs", both, (*initSide).openProc}, // before a mount of the container can stand in for it
	{"session keyring", both, (*initSide).joinKeyring},
	{"private propagation", create, (*initSide).private}, // before the first mount: none may reach the host
	{"mounts", create, (*initSide).mount},
	{"devices", create, (*initSide).devices}, // on what was mounted on /dev
	{"hooks outside", create, (*initSide).hooksOutside},
	{"createContainer hooks", create, (*initSide).createContainer}, // they must still see the old root
	{"pivot root", create, (*initSide).pivot},
	{"root", exec, (*initSide).changeRoot},
	{"propagation", create, (*initSide).propagation}, // a shared root cannot be pivoted
	{"console", both, (*initSide).console},           // on the container's own devpts; /dev may become read-only next
	{"make cwd", create, (*initSide).makeCwd},        // before the root may become read-only
	{"paths", create, (*initSide).protect},           // read-only root last: mount points were made above
	{"uts names", create, (*initSide).names},
	{"sysctl", create, (*initSide).sysctl},
	{"cwd", both, (*initSide).chdir},
	{"scheduler", both, (*initSide).schedule}, // needs CAP_SYS_NICE
	{"rlimits", both, (*initSide).rlimits},
	{"LSM labels", both, (*initSide).label},
	{"no new privileges", both, (*initSide).noNewPrivs},
	{"door", create, (*initSide).openDoor},      // its thread must be older than the filter
	{"seccomp", both, (*initSide).seccompEarly}, // without no_new_privs it needs CAP_SYS_ADMIN
	{"user", both, (*initSide).user},
	{"executable", both, (*initSide).findExecutable},    // as the user who will execute it
	{"seccomp notify", both, (*initSide).seccompNotify}, // while rt is there to take the listener
	{"ready", both, (*initSide).ready},                  // everything that can fail is done
	{"wait for start", create, (*initSide).waitForStart},
	{"startContainer hooks", create, (*initSide).startContainer},
	{"low rlimits", both, (*initSide).lowRlimits}, // Go could not live with them
	{"seccomp last", both, (*initSide).seccompLate},
	{"execve", both, (*initSide).execute},
}

// The init stage lives in a package init: Go initialises packages that are ready
// in the order of their import paths (since 1.21), so this one comes before the
// command line's library, text/template and regexp, whose work init would pay
// for and never use.
func init() {
	if socket := boot.Inside(); socket != nil {
		runInit(socket)
	}
}

// Init is what is left of the init stage for main: it was typed by hand.
func Init() error {
	return errors.New("init is rt's own: it cannot be called by hand")
}

// runInit is the whole life of the init stage. It does not return.
func runInit(socket *boot.Socket) {
	i := &initSide{socket: socket, trace: &Trace{}}
	begin, end := boot.Times()
	i.trace.append(Row{Side: "init", Name: "bootstrap", Begin: begin, Took: end - begin},
		Row{Side: "init", Name: "go runtime", Begin: end, Took: monotonic() - end})
	err := i.receive()
	if err == nil {
		err = walk(i, initSteps, i.when(), "init", "init: ", i.trace, func() error { return nil })
	}
	if !errors.Is(err, errAbandoned) { // else there is nobody to tell
		i.socket.Tell(boot.Failed, 0, []byte(err.Error()))
	}
	os.Exit(1)
}

// errAbandoned says that rt died or gave up.
var errAbandoned = errors.New("rt is gone")

// receive takes the plan, and makes every descriptor that rt's caller leaked
// close-on-exec: none may reach a hook or the program (CVE-2024-21626).
func (i *initSide) receive() error {
	begin := monotonic()
	if err := i.socket.ReceivePlan(&i.InitPlan); err != nil {
		return errAbandoned
	}
	if !i.Traced {
		i.trace = nil
	}
	i.trace.add("init", "receive plan", begin, nil)
	if err := process.CloseFDs(i.PreserveFDs); err != nil {
		return fmt.Errorf("init: %w", err)
	}
	return nil
}

func (i *initSide) when() when {
	if i.Rootfs == nil {
		return exec
	}
	return create
}

// openProc opens the procfs that labels and sysctls are written to, if there are
// any. While init sees the host's mounts and no other, the host's serves; below a
// mount of somebody's (an outer container's read-only /proc/sys) one of our own,
// which takes the kernel ten times longer to make and to take down.
func (i *initSide) openProc() (err error) {
	labels := i.Process != nil && i.Process.SELinux+i.Process.AppArmor != ""
	sysctls := i.Namespaces != nil && len(i.Namespaces.Sysctl) > 0
	if !labels && !sysctls {
		return nil
	}
	if i.when() == create {
		if i.proc, err = procfs.OpenHost(); err == nil {
			if sys, err := i.proc.Open("sys", unix.O_PATH); err == nil {
				return sys.Close()
			}
			i.proc.Close()
		}
	}
	i.proc, err = procfs.Open()
	return err
}

func (i *initSide) joinKeyring() error {
	if i.Keyring == "" || i.Process == nil {
		return nil
	}
	return i.Process.JoinKeyring(i.proc, i.Keyring)
}

func (i *initSide) private() error     { return i.Rootfs.Private() }
func (i *initSide) mount() error       { return i.Rootfs.Mount() }
func (i *initSide) devices() error     { return i.Rootfs.Devices() }
func (i *initSide) pivot() error       { return i.Rootfs.Pivot(i.NoPivot) }
func (i *initSide) propagation() error { return i.Rootfs.Propagation() }
func (i *initSide) protect() error     { return i.Rootfs.Protect() }
func (i *initSide) names() error       { return i.Namespaces.SetNames() }
func (i *initSide) sysctl() error      { return i.Namespaces.SetSysctls(i.proc) }

// changeRoot follows the container's init to its root, where no mount namespace
// that was joined has done so.
func (i *initSide) changeRoot() error {
	if i.Root == nil {
		return nil
	}
	defer i.Root.Close()
	if err := unix.Fchdir(int(i.Root.Fd())); err != nil {
		return fmt.Errorf("chdir: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("chroot: %w", err)
	}
	return nil
}

// hooksOutside lets rt run the hooks of its own namespaces.
func (i *initSide) hooksOutside() error {
	if !i.HooksOutside {
		return nil
	}
	return i.ask(boot.Hooks, 0, nil)
}

func (i *initSide) createContainer() error {
	return hooks.Run("createContainer", i.CreateContainer, i.HookState, i.Bundle)
}

// ask tells rt something and waits until it lets init go on.
func (i *initSide) ask(kind uint32, value int32, text []byte) error {
	if err := i.socket.Tell(kind, value, text); err != nil {
		return errAbandoned
	}
	if err := i.socket.Await(); err != nil {
		return errAbandoned
	}
	return nil
}

func (i *initSide) console() error {
	if i.Process == nil {
		return nil
	}
	if err := i.Process.SetUpConsole(i.Console); err != nil || i.Console.Terminal {
		return err
	}
	return i.Process.FixStdio()
}

func (i *initSide) makeCwd() error {
	if i.Process == nil {
		return nil
	}
	return i.Process.MakeCwd()
}

func (i *initSide) chdir() error {
	if i.Process == nil {
		return nil
	}
	return i.Process.Chdir()
}

func (i *initSide) schedule() error {
	if i.Process == nil {
		return nil
	}
	return i.Process.Schedule()
}

func (i *initSide) rlimits() error {
	if i.Process == nil {
		return nil
	}
	return i.Process.SetRlimits(boot.Nofile())
}

func (i *initSide) label() error {
	if i.Process == nil {
		return nil
	}
	return i.Process.Label(i.proc)
}

// noNewPrivs also cuts the tie to rt: a filter may deny prctl from the next step
// on, and from here to ready nothing waits but on the socket, whose end tells
// the same.
func (i *initSide) noNewPrivs() error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("prctl pdeathsig: %w", err)
	}
	if i.Process == nil {
		return nil
	}
	return i.Process.NoNewPrivs()
}

func (i *initSide) seccompEarly() error {
	if i.Seccomp == nil || i.Process == nil || i.Process.NoNewPrivileges {
		return nil
	}
	return i.loadSeccomp()
}

// seccompLate loads the filter where no_new_privs allows it without privileges:
// then only execve follows.
func (i *initSide) seccompLate() error {
	if i.Seccomp == nil || i.Process == nil || !i.Process.NoNewPrivileges || i.Seccomp.Notify {
		return nil
	}
	return i.loadSeccomp()
}

// seccompNotify loads a filter that tells an agent, where seccomp did not.
func (i *initSide) seccompNotify() error {
	if i.Seccomp == nil || i.Process == nil || !i.Process.NoNewPrivileges || !i.Seccomp.Notify {
		return nil
	}
	return i.loadSeccomp()
}

func (i *initSide) loadSeccomp() error {
	listener, err := i.Seccomp.Load()
	if err != nil || listener < 0 {
		return err
	}
	return i.ask(boot.Notify, int32(listener), nil)
}

func (i *initSide) user() error {
	if i.Process == nil {
		return nil
	}
	return i.Process.SetUser()
}

func (i *initSide) findExecutable() error {
	if i.Process == nil {
		return nil
	}
	return i.Process.FindExecutable()
}

// ready says that everything that can fail is done, and waits for rt's commit;
// where rt would only say go on, nobody is woken up for it.
func (i *initSide) ready() error {
	data, err := i.timeline()
	if err != nil {
		return err
	}
	if i.Straight {
		i.parting = data
		return nil
	}
	return i.ask(boot.Ready, 0, data)
}

// timeline is what rt wants to know of the steps so far, if anything.
func (i *initSide) timeline() ([]byte, error) {
	if i.trace == nil {
		return nil, nil
	}
	rows := struct{ Rows []Row }{i.hostTime(i.trace.Rows())}
	data, _, err := boot.Encode(&rows)
	return data, err
}

// hostTime takes the offset of a new time namespace out of the timeline. The
// bootstrap began before it and ended after.
func (i *initSide) hostTime(rows []Row) []Row {
	if i.Namespaces == nil {
		return rows
	}
	for _, o := range i.Namespaces.TimeOffsets {
		if o.Clock != unix.CLOCK_MONOTONIC {
			continue
		}
		shift := o.Secs*1e9 + int64(o.Nanosecs)
		rows[0].Took -= shift
		for n := range rows[1:] {
			rows[1+n].Begin -= shift
		}
	}
	return rows
}

// openDoor has another thread answer start, if the filter that comes next may not
// let this one do so.
func (i *initSide) openDoor() (err error) {
	if i.Listener != nil && i.Door {
		i.door, err = boot.Attend(i.Listener)
	}
	return err
}

// waitForStart waits, for as long as it takes, until start connects. Raw system
// calls: the filter may deny what the Go scheduler does around others.
func (i *initSide) waitForStart() error {
	if i.Listener == nil {
		return nil
	}
	i.socket.Close()
	if i.Forget {
		boot.Forget()
	}
	fd, err := i.answer()
	if err == nil {
		i.socket = boot.On(os.NewFile(uintptr(fd), "start"))
	}
	return err
}

func (i *initSide) answer() (fd int32, err error) {
	for {
		var n uintptr
		var errno syscall.Errno
		if i.door == nil {
			n, _, errno = syscall.RawSyscall6(unix.SYS_ACCEPT4, i.Listener.Fd(), 0, 0, unix.SOCK_CLOEXEC, 0, 0)
			fd = int32(n)
		} else {
			n, _, errno = syscall.RawSyscall(unix.SYS_READ, i.door.Fd(), uintptr(unsafe.Pointer(&fd)), unsafe.Sizeof(fd))
		}
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			return -1, fmt.Errorf("accept: %w", errno)
		default:
			return fd, nil
		}
	}
}

func (i *initSide) startContainer() error {
	return hooks.Run("startContainer", i.StartContainer, i.StartState, "/")
}

func (i *initSide) lowRlimits() error {
	if i.Process == nil {
		return nil
	}
	return i.Process.SetRlimitsLast()
}

// execute replaces init by the program. The socket closes with it, which is how
// rt or start learn of the success.
func (i *initSide) execute() error {
	if i.Process == nil {
		return errors.New("config.json has no process")
	}
	if i.ListenFDs > 0 { // only here is the pid known by which the program goes
		i.Process.Env = append(i.Process.Env, fmt.Sprintf("LISTEN_FDS=%d", i.ListenFDs), fmt.Sprintf("LISTEN_PID=%d", os.Getpid()))
	}
	if err := i.socket.Tell(boot.Exec, 0, i.parting); err != nil {
		return errAbandoned
	}
	return i.Process.Exec()
}
