#define _GNU_SOURCE
#include "libseccomp.h"

#include <errno.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

static int add_rule(scmp_filter_ctx ctx, const struct rule *r, const char *names, const struct comparison *all)
{
	struct scmp_arg_cmp args[6];
	int nr = seccomp_syscall_resolve_name(names + r->name);

	if (nr == __NR_SCMP_ERROR)
		return 0; /* a call of a newer kernel, or a misspelt one: the profile's default stands */
	if (r->nargs > 6)
		return -EINVAL;
	for (uint32_t i = 0; i < r->nargs; i++) {
		const struct comparison *c = all + r->args + i;

		args[i] = (struct scmp_arg_cmp){c->index, c->op, c->a, c->b};
	}
	return seccomp_rule_add_array(ctx, r->action, nr, r->nargs, args);
}

int compile(uint32_t default_action, const uint32_t *archs, uint32_t narchs, const struct rule *rules, uint32_t nrules,
	    const char *names, const struct comparison *args, int tree, uint32_t *failed)
{
	scmp_filter_ctx ctx = seccomp_init(default_action);
	int rc = 0, fd;

	*failed = UINT32_MAX;
	if (!ctx)
		return -EINVAL;
	for (uint32_t i = 0; i < narchs && rc == 0; i++) {
		rc = seccomp_arch_add(ctx, archs[i]);
		if (rc == -EEXIST)
			rc = 0;
	}
	if (rc == 0 && tree)
		seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (uint32_t i = 0; i < nrules && rc == 0; i++) {
		rc = add_rule(ctx, rules + i, names, args);
		if (rc != 0)
			*failed = i;
	}
	if (rc == 0) {
		fd = memfd_create("seccomp", MFD_CLOEXEC);
		rc = fd < 0 ? -errno : seccomp_export_bpf(ctx, fd);
		if (rc == 0)
			rc = fd;
		else if (fd >= 0)
			close(fd);
	}
	seccomp_release(ctx);
	return rc;
}
