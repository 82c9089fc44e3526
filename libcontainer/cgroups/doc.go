// Package cgroups is the room for control groups: where a container's cgroup
// lies (linux.cgroupsPath), what it limits (linux.resources), who is in it, and
// its end.
//
// Host side, in this order:
//
//	PlanCgroup   spec -> Plan: paths, control files and their values, device rules
//	Intent       what will be made, for state.json, before the deed
//	Create       directories; with the systemd driver nothing yet
//	Enter        systemd only: a scope with the waiting child in it
//	Joins, CloneFD    how the child gets in without the 7 ms of cgroup.procs
//	Apply        limits and devices; ApplyLast, when init is ready, the rest
//	Load         later: Freeze, Kill, Pids, Update, Stats, Remove, by State
//
// There is no init side: init is born in its cgroup, or was moved there before
// its Go runtime started.
//
// A cgroup is acted on only if its inode is the one that was recorded, and
// never if it is a root. What was there before us is not removed.
//
// # Why not github.com/opencontainers/cgroups
//
// Linking it costs 0.14 ms at the start of each process, be it used or not, and
// a container starts two of ours (measured: 1.02 ms become 1.16 ms for an empty
// main, median of 400; nearly all of it is D-Bus with package net below it). It
// also moves processes by cgroup.procs only. So the control files are written
// here, and D-Bus is spoken in package cgroups/systemd, which
// whoever wants the systemd driver links.
package cgroups
