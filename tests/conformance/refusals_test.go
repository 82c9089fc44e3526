package conformance

import (
	"testing"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// A bad config is the plain one with changes, pairs of path and value.
type bad struct {
	change []string
	says   string // rt's words behind "rt: config.json: "; "" if they are the kernel's
}

// refusals are the sentences that want an error. Those of properties that a config
// must have leave them out.
var refusals = []struct {
	ids  string
	bads []bad
}{
	{ids: "configSpecificationVersion.1", bads: []bad{
		{[]string{"ociVersion", ""}, `ociVersion: is required`},
		{[]string{"ociVersion", `"banana"`}, `ociVersion: "banana" is not a semantic version`},
		{[]string{"ociVersion", `"1.0"`}, `ociVersion: "1.0" is not a semantic version`},
		{[]string{"ociVersion", `"v1.0.0"`}, `ociVersion: "v1.0.0" is not a semantic version`},
		{[]string{"ociVersion", `"1.0.0-"`}, `ociVersion: "1.0.0-" is not a semantic version`},
		{[]string{"ociVersion", `"01.0.0"`}, `ociVersion: "01.0.0" is not a semantic version`},
	}},
	{ids: "configRoot.3", bads: []bad{{[]string{"root", ""}, `root: is missing`}}},
	{ids: "configRoot.4", bads: []bad{
		{[]string{"root.path", ""}, `root.path: is missing`},
		{[]string{"root.path", `""`}, `root.path: is missing`},
	}},
	{ids: "configRoot.7", bads: []bad{
		{[]string{"root.path", `"nowhere"`}, `root.path: open "{bundle}/nowhere": no such file or directory`},
		{[]string{"root.path", `"config.json"`}, `root.path: open "{bundle}/config.json": not a directory`},
	}},
	{ids: "configMounts.2", bads: []bad{
		{[]string{"mounts[6]", `{"type": "tmpfs", "source": "tmpfs"}`}, `mounts[6].destination: is missing`},
	}},
	{ids: "configPOSIXMounts.3", bads: []bad{
		{[]string{"mounts[6]", `{"destination": "/mnt", "source": "/tmp", "options": ["bind", "idmap"], "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}]}`}, `mounts[6].gidMappings: is missing, and uidMappings needs it`},
	}},
	{ids: "configPOSIXMounts.6", bads: []bad{
		{[]string{"mounts[6]", `{"destination": "/mnt", "source": "/tmp", "options": ["bind", "idmap"], "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 1}]}`}, `mounts[6].uidMappings: is missing, and gidMappings needs it`},
	}},
	{ids: "configLinuxMountOptions.idmap.6", bads: []bad{
		{[]string{"mounts[6]", `{"destination": "/mnt", "source": "/tmp", "options": ["bind", "idmap"]}`}, `mounts[6].options: idmap needs uidMappings and gidMappings, or a user namespace in linux.namespaces`},
	}},
	{ids: "configLinuxMountOptions.ridmap.6", bads: []bad{
		{[]string{"mounts[6]", `{"destination": "/mnt", "source": "/tmp", "options": ["rbind", "ridmap"]}`}, `mounts[6].options: ridmap needs uidMappings and gidMappings, or a user namespace in linux.namespaces`},
	}},
	{ids: "configProcess.5", bads: []bad{{[]string{"process.cwd", ""}, `process.cwd: "" is not an absolute path`}}},
	{ids: "configProcess.6", bads: []bad{
		{[]string{"process.cwd", `"tmp"`}, `process.cwd: "tmp" is not an absolute path`},
		{[]string{"process.cwd", `""`}, `process.cwd: "" is not an absolute path`},
	}},
	{ids: "configPOSIXProcess.1", bads: []bad{
		{[]string{"process.rlimits", `[{"soft": 1, "hard": 1}]`}, `process.rlimits[0].type: unknown resource ""`},
	}},
	{ids: "configPOSIXProcess.2", bads: []bad{
		{[]string{"process.rlimits", `[{"type": "RLIMIT_FOO", "soft": 1, "hard": 1}]`}, `process.rlimits[0].type: unknown resource "RLIMIT_FOO"`},
		{[]string{"process.rlimits", `[{"type": "NOFILE", "soft": 1, "hard": 1}]`}, `process.rlimits[0].type: unknown resource "NOFILE"`},
		{[]string{"process.rlimits", `[{"type": "rlimit_nofile", "soft": 1, "hard": 1}]`}, `process.rlimits[0].type: unknown resource "rlimit_nofile"`},
	}},
	{ids: "configPOSIXProcess.8", bads: []bad{
		{[]string{"process.rlimits", `[{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 64}, {"type": "RLIMIT_CORE", "soft": 1, "hard": 1}, {"type": "RLIMIT_NOFILE", "soft": 64, "hard": 64}]`}, `process.rlimits[2].type: RLIMIT_NOFILE is listed twice`},
	}},
	{ids: "configLinuxProcess.5", bads: []bad{
		{[]string{"process.scheduler", `{"nice": 1}`}, `process.scheduler.policy: unknown policy ""`},
		{[]string{"process.scheduler", `{"policy": "SCHED_FOO"}`}, `process.scheduler.policy: unknown policy "SCHED_FOO"`},
	}},
	{ids: "configLinuxProcess.11", bads: []bad{
		{[]string{"process.ioPriority", `{"priority": 1}`}, `process.ioPriority.class: unknown class ""`},
		{[]string{"process.ioPriority", `{"class": "IOPRIO_CLASS_FOO", "priority": 1}`}, `process.ioPriority.class: unknown class "IOPRIO_CLASS_FOO"`},
	}},
	{ids: "configLinuxProcess.13", bads: []bad{
		{[]string{"process.ioPriority", `{"class": "IOPRIO_CLASS_BE", "priority": 8}`}, `process.ioPriority.priority: 8 is not within 0 to 7`},
		{[]string{"process.ioPriority", `{"class": "IOPRIO_CLASS_BE", "priority": -1}`}, `process.ioPriority.priority: -1 is not within 0 to 7`},
	}},
	{ids: "configHooks.1", bads: []bad{{[]string{"hooks.prestart", `[{"args": ["true"]}]`}, `hooks.prestart[0].path: "" is not an absolute path`}}},
	{ids: "configHooks.2", bads: []bad{
		{[]string{"hooks.prestart", `[{"path": "bin/true"}]`}, `hooks.prestart[0].path: "bin/true" is not an absolute path`},
		{[]string{"hooks.prestart", `[{"path": "true"}]`}, `hooks.prestart[0].path: "true" is not an absolute path`},
	}},
	{ids: "configHooks.3", bads: []bad{
		{[]string{"hooks.prestart", `[{"path": "/bin/true", "timeout": 0}]`}, `hooks.prestart[0].timeout: 0 is not above zero`},
		{[]string{"hooks.prestart", `[{"path": "/bin/true", "timeout": -1}]`}, `hooks.prestart[0].timeout: -1 is not above zero`},
	}},
	{ids: "configHooks.6", bads: []bad{
		{[]string{"hooks.createRuntime", `[{"args": ["true"]}]`}, `hooks.createRuntime[0].path: "" is not an absolute path`},
		{[]string{"hooks.createContainer", `[{"args": ["true"]}]`}, `hooks.createContainer[0].path: "" is not an absolute path`},
		{[]string{"hooks.startContainer", `[{"args": ["true"]}]`}, `hooks.startContainer[0].path: "" is not an absolute path`},
		{[]string{"hooks.poststart", `[{"args": ["true"]}]`}, `hooks.poststart[0].path: "" is not an absolute path`},
		{[]string{"hooks.poststop", `[{"args": ["true"]}]`}, `hooks.poststop[0].path: "" is not an absolute path`},
	}},
	{ids: "configHooks.7", bads: []bad{
		{[]string{"hooks.createRuntime", `[{"path": "true"}]`}, `hooks.createRuntime[0].path: "true" is not an absolute path`},
		{[]string{"hooks.createContainer", `[{"path": "true"}]`}, `hooks.createContainer[0].path: "true" is not an absolute path`},
		{[]string{"hooks.startContainer", `[{"path": "true"}]`}, `hooks.startContainer[0].path: "true" is not an absolute path`},
		{[]string{"hooks.poststart", `[{"path": "true"}]`}, `hooks.poststart[0].path: "true" is not an absolute path`},
		{[]string{"hooks.poststop", `[{"path": "true"}]`}, `hooks.poststop[0].path: "true" is not an absolute path`},
	}},
	{ids: "configHooks.8", bads: []bad{
		{[]string{"hooks.createRuntime", `[{"path": "/bin/true", "timeout": 0}]`}, `hooks.createRuntime[0].timeout: 0 is not above zero`},
		{[]string{"hooks.createContainer", `[{"path": "/bin/true", "timeout": 0}]`}, `hooks.createContainer[0].timeout: 0 is not above zero`},
		{[]string{"hooks.startContainer", `[{"path": "/bin/true", "timeout": 0}]`}, `hooks.startContainer[0].timeout: 0 is not above zero`},
		{[]string{"hooks.poststart", `[{"path": "/bin/true", "timeout": -5}]`}, `hooks.poststart[0].timeout: -5 is not above zero`},
		{[]string{"hooks.poststop", `[{"path": "/bin/true", "timeout": 0}]`}, `hooks.poststop[0].timeout: 0 is not above zero`},
	}},
	{ids: "configAnnotations.1", bads: []bad{
		{[]string{"annotations", `["a"]`}, `annotations: is an array, not an object (line L:C, offset N)`},
		{[]string{"annotations", `"a"`}, `annotations: is a string, not an object (line L:C, offset N)`},
	}},
	{ids: "configAnnotations.3", bads: []bad{{[]string{"annotations", `{"": "x"}`}, `annotations: a key is empty`}}},
	{ids: "configAnnotations.8", bads: []bad{
		{[]string{"annotations", `{"com.example.a": 1}`}, `annotations["com.example.a"]: is a number, not a string (line L:C, offset N)`},
		{[]string{"annotations", `{"com.example.a": {"b": "c"}}`}, `annotations["com.example.a"]: is an object, not a string (line L:C, offset N)`},
	}},

	{ids: "configLinuxNamespaces.1", bads: []bad{
		{[]string{"linux.namespaces[5]", `{}`}, `linux.namespaces[5].type: unknown namespace ""`},
		{[]string{"linux.namespaces[5]", `{"type": "networks"}`}, `linux.namespaces[5].type: unknown namespace "networks"`},
	}},
	{ids: "configLinuxNamespaces.8", bads: []bad{
		{[]string{"linux.namespaces[5]", `{"type": "pid"}`}, `linux.namespaces[5].type: pid is listed twice`},
		{[]string{"linux.namespaces[5]", `{"type": "network", "path": "/proc/self/ns/net"}`}, `linux.namespaces[5].type: network is listed twice`},
	}},
	{ids: "configLinuxDevices.2", bads: []bad{
		{[]string{"linux.devices", `[{"path": "/dev/x", "major": 1, "minor": 3}]`}, `linux.devices[0].type: unknown device type ""`},
		{[]string{"linux.devices", `[{"type": "z", "path": "/dev/x", "major": 1, "minor": 3}]`}, `linux.devices[0].type: unknown device type "z"`},
	}},
	{ids: "configLinuxDevices.3", bads: []bad{
		{[]string{"linux.devices", `[{"type": "c", "major": 1, "minor": 3}]`}, `linux.devices[0].path: is missing`},
	}},
	{ids: "configLinuxCPU.1 configLinuxCPU.2", bads: []bad{
		{[]string{"linux.resources.cpu", `{"quota": 10000, "period": 100000, "burst": 20000}`}, `linux.resources.cpu.burst: 20000 is above the quota 10000`},
	}},
	{ids: "configLinuxBlockIO.2", bads: []bad{
		{[]string{"linux.resources.blockIO", `{"weightDevice": [{"major": 8, "minor": 0}]}`}, `linux.resources.blockIO.weightDevice[0]: has neither weight nor leafWeight`},
	}},
	{ids: "configLinuxHugePageLimits.2", bads: []bad{
		{[]string{"linux.resources.hugepageLimits", `[{"limit": 0}]`}, `linux.resources.hugepageLimits[0].pageSize: "" is not a size like "2MB"`},
	}},
	{ids: "configLinuxHugePageLimits.3", bads: []bad{
		{[]string{"linux.resources.hugepageLimits", `[{"pageSize": "3MB", "limit": 0}]`}, ``},
		{[]string{"linux.resources.hugepageLimits", `[{"pageSize": "2", "limit": 0}]`}, `linux.resources.hugepageLimits[0].pageSize: "2" is not a size like "2MB"`},
		{[]string{"linux.resources.hugepageLimits", `[{"pageSize": "2mb", "limit": 0}]`}, `linux.resources.hugepageLimits[0].pageSize: "2mb" is not a size like "2MB"`},
	}},
	{ids: "configLinuxRDMA.1", bads: []bad{
		{[]string{"linux.resources.rdma", `{"mlx5_1": {}}`}, `linux.resources.rdma["mlx5_1"]: has neither hcaHandles nor hcaObjects`},
	}},
	{ids: "configLinuxIntelRdt.6", bads: []bad{
		{[]string{"linux.intelRdt", `{"memBwSchema": "MB:0=20\nMB:1=20"}`}, `linux.intelRdt.memBwSchema: "MB:0=20\nMB:1=20" has a newline`},
		{[]string{"linux.intelRdt", `{"memBwSchema": "0=20"}`}, `linux.intelRdt.memBwSchema: "0=20" does not start with MB:`},
	}},
	{ids: "configLinuxIntelRdt.7", bads: []bad{
		{[]string{"linux.intelRdt", `{"schemata": ["L3:0=f", "L3:0=f\nMB:0=20"]}`}, `linux.intelRdt.schemata[1]: "L3:0=f\nMB:0=20" has a newline`},
	}},
	{ids: "configLinuxMemoryPolicy.1", bads: []bad{
		{[]string{"linux.memoryPolicy", `{"nodes": "0"}`}, `linux.memoryPolicy.mode: unknown mode ""`},
		{[]string{"linux.memoryPolicy", `{"mode": "MPOL_FOO"}`}, `linux.memoryPolicy.mode: unknown mode "MPOL_FOO"`},
	}},
	{ids: "configLinuxSeccomp.1", bads: []bad{
		{[]string{"linux.seccomp", `{"syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO"}]}`}, `linux.seccomp.defaultAction: is missing`},
		{[]string{"linux.seccomp", `{"defaultAction": "SCMP_ACT_FOO"}`}, `linux.seccomp.defaultAction: unknown action "SCMP_ACT_FOO"`},
	}},
	{ids: "configLinuxSeccomp.2", bads: []bad{
		{[]string{"linux.seccomp", `{"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 5}`}, `linux.seccomp.defaultErrnoRet: SCMP_ACT_ALLOW has no errno`},
	}},
	{ids: "configLinuxSeccomp.8", bads: []bad{
		{[]string{"linux.seccomp", `{"defaultAction": "SCMP_ACT_ALLOW", "listenerMetadata": "x"}`}, `linux.seccomp.listenerMetadata: needs linux.seccomp.listenerPath`},
	}},
	{ids: "configLinuxSeccomp.9", bads: []bad{
		{[]string{"linux.seccomp", `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"action": "SCMP_ACT_ERRNO"}]}`}, `linux.seccomp.syscalls[0].names: needs at least one name`},
	}},
	{ids: "configLinuxSeccomp.10", bads: []bad{
		{[]string{"linux.seccomp", `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [], "action": "SCMP_ACT_ERRNO"}]}`}, `linux.seccomp.syscalls[0].names: needs at least one name`},
	}},
	{ids: "configLinuxSeccomp.11", bads: []bad{
		{[]string{"linux.seccomp", `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"]}]}`}, `linux.seccomp.syscalls[0].action: is missing`},
		{[]string{"linux.seccomp", `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_FOO"}]}`}, `linux.seccomp.syscalls[0].action: unknown action "SCMP_ACT_FOO"`},
	}},
	{ids: "configLinuxSeccomp.12", bads: []bad{
		{[]string{"linux.seccomp", `{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_KILL", "errnoRet": 5}]}`}, `linux.seccomp.syscalls[0].errnoRet: SCMP_ACT_KILL has no errno`},
		{[]string{"linux.seccomp", `{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ALLOW", "errnoRet": 5}]}`}, `linux.seccomp.syscalls[0].errnoRet: SCMP_ACT_ALLOW has no errno`},
	}},
	{ids: "configLinuxMaskedPaths.1", bads: []bad{{[]string{"linux.maskedPaths", `["/proc/kcore", "proc/keys"]`}, `linux.maskedPaths[1]: "proc/keys" is not an absolute path`}}},
	{ids: "configLinuxReadonlyPaths.1", bads: []bad{{[]string{"linux.readonlyPaths", `["/proc/bus", "proc/irq"]`}, `linux.readonlyPaths[1]: "proc/irq" is not an absolute path`}}},
	{ids: "configLinuxPersonality.1", bads: []bad{
		{[]string{"linux.personality", `{}`}, `linux.personality.domain: unknown domain ""`},
		{[]string{"linux.personality", `{"domain": "LINUX64"}`}, `linux.personality.domain: unknown domain "LINUX64"`},
	}},

	// Values outside what the documents list as valid, or of another type.
	{ids: "valid-values.1", bads: []bad{
		{[]string{"ociVersion", `"0.2.0"`}, `ociVersion: "0.2.0" is not supported (1.0.0 to 1.3.x)`},
		{[]string{"ociVersion", `"2.0.0"`}, `ociVersion: "2.0.0" is not supported (1.0.0 to 1.3.x)`},
		{[]string{"ociVersion", `1`}, `ociVersion: is a number, not a string (line L:C, offset N)`},
		{[]string{"hostname", `7`}, `hostname: is a number, not a string (line L:C, offset N)`},
		{[]string{"process.user.uid", `"5"`}, `process.user.uid: is a string, not a number (line L:C, offset N)`},
		{[]string{"process.user.uid", `-1`}, `process.user.uid: -1 is not a valid id (line L:C, offset N)`},
		{[]string{"process.user.gid", `4294967296`}, `process.user.gid: 4294967296 is not a valid id (line L:C, offset N)`},
		{[]string{"process.args", `"sh"`}, `process.args: is a string, not an array (line L:C, offset N)`},
		{[]string{"process.env", `["A"]`}, `process.env[0]: "A" has no "="`},
		{[]string{"process.terminal", `"yes"`}, `process.terminal: is a string, not a boolean (line L:C, offset N)`},
		{[]string{"process.rlimits", `[{"type": "RLIMIT_NOFILE", "soft": 8, "hard": 7}]`}, `process.rlimits[0].soft: 8 is above the hard limit 7`},
		{[]string{"process.oomScoreAdj", `1001`}, `process.oomScoreAdj: 1001 is not within -1000 to 1000`},
		{[]string{"process.scheduler", `{"policy": "SCHED_OTHER", "priority": 5}`}, `process.scheduler.priority: SCHED_OTHER has no priority, only SCHED_FIFO and SCHED_RR have`},
		{[]string{"process.scheduler", `{"policy": "SCHED_FIFO", "priority": 100}`}, `process.scheduler.priority: 100 is not within 1 to 99, as SCHED_FIFO needs it`},
		{[]string{"process.scheduler", `{"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_FOO"]}`}, `process.scheduler.flags[0]: unknown flag "SCHED_FLAG_FOO"`},
		{[]string{"process.execCPUAffinity", `{"initial": "0-"}`}, `process.execCPUAffinity.initial: "0-" is neither a CPU nor a range of them`},
		{[]string{"process.execCPUAffinity", `{"final": "x"}`}, `process.execCPUAffinity.final: "x" is neither a CPU nor a range of them`},
		{[]string{"mounts[6]", `{"destination": "/mnt", "type": "tmpfs", "options": "ro"}`}, `mounts[6].options: is a string, not an array (line L:C, offset N)`},
		{[]string{"linux.uidMappings", `[{"containerID": 0, "hostID": 1000, "size": 1}]`}, `linux.uidMappings: needs a user namespace in linux.namespaces`},
		{[]string{"linux.timeOffsets", `{"monotonic": {"secs": 1}}`}, `linux.timeOffsets: needs a time namespace in linux.namespaces`},
		{[]string{"linux.namespaces[5]", `{"type": "time"}`, "linux.timeOffsets", `{"realtime": {"secs": 1}}`}, `linux.timeOffsets: unknown clock "realtime"`},
		{[]string{"linux.namespaces[5]", `{"type": "time"}`, "linux.timeOffsets", `{"monotonic": {"nanosecs": 1000000000}}`}, `linux.timeOffsets.monotonic.nanosecs: 1000000000 is a second or more`},
		{[]string{"linux.devices", `[{"type": "c", "path": "dev/x", "major": 1, "minor": 3}]`}, `linux.devices[0].path: "dev/x" is not an absolute path`},
		{[]string{"linux.devices", `[{"type": "c", "path": "/dev/x", "major": -1, "minor": 3}]`}, `linux.devices[0].major: -1 is not a major number`},
		{[]string{"linux.netDevices", `{"": {}}`}, `linux.netDevices[""]: is not the name of an interface: it is empty`},
		{[]string{"linux.netDevices", `{"v0": {"name": "a/b"}}`}, `linux.netDevices["v0"].name: "a/b" is not the name of an interface: it has a '/', a ':', a space or a NUL byte`},
		{[]string{"linux.netDevices", `{"v0": {"name": "sixteen-letters-"}}`}, `linux.netDevices["v0"].name: "sixteen-letters-" is not the name of an interface: it has 16 bytes, the kernel takes 15`},
		{[]string{"linux.resources.devices", `[{"allow": true, "type": "z", "access": "r"}]`}, `linux.resources.devices[0].type: "z" is not "a", "b" or "c"`},
		{[]string{"linux.resources.devices", `[{"allow": true, "type": "c", "access": "rx"}]`}, `linux.resources.devices[0].access: "rx" is not made of "r", "w" and "m"`},
		{[]string{"linux.resources.cpu", `{"cpus": "0-x"}`}, `linux.resources.cpu.cpus: "0-x" is neither a CPU nor a range of them`},
		{[]string{"linux.resources.cpu", `{"idle": 2}`}, `linux.resources.cpu.idle: 2 is neither 0 nor 1`},
		{[]string{"linux.resources.memory", `{"limit": -2}`}, `linux.resources.memory.limit: -2 is neither a size nor -1`},
		{[]string{"linux.resources.memory", `{"swappiness": 101}`}, `linux.resources.memory.swappiness: 101 is not in 0..100`},
		{[]string{"linux.resources.pids", `{"limit": -2}`}, `linux.resources.pids.limit: -2 is neither a number of tasks nor -1`},
		{[]string{"linux.resources.pids", `{"limit": 1.5}`}, `linux.resources.pids.limit: 1.5 is not an integer (line L:C, offset N)`},
		{[]string{"linux.rootfsPropagation", `"foo"`}, `linux.rootfsPropagation: unknown propagation "foo"`},
		{[]string{"linux.personality", `{"domain": "LINUX", "flags": ["ADDR_NO_RANDOMIZE"]}`}, `linux.personality.flags[0]: unknown flag "ADDR_NO_RANDOMIZE": the spec defines none`},
		{[]string{"linux.memoryPolicy", `{"mode": "MPOL_BIND"}`}, `linux.memoryPolicy.nodes: MPOL_BIND needs at least one node`},
		{[]string{"linux.memoryPolicy", `{"mode": "MPOL_DEFAULT", "nodes": "0"}`}, `linux.memoryPolicy.nodes: MPOL_DEFAULT takes no nodes`},
		{[]string{"linux.memoryPolicy", `{"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_FOO"]}`}, `linux.memoryPolicy.flags[0]: unknown flag "MPOL_F_FOO"`},
		{[]string{"linux.seccomp", `{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_VAX"]}`}, `linux.seccomp.architectures[0]: unknown architecture "SCMP_ARCH_VAX"`},
		{[]string{"linux.seccomp", `{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_FOO"]}`}, `linux.seccomp.flags[0]: unknown flag "SECCOMP_FILTER_FLAG_FOO"`},
		{[]string{"linux.sysctl", `{"kernel.panic": "1"}`}, `linux.sysctl["kernel.panic"]: is not in a namespace, it would change the host`},
		{[]string{"linux.sysctl", `{"net/../kernel/panic": "1"}`}, `linux.sysctl["net/../kernel/panic"]: is not the name of a sysctl`},
		{[]string{"linux.sysctl", `{"net.ipv4.ip_forward": 1}`}, `linux.sysctl["net.ipv4.ip_forward"]: is a number, not a string (line L:C, offset N)`},
		{[]string{"linux.cgroupsPath", `1`}, `linux.cgroupsPath: is a number, not a string (line L:C, offset N)`},
	}},
}

// TestRefusals creates from each bad config, and wants an error with nothing left.
func TestRefusals(t *testing.T) {
	c := harness.New(t)
	for _, r := range refusals {
		sentence(t, r.ids, func(t *testing.T) {
			for _, b := range r.bads {
				with(t, c, b.change...)
				text := b.says
				if text != "" {
					text = "config.json: " + text
				}
				if !refused(t, c, text) {
					t.Log("with", b.change)
				}
			}
		})
	}
}
