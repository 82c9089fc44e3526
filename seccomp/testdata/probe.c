/*
 * Loads a filter and makes system calls under it, as many as it is told, each
 * by the instruction that selects the architecture. Orders come and results go
 * through a shared mapping of descriptor 3, so that the filter may forbid
 * everything. In the end it spins until it is killed, or exits if it can.
 */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct order {
	uint32_t int80; /* by int $0x80, so as i386 */
	uint32_t nr;
	uint64_t args[6];
	int64_t result;
};

struct head {
	uint32_t instructions, orders;
	uint32_t done; /* orders carried out */
	uint32_t exit;
};

static int64_t native(const struct order *o)
{
	register uint64_t r10 asm("r10") = o->args[3];
	register uint64_t r8 asm("r8") = o->args[4];
	register uint64_t r9 asm("r9") = o->args[5];
	int64_t result;

	asm volatile("syscall"
		     : "=a"(result)
		     : "a"((uint64_t)o->nr), "D"(o->args[0]), "S"(o->args[1]), "d"(o->args[2]), "r"(r10), "r"(r8), "r"(r9)
		     : "rcx", "r11", "memory");
	return result;
}

static int64_t compat(const struct order *o)
{
	uint64_t regs[7] = {o->nr, o->args[0], o->args[1], o->args[2], o->args[3], o->args[4], o->args[5]};
	uint64_t result;

	asm volatile("push %%rbx\n push %%rbp\n"
		     "mov 8(%1), %%rbx\n mov 16(%1), %%rcx\n mov 24(%1), %%rdx\n"
		     "mov 40(%1), %%rdi\n mov 48(%1), %%rbp\n mov (%1), %%rax\n mov 32(%1), %%rsi\n"
		     "int $0x80\n"
		     "pop %%rbp\n pop %%rbx\n"
		     : "=a"(result)
		     : "S"(regs)
		     : "rcx", "rdx", "rdi", "r8", "r9", "r10", "r11", "memory");
	return (int32_t)result;
}

int main(void)
{
	struct stat st;

	if (fstat(3, &st) != 0)
		return 2;
	struct head *h = mmap(0, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0);
	if (h == MAP_FAILED)
		return 2;
	struct sock_filter *filter = (struct sock_filter *)(h + 1);
	struct order *orders = (struct order *)(filter + h->instructions);
	struct sock_fprog prog = {h->instructions, filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return 3;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) != 0)
		return 4;
	for (uint32_t i = 0; i < h->orders; i++) {
		orders[i].result = orders[i].int80 ? compat(orders + i) : native(orders + i);
		__atomic_store_n(&h->done, i + 1, __ATOMIC_SEQ_CST);
	}
	if (h->exit)
		_exit(0);
	for (;;)
		asm volatile("pause");
}
