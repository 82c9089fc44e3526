// Rt is an OCI runtime: it creates containers from bundles and runs them as the
// runtime specification says. What a container is lives in libcontainer; here
// are the command line, the log and the terminal.
//
// The settings keep the Go runtime from holding two descriptors of its cgroup for
// later looks at GOMAXPROCS: no rt lives that long.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/c9b5e2ae/rt/libcontainer"
	_ "github.com/c9b5e2ae/rt/libcontainer/calm"
	_ "github.com/c9b5e2ae/rt/libcontainer/cgroups/systemd" // for --systemd-cgroup
	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"
)

func main() {
	// The container's first process is this binary once more. No command line is
	// built for it: each instruction here is paid twice per container.
	if len(os.Args) > 1 && os.Args[1] == "init" {
		os.Exit(exitCode("init", libcontainer.Init()))
	}
	os.Exit(rt(os.Args))
}

// verbs are the commands. They are functions because one call needs one of them:
// what a package variable needs to be made, each init of a container pays too.
var verbs = []struct {
	name    string
	command func() *cli.Command
}{
	{"create", createCommand}, {"start", startCommand}, {"state", stateCommand}, {"kill", killCommand}, {"delete", deleteCommand},
	{"run", runCommand}, {"exec", execCommand}, {"list", listCommand}, {"ps", psCommand}, {"pause", pauseCommand},
	{"resume", resumeCommand}, {"update", updateCommand}, {"verify", verifyCommand}, {"spec", specCommand}, {"features", featuresCommand},
}

var globalFlags = []cli.Flag{
	&cli.StringFlag{Name: "root", Usage: "`DIR` directory of the state of all containers (default: /run/rt, or $XDG_RUNTIME_DIR/rt for a user who is not root)"},
	&cli.StringFlag{Name: "log", Usage: "`FILE` file to append errors and warnings to; errors go to stderr too"},
	&cli.StringFlag{Name: "log-format", Usage: "`FORMAT` format of the log, text or json", Value: "text"},
	&cli.BoolFlag{Name: "debug", Usage: "log more"},
	&cli.BoolFlag{Name: "systemd-cgroup", Usage: "have systemd make the cgroup; linux.cgroupsPath is then slice:prefix:name"},
	&cli.StringFlag{Name: "rootless", Usage: "`WHEN` go on without cgroups that only root can make: true, false or auto", Value: "auto"},
	&cli.StringFlag{Name: "trace", Usage: "`FILE` file for a timeline of the operation, to be read by chrome://tracing or Perfetto"},
	&cli.StringFlag{Name: "criu", Usage: "ignored", Hidden: true},
}

// exitStatus is an error that has been reported already, or needs no report: the
// status of a container's process.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// report takes every message of this process.
var report = &reporter{stderr: os.Stderr}

// timeline records the operation if --trace or --debug asks for it.
var (
	timeline  *libcontainer.Trace
	traceFile string
)

// rt runs one command line and returns the exit code: 0, that of the container's
// process for run and exec, 128+n where signal n ended the operation, 255 where
// exec failed before its process ran, and else 1.
func rt(args []string) int {
	name := programName(args)
	globals := quick(globalFlags)
	cli.HelpFlag, cli.VersionFlag = quickly(cli.HelpFlag), quickly(cli.VersionFlag)
	l := split(args[1:], globals)
	app := &cli.App{
		Name:                      name,
		HelpName:                  name,
		Usage:                     "creates and runs containers from OCI bundles",
		Flags:                     globals,
		Version:                   version,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true,
		Before:                    before,
		Action:                    func(c *cli.Context) error { return noCommand(c, l) },
		OnUsageError:              usageError,
		ExitErrHandler:            func(*cli.Context, error) {}, // rt decides about exit codes, here
	}
	cli.HelpPrinter = helpPrinter(name)
	cli.VersionPrinter = printVersion
	if cmd := find(l.verb); cmd != nil {
		app.Commands = []*cli.Command{cmd}
		cmd.Flags = quick(cmd.Flags)
		cmd.HideHelpCommand = true // or an operand "help" would be one
		cmd.OnUsageError = usageError
		switch l.verb {
		case "exec", "ps", "spec": // their operands have flags of their own
		default:
			l.rest = flagsFirst(l.rest, cmd.Flags)
		}
	}
	line := append([]string{name}, l.globals...)
	if l.verb != "" {
		line = append(append(line, l.verb), l.rest...)
	}
	err := app.Run(line)
	if timeline != nil {
		if failed := writeTimeline(traceFile, timeline.Rows()); err == nil {
			err = failed
		}
	}
	return exitCode(l.verb, err)
}

// exitCode reports err and turns it into an exit code.
func exitCode(verb string, err error) int {
	var status exitStatus
	var interrupted libcontainer.Interrupted
	if err == nil || errors.As(err, &status) {
		report.flush()
		return int(status)
	}
	report.fail(err)
	switch {
	case errors.As(err, &interrupted):
		return 128 + int(interrupted.Signal)
	case verb == "exec":
		return 255
	}
	return 1
}

// find makes the command of a verb, nil if there is none.
func find(verb string) *cli.Command {
	for _, v := range verbs {
		if v.name == verb {
			return v.command()
		}
	}
	return nil
}

// before sets up the log as soon as the global flags are known.
func before(c *cli.Context) error {
	report.verbose = c.Bool("debug")
	traceFile = c.String("trace")
	if report.verbose || traceFile != "" {
		timeline = &libcontainer.Trace{}
	}
	if log := c.String("log"); log != "/dev/stderr" {
		report.path = log
	}
	switch format := c.String("log-format"); format {
	case "text":
	case "json":
		report.json = true
	default:
		return fmt.Errorf("--log-format %q: must be text or json", format)
	}
	switch when := c.String("rootless"); when {
	case "true", "false", "auto":
	default:
		return fmt.Errorf("--rootless %q: must be true, false or auto", when)
	}
	return nil
}

// noCommand is what rt does when the command line names none that it has.
func noCommand(c *cli.Context, l line) error {
	verb := l.verb
	if verb == "" {
		verb = c.Args().First() // behind "--"
	}
	switch verb {
	case "":
		return cli.ShowAppHelp(c)
	case "help":
		return help(c, l.rest)
	}
	return fmt.Errorf("unknown command %.60q%s", verb, hint(verb, commandNames()))
}

// runtime is the libcontainer side of the global flags.
func runtime(c *cli.Context) (*libcontainer.Runtime, error) {
	root := c.String("root")
	if root == "" {
		root = defaultRoot()
		if root == systemRoot && os.Geteuid() != 0 && unix.Access(root, unix.R_OK|unix.X_OK) == unix.EACCES {
			return nil, fmt.Errorf("%s: %w: a user who is not root sets XDG_RUNTIME_DIR, or gives --root", root, unix.EACCES)
		}
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("--root: %w", err)
	}
	return &libcontainer.Runtime{
		Root:     root,
		Systemd:  c.Bool("systemd-cgroup"),
		Rootless: c.String("rootless"),
		Warn:     report.warn,
		Trace:    timeline,
	}, nil
}

// defaultRoot is a directory that goes with the machine's boot, or with the
// user's session.
func defaultRoot() string {
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		return systemRoot
	}
	if os.Geteuid() == 0 {
		// root of a user namespace is a user, unless it says otherwise.
		facts, err := config.ReadFacts("auto")
		if err != nil || !facts.Rootless || os.Getenv("USER") == "root" {
			return systemRoot
		}
	}
	return filepath.Join(dir, "rt")
}

const systemRoot = "/run/rt"

// container loads the container that the first operand names.
func container(c *cli.Context) (*libcontainer.Container, error) {
	r, err := runtime(c)
	if err != nil {
		return nil, err
	}
	return r.Load(c.Args().First())
}

// operands checks how many there are, and that the first is an id.
func operands(least, most int) cli.BeforeFunc {
	return func(c *cli.Context) error {
		if err := count(least, most)(c); err != nil || c.NArg() == 0 {
			return err
		}
		return libcontainer.CheckID(c.Args().First())
	}
}

// count checks how many operands there are; most is -1 for any number.
func count(least, most int) cli.BeforeFunc {
	return func(c *cli.Context) error {
		if n := c.NArg(); n < least || most >= 0 && n > most {
			return fmt.Errorf("%s: %d operands: usage: %s", c.Command.Name, n, synopsis(c.App.Name, c.Command))
		}
		return nil
	}
}

// programName is rt, or runc where rt was put in its place: engines look for the
// name in the version.
func programName(args []string) string {
	if len(args) > 0 && strings.TrimPrefix(filepath.Base(args[0]), "docker-") == "runc" {
		return "runc"
	}
	return "rt"
}
