//go:build faults

package libcontainer

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// fault makes the step that RT_FAULT names fail, in builds with the tag
// "faults" alone: RT_FAULT="pivot root=EIO". In place of an errno, KILL kills
// the process that runs the step and HANG stops it for a minute.
func fault(step string) error {
	name, what, _ := strings.Cut(os.Getenv("RT_FAULT"), "=")
	if name != step {
		return nil
	}
	switch what {
	case "KILL":
		unix.Kill(unix.Getpid(), unix.SIGKILL)
		unix.Exit(137) // the first process of a pid namespace cannot kill itself
	case "HANG":
		time.Sleep(time.Minute)
	}
	for errno := unix.Errno(1); errno < 140; errno++ {
		if unix.ErrnoName(errno) == what {
			return errno
		}
	}
	return nil
}

func faultEnv() []string {
	if f, ok := os.LookupEnv("RT_FAULT"); ok {
		return []string{"RT_FAULT=" + f}
	}
	return nil
}
