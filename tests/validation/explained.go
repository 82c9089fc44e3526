package main

import "regexp"

// A kind says why a program can find a fault of a runtime that has none.
type kind string

const (
	broken  kind = "the program is wrong: no runtime can pass it"
	race    kind = "the program races with the container"
	spec    kind = "runtime-spec 1.3.0 demands the opposite"
	machine kind = "this machine lacks what the program needs"
	engines kind = "rt deviates on purpose"
)

// An explanation is for the lines of a program that match; why is Markdown.
type explanation struct {
	kind  kind
	lines string // regular expression for the whole of a line
	why   string
}

// explained says of each line that rt fails why, with the program's own source (the
// suite's module, below validation/ if no other directory is named) and the words of
// the specification or of the kernel.
var explained = map[string][]explanation{
	"delete": {{engines, "attempting to `delete` a container that is not `stopped` MUST (generate an error|have no effect on the container)", `
The program deletes a container that was created and not started, and runtime.md says: "Attempting to delete a container that is not stopped MUST
have no effect on the container and MUST generate an error". containerd's shim calls ` + "`delete`" + `, without ` + "`--force`" + `, for a task that was created and never
started (pkg/process/init_state.go, createdState.Delete), so rt, like every runtime that containerd uses, kills and deletes it. The program's other case, a
running container, is refused.`}},

	"hooks": {{broken, "Hooks MUST be called in the listed order .*", `
The hooks write ` + "`echo 'post-start1 called'`" + ` and so on, and the program compares the file with "…post-start1\npost-start2\npost-stop1\npost-stop2\n",
without "called". If the file were as it wants, it would go on to its else branch, which takes the text of an error that is nil, and panic. The order itself
is tested by tests/lifecycle.`}},

	"hooks_stdin": {
		{spec, `the state of the container MUST be passed to "prestart" hook over stdin`, `
The program wants the status "created" in a prestart hook. By runtime.md that is a container for which "the runtime has finished the create operation", and by
config.md prestart hooks are called "as part of the create operation": the status is "creating". It also compares the pid, see the next line.`},
		{race, `the state of the container MUST be passed to "(prestart|poststart)" hook over stdin`, `
The program compares the pid that a hook was given with the one that ` + "`state`" + ` says after ` + "`start`" + ` has returned. The container runs ` + "`true`" + ` and has ended by then: poststart
hooks, which run a shell and ` + "`cat`" + `, come before ` + "`start`" + ` returns. By runtime.md the pid is "REQUIRED when status is created or running", and rt does not give out the pid of a
process that is no more.`},
	},

	"linux_cgroups_blkio":          {{machine, `exit status 1: failed to create the container rt: .*blockIO\.(leafWeight|weight).*`, blkio}},
	"linux_cgroups_relative_blkio": {{machine, `exit status 1: failed to create the container rt: .*blockIO\.(leafWeight|weight).*`, blkio}},

	"linux_cgroups_hugetlb": {{machine, "exit status 1: (In the case of an absolute path, the runtime MUST take the path to be relative to the cgroups mount point .*|failed to create the container rt: .*this host has no hugetlb controller.*)", `
The program reads /sys/fs/cgroup/hugetlb. On a machine whose hugetlb controller belongs to the version 2 hierarchy rt writes the limit there. This tool moves
the controller to a version 1 hierarchy for the time of the program, which the kernel allows while no cgroup of version 2 uses it (EBUSY: cgroup_setup_root →
rebind_subsystems). Here one did.`}},
	"linux_cgroups_relative_hugetlb": {{machine, "get hugetlb cgroup data|exit status 1: failed to create the container rt: .*this host has no hugetlb controller.*", `
As linux_cgroups_hugetlb.`}},

	"linux_cgroups_network":          {{machine, `exit status 1: failed to create the container rt: .*this host has no net_(cls|prio) controller.*`, network}},
	"linux_cgroups_relative_network": {{machine, `exit status 1: failed to create the container rt: .*this host has no net_(cls|prio) controller.*`, network}},

	"linux_cgroups_memory":          {{machine, "memory kernel is set correctly", kmem}},
	"linux_cgroups_relative_memory": {{machine, "memory kernel is set correctly", kmem}},

	"linux_mount_label": {{spec, "exit status 1: failed to create the container rt: .*linux.mountLabel: SELinux is not enabled on this host.*", `
The program sets an SELinux label for the mounts, on any host. Where SELinux is not enabled mount(2) refuses the option "context=" (EINVAL), and runtime.md
says: "If the runtime cannot apply a property as specified in the configuration, it MUST generate an error and a new container MUST NOT be created". A runtime that
passes here has ignored the label.`}},

	"linux_process_apparmor_profile": {{machine, "exit status 1: failed to create the container rt: .*process.apparmorProfile: .*", `
The program wants a process under the AppArmor profile "acme_secure_profile", which it does not load. Where AppArmor is not enabled, or the profile is not loaded, nothing can
put a process under it, and runtime.md says: "If the runtime cannot apply a property as specified in the configuration, it MUST generate an error and a new
container MUST NOT be created".`}},

	"linux_rootfs_propagation": {{machine, "check root propagation: expected (bounding|effective|inheritable|permitted|ambient) capability CAP_SYS_RESOURCE set", `
The propagation is as wanted in all four cases. But the program gives the container all capabilities and has runtimetest look for each, see process_capabilities.`}},

	"misc_props": {{broken, "implementations that are reading/processing this configuration file MUST NOT generate an error if they encounter an unknown annotation key", `
The first case wants create and start to succeed with ` + "`/runtimetest`" + ` as the process, but the bundle has no such file: unlike the other programs this one never copies
it there. rt says so: ` + "`exec: \"/runtimetest\": no such file or directory`" + `. Unknown annotations are ignored, as other programs of the suite and tests/conformance show.`}},

	"pidfile": {{race, "create with '--pid-file' option works", `
The container runs ` + "`true`" + `. The program starts it, waits for the status "running", then kills it, and wants that kill to succeed. It has ended long before, and runtime.md
says: "Attempting to send a signal to a container that is neither created nor running MUST have no effect on the container and MUST generate an error". Only a
runtime whose ` + "`start`" + ` returns before the program runs can be asked in time, by luck. The pid file is right, as tests/lifecycle shows.`}},

	"poststart": {{race, "The post-start hooks MUST be called after the user-specified process is executed .*", `
The container's shell and the hook's shell write to one file, and the program wants the container's line first. rt calls poststart hooks when execve has succeeded, which
is what runtime.md asks for (step 9 follows step 8), and the container's shell is ahead by a fork and an execve; on a busy machine the hook's can overtake it.`}},

	"poststart_fail": {{spec, "if any poststart hook fails, the runtime MUST log a warning, .*", `
That was so in runtime-spec 1.0. In 1.3.0 runtime.md says in step 9 of the lifecycle: "If any poststart hook fails, the runtime MUST generate an error, stop the container, and
continue the lifecycle at step 12".`}},

	"prestart": {{spec, "Pre-start hooks MUST be called after the `start` operation is called .*", `
That was so in runtime-spec 1.0. In 1.3.0 config.md says: "The prestart hooks MUST be called as part of the create operation after the runtime environment has been
created (according to the configuration in config.json) but before the pivot_root or any equivalent operation has been executed".`}},

	"process_capabilities": {{machine, "expected (bounding|effective|inheritable|permitted|ambient) capability CAP_SYS_RESOURCE set", `
The program wants all capabilities in the container. This machine's root does not have CAP_SYS_RESOURCE in its bounding set, and "dropping a capability from the bounding set"
can't be undone (capabilities(7)). config.md says: "Any value which cannot be mapped to a relevant kernel interface, or cannot be granted otherwise, MUST be logged as a warning by
the runtime. Runtimes SHOULD NOT fail if the container configuration requests capabilities that cannot be granted". rt warns, and sets all the others.`}},

	"process_capabilities_fail": {{spec, "exit status 1: Any value which cannot be mapped to a relevant kernel interface MUST cause an error .*", `
The program asks for "CAP_TEST" and wants an error, which was so in runtime-spec 1.0. In 1.3.0 config.md says: "Any value which cannot be mapped to a relevant kernel interface, or
cannot be granted otherwise, MUST be logged as a warning by the runtime. Runtimes SHOULD NOT fail if the container configuration requests capabilities that cannot be
granted".`}},

	"start": {
		{broken, "`start` operation MUST generate an error if `process` was not set", `
The program's condition is the wrong way round: it prints "ok" if the error of ` + "`start`" + ` is nil (start.go: ` + "`util.SpecErrorOK(t, err == nil, …StartWithProcUnsetGenError…)`" + `),
where runtime.md says, as the line does: "This operation MUST generate an error if process was not set".`},
		{broken, "timeout in waiting for the container status", `
The container that the line above was about has not been started, so that it never gets the status "stopped", for which the program waits 10 seconds.`},
	},
}

const (
	blkio = `
blkio.weight, blkio.leaf_weight and their kin were those of the CFQ scheduler, which Linux 5.0 dropped; BFQ has blkio.bfq.weight, and leaf weights are no more. The program sets them
all and reads blkio.weight and blkio.leaf_weight back. rt can't write what does not exist, and runtime.md says: "If the runtime cannot apply a property as specified in the configuration,
it MUST generate an error".`

	network = `
The program reads /sys/fs/cgroup/net_cls and /sys/fs/cgroup/net_prio. This tool mounts these hierarchies where the kernel has the controllers; this one has not.`

	kmem = `
The program sets memory.kernel and reads memory.kmem.limit_in_bytes back. Linux has no limit of kernel memory since 5.16: a write to this file has no effect, and reading it gives the
highest number (mm/memcontrol-v1.c, mem_cgroup_write: "kmem.limit_in_bytes is deprecated and will be removed"). The specification calls the property NOT RECOMMENDED; rt logs a warning.`
)

// explain finds why a line of a program fails.
func explain(name, line string) (explanation, bool) {
	for _, e := range explained[name] {
		if regexp.MustCompile(`^(?:` + e.lines + `)$`).MatchString(line) {
			return e, true
		}
	}
	return explanation{}, false
}

// forbidden tells whether a program can be passed only by what the specification of
// today forbids.
func forbidden(name string) bool {
	return len(explained[name]) > 0 && explained[name][0].kind == spec
}
