package hooks

/*
#include <errno.h>
#include <signal.h>
#include <unistd.h>

// lead makes a child that leads a process group, and has ended when this returns.
// All signals are blocked: Go's handlers must not run in a child that shares our
// memory.
static pid_t lead(void)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid_t pid = vfork();
	if (pid == 0) {
		setpgid(0, 0);
		_exit(0);
	}
	int error = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return pid;
}
*/
import "C"

import "fmt"

// newLeader makes the leader of a process group for a hook, so that the group is
// known before the hook runs: it may have children before anything could be written
// down of it. The leader is dead, and holds the group's number until it is reaped.
func newLeader() (pid int, err error) {
	p, err := C.lead()
	if p < 0 {
		return 0, fmt.Errorf("make a process group: %w", err)
	}
	return int(p), nil
}
