/* Before the Go runtime starts its threads. */
#define _GNU_SOURCE
#include "calm.h"
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Package boot's: the socket to rt, or -1 where this is not init. */
extern int boot_socket __attribute__((weak));

int64_t calm_slack;
int calm_huge;
struct rlimit calm_nofile;

/* CPUs as sched_setaffinity(2) has them; as many as any kernel can have. */
#define CPUS 8192
static unsigned long cpus[CPUS / 8 / sizeof(long)], one[CPUS / 8 / sizeof(long)];
static long size;

void calm_free(void)
{
	if (size > 0)
		syscall(SYS_sched_setaffinity, 0, size, cpus);
}

/* The threads of the Go runtime begin their lives by waking each other. On one CPU
 * that needs no interrupts, nor does each change of a page table: half a dozen of
 * either are more than what the threads could gain by a second CPU. The main thread
 * is free again when Go runs, and with it all that is started from it. */
static void pin(void)
{
	unsigned cpu;
	size = syscall(SYS_sched_getaffinity, 0, sizeof(cpus), cpus);
	if (size <= 0 || syscall(SYS_getcpu, &cpu, NULL, NULL) != 0 || cpu >= CPUS)
		return;
	one[cpu / 8 / sizeof(long)] = 1UL << cpu % (8 * sizeof(long));
	syscall(SYS_sched_setaffinity, 0, size, one);
}

__attribute__((constructor)) static void calm(void)
{
	/* The Go runtime reads /proc/self/cgroup, /proc/self/mountinfo and the CPU
	 * limits of its cgroup, which on a host of many containers is much, and the
	 * size of huge pages. With no descriptor above stdio to be had it does
	 * without. Go's own first deed with this limit is to raise it. */
	getrlimit(RLIMIT_NOFILE, &calm_nofile);
	struct rlimit stdio = {.rlim_cur = 3, .rlim_max = calm_nofile.rlim_max};
	if (calm_nofile.rlim_cur > 3)
		setrlimit(RLIMIT_NOFILE, &stdio);
	/* The Go runtime's monitor sleeps for 20 us at a time, and for 10 ms after a
	 * while: half of the context switches of a container's start were its. It is
	 * as good with 2 ms more. Its thread takes the slack over from this one,
	 * which gets its own back. In init, where one goroutine is all there is, it
	 * has nothing to do, and an init that waits for start shall not wake up. */
	calm_slack = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
	long slack = &boot_socket && boot_socket >= 0 ? 1000000000 : 2000000;
	if (calm_slack > 0) /* 0: a real-time scheduling class has none */
		prctl(PR_SET_TIMERSLACK, slack, 0, 0, 0);
	/* A heap of half a megabyte needs no page of two, which takes longer to clear
	 * than all that rt does. Where the first page of the heap is small the others
	 * around it are, so Go gives the permission back. */
	calm_huge = prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 0 && prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0;
	pin();
#ifdef M_ARENA_MAX
	/* One heap for all threads: glibc would map 128 MiB for each. */
	mallopt(M_ARENA_MAX, 1);
#endif
}
