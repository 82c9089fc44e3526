// Package process is the room of the spec's process object, and of what else
// belongs to one process: personality and memory policy, session keyring,
// terminal, and the search for the program.
//
// PlanProcess resolves the object on the host. Most of the plan's methods run in
// init, on the locked main thread, since credentials, capabilities, labels,
// scheduling and personality belong to a thread and only the one that calls
// execve counts. Their order, and why:
//
//	JoinKeyring                  first, so that nothing is added to the caller's keyring
//	SetUpConsole                 after the pivot: the terminal comes from the container's devpts
//	MakeCwd                      before the root becomes read-only
//	Chdir                        after the pivot
//	CloseFDs                     before a seccomp filter that may refuse close_range
//	Schedule, SetRlimits         after the cgroup was joined, with privileges
//	Label                        before SetUser, which makes /proc/thread-self/attr root's
//	NoNewPrivs
//	[seccomp, unless NoNewPrivs]
//	SetUser
//	FindExecutable               as the user, with plain system calls: a filter is loaded
//	SetRlimitsLast
//	[seccomp with NoNewPrivs]
//	Exec
package process
