package libcontainer

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Texts that callers match. containerd treats any kill or delete error that
// contains "does not exist" as "no such container", and "container not
// running" as "already dead"; CRI-O and containerd's CRI read them too. So the
// texts are frozen, and no other error of rt may contain them.
var (
	ErrNotExist   = errors.New("container does not exist")
	ErrNotRunning = errors.New("container not running")
)

// An Interrupted error says that a signal ended the operation, and that all of
// it was taken back.
type Interrupted struct {
	Signal unix.Signal
}

func (i Interrupted) Error() string {
	return fmt.Sprintf("interrupted by %s, nothing was left behind", unix.SignalName(i.Signal))
}
