package engines

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/c9b5e2ae/rt/tests/harness"
	"github.com/c9b5e2ae/rt/tests/needs"
)

// A docker is a Docker daemon of our own, with the runtime under test and an image
// "box" that has busybox.
type docker struct {
	*box
	socket string
}

func newDocker(t *testing.T) *docker {
	t.Helper()
	dir := harness.Dir(t)
	name := harness.Prefix() + "docker"
	t.Cleanup(func() { harness.RemoveCgroups(name) })
	d := &docker{newBox(t), "unix://" + dir + "/docker.sock"}
	config := filepath.Join(dir, "daemon.json") // in place of /etc/docker/daemon.json
	if err := os.WriteFile(config, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	daemon := d.command("dockerd", "--host", d.socket, "--config-file", config,
		"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"),
		"--cgroup-parent", "/"+name, "--exec-opt", "native.cgroupdriver=cgroupfs",
		"--add-runtime", "rt="+harness.Runtime(t), "--log-level", "warn")
	daemon.Limit *= 5
	log := daemon.Start(t)
	t.Cleanup(func() {
		d.command("sh", "-c", "kill $(cat "+filepath.Join(dir, "pid")+")").Run(t)
		if r := log.Wait(); t.Failed() {
			t.Logf("errors in the log of dockerd:\n%s", linesWith(r.Stderr, "level=error"))
		}
	})
	harness.EventuallyIn(t, time.Minute, "dockerd answers", func() bool { return d.docker("version").Run(t).Code == 0 })
	rootfs := filepath.Join(dir, "rootfs")
	harness.MakeRootfs(t, rootfs)
	harness.Must(t, "tar", "-cf", filepath.Join(dir, "image.tar"), "-C", rootfs, ".")
	d.must("import", filepath.Join(dir, "image.tar"), "box")
	return d
}

// docker is Debian's client, not another that may be in /usr/local.
func (d *docker) docker(args ...string) harness.Command {
	return d.command(append([]string{"/usr/bin/docker", "--host", d.socket}, args...)...)
}

func (d *docker) do(args ...string) harness.Result { d.t.Helper(); return d.docker(args...).Run(d.t) }

func (d *docker) must(args ...string) string {
	d.t.Helper()
	r := d.do(args...)
	if r.Code != 0 {
		d.t.Fatal(r)
	}
	return strings.TrimSpace(r.Stdout)
}

// run is `docker run --runtime rt` with the rest of its arguments.
func run(args ...string) []string { return append([]string{"run", "--runtime", "rt"}, args...) }

func TestDocker(t *testing.T) {
	needs.All(t, "root", "command:dockerd", "command:containerd")
	d := newDocker(t)
	for name, test := range map[string]func(*testing.T, *docker){
		"run":              dockerRun,
		"run, exit codes":  dockerExitCodes,
		"run -it":          dockerTerminal,
		"life of one":      dockerLife,
		"stop":             dockerStop,
		"update --memory":  dockerUpdate,
		"out of memory":    dockerOutOfMemory,
		"options of run":   dockerOptions,
		"network":          dockerNetwork,
		"shared pid space": dockerSharedPIDs,
		"info":             dockerInfo,
	} {
		t.Run(name, func(t *testing.T) {
			b := *d.box
			b.t = t
			test(t, &docker{&b, d.socket})
		})
	}
}

func dockerRun(t *testing.T, d *docker) {
	wantOutput(t, d.do(run("--rm", "box", "echo", "hello")...), "hello")
	command := d.docker(run("--rm", "-i", "box", "cat")...)
	command.Stdin = "from stdin"
	wantOutput(t, command.Run(t), "from stdin")
	if left := d.must("ps", "-aq"); left != "" {
		t.Errorf("left after --rm: %s", left)
	}
}

func dockerExitCodes(t *testing.T, d *docker) {
	for _, tt := range []struct {
		want int
		args []string
	}{
		{0, []string{"true"}},
		{7, []string{"sh", "-c", "exit 7"}},
		{127, []string{"no-such-program"}},
		{127, []string{"/no/such/program"}},
		{126, []string{"/etc/passwd"}},
		{126, []string{"/etc"}},
	} {
		if r := d.do(run(append([]string{"--rm", "box"}, tt.args...)...)...); r.Code != tt.want {
			t.Errorf("want exit status %d: %v", tt.want, r)
		}
	}
}

func dockerTerminal(t *testing.T, d *docker) {
	running, console := inTerminal(t, d.docker(run("--rm", "-it", "box", "sh")...))
	console.Expect("/ #")
	console.Type("tty; stty size; echo $((6*7))\n")
	console.Expect("/dev/pts/0")
	console.Expect("31 93")
	console.Expect("42")
	console.Resize(70, 20)
	console.Type("sleep 0.5; stty size\n")
	console.Expect("20 70")
	console.Type("exit 3\n")
	if r := running.Wait(); r.Code != 3 {
		t.Errorf("exit status %d\n%s", r.Code, console.Text())
	}
}

func dockerLife(t *testing.T, d *docker) {
	script := "echo to stdout; echo to stderr >&2; n=0; while :; do n=$((n+1)); echo $n >/count; sleep 0.05; done"
	id := d.must(run("-d", "--name", "life", "box", "sh", "-c", script)...)
	harness.Eventually(t, "logs", func() bool {
		r := d.do("logs", id)
		return r.Stdout == "to stdout\n" && r.Stderr == "to stderr\n"
	})
	wantOutput(t, d.do("exec", "life", "echo", "in exec"), "in exec")
	if r := d.do("exec", "life", "sh", "-c", "exit 9"); r.Code != 9 {
		t.Error(r)
	}
	if r := d.do("exec", "life", "no-such-program"); r.Code != 126 { // of any failure to start, in this version
		t.Errorf("want 126: %v", r)
	}
	running, console := inTerminal(t, d.docker("exec", "-it", "life", "sh"))
	console.Expect("/ #")
	console.Type("exit 4\n")
	if r := running.Wait(); r.Code != 4 {
		t.Error(r)
	}
	if top := d.must("top", "life"); !strings.Contains(top, "sh -c echo to stdout") {
		t.Errorf("top: %s", top)
	}
	if stats := d.must("stats", "--no-stream", "--format", "{{.PIDs}} {{.MemUsage}}", "life"); strings.HasPrefix(stats, "0 ") || strings.HasPrefix(stats, "--") {
		t.Errorf("stats: %s", stats)
	}
	d.must("pause", "life")
	wantOutput(t, d.do("inspect", "-f", "{{.State.Status}}", "life"), "paused")
	d.must("unpause", "life")
	wantOutput(t, d.do("inspect", "-f", "{{.State.Status}}", "life"), "running")
	export := filepath.Join(harness.Dir(t), "export.tar")
	d.must("export", "-o", export, "life")
	if list := harness.Must(t, "tar", "-tf", export); !strings.Contains(list, "count\n") || !strings.Contains(list, "bin/busybox\n") {
		t.Errorf("export: %s", list)
	}
	d.must("kill", "life")
	wantOutput(t, d.do("wait", "life"), "137")
	wantOutput(t, d.do("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "life"), "exited 137")
	d.must("start", "life")
	wantOutput(t, d.do("inspect", "-f", "{{.State.Status}}", "life"), "running")
	d.must("rm", "-f", "life")
	if r := d.do("inspect", "life"); r.Code == 0 {
		t.Error("the container is still there after rm -f")
	}
}

func dockerStop(t *testing.T, d *docker) {
	d.must(run("-d", "--name", "stop", "box", "sh", "-c", "trap 'exit 5' TERM; touch /ready; while :; do sleep 0.05; done")...)
	harness.Eventually(t, "the trap is set", func() bool { return d.do("exec", "stop", "test", "-e", "/ready").Code == 0 })
	d.must("stop", "stop")
	wantOutput(t, d.do("inspect", "-f", "{{.State.ExitCode}}", "stop"), "5")
	d.must("rm", "stop")
	d.must(run("-d", "--name", "deaf", "box", "sleep", "1000")...)
	d.must("stop", "-t", "1", "deaf")
	wantOutput(t, d.do("inspect", "-f", "{{.State.ExitCode}}", "deaf"), "137")
	d.must("rm", "deaf")
}

func dockerUpdate(t *testing.T, d *docker) {
	d.must(run("-d", "--name", "update", "--memory", "64m", "box", "sleep", "1000")...)
	file := func(controller, v1, v2 string) string {
		pid := d.must("inspect", "-f", "{{.State.Pid}}", "update")
		return harness.CgroupFileOf(t, d.command("cat", "/proc/"+pid+"/cgroup").Run(t).Stdout, controller, v1, v2)
	}
	limit := file("memory", "memory.limit_in_bytes", "memory.max")
	for _, memory := range []string{"64m", "128m", "32m"} {
		d.must("update", "--memory", memory, "--memory-swap", "256m", "update")
		text, err := os.ReadFile(limit)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.TrimSuffix(memory, "m"); strings.TrimSpace(string(text)) != fmt.Sprint(atoi(t, want)<<20) {
			t.Errorf("--memory %s: %s says %s", memory, limit, text)
		}
	}
	d.must("update", "--pids-limit", "50", "update")
	if text, _ := os.ReadFile(file("pids", "pids.max", "pids.max")); strings.TrimSpace(string(text)) != "50" {
		t.Errorf("pids.max %s", text)
	}
	wantOutput(t, d.do("exec", "update", "echo", "still here"), "still here")
	d.must("rm", "-f", "update")
}

func dockerOutOfMemory(t *testing.T, d *docker) {
	// The shim listens for such events only a moment after start.
	r := d.do(run("--name", "oom", "--memory", "16m", "--memory-swap", "16m", "box", "sh", "-c", "sleep 1; dd if=/dev/zero of=/dev/null bs=100M count=1; exit 8")...)
	if r.Code != 8 && r.Code != 137 {
		t.Error(r)
	}
	harness.Eventually(t, "docker knows of the kill", func() bool {
		return d.must("inspect", "-f", "{{.State.OOMKilled}}", "oom") == "true"
	})
	d.must("rm", "oom")
}

func dockerOptions(t *testing.T, d *docker) {
	volume := harness.Dir(t)
	if err := os.Chmod(volume, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ options, script, want string }{
		{"--user 1000:7", "id -u; id -g", "1000\n7"},
		{"--group-add 55", "id -G | tr ' ' '\\n' | grep -c 55", "1"},
		{"--hostname there", "hostname", "there"},
		{"--read-only", "touch /x 2>&1 | grep -c only", "1"},
		{"--tmpfs /scratch", "touch /scratch/x && echo made", "made"},
		{"-v " + volume + ":/volume", "touch /volume/made; ls /volume", "made"},
		{"-v " + volume + ":/volume:ro", "touch /volume/x 2>&1 | grep -c only", "1"},
		{"-w /tmp", "pwd", "/tmp"},
		{"-e WORD=hello", "echo $WORD", "hello"},
		{"--cap-drop ALL", "grep CapEff /proc/self/status", "CapEff:\t0000000000000000"},
		{"--cap-add NET_ADMIN", "ip link set lo down && echo down", "down"},
		{"--security-opt no-new-privileges", "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1"},
		{"--sysctl net.ipv4.ip_forward=1", "cat /proc/sys/net/ipv4/ip_forward", "1"},
		{"--ulimit nofile=100:200", "ulimit -n; ulimit -Hn", "100\n200"},
		{"--shm-size 1m", "df /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2", "1024"},
		{"--device /dev/null:/dev/mine", "echo x >/dev/mine && echo written", "written"},
		{"--ipc host --uts host", "hostname", hostname(t)},
		{"--network none", "ls /sys/class/net", "lo"},
		{"--privileged", "mount -t tmpfs none /mnt && echo mounted", "mounted"},
		{"--oom-score-adj 500", "cat /proc/self/oom_score_adj", "500"},
		{"--cpus 0.5 --cpuset-cpus 0", "grep Cpus_allowed_list /proc/self/status", "Cpus_allowed_list:\t0"},
		{"--pids-limit 5", "for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done 2>&1 | grep -q fork && echo refused", "refused"},
		{"--init", "cat /proc/1/comm", "docker-init"},
	} {
		if tt.options == "--init" && !exists("/usr/bin/docker-init") {
			continue
		}
		args := append(append([]string{"--rm"}, strings.Fields(tt.options)...), "box", "sh", "-c", tt.script)
		r := d.do(run(args...)...)
		if got := strings.TrimSpace(r.Stdout); got != tt.want {
			t.Errorf("%s: want %q: %v", tt.options, tt.want, r)
		}
	}
}

// dockerNetwork needs the hook by which Docker moves its interface in.
func dockerNetwork(t *testing.T, d *docker) {
	d.must(run("-d", "--name", "server", "box", "sh", "-c", "mkdir /www; echo over the bridge >/www/index.html; httpd -f -h /www")...)
	address := d.must("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "server")
	if address == "" {
		t.Fatal("the container has no address")
	}
	harness.Eventually(t, "another container gets the page", func() bool {
		return d.do(run("--rm", "box", "wget", "-q", "-O", "-", "http://"+address+"/")...).Stdout == "over the bridge\n"
	})
	wantOutput(t, d.do(run("--rm", "--network", "container:server", "box", "wget", "-q", "-O", "-", "http://127.0.0.1/")...), "over the bridge")
	d.must("rm", "-f", "server")
}

func dockerSharedPIDs(t *testing.T, d *docker) {
	d.must(run("-d", "--name", "first", "box", "sleep", "1000")...)
	r := d.do(run("--rm", "--pid", "container:first", "box", "ps")...)
	if r.Code != 0 || !strings.Contains(r.Stdout, "sleep 1000") {
		t.Error(r)
	}
	wantOutput(t, d.do("inspect", "-f", "{{.State.Status}}", "first"), "running")
	d.must("rm", "-f", "first")
	// What a container of the host's pid namespace leaves behind dies with it.
	d.must(run("--rm", "--pid", "host", "box", "sh", "-c", "setsid sleep 4321 & sleep 0.1")...)
	harness.Eventually(t, "the process left behind is gone", func() bool {
		return harness.Command{Args: []string{"pgrep", "-f", "^sleep 4321"}}.Run(t).Code != 0
	})
}

func dockerInfo(t *testing.T, d *docker) {
	if info := d.must("info", "-f", "{{json .Runtimes}}"); !strings.Contains(info, `"rt"`) {
		t.Errorf("info: %s", info)
	}
}
