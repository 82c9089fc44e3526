#include "catch.h"
#include <errno.h>
#include <signal.h>
#include <unistd.h>

static int caught_fd = -1;
static struct sigaction before[65];

/* A fault of this very process is the Go runtime's, which makes a panic of it;
 * the same signal sent by somebody is not. sigaction(2): si_code is above 0 where
 * the kernel is the sender. */
static int fault(int signal, const siginfo_t *info)
{
	switch (signal) {
	case SIGSEGV: case SIGBUS: case SIGFPE: case SIGILL: case SIGTRAP: case SIGSYS:
		return info->si_code > 0;
	}
	return 0;
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
	if (fault(signal, info)) {
		before[signal].sa_sigaction(signal, info, context);
		return;
	}
	int saved = errno;
	unsigned char number = (unsigned char)signal;
	(void)!write(caught_fd, &number, 1); /* full: 64 KiB of signals were enough */
	errno = saved;
}

void catch_signals(int fd, uint64_t set)
{
	/* SA_ONSTACK: the signal may find a thread on a small goroutine stack. */
	struct sigaction a = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
	sigfillset(&a.sa_mask);
	caught_fd = fd;
	for (int n = 1; n <= 64; n++)
		if (set >> (n - 1) & 1)
			sigaction(n, &a, &before[n]); /* EINVAL: 32 and 33 are the C library's own */
}
