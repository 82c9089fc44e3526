package main

import (
	"github.com/c9b5e2ae/rt/libcontainer"
	"github.com/urfave/cli/v2"
)

func startCommand() *cli.Command {
	return &cli.Command{
		Name:      "start",
		Usage:     "run the program of a created container",
		ArgsUsage: "<container-id>",
		Description: `Lets the process that ` + "`create`" + ` left waiting execute process.args of config.json.
It succeeds when the program runs: a program that can't be executed, or a
startContainer hook that fails, is start's own error.`,
		Before: operands(1, 1),
		Action: onID((*libcontainer.Runtime).Start),
	}
}
