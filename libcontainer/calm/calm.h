#ifndef RT_CALM_H
#define RT_CALM_H

#include <stdint.h>

/* The timer slack that this process was started with, ns; 0: it has none. */
extern int64_t calm_slack;

#endif
