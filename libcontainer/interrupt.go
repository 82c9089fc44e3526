package libcontainer

/*
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

static int wake_fd = -1;
static volatile int wake_signal;

static void on_signal(int signal)
{
	uint64_t one = 1;
	wake_signal = signal;
	(void)!write(wake_fd, &one, sizeof(one));
}

static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
static struct sigaction before[3];

static void catch_signals(int fd)
{
	// SA_ONSTACK: the signal may find a thread on a small goroutine stack.
	struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_RESTART};
	wake_fd = fd;
	for (int i = 0; i < 3; i++)
		if (sigaction(signals[i], 0, &before[i]) == 0 && before[i].sa_handler != SIG_IGN) // nohup(1)
			sigaction(signals[i], &a, 0);
}

static void restore_signals(void)
{
	for (int i = 0; i < 3; i++)
		sigaction(signals[i], &before[i], 0);
	wake_fd = -1;
}

static int caught(void) { return wake_signal; }
*/
import "C"

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// An interrupt turns SIGTERM, SIGINT and SIGHUP into a readable descriptor, so
// that an operation can take itself back. os/signal would do, at the price of
// a goroutine and a thread for each container start.
type interrupt struct {
	fd    int
	users int // operations within operations: a failed create runs hooks
}

// catching is the one interrupt of the process, nil while nothing is caught.
var catching *interrupt

// catchInterrupts begins to catch.
func catchInterrupts() (*interrupt, error) {
	if catching != nil {
		catching.users++
		return catching, nil
	}
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	C.catch_signals(C.int(fd))
	catching = &interrupt{fd: fd, users: 1}
	return catching, nil
}

// err is an Interrupted error once one of the signals came.
func (i *interrupt) err() error {
	if s := i.caught(); s != 0 {
		return Interrupted{unix.Signal(s)}
	}
	return nil
}

// caught is the number of the last of the signals that came, or 0.
func (i *interrupt) caught() int { return int(C.caught()) }

// close gives the signals back to whom they belonged before.
func (i *interrupt) close() {
	if i.users--; i.users > 0 {
		return
	}
	catching = nil
	C.restore_signals()
	unix.Close(i.fd)
}
