// Package seccomp turns linux.seccomp of a config.json into a filter, loads it
// into the container's first thread, and hands the listener of a notifying
// filter to its agent.
//
//	PlanSeccomp   names to values, every problem at once
//	Compile       the BPF program, on the host while init boots
//	Load          in init, on the thread that will execve
//	SendListener  on the host
package seccomp
