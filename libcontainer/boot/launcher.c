/* clone(2) with CLONE_VFORK suspends its thread until execve, and a network namespace
 * takes longer than all others together. In a thread of its own neither keeps rt
 * waiting.
 *
 * Raw clone3, since no C library has it, and since a child that shares our memory
 * must not return from the function that made it. */
#define _GNU_SOURCE
#include "launcher.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL /* Linux 5.5 */
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL /* Linux 5.7 */
#endif

/* struct clone_args of linux/sched.h, which older headers have without cgroup. */
struct args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

/* call makes a system call of three arguments, and two that are 0. */
#if defined(__x86_64__)
#define SHARE (CLONE_VM | CLONE_VFORK)
static inline __attribute__((always_inline)) long call(long number, long a, long b, long c)
{
	register long d __asm__("r10") = 0;
	register long e __asm__("r8") = 0;
	long r;
	__asm__ volatile("syscall" : "=a"(r) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(d), "r"(e) : "rcx", "r11", "memory");
	return r;
}
#elif defined(__aarch64__)
#define SHARE (CLONE_VM | CLONE_VFORK)
static inline __attribute__((always_inline)) long call(long number, long a, long b, long c)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = 0;
	register long x4 __asm__("x4") = 0;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
	return x0;
}
#else
/* A copy of the address space: slower, and an execve that fails is only told by
 * the end of the child. */
#define SHARE 0
static long call(long number, long a, long b, long c)
{
	long r = syscall(number, a, b, c, 0, 0);
	return r < 0 ? -errno : r;
}
#endif

int64_t monotonic(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int loopback_up(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	int result = ioctl(fd, SIOCSIFFLAGS, &lo); /* the kernel gives it its addresses: netdevice(7) */
	int error = errno;
	close(fd);
	errno = error;
	return result;
}

/* failed notes what went wrong first. */
static int failed(struct launcher *l, int ok, const char *step)
{
	if (!ok && l->error == 0) {
		l->error = errno;
		l->step = step;
	}
	return !ok;
}

/* path_of makes /proc/self/fd/N. The number is init's name in ps(1) until its
 * constructor gives it another. */
static void path_of(char *path, int fd)
{
	char digits[12], *d = digits;
	do
		*d++ = (char)('0' + fd % 10);
	while (fd /= 10);
	path = stpcpy(path, "/proc/self/fd/");
	while (d > digits)
		*path++ = *--d;
	*path = 0;
}

/* aside moves fd out of the way of the numbers that init gets. */
static int aside(struct launcher *l, int fd)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, l->nfds);
	failed(l, moved >= 0, "dup");
	return moved;
}

/* default_signals takes Go's handlers away, which only clone3 does by itself. The
 * library's sigaction keeps books, and they are also rt's. */
static void default_signals(void)
{
	struct { /* of the kernel, whatever follows the handler */
		void (*handler)(int);
		unsigned long rest[8];
	} old, none = {0};
	for (int s = 1; s <= 64; s++)
		if (syscall(SYS_rt_sigaction, s, NULL, &old, 8) == 0 && old.handler != SIG_IGN && old.handler != SIG_DFL)
			syscall(SYS_rt_sigaction, s, &none, NULL, 8);
}

/* become_init is the child until execve: on our stack, while we are suspended. One
 * that plain clone has made has Go's handlers of signals, and is in rt's cgroup. */
static __attribute__((noreturn, noinline)) void become_init(struct launcher *l, int plain)
{
	char path[32];
	if (plain) {
		default_signals();
		if (l->cgroup >= 0) {
			int procs = openat(l->cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);
			failed(l, procs >= 0 && write(procs, "0", 1) == 1, "join the cgroup");
		}
	}
	/* Init dies with this thread, so with rt, until it clears that itself. */
	failed(l, prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0, "prctl pdeathsig");
	for (int i = 0; i < l->nfds; i++)
		if (l->fds[i] != i && l->fds[i] < l->nfds)
			l->fds[i] = aside(l, l->fds[i]);
	if (l->binary < l->nfds)
		l->binary = aside(l, l->binary);
	for (int i = 0; i < l->nfds; i++)
		if (l->fds[i] == i)
			failed(l, fcntl(i, F_SETFD, 0) == 0, "fcntl");
		else
			failed(l, dup2(l->fds[i], i) == i, "dup2");
	if (l->error == 0) {
		path_of(path, l->binary);
		sigprocmask(SIG_SETMASK, &l->mask, NULL);
		execve(path, l->argv, l->envp);
		failed(l, 0, "execve of rt's binary");
	}
	_exit(127);
}

static __attribute__((noinline)) void launch(struct launcher *l)
{
	struct args a = {
		.flags = l->flags | SHARE | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
		.pidfd = (uintptr_t)&l->pidfd,
		.exit_signal = SIGCHLD,
	};
	if (l->cgroup >= 0) {
		a.flags |= CLONE_INTO_CGROUP;
		a.cgroup = (uint64_t)l->cgroup;
	}
	long pid = call(SYS_clone3, (long)&a, sizeof(a), 0);
	if (pid == 0)
		become_init(l, 0);
	if (pid == -ENOSYS || pid == -EPERM) {
		/* Seccomp filters can't look into the arguments of clone3, and so many
		 * of those around a runtime deny it. */
		pid = call(SYS_clone, (long)(l->flags | SHARE | CLONE_PIDFD | SIGCHLD), 0, (long)&l->pidfd);
		if (pid == 0)
			become_init(l, 1);
	}
	if (pid < 0) {
		errno = (int)-pid;
		failed(l, 0, "clone init");
		return;
	}
	if (l->error == 0) {
		l->pid = (int)pid;
		return;
	}
	close(l->pidfd);
	while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void await(sem_t *s)
{
	while (sem_wait(s) != 0 && errno == EINTR)
		;
}

static void *work(void *argument)
{
	struct launcher *l = argument;
	if (l->network) {
		l->network_begin = monotonic();
		if (!failed(l, unshare(CLONE_NEWNET) == 0, "unshare network namespace"))
			failed(l, loopback_up() == 0, "loopback up");
		l->network_end = monotonic();
	}
	await(&l->go);
	if (!l->give_up && l->error == 0)
		launch(l);
	sem_post(&l->done);
	await(&l->end);
	free(l->fds);
	for (char **s = l->argv; s && *s; s++)
		free(*s);
	for (char **s = l->envp; s && *s; s++)
		free(*s);
	free(l->argv);
	free(l->envp);
	free(l);
	return NULL;
}

int start_thread(void *(*work)(void *), void *argument)
{
	pthread_t thread;
	pthread_attr_t attributes;
	sigset_t all, before;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&thread, &attributes, work, argument);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

int launcher_start(struct launcher *l)
{
	sem_init(&l->go, 0, 0);
	sem_init(&l->done, 0, 0);
	sem_init(&l->end, 0, 0);
	pthread_sigmask(SIG_SETMASK, NULL, &l->mask);
	return start_thread(work, l);
}

void launcher_go(struct launcher *l) { sem_post(&l->go); }

void launcher_wait(struct launcher *l) { await(&l->done); }

void launcher_end(struct launcher *l) { sem_post(&l->end); }
