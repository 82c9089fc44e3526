package signals

import (
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The tests run this binary again: what is caught stays caught.
func TestMain(m *testing.M) {
	if test := children[os.Getenv("SIGNALS_CHILD")]; test != nil {
		os.Stdout.WriteString(test())
		os.Exit(0)
	}
	os.Exit(m.Run())
}

var all = func() (set []unix.Signal) {
	for n := unix.Signal(1); n <= 64; n++ {
		switch n {
		case unix.SIGKILL, unix.SIGSTOP, unix.SIGCHLD, unix.SIGURG:
		default:
			set = append(set, n)
		}
	}
	return set
}()

func catch() *Caught {
	c, err := Catch(all)
	if err != nil {
		panic(err)
	}
	return c
}

// await polls until something has come, or for a second.
func (c *Caught) await() []unix.Signal {
	fds := []unix.PollFd{{Fd: int32(c.Fd()), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, 1000); err != unix.EINTR {
			return c.Take()
		}
	}
}

func names(list []unix.Signal) string {
	var out []string
	for _, s := range list {
		out = append(out, unix.SignalName(s))
	}
	return strings.Join(out, " ")
}

var children = map[string]func() string{
	"sent": func() string {
		c := catch()
		var got []unix.Signal
		for _, s := range all {
			if s == 32 || s == 33 { // the C library's own
				continue
			}
			unix.Kill(os.Getpid(), s)
			got = append(got, c.await()...)
		}
		want := slices.DeleteFunc(slices.Clone(all), func(s unix.Signal) bool { return s == 32 || s == 33 })
		if !slices.Equal(got, want) {
			return "got " + names(got)
		}
		return "all"
	},
	"queued": func() string {
		c := catch()
		time.Sleep(time.Millisecond)
		unix.Kill(os.Getpid(), unix.SIGUSR1)
		unix.Kill(os.Getpid(), unix.SIGUSR2)
		unix.Kill(os.Getpid(), unix.SIGTERM)
		got := c.await()
		for len(got) < 3 {
			got = append(got, c.await()...)
		}
		slices.Sort(got)
		return names(got)
	},
	"ignored": func() string {
		signal.Ignore(unix.SIGHUP)
		c := catch()
		unix.Kill(os.Getpid(), unix.SIGHUP)
		unix.Kill(os.Getpid(), unix.SIGTERM)
		return names(c.await())
	},
	"fault": func() (text string) {
		catch()
		defer func() { text = recover().(error).Error() }()
		var nowhere *[1 << 20]byte
		return string(nowhere[4000])
	},
	"closed stdout": func() string {
		c := catch()
		var p [2]int
		unix.Pipe(p[:])
		unix.Close(p[0])
		saved, _ := unix.Dup(1)
		unix.Dup3(p[1], 1, 0)
		_, err := os.Stdout.WriteString("nobody reads this")
		unix.Dup3(saved, 1, 0)
		return err.Error() + " " + names(c.await())
	},
	"executed": func() string {
		catch()
		return inherited()
	},
}

// inherited is what a program that is executed here finds blocked and ignored.
func inherited() string {
	out, err := exec.Command("grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status").Output()
	if err != nil {
		return err.Error()
	}
	return string(out)
}

func TestCatch(t *testing.T) {
	for name, want := range map[string]string{
		"sent":          "all",
		"queued":        "SIGUSR1 SIGUSR2 SIGTERM",
		"ignored":       "SIGTERM",
		"fault":         "runtime error: invalid memory address or nil pointer dereference",
		"closed stdout": "write /dev/stdout: broken pipe SIGPIPE",
		"executed":      inherited(), // as without a catch, whatever the caller ignores
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("/proc/self/exe")
			if name == "sent" { // nohup(1) may have started this test
				exe, err := os.Executable()
				if err != nil {
					t.Fatal(err)
				}
				cmd = exec.Command("env", "--default-signal", exe)
			}
			cmd.Env = append(os.Environ(), "SIGNALS_CHILD="+name)
			out, err := cmd.CombinedOutput()
			if err != nil || string(out) != want {
				t.Errorf("got  %q, %v\nwant %q", out, err, want)
			}
		})
	}
}
