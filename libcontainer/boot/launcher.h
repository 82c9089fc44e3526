/* A thread of rt's that makes the process which becomes init. */
#ifndef RT_LAUNCHER_H
#define RT_LAUNCHER_H

#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

struct launcher {
	/* What to do, given before launcher_start … */
	int network; /* make a network namespace, for init to be born in */
	/* … and before launcher_go. */
	int give_up; /* end */
	uint64_t flags; /* CLONE_NEW* */
	int cgroup; /* directory of the cgroup2 to be born in, or -1 */
	int binary; /* what to execute */
	int nfds;
	int *fds; /* they become descriptors 0 to nfds-1 */
	char **argv, **envp;

	/* The result, after launcher_wait. */
	int pid, pidfd;
	int error; /* errno, or 0 */
	const char *step; /* what it is of */
	int64_t network_begin, network_end; /* CLOCK_MONOTONIC, ns */

	sem_t go, done, end;
	sigset_t mask; /* of rt's main thread */
};

/* Starts the thread. Returns an errno, or 0. */
int launcher_start(struct launcher *l);
void launcher_go(struct launcher *l);
void launcher_wait(struct launcher *l);
/* Lets the thread end, which frees l: malloc(3) made it, its fds, argv and envp. */
void launcher_end(struct launcher *l);

/* Starts a thread with all signals blocked: they are for Go's. Returns an errno, or 0. */
int start_thread(void *(*work)(void *), void *argument);

/* Makes a network namespace's loopback interface up. Returns 0, or -1 with errno. */
int loopback_up(void);
int64_t monotonic(void);

#endif
