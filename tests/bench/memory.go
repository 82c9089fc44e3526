package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// memory looks at the init of a created container, which stays as long as nobody
// starts it, and at the largest process that run needs.
func (b *bench) memory() {
	for range b.rounds(5, 2) {
		for _, r := range b.runtimes {
			b.initMemory(r)
			b.peak(r)
		}
	}
}

func (b *bench) initMemory(r *Runtime) {
	c, result := r.create(bundles[dockerName])
	if result.Err != nil {
		b.samples.get("created init: Rss", r.Name).fail(result.Err)
		return
	}
	time.Sleep(20 * time.Millisecond) // what it does on its way to sleep
	fields, err := smaps(c.pid)
	for _, name := range []string{"Rss", "Pss", "Private_Dirty"} {
		s := b.samples.get("created init: "+name, r.Name)
		if err != nil {
			s.fail(err)
			continue
		}
		s.value(fields[name])
	}
	warn(c.remove())
	reap()
}

// smaps reads /proc/PID/smaps_rollup (proc_pid_smaps(5)), in KiB.
func smaps(pid int) (map[string]float64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fields := map[string]float64{}
	for scan := bufio.NewScanner(f); scan.Scan(); {
		if words := strings.Fields(scan.Text()); len(words) == 3 && words[2] == "kB" {
			fields[strings.TrimSuffix(words[0], ":")], _ = strconv.ParseFloat(words[1], 64)
		}
	}
	return fields, nil
}

// peak has the C side of this program fork the runtime: see lane.c.
func (b *bench) peak(r *Runtime) {
	s := b.samples.get("peak of run: Rss", r.Name)
	var out []byte
	var err error
	id := r.id()
	r.lane.do(func() {
		out, err = exec.Command("/proc/self/exe", append([]string{"-peak"}, r.args("run", "--bundle", bundles[dockerName], id)...)...).Output()
	})
	if err == nil {
		var kib float64
		kib, err = strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		s.value(kib)
	}
	if err != nil {
		s.fail(fmt.Errorf("peak: %w", err))
		r.do("delete", "--force", id)
	}
	reap()
}
