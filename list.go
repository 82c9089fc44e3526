package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"text/tabwriter"

	"github.com/c9b5e2ae/rt/libcontainer"
	"github.com/urfave/cli/v2"
)

func listCommand() *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "list the containers below the root directory",
		Description: `Lists the containers whose state is kept below --root. One whose state can't be
read is listed with the status "broken": only ` + "`delete --force`" + ` helps it.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Aliases: []string{"f"}, Value: "table", Usage: "`FORMAT` format of the list, table or json"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print ids only"},
		},
		Before: operands(0, 0),
		Action: func(c *cli.Context) error {
			format := c.String("format")
			if format != "table" && format != "json" {
				return fmt.Errorf("--format %q: must be table or json", format)
			}
			r, err := runtime(c)
			if err != nil {
				return err
			}
			list, err := r.List()
			if err != nil {
				return err
			}
			for i := range list {
				if list[i].Err != nil {
					list[i].Status = "broken"
					report.warn(list[i].Err.Error())
				}
			}
			switch {
			case c.Bool("quiet"):
				var b []byte
				for _, info := range list {
					b = append(append(b, info.ID...), '\n')
				}
				_, err = os.Stdout.Write(b)
			case format == "json":
				_, err = os.Stdout.Write(append(appendStates(nil, list), '\n'))
			default:
				err = table(list)
			}
			return err
		},
	}
}

func table(list []libcontainer.Info) error {
	var b bytes.Buffer // tabwriter writes every cell by itself
	w := tabwriter.NewWriter(&b, 12, 1, 3, ' ', 0)
	fmt.Fprint(w, "ID\tPID\tSTATUS\tBUNDLE\tCREATED\tOWNER\n")
	for _, s := range list {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", s.ID, s.Pid, s.Status, printable(s.Bundle), s.Created, s.Owner)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := os.Stdout.Write(b.Bytes())
	return err
}

// printable keeps a bundle's path from breaking the table, or the terminal.
func printable(path string) string {
	for _, c := range path {
		if isControl(c) {
			return strconv.Quote(path)
		}
	}
	return path
}

// appendStates writes the states as one JSON array.
func appendStates(b []byte, list []libcontainer.Info) []byte {
	b = append(b, '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendState(append(b, "\n  "...), &list[i].State, "  ")
	}
	if len(list) > 0 {
		b = append(b, '\n')
	}
	return append(b, ']')
}
