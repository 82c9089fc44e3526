#ifndef RT_CALM_H
#define RT_CALM_H

#include <stdint.h>
#include <sys/resource.h>

/* The timer slack that this process was started with, ns; 0: it has none. */
extern int64_t calm_slack;
/* Whether this process may have huge pages, and does not only because of us. */
extern int calm_huge;
/* Its limit of open files. */
extern struct rlimit calm_nofile;
/* calm_free gives the calling thread the CPUs back that this process was given. */
void calm_free(void);

#endif
