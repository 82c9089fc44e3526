// Validation runs the OCI's own validation suite, the 58 programs of
// github.com/opencontainers/runtime-tools v0.9.0, against container runtimes, and
// prints which programs find nothing wrong with which runtime.
//
//	validation [-run PATTERN] [-v] [-docs FILE] [-save FILE] RUNTIME...
//
// A RUNTIME is a program, or NAME=PROGRAM. The suite comes through the Go module
// proxy, and is built once, in the user's cache directory.
//
// The first runtime is the one under test: the exit status is 1 if a program finds a
// fault of it that explained.go does not explain, and 2 if the suite could not run.
// The others stand beside it. -docs writes the table and the explanations as
// Markdown, -save the result of the first as tests/summary reads it.
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
	run := flag.String("run", "", "run only the programs whose name matches")
	docs := flag.String("docs", "", "write the results as Markdown to `FILE`")
	save := flag.String("save", "", "write the first runtime's results as JSON to `FILE`")
	verbose := flag.Bool("v", false, "show the failing lines of every runtime")
	flag.Parse()
	unexplained, err := validate(*run, *docs, *save, *verbose, flag.Args())
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "validation:", err)
		os.Exit(2)
	case unexplained > 0:
		os.Exit(1)
	}
}

// A program under test.
type target struct {
	name, path, version string
}

// validate does it all, and returns how many failing lines of the first runtime have
// no explanation.
func validate(pattern, docs, save string, verbose bool, args []string) (int, error) {
	if os.Geteuid() != 0 {
		return 0, errors.New("needs root")
	}
	only, err := regexp.Compile(pattern)
	if err != nil {
		return 0, err
	}
	runtimes, err := findRuntimes(args)
	if err != nil {
		return 0, err
	}
	s, err := openSuite()
	if err != nil {
		return 0, err
	}
	defer s.close()
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM)
	r, err := s.run(runtimes, only, interrupted)
	if err != nil {
		return 0, err
	}
	r.print(os.Stdout, verbose)
	if docs != "" {
		if err := os.WriteFile(docs, []byte(r.markdown()), 0o644); err != nil {
			return 0, err
		}
	}
	if save != "" {
		if err := os.WriteFile(save, r.summary(), 0o644); err != nil {
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
