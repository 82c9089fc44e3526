package process

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// bits is the part of a set that this machine's rt can grant.
func granted(t *testing.T, names ...string) []string {
	t.Helper()
	var out []string
	p := planOf(t, &specs.Spec{Process: &specs.Process{Args: []string{"x"}, Cwd: "/", Capabilities: &specs.LinuxCapabilities{Bounding: names}}}, false)
	for n, name := range capabilityNames {
		if p.Caps.Bounding&(1<<n) != 0 {
			out = append(out, name)
		}
	}
	return out
}

func TestInitUser(t *testing.T) {
	needRoot(t)
	dir := scratch(t)
	program := pauser(t, dir)
	umask := uint32(0o077)
	three := []string{"CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE"}
	for name, tt := range map[string]struct {
		process specs.Process
		want    map[string]string
	}{
		"root without capabilities object": {
			want: map[string]string{
				"Uid": "0\t0\t0\t0", "Gid": "0\t0\t0\t0", "Groups": "", "Umask": "0022", "NoNewPrivs": "0",
				"CapInh": hexMask(), "CapPrm": hexMask(), "CapEff": hexMask(), "CapBnd": hexMask(), "CapAmb": hexMask(),
			},
		},
		"root": {
			process: specs.Process{
				User: specs.User{AdditionalGids: []uint32{5, 7}, Umask: &umask},
				Capabilities: &specs.LinuxCapabilities{
					Bounding: three, Permitted: three, Effective: three[:1],
				},
				NoNewPrivileges: true,
			},
			want: map[string]string{
				"Groups": "5 7", "Umask": "0077", "NoNewPrivs": "1",
				"CapInh": hexMask(), "CapBnd": hexMask(three...), "CapAmb": hexMask(), "CapPrm": hexMask(three...),
			},
		},
		"user": {
			process: specs.Process{
				User:         specs.User{UID: 1000, GID: 2000},
				Capabilities: &specs.LinuxCapabilities{Bounding: three, Permitted: three, Effective: three},
			},
			want: map[string]string{
				"Uid": "1000\t1000\t1000\t1000", "Gid": "2000\t2000\t2000\t2000", "Groups": "",
				"CapInh": hexMask(), "CapPrm": hexMask(), "CapEff": hexMask(), "CapBnd": hexMask(three...), "CapAmb": hexMask(),
			},
		},
		"user with ambient": {
			process: specs.Process{
				User: specs.User{UID: 1000, GID: 2000},
				Capabilities: &specs.LinuxCapabilities{
					Bounding: three, Permitted: three, Effective: three, Inheritable: three[1:], Ambient: three[2:],
				},
			},
			want: map[string]string{
				"CapInh": hexMask(three[1:]...), "CapPrm": hexMask(three[2]), "CapEff": hexMask(three[2]),
				"CapBnd": hexMask(three...), "CapAmb": hexMask(three[2]),
			},
		},
		"inheritable beyond bounding": {
			process: specs.Process{
				Capabilities: &specs.LinuxCapabilities{Bounding: three[:1], Permitted: three[:1], Inheritable: three},
			},
			want: map[string]string{"CapInh": hexMask(three...), "CapBnd": hexMask(three[0])},
		},
		"everything": {
			process: specs.Process{
				Capabilities: &specs.LinuxCapabilities{
					Bounding: Capabilities(), Permitted: Capabilities(), Effective: Capabilities(), Inheritable: Capabilities(), Ambient: Capabilities(),
				},
			},
			want: map[string]string{"CapBnd": hexMask(granted(t, Capabilities()...)...), "CapAmb": hexMask(granted(t, Capabilities()...)...)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := tt.process
			p.Args, p.Cwd = []string{program}, "/"
			s := specs.Spec{Process: &p}
			r := launch(t, "run", child{Spec: s}, func(cmd *exec.Cmd) {
				// Groups of the caller, which the container must not keep.
				cmd.SysProcAttr.Credential = &syscall.Credential{Groups: []uint32{4, 6}}
			})
			if got := r.wait(t); got != "" {
				t.Fatal(got)
			}
			status := r.status(t)
			for field, want := range tt.want {
				if status[field] != want {
					t.Errorf("%s: got %s, want %s", field, status[field], want)
				}
			}
			verify(t, r, &s)
		})
	}
}

// userns makes the child the owner of a new user namespace, where 0 is 100000.
func userns(cmd *exec.Cmd) {
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS
	cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: 100000, Size: 65536}}
	cmd.SysProcAttr.GidMappings = cmd.SysProcAttr.UidMappings
	cmd.SysProcAttr.GidMappingsEnableSetgroups = true
	cmd.SysProcAttr.Credential = &syscall.Credential{}
}

func inUserns(p *specs.Process) specs.Spec {
	maps := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 100000, Size: 65536}}
	return specs.Spec{Process: p, Linux: &specs.Linux{
		Namespaces: []specs.LinuxNamespace{{Type: specs.UserNamespace}}, UIDMappings: maps, GIDMappings: maps,
	}}
}

func TestInitUserNamespace(t *testing.T) {
	needRoot(t)
	program := pauser(t, scratch(t))
	all := Capabilities()
	s := inUserns(&specs.Process{
		Args: []string{program}, Cwd: "/",
		User:         specs.User{UID: 7, GID: 8, AdditionalGids: []uint32{9}},
		Capabilities: &specs.LinuxCapabilities{Bounding: all},
		Scheduler:    &specs.Scheduler{Policy: specs.SchedOther, Nice: -5},
		IOPriority:   &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_RT, Priority: 3},
	})
	r := launch(t, "run", child{Spec: s}, userns)
	if got := r.wait(t); got != "" {
		t.Fatal(got)
	}
	status := r.status(t)
	for field, want := range map[string]string{
		"Uid": "100007\t100007\t100007\t100007", "Gid": "100008\t100008\t100008\t100008", "Groups": "100009",
		"CapBnd": hexMask(all...), // a user namespace grants also what rt lacks
		"CapEff": hexMask(),
	} {
		if status[field] != want {
			t.Errorf("%s: got %s, want %s", field, status[field], want)
		}
	}
	verify(t, r, &s)
}

// Where setgroups is denied nobody can drop groups, so only asking for some fails.
func TestInitSetgroupsDenied(t *testing.T) {
	needRoot(t)
	program := pauser(t, scratch(t))
	for name, tt := range map[string]struct {
		groups []uint32
		want   string
	}{
		"none": {},
		"some": {[]uint32{9}, "process.user.additionalGids: this user namespace denies setgroups"},
	} {
		t.Run(name, func(t *testing.T) {
			s := inUserns(&specs.Process{Args: []string{program}, Cwd: "/", User: specs.User{AdditionalGids: tt.groups}})
			r := launch(t, "run", child{Spec: s}, func(cmd *exec.Cmd) {
				userns(cmd)
				cmd.SysProcAttr.GidMappingsEnableSetgroups = false
				cmd.SysProcAttr.Credential.NoSetGroups = true
			})
			if got := r.wait(t); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestInitUnmappedUser(t *testing.T) {
	needRoot(t)
	s := specs.Spec{
		Process: &specs.Process{Args: []string{"/bin/true"}, Cwd: "/", User: specs.User{UID: 70000}},
		Linux:   &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.UserNamespace, Path: "/proc/1/ns/user"}}},
	}
	r := launch(t, "run", child{Spec: s}, userns)
	if got, want := r.wait(t), "setresuid 70000: the user namespace does not map this id"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestVerifyTellsDifferences(t *testing.T) {
	needRoot(t)
	program := pauser(t, scratch(t))
	s := specs.Spec{Process: &specs.Process{Args: []string{program}, Cwd: "/"}}
	r := launch(t, "run", child{Spec: s}, nil)
	if got := r.wait(t); got != "" {
		t.Fatal(got)
	}
	adj := 17
	s.Process = &specs.Process{
		Args: []string{program}, Cwd: "/usr", NoNewPrivileges: true, OOMScoreAdj: &adj,
		User:         specs.User{UID: 3, AdditionalGids: []uint32{2}},
		Capabilities: &specs.LinuxCapabilities{Bounding: []string{"CAP_KILL"}},
		Rlimits:      []specs.POSIXRlimit{{Type: "RLIMIT_CORE", Soft: 5, Hard: 6}},
	}
	got := join(Verify(r.Process.Pid, &s))
	for _, want := range []string{
		"process.user.uid: is 0\t0\t0\t0, not 3\t3\t3\t3",
		"process.user.additionalGids: is [], not [2]",
		"process.capabilities.bounding: is [], not [CAP_KILL]",
		"process.noNewPrivileges: is 0, not 1",
		"process.rlimits[0].soft: is ",
		"process.oomScoreAdj: is ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in %s", want, got)
		}
	}
}

func TestFixStdio(t *testing.T) {
	needRoot(t)
	dir := scratch(t)
	program := pauser(t, dir)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	before, _ := null.Stat()
	out, err := os.Create(dir + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer writer.Close()
	s := specs.Spec{Process: &specs.Process{Args: []string{program}, Cwd: "/", User: specs.User{UID: 1234, GID: 5}}}
	r := launch(t, "run", child{Spec: s}, func(cmd *exec.Cmd) { cmd.Stdin, cmd.Stdout, cmd.Stderr = null, out, writer })
	if got := r.wait(t); got != "" {
		t.Fatal(got)
	}
	owner := func(f *os.File) uint32 {
		st, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		return st.Sys().(*syscall.Stat_t).Uid
	}
	if got := owner(null); got != before.Sys().(*syscall.Stat_t).Uid {
		t.Errorf("/dev/null belongs to %d now", got)
	}
	if owner(out) != 1234 || owner(reader) != 1234 {
		t.Errorf("owners are %d and %d, not 1234", owner(out), owner(reader))
	}
}
