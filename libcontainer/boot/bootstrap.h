/* What rt tells its init before the Go runtime starts, and what comes back. */
#ifndef RT_BOOTSTRAP_H
#define RT_BOOTSTRAP_H

#include <stdint.h>
#include <sys/resource.h>

#define BOOT_MAGIC 0x72743031 /* "rt01" */
#define BOOT_MAX_FDS 32
#define BOOT_NAME "rt:init" /* of the process until execve, which changes it */

/* One fixed-size message, filled by Go through cgo, so its layout cannot drift.
 * The descriptors travel beside it: first ncgroup files to write "0" to, then
 * njoin namespaces. */
struct bootstrap {
	uint32_t magic;
	uint32_t ncgroup;
	uint32_t njoin;
	uint32_t join[8];  /* CLONE_NEW* of each namespace joined, in fd order */
	uint32_t unshare;  /* CLONE_NEW* to create, but for CLONE_NEWUSER */
	uint32_t newuser;  /* create a user namespace and ask for its id maps */
	uint32_t userroot; /* become uid and gid 0 of the user namespace we are in */
	uint32_t offsets;  /* ask for the offsets of the new time namespace */
	uint32_t fork;     /* a pid or time namespace holds only children */
};

enum boot_message_type {
	BOOT_MAPS = 1, /* C: write my id maps, then answer one byte */
	BOOT_OFFSETS,  /* C: write my timens_offsets, then answer one byte */
	BOOT_PID,      /* C: value is the pid of init, my sibling */
	BOOT_FAILED,   /* C, init: value is the errno, the text names step and cause */
	BOOT_LOG,      /* init: a warning for the log */
	BOOT_HOOKS,    /* init: run the hooks that belong outside, then answer */
	BOOT_NOTIFY,   /* init: value is the seccomp listener's number, fetch it, then answer */
	BOOT_READY,    /* init: everything that can fail is done; the text is the timeline */
	BOOT_EXEC,     /* init: the next instruction is execve */
};

struct boot_message {
	uint32_t type;
	int32_t value;
	char text[56];
};

/* RLIMIT_NOFILE as it was before the Go runtime raised it; rlim_max 0: not init. */
extern struct rlimit boot_nofile;
/* The descriptor of the socket to rt, or -1 where this process is not init. */
extern int boot_socket;
/* CLOCK_MONOTONIC in ns at the constructor's begin and end; 0: not init. */
extern int64_t boot_begin, boot_end;

#endif
