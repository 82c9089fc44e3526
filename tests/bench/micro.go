package main

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/c9b5e2ae/rt/libcontainer/boot"
	"github.com/c9b5e2ae/rt/libcontainer/config"
	"github.com/c9b5e2ae/rt/seccomp"
	"github.com/c9b5e2ae/rt/tests/data"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// A part of rt that is timed alone. It gets ready, and returns what to time.
// Each is run once per process: the second time is another matter, in caches, the
// heap and the types that encoding/json has seen.
type part struct {
	name, runtime string
	ready         func() (func() error, error)
}

var parts = []part{
	{"decode Docker's config.json", "rt", func() (func() error, error) {
		return func() error { _, err := config.Decode("config.json", data.DockerBundle); return err }, nil
	}},
	{"decode Docker's config.json", "encoding/json", func() (func() error, error) {
		return func() error { return json.Unmarshal(data.DockerBundle, &specs.Spec{}) }, nil
	}},
	{"compile Docker's seccomp profile", "rt", func() (func() error, error) {
		s, err := config.Decode("config.json", data.DockerBundle)
		return func() error { _, err := compile(s); return err }, err
	}},
	{"load it", "rt", func() (func() error, error) {
		s, err := config.Decode("config.json", data.DockerBundle)
		if err != nil {
			return nil, err
		}
		runtime.LockOSThread()
		f, err := compile(s)
		return func() error { _, err := f.Load(); return err }, err
	}},
	{"protect rt's binary", "rt", func() (func() error, error) {
		return func() error {
			f, err := boot.Seal()
			if err == nil {
				f.Close()
			}
			return err
		}, nil
	}},
}

func compile(s *specs.Spec) (*seccomp.Filter, error) {
	var ps config.Problems
	plan := seccomp.PlanSeccomp(s, &ps)
	if err := ps.Err(); err != nil {
		return nil, err
	}
	return plan.Compile()
}

// micro has a process do each part, again and again.
func (b *bench) micro() {
	for range b.rounds(40, 5) {
		for i, p := range parts {
			s := b.samples.get(p.name, p.runtime)
			out, err := exec.Command("/proc/self/exe", microFlag, strconv.Itoa(i)).Output()
			var us float64
			if err == nil {
				us, err = strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
			}
			if err != nil {
				s.fail(err)
				continue
			}
			s.value(us)
		}
	}
}

const microFlag = "-micro"

// doPart is the other side: it prints how many microseconds the part took.
func doPart(number string) error {
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n >= len(parts) {
		return fmt.Errorf("%s %q: no such part", microFlag, number)
	}
	timed, err := parts[n].ready()
	if err != nil {
		return err
	}
	begin := time.Now()
	err = timed()
	took := time.Since(begin)
	if err == nil {
		fmt.Println(float64(took) / float64(time.Microsecond))
	}
	return err
}
