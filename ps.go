package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

func psCommand() *cli.Command {
	return &cli.Command{
		Name:      "ps",
		Usage:     "list the processes of a container",
		ArgsUsage: "<container-id> [ps options]",
		Description: `Lists the processes in the container's cgroup, those of ` + "`exec`" + ` too, with their
process ids as the host sees them. The table is that of ps(1) on the host, which
is given the options behind the id, -ef if there are none.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Aliases: []string{"f"}, Value: "table", Usage: "`FORMAT` format of the list, table, or json for the numbers alone"},
		},
		Before: operands(1, -1),
		Action: func(c *cli.Context) error {
			format := c.String("format")
			if format != "table" && format != "json" {
				return fmt.Errorf("--format %q: must be table or json", format)
			}
			ctr, err := container(c)
			if err != nil {
				return err
			}
			defer ctr.Close()
			pids, err := ctr.Pids()
			if err != nil {
				return err
			}
			if format == "json" {
				_, err = os.Stdout.Write(append(appendPids(nil, pids), '\n'))
				return err
			}
			args := c.Args().Tail()
			if len(args) == 0 {
				args = []string{"-ef"}
			}
			out, err := exec.Command("ps", args...).Output()
			if err != nil {
				return fmt.Errorf("ps %s: %w%s", strings.Join(args, " "), err, stderrOf(err))
			}
			out, err = onlyPids(out, pids)
			if err != nil {
				return err
			}
			_, err = os.Stdout.Write(out)
			return err
		},
	}
}

func stderrOf(err error) string {
	if exit, ok := err.(*exec.ExitError); ok && len(exit.Stderr) > 0 {
		first, _, _ := strings.Cut(string(exit.Stderr), "\n")
		return ": " + first
	}
	return " (--format json needs no ps)"
}

func appendPids(b []byte, pids []int) []byte {
	b = append(b, '[')
	for i, pid := range pids {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(pid), 10)
	}
	return append(b, ']')
}

// onlyPids keeps the heading of ps's table and the lines of the given processes.
func onlyPids(table []byte, pids []int) ([]byte, error) {
	var out []byte
	column := -1
	for line := range bytes.Lines(table) {
		fields := strings.Fields(string(line))
		if column < 0 {
			if column = slices.Index(fields, "PID"); column < 0 {
				return nil, fmt.Errorf("ps: no column PID in %q", line)
			}
			out = append(out, line...)
			continue
		}
		if len(fields) <= column {
			continue
		}
		if pid, err := strconv.Atoi(fields[column]); err == nil && slices.Contains(pids, pid) {
			out = append(out, line...)
		}
	}
	return out, nil
}
