// Table writes docs/conformance.md from what the checks of tests/conformance found.
//
//	table -out FILE rt=PATH:RESULTS[,RESULTS…] runc=PATH:RESULTS crun=PATH:RESULTS
//
// RESULTS is what `go test -json` printed, or what tests/summary saved of it. The
// first runtime is the one that the table is about.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/c9b5e2ae/rt/tests/conformance"
)

func main() {
	out := flag.String("out", "docs/conformance.md", "file to write")
	flag.Parse()
	if err := run(*out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(1)
	}
}

func run(out string, args []string) error {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/opencontainers/runtime-spec").Output()
	if err != nil {
		return err
	}
	sentences, err := conformance.Sentences(strings.TrimSpace(string(dir)))
	if err != nil {
		return err
	}
	checks, err := conformance.Checks("tests/conformance")
	if err != nil {
		return err
	}
	var runtimes []runtime
	for _, arg := range args {
		r, err := readRuntime(arg)
		if err != nil {
			return err
		}
		runtimes = append(runtimes, r)
	}
	if len(runtimes) == 0 {
		return fmt.Errorf("no runtime is given")
	}
	d := document{sentences: sentences, checks: checks, reasons: conformance.NotApplicable(), runtimes: runtimes}
	text := d.String()
	if err := os.WriteFile(out, []byte(text), 0o644); err != nil {
		return err
	}
	fmt.Print(d.counts())
	return nil
}
