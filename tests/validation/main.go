// Validation runs the OCI's own validation suite, the 58 programs of
// github.com/opencontainers/runtime-tools v0.9.0, against container runtimes, and
// prints which programs find nothing wrong with which runtime.
//
//	validation [-run PATTERN] [-v] [-docs FILE] [-lab FILES] RUNTIME...
//
// A RUNTIME is a program, or NAME=PROGRAM. The suite comes through the Go module
// proxy, and is built once, in the user's cache directory.
//
// The first runtime is the one under test: the exit status is 1 if a program finds a
// fault of it that explained.md does not explain, and 2 if the suite could not run.
// The others stand beside it. -docs writes the table and the explanations as
// Markdown. Some programs need what a machine may lack: the script "lab" beside this
// file runs them in virtual machines, and -lab adds what they found there.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == cellVerb {
		os.Exit(inCell(os.Args[2]))
	}
	var o options
	flag.StringVar(&o.run, "run", "", "run only the programs whose name matches `PATTERN`")
	flag.StringVar(&o.suite, "suite", "", "use the suite that was built in `DIR`")
	flag.StringVar(&o.docs, "docs", "", "write the results as Markdown to `FILE`")
	flag.StringVar(&o.save, "save", "", "write the results as JSON to `FILE`")
	flag.StringVar(&o.lab, "lab", "", "add the results that -save wrote in virtual machines, in `FILES` (a pattern)")
	flag.StringVar(&o.summary, "summary", "", "write the first runtime's results for tests/summary to `FILE`")
	flag.BoolVar(&o.build, "build", false, "only build the suite, and print where it is")
	flag.BoolVar(&o.verbose, "v", false, "show the failing lines of every runtime")
	flag.Parse()
	unexplained, err := o.validate(flag.Args())
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "validation:", err)
		os.Exit(2)
	case unexplained > 0:
		os.Exit(1)
	}
}

type options struct {
	run, suite, docs, save, lab, summary string
	build, verbose                       bool
}

// A program under test.
type target struct {
	name, path, version string
}

// validate does it all, and returns how many failing lines of the first runtime have
// no explanation.
func (o *options) validate(args []string) (int, error) {
	if os.Geteuid() != 0 {
		return 0, errors.New("needs root")
	}
	only, err := regexp.Compile(o.run)
	if err != nil {
		return 0, err
	}
	s, err := openSuite(o.suite)
	if err != nil {
		return 0, err
	}
	defer s.close()
	if o.build {
		fmt.Println(s.root)
		return 0, nil
	}
	runtimes, err := findRuntimes(args)
	if err != nil {
		return 0, err
	}
	lab, err := readLab(o.lab)
	if err != nil {
		return 0, err
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM)
	r, err := s.run(runtimes, only, interrupted)
	if err != nil {
		return 0, err
	}
	r.lab = lab
	r.print(os.Stdout, o.verbose)
	for file, text := range map[string]func() []byte{o.docs: r.markdown, o.save: r.saved, o.summary: r.summary} {
		if file == "" {
			continue
		}
		if err := os.WriteFile(file, text(), 0o644); err != nil {
			return 0, err
		}
	}
	return len(r.unexplained()), nil
}

func findRuntimes(args []string) ([]target, error) {
	var all []target
	for _, arg := range args {
		name, program, ok := strings.Cut(arg, "=")
		if !ok {
			name, program = filepath.Base(arg), arg
		}
		path, err := exec.LookPath(program)
		if err != nil {
			return nil, err
		}
		if path, err = filepath.Abs(path); err != nil {
			return nil, err
		}
		out, err := exec.Command(path, "--version").Output()
		if err != nil {
			return nil, fmt.Errorf("%s --version: %w", path, err)
		}
		first, _, _ := strings.Cut(string(out), "\n")
		_, version, _ := strings.Cut(first, "version ")
		all = append(all, target{name, path, version})
	}
	if len(all) == 0 {
		return nil, errors.New("name a runtime; see -help")
	}
	return all, nil
}
