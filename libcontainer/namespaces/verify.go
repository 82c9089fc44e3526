package namespaces

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/c9b5e2ae/rt/libcontainer/procfs"
)

// Verify asks the kernel whether pid is in the namespaces that the config names,
// with the maps, offsets, names and sysctls that it asks for. It is run from the
// namespaces that the container was created from, as root.
func Verify(pid int, s *specs.Spec) []config.Problem {
	var ps config.Problems
	f := config.Facts{EUID: os.Geteuid()}
	p := PlanNamespaces(s, &f, &ps)
	if len(ps.List) > 0 {
		return ps.List
	}
	proc, err := procfs.Open()
	if err != nil {
		return []config.Problem{{Text: err.Error()}}
	}
	defer proc.Close()
	v := verifier{Plan: p, ps: &ps, proc: proc, dir: strconv.Itoa(pid) + "/"}
	v.kinds()
	v.maps()
	v.offsets()
	v.inside()
	return ps.List
}

type verifier struct {
	*Plan
	ps   *config.Problems
	proc *procfs.Proc
	dir  string
}

func (v *verifier) kinds() {
	theirs, err := v.proc.Open(v.dir+"ns", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		v.ps.Addf("linux.namespaces", "%v", err)
		return
	}
	defer theirs.Close()
	ours, err := v.proc.Open("thread-self/ns", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		v.ps.Addf("linux.namespaces", "%v", err)
		return
	}
	defer ours.Close()
	for _, k := range kinds {
		var has, own, want unix.Stat_t
		if err := unix.Fstatat(int(theirs.Fd()), k.file, &has, 0); err == unix.ENOENT && !v.has(k.flag) {
			continue // a kernel without this kind
		} else if err != nil {
			v.ps.Addf("linux.namespaces", "%s: %v", k.name, err)
			continue
		}
		err := unix.Fstatat(int(ours.Fd()), k.file, &own, 0)
		j := v.joined(k.flag)
		switch {
		case j != nil:
			if err = unix.Stat(j.Path, &want); err == nil && !same(&has, &want) {
				v.ps.Addf(place(j.Index), "the process is in another %s namespace", k.name)
			}
		case v.New&k.flag != 0:
			if err == nil && same(&has, &own) {
				v.ps.Addf("linux.namespaces", "the process is in the %s namespace of the host", k.name)
			}
		case err == nil && !same(&has, &own):
			v.ps.Addf("linux.namespaces", "the process is not in the %s namespace of the host", k.name)
		}
		if err != nil {
			v.ps.Addf("linux.namespaces", "%s: %v", k.name, err)
		}
	}
}

func (v *verifier) maps() {
	for _, m := range v.Plan.maps() {
		if len(m.lines) == 0 {
			continue
		}
		have, err := readMap(v.proc, v.dir+m.file)
		if err != nil {
			v.ps.Addf(m.path, "%v", err)
		} else if !sameMap(m.lines, have) {
			v.ps.Addf(m.path, "the kernel has %v", have)
		}
	}
}

func (v *verifier) offsets() {
	if len(v.TimeOffsets) == 0 {
		return
	}
	text, err := v.proc.ReadFile(v.dir + "timens_offsets")
	if err != nil {
		v.ps.Addf("linux.timeOffsets", "%v", err)
		return
	}
	for _, o := range v.TimeOffsets {
		want := fmt.Sprintf("%s %d %d", o.Name, o.Secs, o.Nanosecs)
		found := false
		for line := range strings.Lines(text) {
			found = found || strings.Join(strings.Fields(line), " ") == want
		}
		if !found {
			v.ps.Addf("linux.timeOffsets."+o.Name, "the kernel has %q", text)
		}
	}
}

// inside reads what belongs to namespaces, and of which the kernel shows a
// reader his own: so this thread visits those of the container.
func (v *verifier) inside() {
	if v.Hostname == "" && v.Domainname == "" && len(v.Sysctl) == 0 {
		return
	}
	home, err := v.withNames("thread-self/ns")
	if err != nil {
		v.ps.Addf("linux.namespaces", "%v", err)
		return
	}
	defer closeAll(home)
	theirs, err := v.withNames(v.dir + "ns")
	if err != nil {
		v.ps.Addf("linux.namespaces", "%v", err)
		return
	}
	defer closeAll(theirs)
	runtime.LockOSThread()
	err = enter(theirs)
	if err != nil {
		v.ps.Addf("linux.namespaces", "%v", err)
	} else {
		v.names()
		v.sysctls()
	}
	if err := enter(home); err != nil {
		v.ps.Addf("linux.namespaces", "return: %v", err)
		return // and nobody else may use this thread
	}
	runtime.UnlockOSThread()
}

// withNames opens the namespaces that have names and sysctls.
func (v *verifier) withNames(dir string) ([]Namespace, error) {
	d, err := v.proc.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	var list []Namespace
	for _, k := range kinds {
		if k.flag&(unix.CLONE_NEWNET|unix.CLONE_NEWIPC|unix.CLONE_NEWUTS) == 0 {
			continue
		}
		fd, err := unix.Openat(int(d.Fd()), k.file, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			closeAll(list)
			return nil, fmt.Errorf("open the %s namespace: %w", k.name, err)
		}
		list = append(list, Namespace{os.NewFile(uintptr(fd), k.name), k.flag})
	}
	return list, nil
}

func enter(list []Namespace) error {
	for _, n := range list {
		if err := unix.Setns(int(n.File.Fd()), int(n.Flag)); err != nil {
			return fmt.Errorf("enter the %s namespace: %w", n.File.Name(), err)
		}
	}
	return nil
}

func (v *verifier) names() {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		v.ps.Addf("hostname", "uname: %v", err)
		return
	}
	if has := unix.ByteSliceToString(u.Nodename[:]); v.Hostname != "" && has != v.Hostname {
		v.ps.Addf("hostname", "the kernel has %q", has)
	}
	if has := unix.ByteSliceToString(u.Domainname[:]); v.Domainname != "" && has != v.Domainname {
		v.ps.Addf("domainname", "the kernel has %q", has)
	}
}

func (v *verifier) sysctls() {
	for _, s := range v.Sysctl {
		at := fmt.Sprintf("linux.sysctl[%q]", s.Name)
		has, err := v.proc.ReadFile(s.Path)
		if err != nil {
			v.ps.Addf(at, "%v", err)
		} else if has = strings.Join(strings.Fields(has), " "); has != strings.Join(strings.Fields(s.Value), " ") {
			v.ps.Addf(at, "the kernel has %q", has)
		}
	}
}
