package engines

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/c9b5e2ae/rt/tests/harness"
	"github.com/c9b5e2ae/rt/tests/needs"
)

// podmanConfig makes the runtime known. Podman asks for limits of 2^20 files and
// processes; where rt may not raise its own (no CAP_SYS_RESOURCE) they stay lower.
const podmanConfig = `
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
netns = "none"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "rt"
runtime_supports_json = ["rt", "runc", "crun"]
[engine.runtimes]
rt = ["%s"]
`

type podman struct {
	*box
	dir string
}

func newPodman(t *testing.T) *podman {
	t.Helper()
	dir := harness.Dir(t)
	t.Cleanup(func() { harness.RemoveCgroups(harness.Prefix() + "podman") })
	p := &podman{newBox(t), dir}
	text := fmt.Sprintf(podmanConfig, harness.Runtime(t))
	if err := os.WriteFile(filepath.Join(dir, "containers.conf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	policy := `{"default": [{"type": "insecureAcceptAnything"}]}`
	if err := os.WriteFile(filepath.Join(dir, "policy.json"), []byte(policy), 0o644); err != nil {
		t.Fatal(err)
	}
	harness.MakeRootfs(t, filepath.Join(dir, "rootfs"))
	harness.Must(t, "tar", "-cf", filepath.Join(dir, "image.tar"), "-C", filepath.Join(dir, "rootfs"), ".")
	p.must("import", filepath.Join(dir, "image.tar"), "box")
	return p
}

func (p *podman) podman(args ...string) harness.Command {
	c := p.command(append([]string{"podman", "--root", filepath.Join(p.dir, "root"), "--runroot", filepath.Join(p.dir, "run"),
		"--tmpdir", filepath.Join(p.dir, "tmp"), "--storage-driver", "overlay"}, args...)...)
	c.Env = append(c.Env, "CONTAINERS_CONF="+filepath.Join(p.dir, "containers.conf"), "HOME="+p.dir)
	return c
}

func (p *podman) do(args ...string) harness.Result { p.t.Helper(); return p.podman(args...).Run(p.t) }

func (p *podman) must(args ...string) string {
	p.t.Helper()
	r := p.do(args...)
	if r.Code != 0 {
		p.t.Fatal(r)
	}
	return strings.TrimSpace(r.Stdout)
}

func (p *podman) run(args ...string) []string {
	return append([]string{"run", "--cgroup-parent", "/" + harness.Prefix() + "podman"}, args...)
}

func TestPodman(t *testing.T) {
	needs.All(t, "root", "command:podman")
	p := newPodman(t)

	wantOutput(t, p.do(p.run("--rm", "box", "echo", "hello")...), "hello")
	for program, want := range map[string]int{"true": 0, "no-such-program": 127, "/etc/passwd": 126, "/etc": 126} {
		if r := p.do(p.run("--rm", "box", program)...); r.Code != want {
			t.Errorf("%s: want exit status %d: %v", program, want, r)
		}
	}
	if r := p.do(p.run("--rm", "box", "sh", "-c", "exit 7")...); r.Code != 7 {
		t.Errorf("want exit status 7: %v", r)
	}

	running, console := inTerminal(t, p.podman(p.run("--rm", "-it", "box", "sh")...))
	console.Expect("/ #")
	console.Type("stty size; echo $((6*7)); exit 3\n")
	console.Expect("31 93")
	console.Expect("42")
	if r := running.Wait(); r.Code != 3 {
		t.Error(r)
	}

	p.must(p.run("-d", "--name", "life", "box", "sh", "-c", "echo to stdout; trap 'exit 5' TERM; touch /ready; while :; do sleep 0.1; done")...)
	harness.Eventually(t, "the program is ready", func() bool { return p.do("exec", "life", "test", "-e", "/ready").Code == 0 })
	wantOutput(t, p.do("logs", "life"), "to stdout")
	wantOutput(t, p.do("exec", "life", "echo", "in exec"), "in exec")
	if r := p.do("exec", "life", "sh", "-c", "exit 9"); r.Code != 9 {
		t.Errorf("want exit status 9: %v", r)
	}
	running, console = inTerminal(t, p.podman("exec", "-it", "life", "sh"))
	console.Expect("/ #")
	console.Type("exit 4\n")
	if r := running.Wait(); r.Code != 4 {
		t.Error(r)
	}
	p.must("pause", "life")
	wantOutput(t, p.do("inspect", "-f", "{{.State.Status}}", "life"), "paused")
	p.must("unpause", "life")
	p.must("update", "--cpus", "0.5", "life")
	p.must("stop", "life")
	wantOutput(t, p.do("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "life"), "exited 5")
	p.must("start", "life")
	p.must("kill", "life")
	wantOutput(t, p.do("wait", "life"), "137")
	p.must("rm", "-f", "life")
	if left := p.must("ps", "-aq"); left != "" {
		t.Errorf("left: %s", left)
	}
}
