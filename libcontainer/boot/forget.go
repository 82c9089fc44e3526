package boot

/*
#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

static void forget(void)
{
	ElfW(Phdr) *p = (ElfW(Phdr) *)getauxval(AT_PHDR);
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE) - 1;
	for (unsigned long n = getauxval(AT_PHNUM); n > 0; n--, p++)
		if (p->p_type == PT_LOAD && !(p->p_flags & PF_W)) {
			uintptr_t begin = p->p_vaddr & ~page;
			madvise((void *)begin, (p->p_vaddr + p->p_memsz - begin + page) & ~page, MADV_DONTNEED);
		}
}
*/
import "C"

// Forget takes the pages of rt's binary out of this process' memory. What runs next
// is mapped again from the page cache, the rest, which made the container, is not:
// an init that waits for start holds four megabytes less. It is one madvise(2) for
// each segment of the program that is not written to.
func Forget() { C.forget() }
