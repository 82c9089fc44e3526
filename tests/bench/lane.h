/* Processes that are measured, started and waited for without the Go scheduler. */
#ifndef RT_BENCH_LANE_H
#define RT_BENCH_LANE_H

#include <stdint.h>

struct spawned {
	int32_t pid;    /* set before the wait begins */
	int32_t error;  /* errno of posix_spawn, 0 if the program began */
	int32_t status; /* as wait4(2) gives it */
	int64_t ns;     /* from before posix_spawn until after wait4, CLOCK_MONOTONIC */
	int64_t cpu_us; /* user and system time of the process and those it waited for */
};

void spawn_wait(struct spawned *s, const char *path, char **argv, char **envp, int err);

#endif
