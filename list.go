package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"unicode/utf8"

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
				_, err = os.Stdout.Write(appendTable(nil, list))
			}
			return err
		},
	}
}

// appendTable writes the states in columns as wide as the widest cell, as runc does.
// It is by hand because fmt and tabwriter took a third of the time that all the
// reading for it takes.
func appendTable(b []byte, list []libcontainer.Info) []byte {
	const least, gap = 12, 3
	names := [...]string{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}
	cells := func(n int) [len(names)]string {
		if n < 0 {
			return names
		}
		s := &list[n]
		return [...]string{s.ID, strconv.Itoa(s.Pid), string(s.Status), printable(s.Bundle), s.Created, s.Owner}
	}
	var widths [len(names) - 1]int // behind the last one comes nothing
	for n := -1; n < len(list); n++ {
		row := cells(n)
		for i := range widths {
			widths[i] = max(widths[i], least, utf8.RuneCountInString(row[i])+gap)
		}
	}
	line := least
	for _, width := range widths {
		line += width
	}
	b = slices.Grow(b, (1+len(list))*line)
	for n := -1; n < len(list); n++ {
		for i, text := range cells(n) {
			b = append(b, text...)
			if i < len(widths) {
				for range widths[i] - utf8.RuneCountInString(text) {
					b = append(b, ' ')
				}
			}
		}
		b = append(b, '\n')
	}
	return b
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
