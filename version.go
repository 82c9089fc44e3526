package main

import (
	"fmt"
	goruntime "runtime"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/urfave/cli/v2"
)

// version and commit are set by the Makefile, with -X.
var (
	version = "0.1.0-dev"
	commit  = ""
)

// printVersion writes what engines parse: go-runc wants a first line that starts
// with "runc version ", nerdctl exactly three words there, moby the last line
// that has the word "version" in it, and all of them a line "commit: ".
func printVersion(c *cli.Context) {
	lines := []string{c.App.Name + " version " + version}
	if commit != "" {
		lines = append(lines, "commit: "+commit)
	}
	lines = append(lines, "spec: "+specs.Version, "go: "+goruntime.Version())
	fmt.Fprintln(c.App.Writer, strings.Join(lines, "\n"))
}
