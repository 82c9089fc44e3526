package libcontainer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/c9b5e2ae/rt/libcontainer/boot"
	"github.com/c9b5e2ae/rt/libcontainer/cgroups"
	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/c9b5e2ae/rt/libcontainer/process"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// host is the outside of create and exec: what its steps share.
type host struct {
	r      *Runtime
	when   when
	create *CreateOptions // nil for exec
	exec   *ExecOptions   // nil for create

	interrupt *interrupt
	undo      undo
	spec      *specs.Spec
	plan      *Plan
	init      InitPlan
	dir       *dir
	state     *saved
	cgroup    *cgroups.Cgroup
	below     cgroups.Below // for exec: where in the container's cgroup
	birth     *os.File      // directory of the cgroup2 that init is born in; nil for none
	userns    *os.File      // of the container, for idmapped mounts; nil without one

	sealed    *os.File // the binary that init executes
	launcher  *boot.Launcher
	socket    *boot.Socket  // to init
	inside    *os.File      // init's end of it
	launched  *boot.Process // what was cloned; init itself where nothing forks
	bootstrap boot.Bootstrap
	process   *Process   // init, or the process of exec
	files     []*os.File // closed at the end of the operation, whatever it was
}

// hostSteps is what rt does for create and exec, in this order.
var hostSteps = []step[*host]{
	{"plan", both, (*host).makePlan},          // before the first side effect, with all problems at once
	{"launcher", both, (*host).startLauncher}, // it makes a network namespace meanwhile
	{"claim", create, (*host).claim},          // mkdir decides who gets the id; the intent is on disk from here on
	{"console socket", both, (*host).connectConsole},
	{"intelRdt", create, (*host).createIntelRdt},
	{"root", both, (*host).placeRoot},     // before the clone: init finds it in its place
	{"cgroup", both, (*host).beginCgroup}, // clone can put init into it at birth
	{"launch", both, (*host).launch},
	{"namespaces", both, (*host).openNamespaces}, // while init's image is loaded, and so:
	{"cgroups of v1", both, (*host).finishCgroup},
	{"launched", both, (*host).awaitLaunch},
	{"join intelRdt", both, (*host).joinIntelRdt}, // while init has one thread
	{"bootstrap", both, (*host).sendBootstrap},    // init joins its cgroup as its first deed
	{"record", create, (*host).record},            // from here on delete --force finds init
	// From here to the plan: while the Go runtime starts in init.
	{"process limits", both, (*host).setProcessLimits}, // before init sets the soft ones, from the plan
	{"cgroup limits", create, (*host).setCgroupLimits},
	{"seccomp", both, (*host).compileSeccomp},
	{"send plan", both, (*host).sendPlan},
	{"await init", both, (*host).await},
	{"last limits", create, (*host).setLastLimits}, // those with which init could not have come this far
	{"check id maps", create, (*host).checkMaps},
	{"commit", both, (*host).commit}, // nothing that can fail comes after it
}

// keep closes f at the end of the operation.
func (h *host) keep(files ...*os.File) { h.files = append(h.files, files...) }

// release closes what only the operation needed.
func (h *host) release() {
	if h.launcher != nil {
		h.launcher.Close() // first: it uses the files
	}
	for _, f := range h.files {
		if f != nil {
			f.Close()
		}
	}
	if h.socket != nil {
		h.socket.Close()
	}
	if h.plan != nil && h.plan.Rootfs != nil {
		h.plan.Rootfs.Close()
	}
}

func (h *host) makePlan() error {
	facts, err := config.ReadFacts(h.r.Rootless)
	if err != nil {
		return err
	}
	ps := &config.Problems{}
	if h.exec != nil {
		h.plan = planExec(h.spec, h.exec.Process, facts, ps)
		ps.File = "process"
	} else {
		var raw []byte
		if h.spec, raw, err = loadBundle(h.create.Bundle); err != nil {
			return err
		}
		h.plan = planCreate(h.spec, h.create, h.r.Systemd, facts, ps)
		h.create.raw = raw
	}
	if h.create != nil {
		checkRoot(h.plan.Rootfs.Root, ps)
	}
	h.r.warnAll(ps.Warnings)
	if err := ps.Err(); err != nil {
		return err
	}
	return h.checkDescriptors()
}

// checkRoot looks whether there is a root filesystem, so that its absence is
// told with all the other problems. Init opens it for good.
func checkRoot(path string, ps *config.Problems) {
	if path == "" {
		return // the plan has said it
	}
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		ps.Addf("root.path", "open %q: %v", path, err)
		return
	}
	unix.Close(fd)
}

// checkDescriptors refuses --preserve-fds of descriptors that are not there:
// those numbers would go to files of rt's own.
func (h *host) checkDescriptors() error {
	all, _ := h.preserve()
	for fd := 3; fd < 3+all; fd++ {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			return fmt.Errorf("--preserve-fds: descriptor %d is not open", fd)
		}
	}
	return nil
}

// preserve is the number of descriptors from 3 on that the process gets, and how
// many of them, the first ones, are of the service manager.
func (h *host) preserve() (all, listen int) {
	if h.exec != nil {
		return h.exec.PreserveFDs + h.exec.ListenFDs, h.exec.ListenFDs
	}
	return h.create.PreserveFDs + h.create.ListenFDs, h.create.ListenFDs
}

// claim takes the id and writes down what is going to be made.
func (h *host) claim() error {
	boot, err := bootID()
	if err != nil {
		return err
	}
	o := h.create
	intelRdt, err := h.plan.IntelRdt.Intent()
	if err != nil {
		return err
	}
	h.dir, err = claim(h.r.Root, o.ID)
	if h.dir != nil {
		h.undo.push(func() error { defer h.dir.close(); return h.dir.remove() })
	}
	if err != nil {
		return err
	}
	h.state = &saved{
		Version:     stateVersion,
		BootID:      boot,
		ID:          o.ID,
		Bundle:      o.Bundle,
		Rootfs:      h.plan.Rootfs.Root,
		Created:     now(),
		OCIVersion:  h.spec.Version,
		Annotations: h.spec.Annotations,
		OwnPidns:    h.plan.Namespaces.New&unix.CLONE_NEWPID != 0,
		Cgroup:      h.plan.Cgroup.Intent(),
		IntelRdt:    intelRdt,
	}
	if err := h.dir.writeState(h.state); err != nil {
		return err
	}
	if err := h.dir.create(configFile, o.raw); err != nil {
		return err
	}
	h.undo.push(h.poststop) // runtime.md, "Lifecycle" 13: also after a failed create
	return nil
}

// poststop runs the hooks after the container is gone. Their failures only warn
// (runtime.md, "Lifecycle" 13).
func (h *host) poststop() error {
	h.dir.runPoststop(h.r, h.plan.Hooks, h.state)
	return nil
}

// terminal tells whether the process gets one, and who is to hold it.
func (h *host) terminal() (socket string, console Console) {
	if h.exec != nil {
		return h.exec.ConsoleSocket, h.exec.Console
	}
	return h.create.ConsoleSocket, h.create.Console
}

// connectConsole connects the socket over which init sends the terminal.
func (h *host) connectConsole() error {
	socket, console := h.terminal()
	p, file := h.plan.Process, console.Socket
	switch {
	case p == nil || !p.Terminal:
		if socket != "" {
			return errors.New("--console-socket: process.terminal is false")
		}
		return nil
	case socket == "" && file == nil:
		return errors.New("process.terminal: a detached container needs --console-socket")
	case socket != "":
		var err error
		if file, err = connect(socket, unix.SOCK_STREAM); err != nil {
			return fmt.Errorf("console socket %q: %w", socket, err)
		}
		h.keep(file)
	}
	h.init.Console = process.Console{
		Terminal: true,
		Socket:   file,
		Width:    uint16(p.Width),
		Height:   uint16(p.Height),
		Device:   h.when == create,
	}
	if console.Width != 0 || console.Height != 0 {
		h.init.Console.Width, h.init.Console.Height = console.Width, console.Height
	}
	return nil
}

// connect opens a Unix socket. A path that is too long for an address goes by
// way of a descriptor of its directory.
func connect(path string, kind int) (*os.File, error) {
	if len(path) > 107 {
		dir, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		defer unix.Close(dir)
		path = fmt.Sprintf("/proc/self/fd/%d/%s", dir, filepath.Base(path))
	}
	fd, err := unix.Socket(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	// The receiver may not have called accept yet, but must not keep us for ever.
	limit := unix.Timeval{Sec: 10}
	unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}
