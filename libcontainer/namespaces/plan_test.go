package namespaces

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

func ns(types ...specs.LinuxNamespaceType) []specs.LinuxNamespace {
	var list []specs.LinuxNamespace
	for _, t := range types {
		list = append(list, specs.LinuxNamespace{Type: t})
	}
	return list
}

// plan returns the plan and every problem, without the name of the file.
func plan(s *specs.Spec, f *config.Facts) (*Plan, string) {
	var ps config.Problems
	p := PlanNamespaces(s, f, &ps)
	if ps.Err() == nil {
		return p, ""
	}
	return p, strings.TrimPrefix(ps.Error(), "config.json: ")
}

func TestPlanNamespaces(t *testing.T) {
	line := func(inside, outside, size uint32) specs.LinuxIDMapping {
		return specs.LinuxIDMapping{ContainerID: inside, HostID: outside, Size: size}
	}
	one := []specs.LinuxIDMapping{line(0, 1000, 10)}
	var many, wide []specs.LinuxIDMapping
	for i := range uint32(341) {
		many = append(many, line(i, i, 1))
	}
	for i := range uint32(300) {
		wide = append(wide, line(i*10000000, i*10000000, 1))
	}
	user := func(uid, gid []specs.LinuxIDMapping) *specs.Linux {
		return &specs.Linux{Namespaces: ns("user"), UIDMappings: uid, GIDMappings: gid}
	}
	sysctl := func(kv ...string) *specs.Linux {
		l := &specs.Linux{Namespaces: ns("network", "ipc", "uts"), Sysctl: map[string]string{}}
		for i := 0; i < len(kv); i += 2 {
			l.Sysctl[kv[i]] = kv[i+1]
		}
		return l
	}
	long := strings.Repeat("x", 65)
	for name, tt := range map[string]struct {
		in       *specs.Linux
		host     string
		domain   string
		facts    config.Facts
		problems string
	}{
		"no linux": {},
		"all":      {in: &specs.Linux{Namespaces: ns("pid", "network", "mount", "ipc", "uts", "cgroup", "time")}},
		"unknown":  {in: &specs.Linux{Namespaces: ns("pid", "mount", "networks")}, problems: `linux.namespaces[2].type: unknown namespace "networks"`},
		"no type":  {in: &specs.Linux{Namespaces: ns("")}, problems: `linux.namespaces[0].type: unknown namespace ""`},
		"twice":    {in: &specs.Linux{Namespaces: ns("pid", "pid")}, problems: `linux.namespaces[1].type: pid is listed twice`},
		"relative": {in: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: "network", Path: "netns/a"}}},
			problems: `linux.namespaces[0].path: "netns/a" is not an absolute path`},
		"NUL in path": {in: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: "network", Path: "/a\x00b"}}},
			problems: `linux.namespaces[0].path: "/a\x00b" has a NUL byte`},
		"several": {in: &specs.Linux{Namespaces: ns("x", "pid", "pid")},
			problems: `linux.namespaces[0].type: unknown namespace "x"; linux.namespaces[2].type: pid is listed twice`},
		"not root": {in: &specs.Linux{Namespaces: ns("pid")}, facts: config.Facts{EUID: 7},
			problems: `linux.namespaces: needs a user namespace, because rt does not run as root`},
		"not root, user": {in: user(one, one), facts: config.Facts{EUID: 7}},

		"maps":            {in: user(one, one)},
		"maps not wanted": {in: &specs.Linux{UIDMappings: one}, problems: `linux.uidMappings: needs a user namespace in linux.namespaces`},
		"no maps":         {in: user(nil, nil), problems: `linux.uidMappings: a new user namespace needs them; linux.gidMappings: a new user namespace needs them`},
		"no gid map":      {in: user(one, nil), problems: `linux.gidMappings: a new user namespace needs them`},
		"joined user": {in: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: "user", Path: "/u"}}},
			facts: config.Facts{EUID: 7}},
		"joined user, maps": {in: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: "user", Path: "/u"}}, UIDMappings: one, GIDMappings: one}},
		"empty line":        {in: user([]specs.LinuxIDMapping{line(0, 0, 1), line(1, 1, 0)}, one), problems: `linux.uidMappings[1].size: 0 maps nothing`},
		"overlap inside": {in: user([]specs.LinuxIDMapping{line(0, 0, 10), line(9, 50, 2)}, one),
			problems: `linux.uidMappings[1]: container ids 9-10 overlap those of linux.uidMappings[0]`},
		"overlap outside": {in: user(one, []specs.LinuxIDMapping{line(0, 5, 10), line(10, 14, 2)}),
			problems: `linux.gidMappings[1]: host ids 14-15 overlap those of linux.gidMappings[0]`},
		"too far": {in: user([]specs.LinuxIDMapping{line(0, 4294967295, 1), line(4294967290, 7, 6)}, one),
			problems: `linux.uidMappings[0]: host ids 4294967295-4294967295 go beyond the last one, 4294967294; ` +
				`linux.uidMappings[1]: container ids 4294967290-4294967295 go beyond the last one, 4294967294`},
		"whole range": {in: user([]specs.LinuxIDMapping{line(0, 0, 4294967295)}, one)},
		"no root":     {in: user([]specs.LinuxIDMapping{line(1, 1, 1)}, one), problems: `linux.uidMappings: id 0 of the container is not mapped`},
		"many lines":  {in: user(many, many[:340]), problems: `linux.uidMappings: has 341 entries, the kernel takes 340`},
		"long map":    {in: user(wide, one), problems: `linux.uidMappings: the map has 6966 bytes, the kernel takes less than 4096`},

		"hostname":             {in: sysctl(), host: "a", domain: "b"},
		"longest hostname":     {in: sysctl(), host: long[1:]},
		"hostname not private": {in: &specs.Linux{}, host: "a", domain: "b", problems: `hostname: needs a uts namespace in linux.namespaces; domainname: needs a uts namespace in linux.namespaces`},
		"long hostname":        {in: sysctl(), host: long, problems: `hostname: "` + long + `" has 65 bytes, the kernel takes 64`},
		"long domainname":      {in: sysctl(), domain: long, problems: `domainname: "` + long + `" has 65 bytes, the kernel takes 64`},
		"NUL in hostname":      {in: sysctl(), host: "a\x00", problems: `hostname: "a\x00" has a NUL byte`},

		"offsets": {in: &specs.Linux{Namespaces: ns("time"), TimeOffsets: map[string]specs.LinuxTimeOffset{"monotonic": {Secs: -1}, "boottime": {Nanosecs: 999999999}}}},
		"offsets, no namespace": {in: &specs.Linux{TimeOffsets: map[string]specs.LinuxTimeOffset{"monotonic": {}}},
			problems: `linux.timeOffsets: needs a time namespace in linux.namespaces`},
		"offsets, joined": {in: &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: "pid"}, {Type: "time", Path: "/t"}}, TimeOffsets: map[string]specs.LinuxTimeOffset{"boottime": {}}},
			problems: `linux.timeOffsets: the time namespace of linux.namespaces[1].path has its own`},
		"unknown clock": {in: &specs.Linux{Namespaces: ns("time"), TimeOffsets: map[string]specs.LinuxTimeOffset{"tai": {}, "monotonic": {}}},
			problems: `linux.timeOffsets: unknown clock "tai"`},
		"nanoseconds": {in: &specs.Linux{Namespaces: ns("time"), TimeOffsets: map[string]specs.LinuxTimeOffset{"boottime": {Nanosecs: 1e9}}},
			problems: `linux.timeOffsets.boottime.nanosecs: 1000000000 is a second or more`},

		"sysctls": {in: sysctl("net.ipv4.ip_forward", "1", "kernel.sem", "1 2 3 4", "fs.mqueue.msg_max", "20", "kernel.domainname", "d", "kernel/msgmax", "8192")},
		"host's":  {in: sysctl("kernel.panic", "1"), problems: `linux.sysctl["kernel.panic"]: is not in a namespace, it would change the host`},
		"vm":      {in: sysctl("vm.swappiness", "1"), problems: `linux.sysctl["vm.swappiness"]: is not in a namespace, it would change the host`},
		"other mq": {in: sysctl("fs.file-max", "1", "fs.mqueue", "1"),
			problems: `linux.sysctl["fs.file-max"]: is not in a namespace, it would change the host; linux.sysctl["fs.mqueue"]: is not in a namespace, it would change the host`},
		"hostname by sysctl": {in: sysctl("kernel.hostname", "h"), problems: `linux.sysctl["kernel.hostname"]: is what hostname sets`},
		"domainname clash":   {in: sysctl("kernel.domainname", "h"), domain: "d", problems: `linux.sysctl["kernel.domainname"]: "h" is not what domainname says, "d"`},
		"domainname twice":   {in: sysctl("kernel.domainname", "d"), domain: "d"},
		"no namespaces for sysctls": {in: &specs.Linux{Sysctl: map[string]string{"net.core.somaxconn": "1", "kernel.msgmax": "1", "kernel.domainname": "x", "fs.mqueue.queues_max": "1"}},
			problems: `linux.sysctl["fs.mqueue.queues_max"]: needs an ipc namespace in linux.namespaces; ` +
				`linux.sysctl["kernel.domainname"]: needs a uts namespace in linux.namespaces; ` +
				`linux.sysctl["kernel.msgmax"]: needs an ipc namespace in linux.namespaces; ` +
				`linux.sysctl["net.core.somaxconn"]: needs a network namespace in linux.namespaces`},
		"same key": {in: sysctl("net.ipv4.ip_forward", "1", "net/ipv4/ip_forward", "1"),
			problems: `linux.sysctl["net/ipv4/ip_forward"]: is the same key as linux.sysctl["net.ipv4.ip_forward"]`},
		"NUL in sysctl": {in: sysctl("net.a\x00", "1", "net.b", "1\x00"),
			problems: `linux.sysctl["net.a\x00"]: is not the name of a sysctl; linux.sysctl["net.b"]: "1\x00" has a NUL byte`},
	} {
		t.Run(name, func(t *testing.T) {
			s := &specs.Spec{Hostname: tt.host, Domainname: tt.domain, Linux: tt.in}
			if _, got := plan(s, &tt.facts); got != tt.problems {
				t.Errorf("got  %s\nwant %s", got, tt.problems)
			}
		})
	}
}

func TestPlanBadSysctlNames(t *testing.T) {
	for _, name := range []string{"", ".", "/", "..", "net..a", "net/../kernel/panic", "net.//.kernel", "/net/a", ".net.a", "net.a.", "net/./a", "net/a/", "net...kernel.panic"} {
		s := &specs.Spec{Linux: &specs.Linux{Namespaces: ns("network"), Sysctl: map[string]string{name: "1"}}}
		want := fmt.Sprintf("linux.sysctl[%q]: is not the name of a sysctl", name)
		if _, got := plan(s, &config.Facts{}); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestPlanResult(t *testing.T) {
	s := &specs.Spec{Hostname: "h", Linux: &specs.Linux{
		Namespaces: []specs.LinuxNamespace{{Type: "network", Path: "/n"}, {Type: "pid"}, {Type: "ipc", Path: "/i"}, {Type: "user", Path: "/u"}, {Type: "time"}, {Type: "uts"}},
		TimeOffsets: map[string]specs.LinuxTimeOffset{
			"boottime":  {Secs: 5, Nanosecs: 6},
			"monotonic": {Secs: -7},
		},
		Sysctl: map[string]string{"net.b": "1", "net.a": "2"},
	}}
	got, problems := plan(s, &config.Facts{})
	if problems != "" {
		t.Fatal(problems)
	}
	want := &Plan{
		New: unix.CLONE_NEWPID | unix.CLONE_NEWTIME | unix.CLONE_NEWUTS,
		Join: []Join{
			{"user", unix.CLONE_NEWUSER, "/u", 3},
			{"network", unix.CLONE_NEWNET, "/n", 0},
			{"ipc", unix.CLONE_NEWIPC, "/i", 2},
		},
		TimeOffsets: []TimeOffset{{"monotonic", unix.CLOCK_MONOTONIC, -7, 0}, {"boottime", unix.CLOCK_BOOTTIME, 5, 6}},
		Hostname:    "h",
		Sysctl:      []Sysctl{{"net.a", "sys/net/a", "2"}, {"net.b", "sys/net/b", "1"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// sysctl(8): the first separator decides whether the others change places.
func TestPlanSysctlPath(t *testing.T) {
	for name, want := range map[string]string{
		"net.ipv4.ip_forward":               "net/ipv4/ip_forward",
		"net/ipv4/ip_forward":               "net/ipv4/ip_forward",
		"net.ipv4.conf.eth0/100.forwarding": "net/ipv4/conf/eth0.100/forwarding",
		"net/ipv4/conf/eth0.100/forwarding": "net/ipv4/conf/eth0.100/forwarding",
		"net/ipv4/conf/eth0.100.forwarding": "net/ipv4/conf/eth0.100.forwarding",
		"net.ipv6.conf.a/b/c.disable_ipv6":  "net/ipv6/conf/a.b.c/disable_ipv6",
		"kernel":                            "kernel",
	} {
		if got, ok := sysctlPath(name); got != want || !ok {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

func TestTypes(t *testing.T) {
	if got := strings.Join(Types(), " "); got != "user pid network mount ipc uts cgroup time" {
		t.Error(got)
	}
}

func FuzzSysctl(f *testing.F) {
	for _, name := range []string{"net.ipv4.conf.eth0/100.x", "net/../kernel/panic", "kernel..msgmax", "net./..", "net.a\x00"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		path, ok := sysctlPath(name)
		if !ok {
			return
		}
		if clean := filepath.Clean("/" + path); clean != "/"+path || strings.IndexByte(path, 0) >= 0 {
			t.Errorf("%q becomes %q", name, path)
		}
		if len(path) != len(name) {
			t.Errorf("%q becomes %q", name, path)
		}
	})
}
