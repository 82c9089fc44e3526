package rootfs

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

func planOf(s *specs.Spec) (*Plan, *config.Problems) {
	ps := new(config.Problems)
	if s.Root == nil {
		s.Root = &specs.Root{Path: "rootfs"}
	}
	if s.Linux == nil {
		s.Linux = &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}}}
	}
	return PlanRootfs(s, "/b", &config.Facts{}, ps), ps
}

func problems(ps *config.Problems) string {
	if ps.Err() == nil {
		return ""
	}
	return strings.TrimPrefix(ps.Error(), "config.json: ")
}

func TestPlanMounts(t *testing.T) {
	ids := []specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 1}}
	for name, tt := range map[string]struct {
		in     specs.Mount
		userns bool
		want   string
	}{
		"bind":               {in: specs.Mount{Destination: "/x", Source: "s", Options: []string{"bind"}}},
		"rbind of type none": {in: specs.Mount{Destination: "/x", Type: "none", Source: "s", Options: []string{"ro", "rbind"}}},
		"no destination":     {in: specs.Mount{Type: "tmpfs"}, want: `mounts[0].destination: is missing`},
		"root":               {in: specs.Mount{Destination: "/../", Type: "tmpfs"}, want: `mounts[0].destination: "/../" is the root of the container`},
		"NUL in destination": {in: specs.Mount{Destination: "/x\x00", Type: "tmpfs"}, want: `mounts[0].destination: "/x\x00" contains a NUL byte`},
		"NUL in source":      {in: specs.Mount{Destination: "/x", Source: "\x00", Type: "tmpfs"}, want: `mounts[0].source: "\x00" contains a NUL byte`},
		"NUL in option":      {in: specs.Mount{Destination: "/x", Type: "tmpfs", Options: []string{"ro", "a\x00"}}, want: `mounts[0].options[1]: "a\x00" contains a NUL byte`},
		"no type":            {in: specs.Mount{Destination: "/x", Source: "s", Options: []string{"ro"}}, want: `mounts[0].type: is missing, and the options have neither bind nor rbind`},
		"type bind":          {in: specs.Mount{Destination: "/x", Source: "s", Type: "bind"}, want: `mounts[0].type: "bind" needs the option bind or rbind`},
		"no source":          {in: specs.Mount{Destination: "/x", Options: []string{"bind"}}, want: `mounts[0].source: is missing, and a bind mount needs one`},
		"copy up of a bind":  {in: specs.Mount{Destination: "/x", Source: "s", Options: []string{"bind", "tmpcopyup"}}, want: `mounts[0].options: tmpcopyup is for a mount of type tmpfs`},
		"idmap without maps": {in: specs.Mount{Destination: "/x", Source: "s", Options: []string{"bind", "idmap"}}, want: `mounts[0].options: idmap needs uidMappings and gidMappings, or a user namespace in linux.namespaces`},
		"ridmap in userns":   {in: specs.Mount{Destination: "/x", Source: "s", Options: []string{"bind", "ridmap"}}, userns: true},
		"uids only":          {in: specs.Mount{Destination: "/x", Source: "s", Options: []string{"bind", "idmap"}, UIDMappings: ids}, want: `mounts[0].gidMappings: is missing, and uidMappings needs it`},
		"gids only":          {in: specs.Mount{Destination: "/x", Source: "s", Options: []string{"bind"}, GIDMappings: ids}, want: `mounts[0].uidMappings: is missing, and gidMappings needs it`},
		"empty map":          {in: specs.Mount{Destination: "/x", Source: "s", Options: []string{"bind", "idmap"}, UIDMappings: ids, GIDMappings: []specs.LinuxIDMapping{{}}}, want: `mounts[0].gidMappings[0].size: is 0`},
		"tmpfs on proc":      {in: specs.Mount{Destination: "/proc", Type: "tmpfs"}, want: `mounts[0].destination: "/proc" takes a mount of type proc only, not "tmpfs"`},
		"cgroup on proc":     {in: specs.Mount{Destination: "/proc/", Type: "cgroup"}, want: `mounts[0].destination: "/proc/" takes a mount of type proc only, not "cgroup"`},
		"inside proc":        {in: specs.Mount{Destination: "/x/../proc/self/attr", Source: "s", Options: []string{"bind"}}, want: `mounts[0].destination: "/x/../proc/self/attr" is inside /proc`},
		"proc inside proc":   {in: specs.Mount{Destination: "/proc/x", Type: "proc"}, want: `mounts[0].destination: "/proc/x" is inside /proc`},
		"lxcfs":              {in: specs.Mount{Destination: "/proc/meminfo", Source: "s", Options: []string{"bind"}}},
		"procs":              {in: specs.Mount{Destination: "/process", Source: "s", Options: []string{"bind"}}},
		"proc":               {in: specs.Mount{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "hidepid=2"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &specs.Spec{Mounts: []specs.Mount{tt.in}}
			s.Linux = &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}}}
			if tt.userns {
				s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
			}
			_, ps := planOf(s)
			if got := problems(ps); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestPlanPaths(t *testing.T) {
	p, ps := planOf(&specs.Spec{Mounts: []specs.Mount{
		{Destination: "a/./b/", Source: "vol", Options: []string{"rbind"}},
		{Destination: "/c", Source: "/d/../e", Options: []string{"bind"}},
		{Destination: "/f", Source: "dev", Type: "ext4"},
	}})
	if ps.Err() != nil {
		t.Fatal(ps.Err())
	}
	if m := p.Mounts[0]; m.Path != "/a/b" || m.Source != "/b/vol" || !m.Recursive {
		t.Errorf("%+v", m)
	}
	if m := p.Mounts[1]; m.Path != "/c" || m.Source != "/d/../e" || m.Recursive {
		t.Errorf("%+v", m) // the kernel resolves it: /d may be a link
	}
	if m := p.Mounts[2]; m.Source != "dev" {
		t.Errorf("%+v", m)
	}
	want := `mounts[0].destination: "a/./b/" is relative, which is deprecated: taken as "/a/./b/"`
	if len(ps.Warnings) != 1 || ps.Warnings[0].String() != want {
		t.Errorf("warnings: %v", ps.Warnings)
	}
}

func TestPlanRest(t *testing.T) {
	mode, podman := os.FileMode(0o600), os.FileMode(0o20660)
	mountNS := []specs.LinuxNamespace{{Type: specs.MountNamespace}}
	const needs = "needs a mount namespace in linux.namespaces, as there is a user namespace"
	for name, tt := range map[string]struct {
		in   specs.Spec
		want string
	}{
		"root missing":   {in: specs.Spec{Root: &specs.Root{}}, want: `root.path: is missing`},
		"root is host's": {in: specs.Spec{Root: &specs.Root{Path: "/x/.."}}, want: `root.path: "/x/.." is the root of the host`},
		"no mount namespace": {in: specs.Spec{Root: &specs.Root{Path: "r", Readonly: true}, Mounts: []specs.Mount{{Destination: "/x", Type: "tmpfs"}},
			Linux: &specs.Linux{MaskedPaths: []string{"/a"}, ReadonlyPaths: []string{"/b"}, RootfsPropagation: "slave"}}},
		"user namespace alone": {in: specs.Spec{Root: &specs.Root{Path: "r", Readonly: true}, Mounts: []specs.Mount{{Destination: "/x", Type: "tmpfs"}},
			Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.UserNamespace}}, MaskedPaths: []string{"/a"}, ReadonlyPaths: []string{"/b"}, RootfsPropagation: "slave"}},
			want: `mounts: ` + needs + `; root.readonly: ` + needs + `; linux.maskedPaths: ` + needs + `; linux.readonlyPaths: ` + needs + `; linux.rootfsPropagation: ` + needs},
		"relative paths": {in: specs.Spec{Linux: &specs.Linux{Namespaces: mountNS, MaskedPaths: []string{"/a", "b"}, ReadonlyPaths: []string{"c", "/\x00"}}},
			want: `linux.maskedPaths[1]: "b" is not an absolute path; linux.readonlyPaths[0]: "c" is not an absolute path; linux.readonlyPaths[1]: "/\x00" contains a NUL byte`},
		"masked root": {in: specs.Spec{Linux: &specs.Linux{Namespaces: mountNS, MaskedPaths: []string{"//"}}}, want: `linux.maskedPaths: "/" is the root of the container`},
		"propagation": {in: specs.Spec{Linux: &specs.Linux{Namespaces: mountNS, RootfsPropagation: "ro"}}, want: `linux.rootfsPropagation: unknown propagation "ro"`},
		"context": {in: specs.Spec{Linux: &specs.Linux{Namespaces: mountNS, MountLabel: "x"}, Annotations: map[string]string{"run.oci.mount_context_type": "y"}},
			want: `annotations[run.oci.mount_context_type]: unknown context type "y"`},
		"devices": {in: specs.Spec{Linux: &specs.Linux{Namespaces: mountNS, Devices: []specs.LinuxDevice{
			{Type: "z", Path: "/dev/a"},
			{Type: "c", Path: "dev/b", Major: 1},
			{Type: "c"},
			{Type: "b", Path: "/dev/d", Major: 4096, Minor: -1},
			{Type: "c", Path: "/dev/null", Major: 1, Minor: 5},
			{Type: "c", Path: "/dev/e", Major: 1, Minor: 5},
			{Type: "p", Path: "/dev/e"},
			{Type: "c", Path: "/", Major: 1},
			{Type: "c", Path: "/dev/\x00", Major: 1},
		}}}, want: `linux.devices[0].type: unknown device type "z"; linux.devices[1].path: "dev/b" is not an absolute path; linux.devices[2].path: is missing; ` +
			`linux.devices[3].major: 4096 is not a major number; linux.devices[3].minor: -1 is not a minor number; linux.devices[4].path: "/dev/null" must be c 1:3; ` +
			`linux.devices[6].path: "/dev/e" is also c 1:5 in linux.devices[5]; linux.devices[7].path: "/" is the root of the container; linux.devices[8].path: "/dev/\x00" contains a NUL byte`},
		"good devices": {in: specs.Spec{Linux: &specs.Linux{Namespaces: mountNS, Devices: []specs.LinuxDevice{
			{Type: "c", Path: "/dev/null", Major: 1, Minor: 3, FileMode: &mode},
			{Type: "u", Path: "/dev/fuse", Major: 10, Minor: 229, FileMode: &podman},
			{Type: "p", Path: "/run/fifo"},
			{Type: "c", Path: "/dev/ptmx", Major: 5, Minor: 2},
		}}}},
	} {
		t.Run(name, func(t *testing.T) {
			p, ps := planOf(&tt.in)
			if got := problems(ps); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if name == "good devices" {
				if n := len(p.Nodes); n != 3 || p.Nodes[1].Mode != 0o660 || p.Nodes[1].Type != 'c' || p.Nodes[2].Mode != 0o666 {
					t.Errorf("%+v", p.Nodes)
				}
			}
		})
	}
}

func TestPlanOptions(t *testing.T) {
	m := Mount{}
	m.planOptions("mounts[0]", []string{"ro", "size=1", "rro", "", "rshared", "private", "iversion"}, new(config.Problems))
	if !slices.Equal(m.Data, []string{"size=1"}) {
		t.Errorf("data %q", m.Data)
	}
	if m.Attr.Set != 0 || m.Rattr.Set != ro || m.Super != unix.MS_I_VERSION {
		t.Errorf("%+v", m)
	}
	if !slices.Equal(m.Propagation, []uint32{unix.MS_SHARED | unix.MS_REC, unix.MS_PRIVATE}) {
		t.Errorf("propagation %v", m.Propagation)
	}
}

// What is for a filesystem is no error where none is made.
func TestPlanBindData(t *testing.T) {
	for _, options := range [][]string{{"bind", "ro", "mode=755", "size=1k"}, {"remount", "bind", "mode=755", "z"}} {
		p, ps := planOf(&specs.Spec{Mounts: []specs.Mount{{Destination: "/x", Source: "s", Options: options}}})
		if ps.Err() != nil || len(p.Mounts[0].Data) > 0 {
			t.Errorf("%v, %q", ps.Err(), p.Mounts[0].Data)
		}
		if len(ps.Warnings) != 2 {
			t.Errorf("warnings: %v", ps.Warnings)
		}
		for i, w := range ps.Warnings {
			want := fmt.Sprintf("mounts[0].options[%d]: %q has no effect on a bind mount", len(options)-2+i, options[len(options)-2+i])
			if w.String() != want {
				t.Errorf("got  %v\nwant %s", w, want)
			}
		}
	}
}

// Whatever config.json says, the plan neither panics nor leaves the container.
func FuzzPlanMount(f *testing.F) {
	f.Add("/x", "tmpfs", "tmpfs", "ro,size=1", "/proc/a", "slave")
	f.Add("a/../../proc/self", "", "s", "rbind,rro,idmap", "/", "runbindable")
	f.Add("//proc//", "bind", "/", "remount,bind,z", "x", "")
	f.Fuzz(func(t *testing.T, dest, typ, source, options, masked, propagation string) {
		p, ps := planOf(&specs.Spec{
			Mounts: []specs.Mount{{Destination: dest, Type: typ, Source: source, Options: strings.Split(options, ",")}},
			Linux: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: specs.MountNamespace}}, MaskedPaths: []string{masked}, RootfsPropagation: propagation,
				Devices: []specs.LinuxDevice{{Type: typ, Path: dest, Major: int64(len(source)), Minor: int64(len(options))}}},
		})
		if ps.Err() != nil {
			return
		}
		m := p.Mounts[0]
		if m.Path == "/" || m.Path[0] != '/' || strings.Contains(m.Path+"/", "/../") || strings.HasSuffix(m.Path, "/") || hasNUL(m.Path+m.Source+m.Type) {
			t.Errorf("%+v", m)
		}
		if strings.HasPrefix(m.Path, "/proc/") && m.Kind != Remount && !slices.Contains(procFiles, m.Path) {
			t.Errorf("inside /proc: %+v", m)
		}
		for _, a := range []Attributes{m.Attr, m.Rattr} {
			if time := a.Clear & unix.MOUNT_ATTR__ATIME; a.Set&a.Clear&^unix.MOUNT_ATTR__ATIME != 0 || time != 0 && time != unix.MOUNT_ATTR__ATIME {
				t.Errorf("contradiction %+v", a)
			}
		}
	})
}

func TestParseMountInfo(t *testing.T) {
	i := parseMountInfo(`36 35 98:0 /mnt\0401 /mnt\0402 rw,noatime master:1 shared:7 - ext3 /dev/ro\134ot rw,errors=continue` + "\n")
	if i.ID != 36 || i.Parent != 35 || i.Root != "/mnt 1" || i.Point != "/mnt 2" || i.Options != "rw,noatime" || i.FSType != "ext3" ||
		i.Source != `/dev/ro\ot` || i.Super != "rw,errors=continue" || !slices.Equal(i.Peers, []string{"master:1", "shared:7"}) {
		t.Errorf("%+v", i)
	}
	for _, line := range []string{"", "1 2 3", "1 2 3 4 5 6 7 8 9 10 11", "1 2 3 4 5 6 7 8 - 10"} {
		if i := parseMountInfo(line); i.Point != "" {
			t.Errorf("%q: %+v", line, i)
		}
	}
}
