#define _GNU_SOURCE
#include "lane.h"
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* spawn_wait runs a program to its end. glibc's posix_spawn clones with CLONE_VM
 * and CLONE_VFORK, so the size of this process costs nothing. stdin and stdout are
 * /dev/null, stderr is err. */
void spawn_wait(struct spawned *s, const char *path, char **argv, char **envp, int err)
{
	posix_spawn_file_actions_t files;
	struct rusage usage;
	pid_t pid = 0;

	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&files, err, 2);
	int64_t begin = now();
	s->error = posix_spawn(&pid, path, &files, NULL, argv, envp);
	if (s->error == 0) {
		__atomic_store_n(&s->pid, pid, __ATOMIC_RELEASE);
		while (wait4(pid, &s->status, 0, &usage) < 0 && errno == EINTR)
			;
		s->ns = now() - begin;
		s->cpu_us = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
		__atomic_store_n(&s->pid, 0, __ATOMIC_RELEASE);
	}
	posix_spawn_file_actions_destroy(&files);
}

/* `bench -peak PROGRAM ARGUMENT…` prints the peak memory of a program in KiB. It
 * is forked here, before the Go runtime starts: ru_maxrss begins with the size of
 * the process that forks (getrusage(2) does not say so; mm_update_next_owner and
 * setmax_mm_hiwater_rss of the kernel do), which must be small for it. */
__attribute__((constructor)) static void peak(int argc, char **argv)
{
	if (argc < 3 || strcmp(argv[1], "-peak") != 0)
		return;
	struct rusage usage;
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);
		dup2(null, 0);
		dup2(null, 1);
		execv(argv[2], argv + 2);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid || status != 0)
		_exit(1);
	printf("%ld\n", usage.ru_maxrss);
	fflush(stdout);
	_exit(0);
}
