#include <stdint.h>

struct rule {
	uint32_t name; /* offset of a zero-terminated string */
	uint32_t action;
	uint32_t args; /* index of the first comparison */
	uint32_t nargs;
};

struct comparison {
	uint32_t index;
	uint32_t op; /* enum scmp_compare */
	uint64_t a, b;
};

/* Returns a memfd with the program, or a negative errno. *failed is the rule
 * that was refused, or UINT32_MAX. */
int compile(uint32_t default_action, const uint32_t *archs, uint32_t narchs, const struct rule *rules, uint32_t nrules,
	    const char *names, const struct comparison *args, int tree, uint32_t *failed);
