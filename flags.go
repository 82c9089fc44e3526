package main

import (
	"flag"

	"github.com/urfave/cli/v2"
)

// A quickFlag knows its names. A flag of urfave/cli runs a regular expression over
// them, and its parser asks each for each other one: a tenth of `rt state`.
type quickFlag struct {
	cli.Flag
	names []string
}

func (f *quickFlag) Names() []string { return f.names }

// Apply does what the flag would; it asks a flag for a string for its names again.
func (f *quickFlag) Apply(set *flag.FlagSet) error {
	s, ok := f.Flag.(*cli.StringFlag)
	if !ok {
		return f.Flag.Apply(set)
	}
	for _, name := range f.names {
		set.String(name, s.Value, s.Usage)
	}
	return nil
}

// quick makes flags quick. Those that were are left alone.
func quick(flags []cli.Flag) []cli.Flag {
	out := make([]cli.Flag, len(flags))
	for i, f := range flags {
		out[i] = quickly(f)
	}
	return out
}

func quickly(f cli.Flag) cli.Flag {
	switch f := f.(type) {
	case *quickFlag:
		return f
	case *cli.StringFlag:
		return &quickFlag{f, names(f.Name, f.Aliases)}
	case *cli.BoolFlag:
		return &quickFlag{f, names(f.Name, f.Aliases)}
	case *cli.IntFlag:
		return &quickFlag{f, names(f.Name, f.Aliases)}
	case *cli.StringSliceFlag:
		return &quickFlag{f, names(f.Name, f.Aliases)}
	}
	return &quickFlag{f, f.Names()}
}

func names(name string, aliases []string) []string {
	return append([]string{name}, aliases...)
}

// slow is the flag of urfave/cli itself, whose fields say what it is.
func slow(f cli.Flag) cli.Flag {
	if q, ok := f.(*quickFlag); ok {
		return q.Flag
	}
	return f
}
