package boot

/*
#define _GNU_SOURCE
#include "launcher.h"
#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener, out;

static void *attend(void *unused)
{
	int32_t fd;
	do
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	if (fd >= 0)
		(void)!write(out, &fd, sizeof(fd));
	close(out);
	for (;;)
		pause();
	return unused;
}

static int start_attending(int l, int o)
{
	listener = l;
	out = o;
	return start_thread(attend, NULL);
}
*/
import "C"

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Attend makes a thread that accepts one connection, and returns a pipe from which
// the number of its descriptor (an int32) can be read. A seccomp filter that this
// thread loads later is not the other's, and there are profiles that deny accept4:
// those made from what a program does under runc, which waits by other means.
func Attend(listener *os.File) (*os.File, error) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	if n := C.start_attending(C.int(listener.Fd()), C.int(pipe[1])); n != 0 {
		return nil, fmt.Errorf("make a thread: %w", syscall.Errno(n))
	}
	return os.NewFile(uintptr(pipe[0]), "door"), nil
}
