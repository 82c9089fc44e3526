package intelrdt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// No processor here has resctrl. So everything that touches it runs on an
// ordinary directory laid out like it: which files are written, in which order
// and with what, and which directories are made and removed, is tested; that the
// kernel takes it is not.

func plan(t *testing.T, r *specs.LinuxIntelRdt, id string) (*Plan, string) {
	t.Helper()
	var ps config.Problems
	p := PlanIntelRdt(&specs.Spec{Linux: &specs.Linux{IntelRdt: r}}, id, &config.Facts{}, &ps)
	text := ""
	for _, w := range ps.Warnings {
		text += "warning: " + w.String()
	}
	if ps.Err() != nil {
		text += strings.TrimPrefix(ps.Error(), "config.json: ")
	}
	return p, text
}

func TestPlanIntelRdt(t *testing.T) {
	for name, tt := range map[string]struct {
		in   *specs.LinuxIntelRdt
		id   string
		want string
	}{
		"empty":      {in: &specs.LinuxIntelRdt{}},
		"good":       {in: &specs.LinuxIntelRdt{ClosID: "a", L3CacheSchema: "L3:0=f", MemBwSchema: "MB:0=20", Schemata: []string{"L2:0=f"}, EnableMonitoring: true}},
		"default":    {in: &specs.LinuxIntelRdt{ClosID: "/"}},
		"two levels": {in: &specs.LinuxIntelRdt{ClosID: "a/b"}, want: `linux.intelRdt.closID: "a/b" is not the name of a group`},
		"parent":     {in: &specs.LinuxIntelRdt{ClosID: ".."}, want: `linux.intelRdt.closID: ".." is not the name of a group`},
		"newline":    {in: &specs.LinuxIntelRdt{ClosID: "a\n"}, want: `linux.intelRdt.closID: "a\n" is not the name of a group`},
		"info":       {in: &specs.LinuxIntelRdt{ClosID: "info"}, want: `linux.intelRdt.closID: "info" has another meaning in resctrl`},
		"long":       {in: &specs.LinuxIntelRdt{ClosID: strings.Repeat("x", 256)}, want: `linux.intelRdt.closID: "` + strings.Repeat("x", 256) + `" is longer than a name can be`},
		"id":         {in: &specs.LinuxIntelRdt{}, id: "mon_data", want: `linux.intelRdt: the id of the container names its group, but "mon_data" has another meaning in resctrl`},
		"L3":         {in: &specs.LinuxIntelRdt{L3CacheSchema: "L2:0=f"}, want: `warning: linux.intelRdt.l3CacheSchema: "L2:0=f" is not one line that starts with L3:`},
		"MB":         {in: &specs.LinuxIntelRdt{MemBwSchema: "L3:0=f"}, want: `linux.intelRdt.memBwSchema: "L3:0=f" does not start with MB:`},
		"MB lines":   {in: &specs.LinuxIntelRdt{MemBwSchema: "MB:0=1\nL3:0=f"}, want: `linux.intelRdt.memBwSchema: "MB:0=1\nL3:0=f" has a newline`},
		"schemata":   {in: &specs.LinuxIntelRdt{Schemata: []string{"L3:0=f", "", "L2:0=1\n"}}, want: `linux.intelRdt.schemata[1]: is empty; linux.intelRdt.schemata[2]: "L2:0=1\n" has a newline`},
	} {
		t.Run(name, func(t *testing.T) {
			id := tt.id
			if id == "" {
				id = "c1"
			}
			if _, got := plan(t, tt.in, id); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// Without linux.intelRdt nothing may be touched.
func TestNone(t *testing.T) {
	p, _ := plan(t, nil, "c1")
	s, err := p.Create()
	if p != nil || s != (State{}) || err != nil {
		t.Error(p, s, err)
	}
	if s, err := p.Intent(); s != (State{}) || err != nil {
		t.Error(s, err)
	}
	if err := p.Undo(); err != nil {
		t.Error(err)
	}
	if err := s.Join(1); err != nil {
		t.Error(err)
	}
	if err := s.Delete(); err != nil {
		t.Error(err)
	}
	if err := s.Update("L3:0=1", ""); err == nil || err.Error() != "the container has no linux.intelRdt" {
		t.Error(err)
	}
	if got := Verify(1, "c1", &specs.Spec{}); len(got) > 0 {
		t.Error(got)
	}
}

// resctrl lays out a directory with the group "there".
func resctrl(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range map[string]string{
		"schemata":               "    MB:0=100;1=100\n    L3:0=7ff;1=7ff\n",
		"there/schemata":         "    MB:0=030;1=100\n    L3:0=00f;1=7ff\n",
		"info/MB/bandwidth_gran": "10\n",
		"info/last_cmd_status":   "ok\n",
		"mon_groups/.keep":       "",
		"there/mon_groups/old/x": "",
	} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	removeDirectory = func(path string) error {
		if !strings.HasPrefix(path, root+"/") {
			t.Errorf("rmdir %s", path)
		}
		if _, err := os.Lstat(path); err != nil {
			return err
		}
		return os.RemoveAll(path)
	}
	return root
}

// tree shows the files of a directory and what was added to them.
func tree(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err != nil || path == root {
			return err
		}
		name, _ := filepath.Rel(root, path)
		if info.IsDir() {
			b.WriteString(name + "/\n")
			return nil
		}
		data, err := os.ReadFile(path)
		b.WriteString(name + ": " + strings.ReplaceAll(string(data), "\n", "|") + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// added is what tree shows now and did not show before.
func added(before, now string) string {
	var b strings.Builder
	for line := range strings.Lines(now) {
		if !strings.Contains(before, line) {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestCreate(t *testing.T) {
	for name, tt := range map[string]struct {
		in     *specs.LinuxIntelRdt
		want   string // what is there after Create and Join
		stays  string // and of that after Delete
		err    string
		remove bool
	}{
		"own group": {in: &specs.LinuxIntelRdt{}, remove: true, want: "c1/\nc1/tasks: 7|\n"},
		// All lines, in the order of the spec.
		"schemas": {in: &specs.LinuxIntelRdt{Schemata: []string{"L2:0=f", "MB:1=10"}, MemBwSchema: "MB:0=20", L3CacheSchema: "L3:0=f"}, remove: true,
			want: "c1/\nc1/schemata: L3:0=f|MB:0=20|L2:0=f|MB:1=10|\nc1/tasks: 7|\n"},
		"new closID": {in: &specs.LinuxIntelRdt{ClosID: "gold", L3CacheSchema: "L3:0=f"},
			want:  "gold/\ngold/schemata: L3:0=f|\ngold/tasks: 7|\n",
			stays: "gold/\ngold/schemata: L3:0=f|\ngold/tasks: 7|\n"},
		"closID alone, missing": {in: &specs.LinuxIntelRdt{ClosID: "gold"},
			err: `linux.intelRdt.closID: resctrl has no group "gold", and there is no schema to make it with`},
		"closID alone": {in: &specs.LinuxIntelRdt{ClosID: "there"}, want: "there/tasks: 7|\n", stays: "there/tasks: 7|\n"},
		// The kernel shows 20..30 as 30: it rounds up.
		"closID matches": {in: &specs.LinuxIntelRdt{ClosID: "there", L3CacheSchema: "L3:0=f", MemBwSchema: "MB:0=25;1=100"},
			want:  "there/schemata:     MB:0=030;1=100|    L3:0=00f;1=7ff|L3:0=f|MB:0=25;1=100|\nthere/tasks: 7|\n",
			stays: "there/schemata:     MB:0=030;1=100|    L3:0=00f;1=7ff|L3:0=f|MB:0=25;1=100|\nthere/tasks: 7|\n"},
		"closID differs": {in: &specs.LinuxIntelRdt{ClosID: "there", L3CacheSchema: "L3:0=f;1=f"},
			err: `linux.intelRdt.l3CacheSchema: the group "there" exists, and has "L3:0=00f;1=7ff"`},
		"bandwidth differs": {in: &specs.LinuxIntelRdt{ClosID: "there", MemBwSchema: "MB:0=31"},
			err: `linux.intelRdt.memBwSchema: the group "there" exists, and has "MB:0=030;1=100"`},
		"other cache": {in: &specs.LinuxIntelRdt{ClosID: "there", L3CacheSchema: "L3:2=f"},
			err: `linux.intelRdt.l3CacheSchema: the group "there" exists, and has "L3:0=00f;1=7ff"`},
		"other resource": {in: &specs.LinuxIntelRdt{ClosID: "there", L3CacheSchema: "L3CODE:0=f"},
			err: `linux.intelRdt.l3CacheSchema: the group "there" exists, and has no resource "L3CODE"`},
		"default group": {in: &specs.LinuxIntelRdt{ClosID: "/", EnableMonitoring: true},
			want:  "mon_groups/c1/\nmon_groups/c1/tasks: 7|\ntasks: 7|\n",
			stays: "tasks: 7|\n"},
		"monitoring": {in: &specs.LinuxIntelRdt{ClosID: "there", EnableMonitoring: true},
			want:  "there/mon_groups/c1/\nthere/mon_groups/c1/tasks: 7|\nthere/tasks: 7|\n",
			stays: "there/tasks: 7|\n"},
		// Also what was made before the error is gone: in a new directory nobody
		// made mon_groups here, as on a machine without monitoring.
		"no monitoring": {in: &specs.LinuxIntelRdt{EnableMonitoring: true, L3CacheSchema: "L3:0=f"},
			err: "linux.intelRdt.enableMonitoring: this machine has no monitoring"},
		"no monitoring, closID": {in: &specs.LinuxIntelRdt{ClosID: "gold", EnableMonitoring: true, L3CacheSchema: "L3:0=f"},
			err: "linux.intelRdt.enableMonitoring: this machine has no monitoring"},
	} {
		t.Run(name, func(t *testing.T) {
			root := resctrl(t)
			before := tree(t, root)
			p, problems := plan(t, tt.in, "c1")
			if p.Root = root; strings.Contains(problems, "linux") && !strings.HasPrefix(problems, "warning") {
				t.Fatal(problems)
			}
			s, err := p.Create()
			if err != nil || tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Errorf("got  %v\nwant %s", err, tt.err)
				}
				if now := tree(t, root); now != before {
					t.Errorf("an error leaves\n%s", added(before, now))
				}
				return
			}
			if s.Remove != tt.remove || (s.Inode != 0) != p.created {
				t.Errorf("%+v", s)
			}
			if err := s.Join(7); err != nil {
				t.Error(err)
			}
			if got := added(before, tree(t, root)); got != tt.want {
				t.Errorf("got\n%swant\n%s", got, tt.want)
			}
			for range 2 { // the second time nothing is left to do
				if err := s.Delete(); err != nil {
					t.Error(err)
				}
				if got := added(before, tree(t, root)); got != tt.stays {
					t.Errorf("after delete\n%swant\n%s", got, tt.stays)
				}
			}
		})
	}
}

func TestUndo(t *testing.T) {
	root := resctrl(t)
	before := tree(t, root)
	for _, r := range []*specs.LinuxIntelRdt{{}, {ClosID: "gold", L3CacheSchema: "L3:0=f"}, {ClosID: "/", EnableMonitoring: true}} {
		p, _ := plan(t, r, "c1")
		p.Root = root
		if _, err := p.Create(); err != nil {
			t.Fatal(err)
		}
		if err := p.Undo(); err != nil {
			t.Error(err)
		}
		if now := tree(t, root); now != before {
			t.Errorf("left:\n%s", added(before, now))
		}
	}
	// The group of others gets back what it had.
	p, _ := plan(t, &specs.LinuxIntelRdt{ClosID: "there", Schemata: []string{"L3:0=1"}}, "c1")
	p.Root = root
	if _, err := p.Create(); err != nil {
		t.Fatal(err)
	}
	if err := p.Undo(); err != nil {
		t.Error(err)
	}
	if got, want := added(before, tree(t, root)), "there/schemata:     MB:0=030;1=100|    L3:0=00f;1=7ff|L3:0=1|MB:0=030;1=100|L3:0=00f;1=7ff|\n"; got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

func TestIntent(t *testing.T) {
	root := resctrl(t)
	for _, tt := range []struct {
		in   *specs.LinuxIntelRdt
		id   string
		want State
	}{
		{&specs.LinuxIntelRdt{}, "c1", State{Root: root, Group: root + "/c1", Remove: true}},
		{&specs.LinuxIntelRdt{}, "there", State{Root: root, Group: root + "/there"}},
		{&specs.LinuxIntelRdt{ClosID: "gold", EnableMonitoring: true}, "c1", State{Root: root, Group: root + "/gold", Monitor: root + "/gold/mon_groups/c1"}},
		{&specs.LinuxIntelRdt{ClosID: "/"}, "c1", State{Root: root, Group: root}},
	} {
		p, _ := plan(t, tt.in, tt.id)
		p.Root = root
		if got, err := p.Intent(); got != tt.want || err != nil {
			t.Errorf("got  %+v, %v\nwant %+v", got, err, tt.want)
		}
	}
}

// A directory of the name that is not the one that was made is somebody else's.
func TestDeleteForeign(t *testing.T) {
	root := resctrl(t)
	s := State{Root: root, Group: root + "/there", Remove: true, Inode: 1}
	if err := s.Delete(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.Group); err != nil {
		t.Error(err)
	}
}

func TestWriteRefused(t *testing.T) {
	root := resctrl(t)
	os.Chmod(filepath.Join(root, "there/schemata"), 0o444)
	os.Remove(filepath.Join(root, "there/schemata"))
	os.Mkdir(filepath.Join(root, "there/schemata"), 0o755) // refuses to be written
	s := State{Root: root, Group: root + "/there"}
	want := `l3CacheSchema: the kernel refuses "L3:0=0": is a directory`
	if err := s.Update("L3:0=0", ""); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	os.WriteFile(filepath.Join(root, "info/last_cmd_status"), []byte("Mask 0 has no bits\n"), 0o644)
	want = `memBwSchema: the kernel refuses "MB:0=0": Mask 0 has no bits`
	if err := s.Update("", "MB:0=0"); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestVerify(t *testing.T) {
	root := resctrl(t)
	p, _ := plan(t, &specs.LinuxIntelRdt{ClosID: "there", L3CacheSchema: "L3:0=f", Schemata: []string{"MB:0=40", "L2:0=1"}}, "c1")
	p.Root = root
	os.WriteFile(filepath.Join(root, "there/tasks"), []byte("1\n17\n"), 0o644)
	for pid, want := range map[int]string{
		17: `linux.intelRdt.schemata[0]: the group has "MB:0=030;1=100"; linux.intelRdt.schemata[1]: the group has no resource "L2"`,
		7:  `linux.intelRdt: the process is not in "` + root + `/there"; linux.intelRdt.schemata[0]: the group has "MB:0=030;1=100"; linux.intelRdt.schemata[1]: the group has no resource "L2"`,
	} {
		var ps config.Problems
		p.verify(pid, &ps)
		if got := strings.TrimPrefix(ps.Error(), "config.json: "); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestMountPoint(t *testing.T) {
	for text, want := range map[string]string{
		"": "",
		"25 30 0:23 / /sys rw - sysfs sysfs rw\n40 25 0:30 / /sys/fs/my\\040rdt rw,nosuid shared:9 - resctrl resctrl rw\n": "/sys/fs/my rdt",
		"40 25 0:30 /group /mnt rw - resctrl resctrl rw\n":                                                                 "", // a bind mount of a part
		"40 25 0:30 / /resctrl rw - tmpfs resctrl rw\n":                                                                    "",
	} {
		if got := mountPoint(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	p, _ := plan(t, &specs.LinuxIntelRdt{}, "c1")
	if _, err := os.Stat(usualRoot + "/schemata"); err == nil {
		t.Skip("this machine has resctrl")
	}
	if _, err := p.Create(); err == nil || err.Error() != "linux.intelRdt: no resctrl filesystem is mounted" {
		t.Error(err)
	}
}
