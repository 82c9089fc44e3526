package main

import (
	"github.com/urfave/cli/v2"
)

func deleteCommand() *cli.Command {
	return &cli.Command{
		Name:      "delete",
		Usage:     "remove a container that has stopped",
		ArgsUsage: "<container-id>",
		Description: `Removes what is left of a stopped container: its cgroups, its state, and what
else ` + "`create`" + ` made; then runs the poststop hooks. A created container that was
never started is ended first. A running one is refused, unless --force is given.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "force", Aliases: []string{"f"}, Usage: "kill a running container first; no error if there is no such container"},
		},
		Before: operands(1, 1),
		Action: func(c *cli.Context) error {
			r, err := runtime(c)
			if err != nil {
				return err
			}
			return r.Delete(c.Args().First(), c.Bool("force"))
		},
	}
}
