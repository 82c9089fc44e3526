// Package engines puts the runtime where runc is: under Docker, containerd and
// Podman of Debian, each used as a person uses it.
package engines

import (
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/c9b5e2ae/rt/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// A box is a place for an engine: mount, network and pid namespaces of its own with
// an empty /run. Whatever the engine leaves there ends with the box.
type box struct {
	t         *testing.T
	pid       string // of its first process, as the host sees it
	temporary string // in place of /tmp: containerd leaves files there when it is slow
}

// initScript sets the box up and then waits for orphans, as the first process must.
const initScript = `
	mount -t tmpfs tmpfs /run && mkdir /run/lock
	ip link set lo up
	echo ready
	while :; do sleep 1000 & wait; done`

func newBox(t *testing.T) *box {
	t.Helper()
	running := harness.Command{
		Args:  []string{"unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", initScript},
		Limit: 5 * time.Minute,
	}.Start(t)
	harness.Eventually(t, "the box is ready", func() bool { return running.Output() == "ready\n" })
	pid := strings.TrimSpace(harness.Must(t, "pgrep", "--parent", fmt.Sprint(running.Pid)))
	t.Cleanup(func() {
		// All its processes die with the first, and unshare ends when it is gone.
		syscall.Kill(atoi(t, pid), syscall.SIGKILL)
		running.Wait()
	})
	return &box{t, pid, harness.Dir(t)}
}

// command is a program in the box.
func (b *box) command(args ...string) harness.Command {
	return harness.Command{
		Args: append([]string{"nsenter", "--target", b.pid, "--mount", "--net", "--pid", "--"}, args...),
		// Of its environment an engine hands down what it doesn't know.
		Env:   []string{"NOTIFY_SOCKET=", "XDG_RUNTIME_DIR=", "TMPDIR=" + b.temporary},
		Limit: time.Minute,
	}
}

// inTerminal runs the command on a terminal.
func inTerminal(t *testing.T, command harness.Command) (*harness.Running, *harness.Console) {
	t.Helper()
	console, peer := harness.OpenTerminal(t)
	console.Resize(93, 31)
	command.Tune = func(cmd *exec.Cmd) {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = peer, peer, peer
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	}
	return command.Start(t), console
}

// wantOutput runs a command that must succeed and compares what it prints.
func wantOutput(t *testing.T, r harness.Result, want string) {
	t.Helper()
	if r.Code != 0 || strings.TrimSpace(r.Stdout) != want {
		t.Errorf("want %q: %v", want, r)
	}
}
