#ifndef RT_SIGNALS_CATCH_H
#define RT_SIGNALS_CATCH_H

#include <stdint.h>

/* catch_signals has every signal of the set, bit n-1 for signal n, write its number
 * into fd. */
void catch_signals(int fd, uint64_t set);

#endif
