package main

import (
	"github.com/urfave/cli/v2"
)

func killCommand() *cli.Command {
	return &cli.Command{
		Name:      "kill",
		Usage:     "send a signal to a container",
		ArgsUsage: "<container-id> [signal]",
		Description: `Sends a signal, TERM if none is given, to the container's first process. The
signal is a name in any case, with or without SIG, or a number; RTMIN+n and
RTMAX-n name real-time signals. KILL ends a paused container too.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Usage: "send it to every process of the container, also to those that outlived the first"},
		},
		Before: operands(1, 2),
		Action: func(c *cli.Context) error {
			name := "TERM"
			if c.NArg() > 1 {
				name = c.Args().Get(1)
			}
			signal, err := parseSignal(name)
			if err != nil {
				return err
			}
			ctr, err := container(c)
			if err != nil {
				return err
			}
			defer ctr.Close()
			return ctr.Kill(signal, c.Bool("all"))
		},
	}
}
