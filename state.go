package main

import (
	"os"

	"github.com/urfave/cli/v2"
)

func stateCommand() *cli.Command {
	return &cli.Command{
		Name:      "state",
		Usage:     "print the state of a container as JSON",
		ArgsUsage: "<container-id>",
		Description: `Prints what the runtime specification calls the state: the container's id, its
status (creating, created, running, paused or stopped), the process id of its
first process as the host sees it (0 once it has stopped), its bundle and its
annotations; and besides its root filesystem, its owner and when it was created.`,
		Before: operands(1, 1),
		Action: func(c *cli.Context) error {
			ctr, err := container(c)
			if err != nil {
				return err
			}
			defer ctr.Close()
			s, err := ctr.State()
			if err != nil {
				return err
			}
			_, err = os.Stdout.Write(append(appendState(nil, &s, ""), '\n'))
			return err
		},
	}
}
