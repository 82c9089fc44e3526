package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// startup measures what a program costs before it does anything, and of rt what
// its packages do before main, in itself and in the init of a container.
func (b *bench) startup() {
	created := map[*Runtime]*container{}
	for _, r := range b.runtimes {
		c, result := r.create(bundles[dockerName])
		if result.Err != nil {
			b.samples.get("state", r.Name).fail(result.Err)
			continue
		}
		created[r] = c
	}
	for range b.rounds(100, 10) {
		for _, r := range b.runtimes {
			b.took("--version", r, r.lane.run(r.Path, "--version"))
			if c := created[r]; c != nil {
				b.took("state", r, c.do("state"))
			}
		}
	}
	for _, c := range created {
		warn(c.remove())
	}
	rt := b.runtimes[0]
	for range b.rounds(20, 5) {
		b.packageInits(rt)
		b.initTimeline(rt)
	}
}

// packageInits sums up what GODEBUG=inittrace=1 (runtime's documentation) prints:
// a line for each package that has something to initialise.
func (b *bench) packageInits(r *Runtime) {
	s := b.samples.get("package inits of rt", r.Name)
	cmd := exec.Command(r.Path, "--version")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		s.fail(err)
		return
	}
	sum, n := 0.0, 0
	for line := range strings.Lines(stderr.String()) {
		// init os @0.5 ms, 0.01 ms clock, 1424 bytes, 32 allocs
		if _, rest, found := strings.Cut(line, " ms, "); found && strings.HasPrefix(line, "init ") {
			clock, _, _ := strings.Cut(rest, " ms clock")
			ms, _ := strconv.ParseFloat(clock, 64)
			sum += ms
			n++
		}
	}
	if n == 0 {
		s.fail(fmt.Errorf("GODEBUG=inittrace=1 printed nothing: %q", stderr.String()))
		return
	}
	s.value(sum)
}

// initTimeline runs a container with --trace and takes from its timeline what lies
// between the end of the constructor, which is C, and the first step of init: the
// start of the Go runtime with all package inits that init pays for.
func (b *bench) initTimeline(r *Runtime) {
	s := b.samples.get("Go runtime and package inits of init", r.Name)
	file := filepath.Join(base, "timeline")
	result := r.lane.run(r.Path, "--root", r.root, "--trace", file, "run", "--bundle", bundles[dockerName], r.id())
	if result.Err != nil {
		s.fail(result.Err)
		return
	}
	var events []struct {
		Name string
		Tid  int
		Dur  float64 // µs
	}
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &events)
	}
	if err != nil {
		s.fail(err)
		return
	}
	for _, e := range events {
		if e.Name == "go runtime" {
			s.value(e.Dur / 1000)
			return
		}
	}
	s.fail(fmt.Errorf("the timeline has no row \"go runtime\""))
}
