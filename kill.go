package main

import (
	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"
)

func killCommand() *cli.Command {
	return &cli.Command{
		Name:      "kill",
		Usage:     "send a signal to a container",
		ArgsUsage: "<container-id> [signal]",
		Description: `Sends a signal to the container's first process. The signal is a name in any
case, with or without SIG, or a number; RTMIN+n and RTMAX-n name real-time
signals. Without one it is the signal by which the image wants to be stopped
(annotation org.opencontainers.image.stopSignal), or else TERM. KILL ends a
paused container too.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", Aliases: []string{"a"}, Usage: "send it to every process of the container, also to those that outlived the first"},
		},
		Before: operands(1, 2),
		Action: func(c *cli.Context) error {
			signal := unix.SIGTERM
			if c.NArg() > 1 {
				var err error
				if signal, err = parseSignal(c.Args().Get(1)); err != nil {
					return err
				}
			}
			ctr, err := container(c)
			if err != nil {
				return err
			}
			defer ctr.Close()
			if c.NArg() == 1 {
				// A word that names no signal is the image's mistake, not the caller's.
				if s, err := parseSignal(ctr.StopSignal()); err == nil && s != 0 {
					signal = s
				}
			}
			return ctr.Kill(signal, c.Bool("all"))
		},
	}
}
