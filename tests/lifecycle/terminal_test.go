package lifecycle

import (
	"strings"
	"syscall"
	"testing"

	"os/exec"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/tests/harness"
)

func TestTerminalOverAConsoleSocket(t *testing.T) {
	c := harness.New(t, harness.Terminal, harness.Args("sh"), func(s *specs.Spec) {
		s.Process.ConsoleSize = &specs.Box{Width: 91, Height: 17}
	})
	socket := harness.NewConsoleSocket(t)
	c.Create("--console-socket", socket.Path)
	console := socket.Receive()
	c.Start()
	console.Expect("#")
	console.Type("stty size; tty; echo sum $((20+22))\n")
	console.Expect("17 91")
	console.Expect("/dev/pts/0")
	console.Expect("sum 42")
	console.Resize(50, 30)
	console.Type("stty size\n")
	console.Expect("30 50")
	console.Type("ls -l /dev/console /dev/ptmx | cut -c1; exit 3\n")
	if status := c.Wait(); status.ExitStatus() != 3 {
		t.Errorf("%v\n%s", status, console.Text())
	}
}

func TestExecTerminalOverAConsoleSocket(t *testing.T) {
	c := harness.New(t)
	c.Up()
	socket := harness.NewConsoleSocket(t)
	c.Must("exec", "--tty", "--detach", "--console-socket", socket.Path, c.ID, "sh", "-c", "tty; test -t 0 && echo yes; read x; echo got $x")
	console := socket.Receive()
	console.Expect("/dev/pts/")
	console.Expect("yes")
	console.Type("word\n")
	console.Expect("got word")
}

func TestTerminalWithoutASocketIsRefused(t *testing.T) {
	c := harness.New(t, harness.Terminal)
	c.CreateFails("console-socket")
	c.Fails(1, []string{"console-socket"}, "run", "--detach", "--bundle", c.Bundle, c.ID)
	c.WantNothing()
}

func TestSocketWithoutATerminalIsRefused(t *testing.T) {
	c := harness.New(t)
	socket := harness.NewConsoleSocket(t)
	c.Fails(1, []string{"console-socket"}, "create", "--bundle", c.Bundle, "--console-socket", socket.Path, c.ID)
	c.WantNothing()
}

// onTerminal makes the command a session leader with the terminal as its own, as
// a login shell has it.
func onTerminal(command harness.Command, t *testing.T) (harness.Command, *harness.Console) {
	console, peer := harness.OpenTerminal(t)
	console.Resize(77, 22)
	command.Tune = func(cmd *exec.Cmd) {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = peer, peer, peer
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	}
	return command, console
}

func TestRunOnATerminal(t *testing.T) {
	c := harness.New(t, harness.Terminal, harness.Args("sh"))
	command, console := onTerminal(c.Command("run", "--bundle", c.Bundle, c.ID), t)
	running := command.Start(t)
	console.Expect("#")
	console.Type("stty size; tty\n")
	console.Expect("22 77")
	console.Expect("/dev/pts/0")
	console.Resize(60, 33)
	running.Signal(unix.SIGWINCH)
	console.Type("sleep 0.2; stty size\n")
	console.Expect("33 60")
	console.Type("exit 4\n")
	if r := running.Wait(); r.Code != 4 {
		t.Errorf("exit status %d\n%s", r.Code, console.Text())
	}
	c.WantNothing()
}

func TestControlCReachesTheProgram(t *testing.T) {
	c := harness.New(t, harness.Terminal, harness.Shell("trap 'echo interrupted; exit 6' INT; echo ready; while :; do sleep 0.1; done"))
	command, console := onTerminal(c.Command("run", "--bundle", c.Bundle, c.ID), t)
	running := command.Start(t)
	console.Expect("ready")
	console.Type("\x03")
	console.Expect("interrupted")
	if r := running.Wait(); r.Code != 6 {
		t.Errorf("exit status %d\n%s", r.Code, console.Text())
	}
}

func TestExecOnATerminal(t *testing.T) {
	c := harness.New(t)
	c.Up()
	command, console := onTerminal(c.Command("exec", "--tty", c.ID, "sh", "-c", "tty; stty size; exit 8"), t)
	running := command.Start(t)
	console.Expect("22 77")
	if r := running.Wait(); r.Code != 8 || !strings.Contains(console.Text(), "/dev/pts/") {
		t.Errorf("exit status %d\n%s", r.Code, console.Text())
	}
}
