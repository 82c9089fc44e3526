/* What a libseccomp.a that was compiled for glibc wants, and musl has not: see tests/cc. */
#include <stdio.h>

#ifndef __GLIBC__
#include <stdarg.h>

/* glibc's checked fprintf: the archive exports filters as text with it, which rt
 * never asks for. */
int __fprintf_chk(FILE *file, int flag, const char *format, ...)
{
	(void)flag;
	va_list arguments;
	va_start(arguments, format);
	int n = vfprintf(file, format, arguments);
	va_end(arguments);
	return n;
}
#endif
