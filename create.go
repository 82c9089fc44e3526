package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/c9b5e2ae/rt/libcontainer"
	"github.com/urfave/cli/v2"
)

// createFlags belong to create and run.
var createFlags = []cli.Flag{
	&cli.StringFlag{Name: "bundle", Aliases: []string{"b"}, Usage: "`DIR` the bundle: where config.json is (default: the current directory)"},
	&cli.StringFlag{Name: "console-socket", Usage: "`PATH` Unix socket to send the container's terminal to"},
	&cli.StringFlag{Name: "pid-file", Usage: "`FILE` file for the process id of the container's first process"},
	&cli.StringFlag{Name: "pidfd-socket", Usage: "`PATH` Unix socket to send a pidfd of that process to"},
	&cli.BoolFlag{Name: "no-pivot", Usage: "move the root filesystem in place of pivot_root(2): for an initramfs, and less safe"},
	&cli.BoolFlag{Name: "no-new-keyring", Usage: "keep the caller's session keyring"},
	&cli.IntFlag{Name: "preserve-fds", Usage: "`N` number of descriptors, from 3 on, that the container gets"},
}

func createCommand() *cli.Command {
	return &cli.Command{
		Name:      "create",
		Usage:     "create a container from a bundle",
		ArgsUsage: "<container-id>",
		Description: `Makes everything that the bundle's config.json asks for, and leaves a process
waiting in it that ` + "`start`" + ` turns into the container's program. The id is free to
choose and must be new. Where --bundle is not given, the current directory has
no config.json and a directory named like the id has one, that is the bundle.`,
		Flags:  createFlags,
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
			_, p, err := r.Create(o)
			if err == nil {
				p.Release()
			}
			return err
		},
	}
}

// createOptions are the flags of create and run.
func createOptions(c *cli.Context) (libcontainer.CreateOptions, error) {
	o := libcontainer.CreateOptions{
		PidFile:       c.String("pid-file"),
		PidfdSocket:   c.String("pidfd-socket"),
		ConsoleSocket: c.String("console-socket"),
		PreserveFDs:   c.Int("preserve-fds"),
		ListenFDs:     listenFDs(os.Getenv, os.Getpid()),
		NoPivot:       c.Bool("no-pivot"),
		NoNewKeyring:  c.Bool("no-new-keyring"),
	}
	if o.PreserveFDs < 0 {
		return o, fmt.Errorf("--preserve-fds %d: must not be negative", o.PreserveFDs)
	}
	var err error
	if o.ID, o.Bundle, err = bundleOf(c.Args().First(), c.String("bundle")); err != nil {
		return o, err
	}
	return o, keepRoot(c.String("root"))
}

// keepRoot makes a user's default root sticky: in $XDG_RUNTIME_DIR what is not
// may be removed when it was idle for hours (XDG Base Directory Specification).
func keepRoot(flag string) error {
	root := defaultRoot()
	if flag != "" || root == systemRoot {
		return nil
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return err
	}
	return os.Chmod(root, 0o700|os.ModeSticky)
}

// bundleOf finds the bundle of an operand: the directory of --bundle, else the
// current one, as with runc; but where that is no bundle and the operand names
// one, it is that, and the id its base name.
func bundleOf(operand, flag string) (id, bundle string, err error) {
	if flag == "" && !isBundle(".") && isBundle(operand) {
		id, bundle = filepath.Base(filepath.Clean(operand)), operand
	} else {
		id, bundle = operand, flag
	}
	if bundle == "" {
		bundle = "."
	}
	return id, bundle, libcontainer.CheckID(id)
}

func isBundle(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, "config.json"))
	return err == nil
}

// listenFDs is how many descriptors the service manager passes through rt to
// the container, by the protocol of sd_listen_fds(3).
func listenFDs(getenv func(string) string, pid int) int {
	if getenv("LISTEN_PID") != strconv.Itoa(pid) {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(getenv("LISTEN_FDS")))
	if err != nil || n < 0 {
		return 0
	}
	return n
}
