package main

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// A line is a command line in its three parts: rt GLOBALS VERB REST.
type line struct {
	globals []string
	verb    string // "" if there is none
	rest    []string
}

// split finds the verb, the first argument that is neither a global flag nor
// the value of one. It judges nothing: what is wrong is said by the parser.
func split(args []string, globals []cli.Flag) line {
	n := 0
	for n < len(args) && isFlag(args[n]) && args[n] != "--" {
		n += width(args[n], globals)
	}
	n = min(n, len(args))
	if n == len(args) || args[n] == "--" {
		return line{globals: args}
	}
	return line{args[:n], args[n], args[n+1:]}
}

// flagsFirst moves the flags of a command before its operands, because
// `kill c1 --all` and `delete c1 --force` are what people type and runc takes
// them. An operand that looks like a flag has to stand behind "--".
func flagsFirst(args []string, flags []cli.Flag) []string {
	var moved, operands []string
	for n := 0; n < len(args); {
		switch {
		case args[n] == "--":
			operands = append(operands, args[n+1:]...)
			n = len(args)
		case isFlag(args[n]):
			w := min(width(args[n], flags), len(args)-n)
			moved = append(moved, args[n:n+w]...)
			n += w
		default:
			operands = append(operands, args[n])
			n++
		}
	}
	if len(operands) == 0 {
		return moved
	}
	return append(append(moved, "--"), operands...)
}

// isFlag tells whether a looks like a flag; "-" alone is an operand.
func isFlag(a string) bool {
	return len(a) > 1 && a[0] == '-'
}

// width is how many arguments the flag at the front takes: one if its value is
// part of it, or if it needs none, or if it isn't known.
func width(arg string, flags []cli.Flag) int {
	name := strings.TrimPrefix(arg[1:], "-")
	if strings.Contains(name, "=") {
		return 1
	}
	for _, f := range flags {
		for _, n := range f.Names() {
			if n != name {
				continue
			}
			if _, isBool := slow(f).(*cli.BoolFlag); isBool {
				return 1
			}
			return 2
		}
	}
	return 1
}
