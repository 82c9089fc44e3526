package libcontainer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/c9b5e2ae/rt/libcontainer/boot"
	"github.com/c9b5e2ae/rt/libcontainer/cgroups"
	"github.com/c9b5e2ae/rt/libcontainer/namespaces"
	"github.com/c9b5e2ae/rt/libcontainer/process"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// beginCgroup makes of the container's cgroup what clone needs, or finds it for
// exec: clone can put init into a cgroup of v2, and only clone does so without
// waiting for all CPUs.
func (h *host) beginCgroup() (err error) {
	if h.exec != nil {
		err = h.findCgroup()
	} else if h.cgroup, err = h.plan.Cgroup.Begin(); err == nil {
		h.undo.push(h.removeCgroup)
	}
	if err != nil {
		return err
	}
	h.birth, err = h.cgroup.CloneFD(h.below)
	h.keep(h.birth)
	return err
}

// finishCgroup makes the rest of it, and opens what init joins by itself.
func (h *host) finishCgroup() (err error) {
	if h.create != nil {
		if err := h.cgroup.Finish(); err != nil {
			return err
		}
	}
	h.bootstrap.Cgroups, err = h.cgroup.Joins(h.below)
	h.keep(h.bootstrap.Cgroups...)
	return err
}

func (h *host) findCgroup() (err error) {
	sub := map[string]string{}
	for _, c := range h.exec.Cgroup {
		controllers, path, found := strings.Cut(c, ":")
		if !found {
			controllers, path = "", c
		}
		for controller := range strings.SplitSeq(controllers, ",") {
			sub[controller] = path
		}
	}
	if h.cgroup, err = cgroups.Load(h.state.Cgroup); err != nil {
		return err
	}
	h.below, err = h.cgroup.Below(h.state.Pid, sub)
	return err
}

// removeCgroup gives a cgroup that is still busy more time than delete does: of a
// container that did not come to be, nobody can delete what is left.
func (h *host) removeCgroup() error {
	if h.cgroup == nil {
		return nil
	}
	deadline := time.Now().Add(endTime)
	for {
		err := errors.Join(h.cgroup.Kill(), h.cgroup.Remove())
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return err
		}
	}
}

// placeRoot is for a container without a mount namespace. Create mounts its root
// where it is, so that its mounts, which are rt's own too, can be taken away; for
// exec the root is the one that init has changed to.
func (h *host) placeRoot() error {
	if h.exec != nil {
		return h.rootOfInit()
	}
	if !h.plan.Rootfs.OnHost {
		return nil
	}
	tree, mount, err := h.plan.Rootfs.CloneRoot()
	if err != nil {
		return err
	}
	defer tree.Close()
	h.state.HostMount = mount
	if err := h.dir.writeState(h.state); err != nil {
		return err
	}
	h.undo.push(mount.Detach)
	return mount.Attach(tree)
}

// rootOfInit opens the root of a container that shares rt's mount namespace.
func (h *host) rootOfInit() error {
	for _, n := range h.namespaces() {
		if n.Type == specs.MountNamespace {
			return nil
		}
	}
	c := Container{r: h.r, dir: h.dir, state: h.state}
	pidfd, err := c.pidfd() // before the name: so it is init's
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	h.init.Root, err = os.OpenFile(fmt.Sprintf("/proc/%d/root", h.state.Pid), unix.O_PATH|unix.O_DIRECTORY, 0)
	h.keep(h.init.Root)
	if err != nil {
		return err
	}
	return unix.PidfdSendSignal(pidfd, 0, nil, 0) // and it lives, so the name was its own
}

func (h *host) namespaces() []specs.LinuxNamespace {
	if h.spec.Linux == nil {
		return nil
	}
	return h.spec.Linux.Namespaces
}

// whole are the namespaces that clone can make at once, with no process between
// rt and init. A cgroup namespace is not one of them: its root would be rt's
// cgroup, since clone makes it before the new one is joined.
const whole = unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS

// startLauncher starts the thread that will make init, and with it the network
// namespace, which takes longer than all other namespaces together.
func (h *host) startLauncher() (err error) {
	if h.plan.Process != nil {
		// config.md, "execCPUAffinity": init is born with it.
		undo, err := h.plan.Process.SetInitialAffinity()
		if err != nil {
			return err
		}
		defer undo()
	}
	h.launcher, err = boot.NewLauncher(h.newNetwork())
	return err
}

// newNetwork tells whether the launcher makes the network namespace.
func (h *host) newNetwork() bool {
	create, joined := h.planned()
	return create&unix.CLONE_NEWNET != 0 && !afterwards(create, joined)
}

// cloneflags are the new namespaces that clone makes.
func (h *host) cloneflags() uint64 {
	create, joined := h.planned()
	if afterwards(create, joined) {
		return 0
	}
	return uint64(create & whole)
}

// planned are the namespaces to make and to join, CLONE_NEW*, as far as they are
// known before the launch: exec only joins what init has.
func (h *host) planned() (create, joined uint32) {
	n := h.plan.Namespaces
	if n == nil {
		return 0, 0
	}
	for _, j := range n.Join {
		joined |= j.Flag
	}
	return n.New, joined
}

// launch starts the process that becomes init; it waits for its bootstrap.
func (h *host) launch() error {
	binary, err := boot.Seal()
	if err != nil {
		return err
	}
	h.sealed = binary
	h.keep(binary)
	socket, inside, err := boot.Pair()
	if err != nil {
		return err
	}
	h.socket, h.inside = socket, inside
	h.keep(inside)

	preserve, _ := h.preserve()
	// What rt's caller leaked must not even reach init, whose program path could
	// name it (/proc/self/fd/N, CVE-2024-21626).
	if err := process.CloseFDs(preserve); err != nil {
		return err
	}
	// Init lives for milliseconds or does nothing but wait: it needs neither the
	// collector, nor signals that would interrupt the only goroutine in its wait.
	l := boot.Launch{PreserveFDs: preserve, Env: append(faultEnv(), "GOGC=off", "GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1")}
	if !h.init.Console.Terminal {
		l.Stdio = stdio()
	}
	l.Cgroup = h.birth
	l.Cloneflags = h.cloneflags()
	if err := h.launcher.Go(&l, binary, inside); err != nil {
		return err
	}
	h.undo.push(h.killLaunched)
	return nil
}

// awaitLaunch waits until there is a process, and its image is loaded.
func (h *host) awaitLaunch() (err error) {
	h.launched, err = h.launcher.Wait()
	if err != nil {
		return namespaces.Explain(err)
	}
	if begin, end := h.launcher.Network(); end > 0 {
		h.r.Trace.append(Row{Side: "launcher", Name: "network namespace", Begin: begin, Took: end - begin})
	}
	return h.inside.Close() // init alone has this end now, so that its end can be seen
}

// openNamespaces opens those that the constructor of init is to join, and leaves
// to it what clone and the launcher have not made.
func (h *host) openNamespaces() error {
	if h.exec != nil {
		found, err := h.namespacesOfInit()
		for _, n := range found {
			h.join(n.File, n.Flag)
		}
		h.split(0)
		return err
	}
	p := h.plan.Namespaces
	files, err := p.Open()
	for n, f := range files {
		h.join(f, p.Join[n].Flag)
	}
	h.split(p.New)
	return err
}

func (h *host) join(f *os.File, flag uint32) {
	h.keep(f)
	h.bootstrap.Joins = append(h.bootstrap.Joins, f)
	h.bootstrap.Types = append(h.bootstrap.Types, flag)
}

// afterwards tells whether the new namespaces must be made by the constructor of
// init, after the others are joined: what is made after the user namespace belongs
// to it (user_namespaces(7)), so that comes first, and with it the constructor's part.
func afterwards(create, joined uint32) bool {
	return (create|joined)&(unix.CLONE_NEWUSER|unix.CLONE_NEWTIME) != 0 || joined&unix.CLONE_NEWPID != 0
}

// split fills in the constructor's part of the new namespaces.
func (h *host) split(create uint32) {
	b := &h.bootstrap
	joined := uint32(0)
	for _, t := range b.Types {
		joined |= t
	}
	b.NewUser = create&unix.CLONE_NEWUSER != 0
	b.UserRoot = (create|joined)&unix.CLONE_NEWUSER != 0
	b.Offsets = create&unix.CLONE_NEWTIME != 0 && len(h.plan.Namespaces.TimeOffsets) > 0
	b.Unshare = create &^ unix.CLONE_NEWUSER
	if !afterwards(create, joined) {
		b.Unshare &^= whole | unix.CLONE_NEWNET
	}
	// A process enters a pid or time namespace only by being born there.
	b.Fork = (joined|b.Unshare)&(unix.CLONE_NEWPID|unix.CLONE_NEWTIME) != 0
}

// stdio are rt's own descriptors 0 to 2; nil for one that is closed.
func stdio() (files [3]*os.File) {
	for fd, f := range []*os.File{os.Stdin, os.Stdout, os.Stderr} {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			files[fd] = f
		}
	}
	return files
}

func (h *host) killLaunched() (err error) {
	if h.launched, err = h.launcher.Wait(); err != nil {
		return nil // told already
	}
	err = h.launched.Kill()
	h.launched.Close()
	if p := h.process; p != nil && p.Pid != h.launched.Pid {
		unix.PidfdSendSignal(p.pidfd, unix.SIGKILL, nil, 0)
		_, waitErr := p.Wait()
		err = errors.Join(err, waitErr)
	} else if p != nil {
		p.close()
	}
	return err
}

// sendBootstrap opens the gate, and does what the constructor of init asks for.
func (h *host) sendBootstrap() error {
	if h.when == create {
		// The systemd scope is entered while the child waits at the gate.
		if err := h.cgroup.Enter(h.launched.Pid); err != nil {
			return err
		}
	}
	if err := h.socket.SendBootstrap(&h.bootstrap); err != nil {
		return h.initDied(err)
	}
	if h.bootstrap.NewUser {
		if err := h.serve(boot.Maps, h.writeMaps); err != nil {
			return err
		}
	}
	if h.bootstrap.Offsets {
		if err := h.serve(boot.Offsets, h.plan.Namespaces.WriteTimeOffsets); err != nil {
			return err
		}
	}
	if !h.bootstrap.Fork {
		h.process = &Process{Pid: h.launched.Pid, pidfd: h.launched.Pidfd}
		return nil
	}
	m, err := h.receive()
	if err != nil {
		return err
	}
	if m.Type != boot.Pid {
		return fmt.Errorf("init sent message %d in place of its pid", m.Type)
	}
	pidfd, err := unix.PidfdOpen(int(m.Value), 0)
	if err != nil {
		return fmt.Errorf("pidfd_open init: %w", err)
	}
	h.process = &Process{Pid: int(m.Value), pidfd: pidfd}
	_, err = h.launched.Wait()
	return err
}

// writeMaps maps the ids of the new user namespace, and opens it while init can
// be looked into by a rt that is not root.
func (h *host) writeMaps(pid int) (err error) {
	if err := h.plan.Namespaces.WriteMaps(pid); err != nil {
		return err
	}
	h.userns, err = os.Open(fmt.Sprintf("/proc/%d/ns/user", pid))
	h.keep(h.userns)
	return err
}

// checkMaps compares the maps of a user namespace that was joined.
func (h *host) checkMaps() error { return h.plan.Namespaces.CheckMaps(h.process.Pid) }

// serve awaits one question of the constructor, answers it with deed, and lets
// the constructor go on.
func (h *host) serve(question uint32, deed func(pid int) error) error {
	m, err := h.receive()
	if err != nil {
		return err
	}
	if m.Type != question {
		return fmt.Errorf("init sent message %d, %d was due", m.Type, question)
	}
	if err := deed(h.launched.Pid); err != nil {
		return err
	}
	return h.socket.Answer()
}

// record writes down init's pid, the cgroups it is in and their inodes.
func (h *host) record() error {
	stat, err := readStat(h.process.Pid)
	if err != nil {
		return h.initDied(io.EOF)
	}
	h.state.Pid, h.state.StartTime = h.process.Pid, stat.startTime
	h.state.Cgroup = h.cgroup.State()
	return h.dir.writeState(h.state)
}

// compileSeccomp makes the filter while the Go runtime starts in init.
func (h *host) compileSeccomp() (err error) {
	if h.plan.Seccomp != nil {
		h.init.Seccomp, err = h.plan.Seccomp.Compile()
	}
	return err
}

// setProcessLimits sets what only a process outside may: raised hard limits,
// the oom score. Init sets the soft limits after it, from the plan.
func (h *host) setProcessLimits() error {
	if h.plan.Process == nil {
		return nil
	}
	return h.plan.Process.Outside(h.process.Pid)
}

// createIntelRdt makes the container's class of service and monitoring group.
func (h *host) createIntelRdt() (err error) {
	if h.plan.IntelRdt == nil {
		return nil
	}
	h.state.IntelRdt, err = h.plan.IntelRdt.Create()
	if err == nil {
		h.undo.push(h.plan.IntelRdt.Undo)
	}
	return err
}

func (h *host) joinIntelRdt() error { return h.state.IntelRdt.Join(h.launched.Pid) }

// moveDevices moves interfaces of the host into the container's network
// namespace.
func (h *host) moveDevices() error {
	if len(h.plan.Network.Devices) == 0 {
		return nil
	}
	netns, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", h.process.Pid))
	if err != nil {
		return err
	}
	h.keep(netns)
	moved, err := h.plan.Network.Move(netns)
	if err == nil {
		h.undo.push(moved.Back)
	}
	return err
}

// setCgroupLimits sets the limits of the cgroup while the Go runtime starts in
// init, before init makes devices: a devices cgroup of v1 changes in many steps.
func (h *host) setCgroupLimits() error { return h.cgroup.Apply() }

func (h *host) setLastLimits() error { return h.cgroup.ApplyLast() }
