package lifecycle

import (
	"os"
	"strings"
	"testing"

	"github.com/c9b5e2ae/rt/tests/harness"
)

// inherited prints what a program takes over from whoever started it, and what rt
// changes for its own threads.
const inherited = `ulimit -Sn; ulimit -Hn; cat /proc/self/timerslack_ns; grep -E '^(SigBlk|THP_enabled|Cpus_allowed_list)' /proc/self/status`

// Nothing of rt's own settings reaches a program.
func TestProgramInherits(t *testing.T) {
	want := harness.Must(t, "sh", "-c", inherited)
	if got := harness.New(t, harness.Shell(inherited)).Prints(); got != want {
		t.Errorf("run:\n%swant\n%s", got, want)
	}

	log, mount := withLog(t)
	changes := []harness.Change{mount}
	for _, kind := range kinds {
		changes = append(changes, hook(kind, "{ echo "+kind+"; "+inherited+"; } >>"+log))
	}
	c := harness.New(t, changes...)
	c.Create()
	c.Start()
	if got := c.Exec("sh", "-c", inherited); got != want {
		t.Errorf("exec:\n%swant\n%s", got, want)
	}
	c.Kill("KILL")
	c.Delete()
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	wanted := ""
	for _, kind := range kinds {
		wanted += kind + "\n" + want
	}
	if string(data) != wanted {
		t.Errorf("hooks:\n%swant\n%s", strings.TrimSpace(string(data)), wanted)
	}
}
