// Bench measures rt beside other container runtimes, on this machine:
//
//	go run ./tests/bench -rt ./rt
//	RUNTIMES="crun=/opt/crun runc" go run ./tests/bench -rt ./rt -only A,B
//
// It needs root, busybox, and about nine minutes (-quick: one). It never fails
// because something is slow; it tells at the end where rt loses.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// base is the directory of all that a run of this program makes.
var base string

type options struct {
	rt     string
	only   []string
	quick  bool
	rounds float64
	json   string
	from   string
	docs   string
	count  bool
	add    string
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == microFlag {
		exit(doPart(os.Args[2]))
	}
	o, err := parse(os.Args[1:])
	if err == flag.ErrHelp {
		os.Exit(0)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	exit(measure(o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func parse(args []string) (*options, error) {
	o := &options{}
	var only string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.rt, "rt", "./rt", "the `file` of rt")
	f.StringVar(&only, "only", "", "measure only these `tables`, as A,B,D")
	f.BoolVar(&o.quick, "quick", false, "few rounds, in about a minute")
	f.Float64Var(&o.rounds, "rounds", 1, "`factor` for the number of all rounds")
	f.StringVar(&o.json, "json", "", "write the results to this `file` too")
	f.StringVar(&o.from, "from", "", "measure nothing, take the results of this `file`")
	f.StringVar(&o.docs, "docs", "", "fill the tables of performance.md in this `directory`, and draw its charts")
	f.BoolVar(&o.count, "count", false, "fill table L alone: this is a guest whose clock counts instructions (tests/bench/count)")
	f.StringVar(&o.add, "add", "", "take tables that are not measured here from this `file`")
	err := f.Parse(args)
	if err == flag.ErrHelp {
		fmt.Println("usage: bench [options]\n\nThe variable RUNTIMES names the runtimes beside rt, as \"NAME=PATH PATH …\"; without it crun and runc are looked for.\n\nTables:")
		for _, e := range experiments {
			fmt.Printf("  %-3s %-15s %s\n", e.id, e.name, e.title)
		}
		fmt.Println("\nOptions:")
		f.SetOutput(os.Stdout)
		f.PrintDefaults()
	}
	if err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("%q: no operands are taken (see -help)", f.Arg(0))
	}
	if o.rounds <= 0 {
		return nil, fmt.Errorf("-rounds %v: must be above 0", o.rounds)
	}
	if only != "" {
		o.only = strings.Split(strings.ToUpper(only), ",")
	}
	for _, id := range o.only {
		if !slices.ContainsFunc(experiments, func(e experiment) bool { return e.id == id }) {
			return nil, fmt.Errorf("-only: there is no table %q (see -help)", id)
		}
	}
	if o.docs != "" && (o.quick || only != "") {
		return nil, fmt.Errorf("-docs wants all tables, with all rounds")
	}
	if o.count {
		if only != "" || o.docs != "" {
			return nil, fmt.Errorf("-count fills one table alone")
		}
		o.only = []string{counted}
	} else if slices.Contains(o.only, counted) {
		return nil, fmt.Errorf("-only: table %s is made by tests/bench/count", counted)
	}
	if o.from != "" && (o.quick || only != "" || o.json != "") {
		return nil, fmt.Errorf("-from measures nothing: it goes with -docs alone")
	}
	return o, nil
}

// measure measures, or reads, and prints.
func measure(o *options) error {
	report := &Report{}
	if o.from != "" {
		if err := report.read(o.from); err != nil {
			return err
		}
		report.print(os.Stdout)
	} else if err := report.fill(o); err != nil {
		return err
	}
	if o.add != "" {
		if err := report.add(o.add); err != nil {
			return err
		}
	}
	report.verdict(os.Stdout)
	if o.json != "" {
		if err := report.write(o.json); err != nil {
			return err
		}
	}
	if o.docs != "" {
		return report.document(o.docs)
	}
	return nil
}

// fill does the measurements. Each table is printed when it is there.
func (report *Report) fill(o *options) (err error) {
	if os.Geteuid() != 0 {
		return fmt.Errorf("must be run as root")
	}
	if base, err = os.MkdirTemp("/var/tmp", "rtbench"); err != nil {
		return err
	}
	defer clean()
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-interrupted
		clean()
		os.Exit(130)
	}()
	// A container that was created becomes this process' child when its runtime
	// ends, as it does with an engine's shim.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become a subreaper: %w", err)
	}
	debug.SetGCPercent(-1) // this process stays small, and shall stay quiet
	b := &bench{quick: o.quick, factor: o.rounds}
	if b.runtimes, err = findRuntimes(o.rt, os.Getenv("RUNTIMES")); err != nil {
		return err
	}
	if err := makeBundles(b.runtimes[0].Path); err != nil {
		return err
	}
	report.begin(b)
	report.head(os.Stdout)
	begin := time.Now()
	for i := range experiments {
		e := &experiments[i]
		if o.only != nil && !slices.Contains(o.only, e.id) || o.only == nil && e.id == counted {
			continue
		}
		b.do(e)
		report.Tables = b.tables
		b.tables[len(b.tables)-1].print(os.Stdout)
		debug.FreeOSMemory()
	}
	report.Took = time.Since(begin).Seconds()
	return nil
}

// clean removes what may be left: a runtime that was interrupted can leave
// containers, with their mounts and cgroups.
func clean() {
	for _, dir := range glob(base + "/state-*") {
		_, name, _ := strings.Cut(filepath.Base(dir), "-")
		for _, state := range glob(dir + "/*") {
			if path := programs[name]; path != "" {
				exec.Command(path, "--root", dir, "delete", "--force", filepath.Base(state)).Run()
			}
		}
	}
	reap()
	if err := os.RemoveAll(base); err != nil {
		warn(err)
	}
}

func glob(pattern string) []string {
	found, _ := filepath.Glob(pattern)
	return found
}

// reap waits for all children that have ended.
func reap() {
	for {
		if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != nil || pid <= 0 {
			return
		}
	}
}
