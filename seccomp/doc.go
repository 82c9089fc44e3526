// Package seccomp turns linux.seccomp of a config.json into a filter, loads it
// into the container's first thread, and hands the listener of a notifying
// filter to its agent.
//
//	PlanSeccomp   names to values, every problem at once
//	Compile       the BPF program, on the host while init boots
//	Load          in init, on the thread that will execve
//	SendListener  on the host
//
// # What a profile means
//
// A call is looked up by its number among the architectures of the filter: the
// native one, and those that the profile lists. A call of any other
// architecture kills the thread. Then, for one call:
//
//   - The first rule without conditions decides, wherever it stands.
//   - Else a rule whose conditions all hold decides. Rules that overlap and
//     have different actions have no order that the spec or libseccomp's
//     documentation tells; for such profiles libseccomp makes the program.
//   - Else the default action.
//
// A rule with the action of the default is as good as absent. Two conditions
// on one argument are alternatives, not a range. 32-bit architectures and x32
// compare the low 32 bits of arguments and of the profile's values. All this
// is libseccomp's way, or runc's with it, and profiles were written for it.
//
// If the default forbids, numbers above the last one that the profile names
// for an architecture get ENOSYS, as in runc: they are calls of a newer kernel
// than the profile's author knew, and a program that gets ENOSYS goes on to an
// older call, where with EPERM it gives up.
//
// # The program
//
// Numbers with the same outcome are made segments, and each architecture's
// line of segments is searched as a tree that is balanced by the numbers in
// it. That is short (Docker's profile for x86_64, x86 and x32 has 229
// instructions, libseccomp's program 960), and it is quick to load, because
// the kernel runs a new filter once for each number of its native and its
// compat table to learn which calls are always allowed.
//
// # Where it differs from runc
//
// Tests hold the programs against libseccomp's (2.5.4), with runc's part for
// ENOSYS, over all numbers of all architectures. They differ in what
// TestDifferences has an example of:
//
//   - Several rules for one call that compare by size or for inequality:
//     libseccomp merges them wrongly if their values differ in the high word.
//     Here each rule holds as it is written.
//   - With conditions and more than one architecture, libseccomp may forget to
//     load the number of the call for the second one, and decides all its
//     calls by the default.
//   - A call that is inside socketcall(2) or ipc(2) has its own number beside
//     it on most architectures. runc does not count either as known, and
//     answers them with ENOSYS if they are above all others that the profile
//     names. Here they are known.
//   - ARM has calls of its own from 0xf0000 on. Profiles name some, so runc
//     takes all new calls for known on ARM. Here the gap before them is ENOSYS.
//   - libseccomp confuses sys_debug_setcontext with switch_endian (PowerPC).
//   - Two rules for one call that begin with the same inequality make
//     libseccomp turn in a circle, and with it runc.
//   - Rules that contradict each other are no error if a rule without
//     conditions decides the call.
//
// And PlanSeccomp refuses what the spec forbids and runc lets through: an errno
// for an action that has none, or above 4095, entries without names, metadata
// without a listener. It takes architectures of the other byte order, and
// those that libseccomp 2.5 does not know: they add nothing to a filter here.
package seccomp
