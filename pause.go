package main

import (
	"github.com/c9b5e2ae/rt/libcontainer"
	"github.com/urfave/cli/v2"
)

func pauseCommand() *cli.Command {
	return &cli.Command{
		Name:      "pause",
		Usage:     "suspend all processes of a container",
		ArgsUsage: "<container-id>",
		Description: `Freezes every process of a created or running container, until ` + "`resume`" + `.
Signals wait until then too, except KILL.`,
		Before: operands(1, 1),
		Action: onID((*libcontainer.Runtime).Pause),
	}
}

func resumeCommand() *cli.Command {
	return &cli.Command{
		Name:        "resume",
		Usage:       "let a paused container go on",
		ArgsUsage:   "<container-id>",
		Description: `Thaws every process of a container that ` + "`pause`" + ` froze.`,
		Before:      operands(1, 1),
		Action:      onID((*libcontainer.Runtime).Resume),
	}
}

// onID is the action of a command that needs an id and nothing else.
func onID(do func(*libcontainer.Runtime, string) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		r, err := runtime(c)
		if err != nil {
			return err
		}
		return do(r, c.Args().First())
	}
}
