package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/c9b5e2ae/rt/libcontainer"
	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/urfave/cli/v2"
)

// processFlags say what --process says in one file, so they exclude it.
var processFlags = []cli.Flag{
	&cli.StringFlag{Name: "cwd", Usage: "`DIR` working directory in the container"},
	&cli.StringSliceFlag{Name: "env", Aliases: []string{"e"}, Usage: "`NAME=VALUE` variable to add to the environment; may be repeated"},
	&cli.StringFlag{Name: "user", Aliases: []string{"u"}, Usage: "`UID[:GID]` user to run as, in numbers"},
	&cli.StringSliceFlag{Name: "additional-gids", Aliases: []string{"g"}, Usage: "`GID` group to add, a number; may be repeated"},
	&cli.StringFlag{Name: "process-label", Usage: "`LABEL` SELinux label of the process"},
	&cli.StringFlag{Name: "apparmor", Usage: "`PROFILE` AppArmor profile of the process"},
	&cli.BoolFlag{Name: "no-new-privs", Usage: "set no_new_privs"},
	&cli.StringSliceFlag{Name: "cap", Aliases: []string{"c"}, Usage: "`CAPABILITY` capability to add to those of the container; may be repeated"},
}

func execCommand() *cli.Command {
	return &cli.Command{
		Name:      "exec",
		Usage:     "run another process in a container",
		ArgsUsage: "<container-id> <program> [argument...]",
		Description: `Runs a program in a created or running container, as the user, with the
environment, the working directory and the limits of the container's own
process, except where flags or --process say otherwise. Exits with the
program's status; with 255 if it could not be run.`,
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "process", Aliases: []string{"p"}, Usage: "`FILE` file with JSON that describes the process, like process in config.json"},
			&cli.BoolFlag{Name: "tty", Aliases: []string{"t"}, Usage: "give the process a terminal"},
			&cli.BoolFlag{Name: "detach", Aliases: []string{"d"}, Usage: "return as soon as the program runs"},
		}, processFlags, []cli.Flag{
			&cli.StringFlag{Name: "console-socket", Usage: "`PATH` Unix socket to send the process's terminal to"},
			&cli.StringFlag{Name: "pid-file", Usage: "`FILE` file for the process id"},
			&cli.StringFlag{Name: "pidfd-socket", Usage: "`PATH` Unix socket to send a pidfd of the process to"},
			&cli.IntFlag{Name: "preserve-fds", Usage: "`N` number of descriptors, from 3 on, that the process gets"},
			&cli.StringSliceFlag{Name: "cgroup", Usage: "`[CONTROLLER:]PATH` cgroup below the container's to run in"},
			&cli.BoolFlag{Name: "ignore-paused", Usage: "exec in a paused container: the process waits for resume"},
		}),
		Before: operands(1, -1),
		Action: func(c *cli.Context) error {
			o := libcontainer.ExecOptions{
				PidFile:       c.String("pid-file"),
				PidfdSocket:   c.String("pidfd-socket"),
				ConsoleSocket: c.String("console-socket"),
				PreserveFDs:   c.Int("preserve-fds"),
				ListenFDs:     listenFDs(os.Getenv, os.Getpid()),
				Cgroup:        c.StringSlice("cgroup"),
				IgnorePaused:  c.Bool("ignore-paused"),
			}
			if o.PreserveFDs < 0 {
				return fmt.Errorf("--preserve-fds %d: must not be negative", o.PreserveFDs)
			}
			ctr, err := container(c)
			if err != nil {
				return err
			}
			defer ctr.Close()
			if o.Process, err = processOf(c, ctr); err != nil {
				return err
			}
			if c.Bool("detach") {
				p, err := ctr.Exec(o)
				if err == nil {
					p.Release()
				}
				return err
			}
			if o.ConsoleSocket != "" {
				return errors.New("--console-socket: needs --detach")
			}
			return foreground(func(console libcontainer.Console) (*libcontainer.Process, error) {
				o.Console = console
				return ctr.Exec(o)
			})
		},
	}
}

// processOf is the process that the command line asks for.
func processOf(c *cli.Context, ctr *libcontainer.Container) (*specs.Process, error) {
	file := c.String("process")
	if file == "" {
		if c.NArg() < 2 {
			return nil, errors.New("exec: a program is needed, or --process")
		}
		spec, err := ctr.Config()
		if err != nil {
			return nil, err
		}
		return requestOf(c).process(spec.Process)
	}
	for _, f := range processFlags {
		if name := f.Names()[0]; c.IsSet(name) {
			return nil, fmt.Errorf("--%s: --process says that already", name)
		}
	}
	data, err := config.ReadFile(file, 16<<20)
	if err != nil {
		return nil, fmt.Errorf("--process: %w", err)
	}
	return config.DecodeProcess(file, data)
}

func requestOf(c *cli.Context) *execRequest {
	r := &execRequest{
		Args:         c.Args().Tail(),
		Cwd:          c.String("cwd"),
		Env:          c.StringSlice("env"),
		Tty:          c.Bool("tty"),
		User:         c.String("user"),
		Groups:       c.StringSlice("additional-gids"),
		Caps:         c.StringSlice("cap"),
		AppArmor:     c.String("apparmor"),
		ProcessLabel: c.String("process-label"),
	}
	if c.IsSet("no-new-privs") {
		set := c.Bool("no-new-privs")
		r.NoNewPrivs = &set
	}
	return r
}
