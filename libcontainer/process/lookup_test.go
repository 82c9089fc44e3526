package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// programs fills a directory with everything that can be wrong with a program.
func programs(t *testing.T) string {
	dir := scratch(t)
	host := machineOf(runtime.GOARCH)
	foreign := machineOf("arm64")
	if runtime.GOARCH == "arm64" {
		foreign = machineOf("amd64")
	}
	for name, data := range map[string]string{
		"bashh":     "#!/bin/bashh\n",
		"crlf":      "#!/bin/sh\r\necho\r\n",
		"blanks":    "#! \t/nowhere/env  python\n",
		"dirinterp": "#!/etc\n",
		"textint":   "#!" + dir + "/noexec\n",
		"chain":     "#!" + dir + "/bashh -x\n",
		"noend":     "#!/nowhere",
		"bare":      "#!\n",
		"empty":     "",
		"text":      "echo hello, wörld\n",
		"bom":       "\xef\xbb\xbf#!/bin/sh\n",
		"windows":   "MZ\x90\x00\x03",
		"binary":    "\x00\x01\x02",
		"noexec":    "#!/bin/sh\n",
		"elf":       string(elfFile(host, "/lib/ld-nowhere.so.1", []byte{0})),
		"foreign":   string(elfFile(foreign, "/lib/ld-nowhere.so.1", []byte{0})),
		"damaged":   string(elfFile(host, "", nil)[:64]),
		"cut":       "\x7fELF\x02",
		"strange":   string(elfFile(0xbeef, "", nil)),
	} {
		mode := os.FileMode(0o755)
		if name == "noexec" {
			mode = 0o644
		}
		write(t, filepath.Join(dir, name), []byte(data), mode)
	}
	good, err := os.ReadFile(pauser(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	os.Mkdir(filepath.Join(dir, "bin"), 0o755)
	os.Mkdir(filepath.Join(dir, "sbin"), 0o755)
	os.Mkdir(filepath.Join(dir, "secret"), 0o700)
	os.Mkdir(filepath.Join(dir, "sbin", "isdir"), 0o755)
	write(t, filepath.Join(dir, "secret", "tool"), good, 0o755)
	write(t, filepath.Join(dir, "sbin", "tool"), good, 0o644)
	write(t, filepath.Join(dir, "sbin", "only"), good, 0o644)
	write(t, filepath.Join(dir, "bin", "tool"), good, 0o755)
	write(t, filepath.Join(dir, "rootonly"), good, 0o700)
	write(t, filepath.Join(dir, "unreadable"), good, 0o711)
	os.Symlink("loop", filepath.Join(dir, "loop"))
	os.Symlink("bin/tool", filepath.Join(dir, "link"))
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o777); err != nil {
		t.Fatal(err)
	}
	os.Chmod(filepath.Join(dir, "fifo"), 0o777)
	return dir
}

// A lookup is a program's name and what comes of it: the file found, or an error.
type lookup struct {
	name, path string
	want       string
}

func lookups(dir string) []lookup {
	in := func(s string) string { return strings.ReplaceAll(s, "@", dir) }
	rows := []lookup{
		{"@/bin/tool", "", "@/bin/tool"},
		{"@/link", "", "@/link"},
		{"@/unreadable", "", "@/unreadable"},
		{"tool", "@/bin", "@/bin/tool"},
		{"tool", "@/nowhere:@/noexec:@/sbin:@/secret:@/bin", "@/bin/tool"},
		{"tool", ":@/nowhere", `exec: "tool": executable file not found in $PATH`},
		{"link", "", "link"}, // an empty PATH is the working directory
		{"bin/tool", "/nowhere", "bin/tool"},
		{"nosuch", "@/bin", `exec: "nosuch": executable file not found in $PATH`},
		{"", "@/bin", `exec: "": executable file not found in $PATH`},
		{"only", "@/sbin:@/bin", `exec: "only": permission denied`},
		{"isdir", "@/sbin:@/bin", `exec: "isdir": permission denied`},
		{"@/x", "", `exec: "@/x": no such file or directory`},
		{"@/bin/tool/x", "", `exec: "@/bin/tool/x": not a directory`},
		{"@/bin", "", `exec: "@/bin": is a directory: permission denied`},
		{"@/noexec", "", `exec: "@/noexec": permission denied`},
		{"@/fifo", "", `exec: "@/fifo": permission denied`},
		{"@/rootonly", "", `exec: "@/rootonly": permission denied`},
		{"@/secret/tool", "", `exec: "@/secret/tool": permission denied`},
		{"@/loop", "", `exec: "@/loop": too many levels of symbolic links`},
		{"@/bashh", "", `exec "@/bashh": no such file or directory: its interpreter "/bin/bashh" is missing`},
		{"@/crlf", "", `exec "@/crlf": no such file or directory: its interpreter "/bin/sh\r" is missing: the script has Windows line ends`},
		{"@/blanks", "", `exec "@/blanks": no such file or directory: its interpreter "/nowhere/env" is missing`},
		{"@/noend", "", `exec "@/noend": no such file or directory: its interpreter "/nowhere" is missing`},
		{"@/dirinterp", "", `exec "@/dirinterp": permission denied: its interpreter "/etc" is a directory`},
		{"@/textint", "", `exec "@/textint": permission denied: its interpreter "@/noexec" is not executable`},
		{"@/chain", "", `exec "@/chain": no such file or directory: the interpreter "/bin/bashh" of "@/bashh" is missing`},
		{"@/elf", "", `exec "@/elf": no such file or directory: its interpreter "/lib/ld-nowhere.so.1" is missing`},
		// What a binfmt_misc handler may know how to run is found, and fails at execve.
		{"@/foreign", "", "@/foreign"},
		{"@/empty", "", "@/empty"},
	}
	for i := range rows {
		rows[i] = lookup{in(rows[i].name), in(rows[i].path), in(rows[i].want)}
	}
	return rows
}

func TestInitFindExecutable(t *testing.T) {
	needRoot(t)
	r := launch(t, "lookups", child{Root: "", Extra: programs(t), Spec: specs.Spec{Process: &specs.Process{
		Args: []string{"x"}, Cwd: "/", User: specs.User{UID: 1000, GID: 1000},
	}}}, nil)
	if got := r.wait(t); got != "" {
		t.Error("\n" + got)
	}
}

func init() { children["lookups"] = lookupAll }

func lookupAll(c child) error {
	p := &Plan{UID: 1000, GID: 1000}
	if err := p.SetUser(); err != nil {
		return err
	}
	if err := os.Chdir(c.Extra); err != nil {
		return err
	}
	var out strings.Builder
	for _, row := range lookups(c.Extra) {
		p.path, p.Args, p.Env = "", []string{row.name}, []string{"PATH=" + row.path}
		got := ""
		if err := p.FindExecutable(); err != nil {
			got = err.Error()
		} else {
			got = p.path
		}
		if got != row.want {
			out.WriteString(row.name + "\n got  " + got + "\n want " + row.want + "\n")
		}
	}
	if out.Len() > 0 {
		return textError(out.String())
	}
	return nil
}

type textError string

func (e textError) Error() string { return string(e) }

func TestFindExecutableDefaultPath(t *testing.T) {
	p := &Plan{Args: []string{"sh"}}
	if err := p.FindExecutable(); err != nil || !strings.HasSuffix(p.path, "/bin/sh") {
		t.Errorf("got %q, %v", p.path, err)
	}
}

func TestInitExecFails(t *testing.T) {
	needRoot(t)
	dir := programs(t)
	foreign := "arm64 program on an amd64 host"
	if runtime.GOARCH == "arm64" {
		foreign = "amd64 program on an arm64 host"
	}
	for name, want := range map[string]string{
		"foreign": "exec format error: " + foreign,
		"strange": "exec format error: machine 48879 program on " + withArticle(runtime.GOARCH) + " host",
		"damaged": "exec format error: a damaged ELF file",
		"empty":   "exec format error: the file is empty",
		"text":    "exec format error: a script without a #! line",
		"bom":     "exec format error: a byte order mark stands before its #!",
		"bare":    "exec format error: its #! line names no interpreter",
		"windows": "exec format error: a program for Windows",
		"binary":  "exec format error",
		"cut":     "exec format error",
		"crlf":    `no such file or directory: its interpreter "/bin/sh\r" is missing: the script has Windows line ends`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			s := specs.Spec{Process: &specs.Process{Args: []string{path}, Cwd: "/"}}
			r := launch(t, "run", child{Spec: s}, nil)
			if got, want := r.wait(t), `exec "`+path+`": `+want; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// A user with CAP_DAC_OVERRIDE may execute what access(2) denies it.
func TestInitExecWithOverride(t *testing.T) {
	needRoot(t)
	path := filepath.Join(programs(t), "rootonly")
	caps := []string{"CAP_DAC_OVERRIDE"}
	s := specs.Spec{Process: &specs.Process{
		Args: []string{path}, Cwd: "/", User: specs.User{UID: 1000},
		Capabilities: &specs.LinuxCapabilities{Bounding: caps, Permitted: caps, Effective: caps, Inheritable: caps, Ambient: caps},
	}}
	r := launch(t, "run", child{Spec: s}, nil)
	if got := r.wait(t); got != "" {
		t.Error(got)
	}
}

// The kernel must agree with the reader of "#!" lines about what the interpreter
// is: its error is the proof.
func TestScriptInterpreterAsKernel(t *testing.T) {
	dir := scratch(t)
	write(t, filepath.Join(dir, "ok"), []byte("#!/bin/true\n"), 0o755)
	long := filepath.Join(dir, strings.Repeat("x", 200-len(dir)))
	os.Symlink("/bin/true", long)
	for _, head := range []string{
		"#!/bin/true\n", "#! /bin/true -x\n", "#!\t/bin/true\t\n", "#!/bin/true", "#!/bin/true\x00\n", "#!" + long + "\n",
		"#!/bin/truee\n", "#!/bin/true\r\n", "#!/bin/tru\x00e\n",
	} {
		path := write(t, filepath.Join(dir, "script"), []byte(head), 0o755)
		ran := exec.Command(path).Run() == nil
		name, ok := scriptInterpreter([]byte(head))
		found := ok && (&Plan{}).executable(name) == nil
		if ran != found {
			t.Errorf("%q: the kernel ran it: %v, we see %q: %v", head, ran, name, found)
		}
	}
}

// The image's files are hostile: none may make init wait, or read without end.
func TestInitHome(t *testing.T) {
	needRoot(t)
	for name, tt := range map[string]struct {
		make func(passwd string) error
		env  []string
		want string
	}{
		"there":     {func(p string) error { return os.WriteFile(p, []byte("a:x:1000:1000::/home/a:\n"), 0o600) }, nil, "HOME=/home/a"},
		"given":     {func(p string) error { return os.WriteFile(p, []byte("a:x:1000:1000::/home/a:\n"), 0o600) }, []string{"HOME=/x"}, "HOME=/x"},
		"empty":     {func(p string) error { return os.WriteFile(p, []byte("a:x:1000:1000::/home/a:\n"), 0o600) }, []string{"HOME="}, "HOME=/home/a"},
		"missing":   {func(p string) error { return nil }, nil, "HOME=/"},
		"fifo":      {func(p string) error { return unix.Mkfifo(p, 0o666) }, nil, "HOME=/"},
		"directory": {func(p string) error { return os.Mkdir(p, 0o755) }, nil, "HOME=/"},
		"zero":      {func(p string) error { return unix.Mknod(p, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))) }, nil, "HOME=/"},
		"link":      {func(p string) error { return os.Symlink("/proc/self/fd/0", p) }, nil, "HOME=/"},
		"sparse": {func(p string) error {
			os.WriteFile(p, []byte("a:x:1000:1000::/home/a:\n"), 0o600)
			return os.Truncate(p, 4<<30)
		}, nil, "HOME=/"},
		"loop": {func(p string) error { return os.Symlink("passwd", p) }, nil, "HOME=/"},
	} {
		t.Run(name, func(t *testing.T) {
			root := scratch(t)
			pauser(t, root)
			for _, d := range []string{"etc", "proc"} {
				if err := os.Mkdir(filepath.Join(root, d), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := tt.make(filepath.Join(root, "etc", "passwd")); err != nil {
				t.Fatal(err)
			}
			s := specs.Spec{Process: &specs.Process{
				Args: []string{"/pause"}, Cwd: "/", Env: tt.env, User: specs.User{UID: 1000, GID: 1000},
			}}
			begin := time.Now()
			r := launch(t, "run", child{Spec: s, Root: root}, nil)
			if got := r.wait(t); got != "" {
				t.Fatal(got)
			}
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
			data, _ := os.ReadFile(filepath.Join("/proc", pidText(r), "environ"))
			if got := strings.TrimRight(string(data), "\x00"); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestInitCwd(t *testing.T) {
	needRoot(t)
	for name, tt := range map[string]struct {
		cwd  string
		uid  uint32
		exec bool
		want string // the error
		at   string // or the directory
	}{
		"there":            {cwd: "/app", at: "/app"},
		"made":             {cwd: "/a/b//c/", at: "/a/b/c"},
		"made for a user":  {cwd: "/a/b", uid: 1000, at: "/a/b"},
		"not made by exec": {cwd: "/a/b", exec: true, want: `process.cwd: "/a/b" is not in the container`},
		"link":             {cwd: "/link/sub", at: "/app/sub"},
		"upwards":          {cwd: "/../../../app", at: "/app"},
		"escaping link":    {cwd: "/up/app", at: "/app"},
		"dangling link":    {cwd: "/dangling", want: `create working directory: process.cwd: "/dangling" is not in the container`},
		"file":             {cwd: "/file", want: `process.cwd: "/file" is no directory`},
		"below a file":     {cwd: "/file/x", want: `process.cwd: "/file/x" is no directory`},
		"magic link":       {cwd: "/fd", want: `process.cwd: "/fd" leads through a link of procfs, or in a circle`},
		"loop":             {cwd: "/loop", want: `process.cwd: "/loop" leads through a link of procfs, or in a circle`},
		"not for the user": {cwd: "/secret", uid: 1000, at: "/secret"}, // init may, and the user inherits it
	} {
		t.Run(name, func(t *testing.T) {
			root := scratch(t)
			pauser(t, root)
			for _, d := range []string{"app", "app/sub", "secret", "proc"} {
				if err := os.Mkdir(filepath.Join(root, d), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			os.Chmod(filepath.Join(root, "secret"), 0o700)
			write(t, filepath.Join(root, "file"), nil, 0o644)
			for link, target := range map[string]string{
				"link": "/app", "up": "../../../..", "dangling": "nowhere", "loop": "loop", "fd": "/proc/self/fd/4",
			} {
				if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
					t.Fatal(err)
				}
			}
			s := specs.Spec{Process: &specs.Process{Args: []string{"/pause"}, Cwd: tt.cwd, User: specs.User{UID: tt.uid}}}
			r := launch(t, "run", child{Spec: s, Root: root, Exec: tt.exec}, func(cmd *exec.Cmd) {
				cmd.SysProcAttr.Unshareflags = unix.CLONE_NEWNS
				// procfs, to have magic links; it goes with the namespace
				cmd.Env = append(cmd.Env, "RT_TEST_PROC="+filepath.Join(root, "proc"))
			})
			if got := r.wait(t); got != tt.want {
				t.Fatalf("got  %s\nwant %s", got, tt.want)
			}
			if tt.want != "" {
				return
			}
			at, err := os.Readlink(filepath.Join("/proc", pidText(r), "cwd"))
			if got := strings.TrimPrefix(at, root); err != nil || got != tt.at {
				t.Errorf("got %s, want %s", at, tt.at)
			}
			st, err := os.Stat(filepath.Join(root, tt.at))
			if err != nil || (name[:4] == "made" && st.Mode().Perm() != 0o755) {
				t.Errorf("%v, %v", st, err)
			}
		})
	}
}
