package lifecycle

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/tests/harness"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestCreateLeavesAWaitingInit(t *testing.T) {
	c := harness.New(t, harness.Shell("touch /ran; sleep 1000"))
	c.Create()
	c.WantStatus("created")
	if c.Has("ran") {
		t.Error("create ran the program")
	}
	if comm := c.ProcFile("comm"); strings.HasPrefix(comm, "sh") {
		t.Errorf("init is %q before start", comm)
	}
	c.Start()
	c.WantStatus("running")
	harness.Eventually(t, "the program runs", func() bool { return c.Has("ran") })
	c.Kill("KILL")
	c.WantStatus("stopped")
	c.Delete()
	c.WantNothing()
}

func TestConfigIsReadAtCreateOnly(t *testing.T) {
	c := harness.New(t, harness.Shell("echo $WHEN >/when; sleep 1000"), harness.Env("WHEN=create"))
	c.Create()
	c.Edit(harness.Args("false"), harness.Env("WHEN=later"))
	c.Start()
	harness.Eventually(t, "the program wrote", func() bool { return c.Read("when") != "" })
	if got := c.Read("when"); got != "create\n" {
		t.Errorf("the program is of %q", got)
	}
	c.WriteConfig([]byte("{"))
	c.Exec("true")
	c.WantStatus("running")
	os.Remove(c.Bundle + "/config.json")
	c.Exec("true")
	c.Delete("--force")
	c.WantNothing()
}

func TestStartTwice(t *testing.T) {
	c := harness.New(t)
	c.Up()
	c.Fails(1, []string{"running"}, "start", c.ID)
	c.WantStatus("running")
	c.Kill("KILL")
	c.Fails(1, []string{"stopped"}, "start", c.ID)
}

func TestKillOfAStoppedContainerFails(t *testing.T) {
	c := harness.New(t, harness.Args("true"))
	c.Up()
	c.Wait()
	c.Fails(1, []string{"container not running"}, "kill", c.ID, "TERM")
	c.Must("kill", "--all", c.ID, "KILL") // containerd relies on it
	c.Delete()
}

func TestKillOfACreatedContainer(t *testing.T) {
	c := harness.New(t)
	c.Create()
	c.Kill("KILL")
	c.WantStatus("stopped")
	c.Delete()
}

func TestDeleteOfARunningContainerFails(t *testing.T) {
	c := harness.New(t)
	c.Up()
	c.Fails(1, []string{"running"}, "delete", c.ID)
	c.WantStatus("running")
	c.Delete("--force")
	c.WantNothing()
}

func TestDeleteOfACreatedContainer(t *testing.T) {
	c := harness.New(t)
	c.Create()
	c.Delete()
	c.WantNothing()
}

func TestDeleteTwice(t *testing.T) {
	c := harness.New(t)
	c.Create()
	c.Delete()
	c.Fails(1, []string{"container does not exist"}, "delete", c.ID)
	r := c.Must("delete", "--force", c.ID)
	if r.Stdout+r.Stderr != "" {
		t.Errorf("delete --force of nothing spoke: %v", r)
	}
}

func TestCreateTwice(t *testing.T) {
	c := harness.New(t)
	c.Up()
	c.Fails(1, []string{c.ID, "exist"}, "create", "--bundle", c.Bundle, c.ID)
	c.WantStatus("running")
	if strings.Contains(c.Do("create", "--bundle", c.Bundle, c.ID).Stderr, "does not exist") {
		t.Error("an engine reads \"does not exist\" as: there is no such container")
	}
}

func TestExitStatusReachesTheSubreaper(t *testing.T) {
	c := harness.New(t, harness.Shell("exit 7"))
	c.Up()
	if status := c.Wait(); status.ExitStatus() != 7 {
		t.Errorf("wait status %v", status)
	}
	c.WantStatus("stopped")
	if pid := c.State().Pid; pid != 0 {
		t.Errorf("pid of a stopped container is %d", pid)
	}
}

// A zombie whose parent doesn't wait is a stopped container (buildah polls state).
func TestAZombieIsStopped(t *testing.T) {
	c := harness.New(t, harness.Args("true"))
	c.Lazy = true
	c.Up()
	harness.Eventually(t, "stopped", func() bool { return c.State().Status == specs.StateStopped })
	c.Delete()
	if status := c.Wait(); !status.Exited() {
		t.Errorf("wait status %v", status)
	}
}

func TestRunExitCodes(t *testing.T) {
	for script, want := range map[string]int{
		"exit 0":     0,
		"exit 42":    42,
		"exit 255":   255,
		"kill -9 $$": 0, // pid 1 is immune to its own signals
	} {
		c := harness.New(t, harness.Shell(script))
		if r := c.Run(); r.Code != want {
			t.Errorf("%s: exit status %d, want %d", script, r.Code, want)
		}
		c.WantNothing()
	}
}

func TestRunExitCodeOfASignal(t *testing.T) {
	c := harness.New(t, harness.Shell("echo ready; sleep 1000"))
	running := c.Command("run", "--bundle", c.Bundle, c.ID).Start(t)
	harness.Eventually(t, "ready", func() bool { return running.Output() == "ready\n" })
	c.Must("kill", c.ID, "KILL")
	if r := running.Wait(); r.Code != 128+int(unix.SIGKILL) {
		t.Errorf("want 137: %v", r)
	}
	c.WantNothing()
}

func TestRunForwardsSignals(t *testing.T) {
	c := harness.New(t, harness.Shell("trap 'echo got TERM; exit 5' TERM; echo ready; while :; do sleep 0.1; done"))
	running := c.Command("run", "--bundle", c.Bundle, c.ID).Start(t)
	harness.Eventually(t, "ready", func() bool { return running.Output() == "ready\n" })
	running.Signal(unix.SIGTERM)
	if r := running.Wait(); r.Code != 5 || r.Stdout != "ready\ngot TERM\n" {
		t.Errorf("%v", r)
	}
	c.WantNothing()
}

func TestRunDetached(t *testing.T) {
	c := harness.New(t)
	c.Must("run", "--detach", "--bundle", c.Bundle, c.ID)
	c.Init = c.State().Pid
	c.WantStatus("running")
	c.Kill("KILL")
}

func TestRunKeep(t *testing.T) {
	c := harness.New(t, harness.Shell("exit 3"))
	if r := c.Run("--keep"); r.Code != 3 {
		t.Error(r)
	}
	c.WantStatus("stopped")
	c.Delete()
	c.WantNothing()
}
