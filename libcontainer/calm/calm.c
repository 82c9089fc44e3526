/* Before the Go runtime starts its threads. */
#include "calm.h"
#include <malloc.h>
#include <sys/prctl.h>

int64_t calm_slack;

__attribute__((constructor)) static void calm(void)
{
	/* The Go runtime's monitor sleeps for 20 us at a time: half of the context
	 * switches of a container's start were its. It is as good with 2 ms. Its
	 * thread takes the slack over from this one, which gets its own back. */
	calm_slack = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
	if (calm_slack > 0) /* 0: a real-time scheduling class has none */
		prctl(PR_SET_TIMERSLACK, 2000000, 0, 0, 0);
#ifdef M_ARENA_MAX
	/* One heap for all threads: glibc would map 128 MiB for each. */
	mallopt(M_ARENA_MAX, 1);
#endif
}
