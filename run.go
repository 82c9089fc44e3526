package main

import (
	"errors"
	"slices"

	"github.com/c9b5e2ae/rt/libcontainer"
	"github.com/urfave/cli/v2"
)

func runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "create a container, start it and wait for its end",
		ArgsUsage: "<container-id>",
		Description: `Does what ` + "`create`" + ` and ` + "`start`" + ` do, stays in the foreground until the program
ends, deletes the container and exits with the program's status, 128+n if
signal n ended it. Signals that rt gets are passed on to the program. If
process.terminal of config.json is true, rt's own terminal becomes its terminal.`,
		Flags: slices.Concat(createFlags, []cli.Flag{
			&cli.BoolFlag{Name: "detach", Aliases: []string{"d"}, Usage: "return as soon as the program runs"},
			&cli.BoolFlag{Name: "keep", Usage: "do not delete the container when it ends"},
			&cli.BoolFlag{Name: "no-subreaper", Usage: "accepted: rt adopts no processes of the container"},
		}),
		Before: count(1, 1),
		Action: func(c *cli.Context) error {
			r, err := runtime(c)
			if err != nil {
				return err
			}
			o, err := createOptions(c)
			if err != nil {
				return err
			}
			o.Start = true
			if c.Bool("detach") {
				_, p, err := r.Create(o)
				if err == nil {
					p.Release()
				}
				return err
			}
			if o.ConsoleSocket != "" {
				return errors.New("--console-socket: needs --detach")
			}
			var created *libcontainer.Container
			err = foreground(func(console libcontainer.Console) (p *libcontainer.Process, err error) {
				o.Console = console
				created, p, err = r.Create(o)
				return p, err
			})
			if created != nil && !c.Bool("keep") {
				if err := created.Delete(); err != nil {
					report.warn("delete: " + err.Error())
				}
			}
			return err
		},
	}
}
