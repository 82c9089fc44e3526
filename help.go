package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// helpPrinter is what urfave/cli calls for --help, with an app or a command.
func helpPrinter(name string) func(io.Writer, string, any) {
	return func(w io.Writer, _ string, data any) {
		if c, ok := data.(*cli.Command); ok {
			commandHelp(w, name, c)
			return
		}
		appHelp(w, name)
	}
}

func appHelp(w io.Writer, name string) {
	fmt.Fprintf(w, "%s creates and runs containers from OCI bundles.\n\nUsage: %s [global options] <command> [options] [operands]\n\nCommands:\n", name, name)
	var rows [][2]string
	for _, v := range verbs {
		rows = append(rows, [2]string{v.name, v.command().Usage})
	}
	columns(w, rows)
	fmt.Fprint(w, "\nGlobal options:\n")
	columns(w, append(flagRows(globalFlags), [2]string{"--version, -v", "print the version"}))
	fmt.Fprintf(w, `
A bundle is a directory with a config.json and a root filesystem:

   mkdir -p mybundle/rootfs && cp /bin/busybox mybundle/rootfs/
   %[1]s spec -b mybundle
   %[1]s run mybundle

%[1]s <command> --help explains a command.
`, name)
}

func commandHelp(w io.Writer, name string, c *cli.Command) {
	fmt.Fprintf(w, "Usage: %s\n\n%s.\n\n%s\n", synopsis(name, c), upperFirst(c.Usage), c.Description)
	fmt.Fprint(w, "\nOptions:\n")
	columns(w, flagRows(c.Flags))
}

func synopsis(name string, c *cli.Command) string {
	return strings.TrimSpace(name + " " + c.Name + " [options] " + c.ArgsUsage)
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// flagRows describes each flag by its names and its usage, which begins with
// the word that stands for the value, in backquotes.
func flagRows(flags []cli.Flag) [][2]string {
	var rows [][2]string
	for _, f := range flags {
		if f == cli.HelpFlag || f == cli.VersionFlag {
			continue
		}
		f = slow(f)
		d, ok := f.(cli.DocGenerationFlag)
		if v, can := f.(cli.VisibleFlag); !ok || can && !v.IsVisible() {
			continue
		}
		value, usage, found := strings.Cut(strings.TrimPrefix(d.GetUsage(), "`"), "` ")
		if !found {
			value, usage = "", d.GetUsage()
		}
		if s, ok := f.(*cli.StringFlag); ok && s.Value != "" {
			usage += " (default: " + s.Value + ")"
		}
		var names []string
		for _, name := range f.Names() {
			names = append(names, strings.TrimSpace(dashed(name)+" "+value))
		}
		rows = append(rows, [2]string{strings.Join(names, ", "), usage})
	}
	return append(rows, [2]string{"--help, -h", "show this help"})
}

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// columns prints rows of two columns, the second wrapped at the width of a
// terminal that nobody made wider.
func columns(w io.Writer, rows [][2]string) {
	const wide = 30 // where the second column goes below a longer first
	left := 0
	for _, r := range rows {
		if n := len(r[0]); n > left && n <= wide {
			left = n
		}
	}
	for _, r := range rows {
		margin := strings.Repeat(" ", left+6)
		lead := fmt.Sprintf("   %-*s   ", left, r[0])
		if len(r[0]) > left {
			lead = "   " + r[0] + "\n" + margin
		}
		fmt.Fprint(w, lead, wrap(r[1], 79-len(margin), margin), "\n")
	}
}

func wrap(text string, width int, margin string) string {
	var b strings.Builder
	used := 0
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case used == 0:
		case used+1+n > width:
			b.WriteString("\n" + margin)
			used = 0
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += n
	}
	return b.String()
}

// help is the command `rt help [command]`.
func help(c *cli.Context, args []string) error {
	if len(args) == 0 {
		return cli.ShowAppHelp(c)
	}
	cmd := find(args[0])
	if cmd == nil {
		return fmt.Errorf("unknown command %.60q%s", args[0], hint(args[0], commandNames()))
	}
	commandHelp(c.App.Writer, c.App.Name, cmd)
	return nil
}

// usageError turns the parser's complaint into one line with a hint: forty lines
// of help would hide what is wrong. Callers look for the parser's own words
// ("flag provided but not defined", "flag needs an argument"), so they lead.
func usageError(c *cli.Context, err error, isCommand bool) error {
	flags, where := globalFlags, ""
	if isCommand {
		flags, where = c.Command.Flags, c.Command.Name+": "
	}
	text := err.Error()
	name, undefined := strings.CutPrefix(text, "flag provided but not defined: -")
	if !undefined {
		return errors.New(where + text)
	}
	names := flagNames(flags)
	for i, n := range names {
		names[i] = dashed(n)
	}
	suggestion := hint(dashed(name), names)
	if isCommand && slices.Contains(flagNames(globalFlags), name) {
		suggestion = ": it is a global flag and goes before " + c.Command.Name
	}
	return errors.New(where + text + suggestion)
}

func flagNames(flags []cli.Flag) []string {
	var names []string
	for _, f := range flags {
		names = append(names, f.Names()...)
	}
	return names
}

func commandNames() []string {
	names := make([]string, len(verbs))
	for i, v := range verbs {
		names[i] = v.name
	}
	return names
}

// hint suggests the name that was probably meant, if one is close.
func hint(typed string, names []string) string {
	best, least := "", len(typed)/3+1
	for _, name := range names {
		if d := distance(typed, name); d < least {
			best, least = name, d
		}
	}
	if best == "" {
		return " (see --help)"
	}
	return fmt.Sprintf(" (did you mean %s?)", best)
}

// distance counts the letters to insert, drop, change or swap with the next that
// turn a into b (optimal string alignment).
func distance(a, b string) int {
	if len(a) > 40 {
		return len(a)
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
