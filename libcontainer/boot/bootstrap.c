/* The part of init that must run while the process has one thread: a process
 * with more can join neither a user nor a time namespace (setns(2)), and a lone
 * thread that writes "0" to a v1 `tasks` file is attached in 50 us where a pid
 * written to cgroup.procs waits for an RCU grace period, 7 ms.
 *
 * It parses nothing but one struct, allocates nothing and opens no path. Raw
 * system calls where glibc would take locks or signal other threads. */
#define _GNU_SOURCE
#include "bootstrap.h"
#include "launcher.h"
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

struct rlimit boot_nofile;
int boot_socket = -1;
int64_t boot_begin, boot_end;

static void tell(uint32_t type, int32_t value, const char *text)
{
	struct boot_message m = {.type = type, .value = value};
	strncpy(m.text, text, sizeof(m.text) - 1);
	/* MSG_NOSIGNAL: rt may have died; then nobody is left to tell. */
	(void)!send(boot_socket, &m, sizeof(m), MSG_NOSIGNAL);
}

static void must(int ok, const char *what)
{
	if (ok)
		return;
	tell(BOOT_FAILED, errno, what);
	_exit(1);
}

/* ask sends a request and waits for rt's one byte. End of file: rt gave up. */
static void ask(uint32_t type)
{
	char answer;
	tell(type, 0, "");
	if (recv(boot_socket, &answer, 1, 0) != 1)
		_exit(1);
}

/* Namespaces that the container's user namespace does not own must be joined
 * with the privileges from before it, those that it owns with the ones from
 * after: so all are tried, then the user namespace, then what was refused. */
static void join(const struct bootstrap *b, int *fds)
{
	for (int round = 0; round < 3; round++)
		for (uint32_t i = 0; i < b->njoin; i++) {
			int user = b->join[i] == CLONE_NEWUSER;
			if (fds[i] < 0 || user != (round == 1))
				continue;
			if (setns(fds[i], (int)b->join[i]) != 0) {
				must(round == 0, "setns");
				continue;
			}
			close(fds[i]);
			fds[i] = -1;
		}
}

static int receive(struct bootstrap *b, int *fds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(BOOT_MAX_FDS * sizeof(int))];
	} control;
	struct iovec iov = {b, sizeof(*b)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	if (recvmsg(boot_socket, &m, MSG_CMSG_CLOEXEC) != sizeof(*b) || b->magic != BOOT_MAGIC)
		return -1;
	int n = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
			n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
			memcpy(fds, CMSG_DATA(c), (size_t)n * sizeof(int));
		}
	return n;
}

/* tie ties init to rt. If rt died before this call no signal comes,
 * but then the socket is at its end, which every later wait sees. */
static void tie(void)
{
	must(prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0, "prctl pdeathsig");
}

/* arguments returns argv if there are n of them. Only glibc hands them to
 * constructors, but the kernel lays out argc, argv, 0, environ for all. */
static char **arguments(int n)
{
	char **argv = environ - 1 - n;
	return (intptr_t)argv[-1] == n ? argv : NULL;
}

/* 101 is the first priority: package calm's constructor lowers the limit of open
 * files, with which no descriptor could be received. */
__attribute__((constructor(101))) static void boot(void)
{
	char **argv = arguments(3);
	if (!argv || strcmp(argv[1], "init") != 0)
		return;
	int fd = 0;
	for (const char *p = argv[2]; *p >= '0' && *p <= '9' && fd < 1 << 20; p++)
		fd = fd * 10 + *p - '0';
	int type = 0;
	socklen_t size = sizeof(type);
	/* Somebody typed it: main says that init is not a command. */
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET)
		return;
	boot_begin = monotonic();
	prctl(PR_SET_NAME, BOOT_NAME, 0, 0, 0);
	boot_socket = fd;
	getrlimit(RLIMIT_NOFILE, &boot_nofile);

	struct bootstrap b;
	int fds[BOOT_MAX_FDS];
	int n = receive(&b, fds);
	if (n < 0 || b.njoin > 8 || (uint32_t)n != b.ncgroup + b.njoin)
		_exit(1);

	/* First of all the cgroups: nothing that init does escapes its limits, and
	 * the cgroup namespace made below is rooted here (cgroup_namespaces(7)). */
	for (uint32_t i = 0; i < b.ncgroup; i++) {
		must(write(fds[i], "0", 1) == 1, "join cgroup");
		close(fds[i]);
	}
	/* A process of the joined container must not ptrace us or open our fds
	 * while we are half inside. The last execve makes us dumpable again. */
	if (b.njoin > 0) {
		must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0, "prctl dumpable");
		join(&b, fds + b.ncgroup);
	}
	if (b.newuser) {
		must(unshare(CLONE_NEWUSER) == 0, "unshare user namespace");
		/* An unprivileged rt may write the maps of a dumpable process only. */
		must(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0, "prctl dumpable");
		ask(BOOT_MAPS);
		must(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0, "prctl dumpable");
	}
	if (b.userroot) {
		must(syscall(SYS_setresgid, 0, 0, 0) == 0, "setresgid 0 in the user namespace");
		must(syscall(SYS_setresuid, 0, 0, 0) == 0, "setresuid 0 in the user namespace");
		tie(); /* a change of credentials cleared it: prctl(2) */
	}
	if (b.unshare)
		must(unshare((int)b.unshare) == 0, "unshare");
	if (b.unshare & CLONE_NEWNET)
		must(loopback_up() == 0, "loopback up");
	if (b.offsets)
		ask(BOOT_OFFSETS);
	if (b.fork) {
		/* CLONE_PARENT: rt is init's parent at once, so the signal of its
		 * death means rt's, and this process can go. */
		long child = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
		must(child >= 0, "fork");
		if (child > 0) {
			tell(BOOT_PID, (int32_t)child, "");
			_exit(0);
		}
		tie();
	}
	boot_end = monotonic();
}
