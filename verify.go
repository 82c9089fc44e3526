package main

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"
)

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "compare a container with its config",
		ArgsUsage: "<container-id>",
		Description: `Reads back from the kernel what the container's processes really got:
namespaces, limits, mounts, devices, credentials, capabilities, the seccomp
filter. Each difference from config.json is a line; the exit status is 1 if
there are any. A program may change some of what it was given, so a created
container that was not started tells most.`,
		Before: operands(1, 1),
		Action: func(c *cli.Context) error {
			ctr, err := container(c)
			if err != nil {
				return err
			}
			defer ctr.Close()
			found, err := ctr.Verify()
			if err != nil {
				return err
			}
			for _, p := range found {
				fmt.Fprintln(os.Stdout, p)
			}
			if len(found) > 0 {
				return fmt.Errorf("the container differs from its config.json in %d places", len(found))
			}
			return nil
		},
	}
}
