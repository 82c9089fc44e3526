package cgroups

import (
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// Verify compares what the kernel has for the cgroups of pid with what the
// config asks for, and reports each difference.
func Verify(pid int, s *specs.Spec) []config.Problem {
	f, err := config.ReadFacts("")
	if err != nil {
		return []config.Problem{{Path: "linux.resources", Text: err.Error()}}
	}
	h, err := readHost(f.CgroupMode)
	in, err2 := whereIs(pid)
	if err != nil || err2 != nil {
		return []config.Problem{{Path: "linux.resources", Text: fmt.Sprint(err, err2)}}
	}
	if s.Linux == nil {
		return nil
	}
	var ps config.Problems
	b := settings{h: h, ps: &ps, prefix: "linux.resources."}
	b.plan(s.Linux.Resources)
	for i := range b.list {
		verify(&b.list[i], in, &ps)
	}
	if x := h.find("devices"); x != nil && s.Linux.Resources != nil {
		list := v1Devices(planDevices(s.Linux.Resources.Devices, &ps), &ps)
		list.verify(path.Join(x.mount, in[x.name]), &ps)
	}
	return ps.List
}

func verify(s *setting, in map[string]string, ps *config.Problems) {
	dir := path.Join(s.in.mount, in[s.in.name])
	file, want := s.file, s.value
	data, err := readFile(unix.AT_FDCWD, dir+"/"+file)
	if err == unix.ENOENT && s.other != "" {
		file, want = s.other, s.otherValue
		data, err = readFile(unix.AT_FDCWD, dir+"/"+file)
	}
	if err == unix.ENOENT && s.optional {
		return
	}
	if err != nil {
		ps.Addf(s.field, "read %s: %v", dir+"/"+file, reword(err))
		return
	}
	for line := range strings.Lines(want) {
		if !holds(data, strings.TrimSuffix(line, "\n")) {
			ps.Addf(s.field, "%s has %q, not %q", dir+"/"+file, strings.TrimSpace(data), want)
		}
	}
}

// holds tells whether a control file shows the value that was written. Many
// show it in another form: whole pages, "max", more keys, all devices.
func holds(data, want string) bool {
	data = strings.TrimSpace(data)
	if key, rest, keyed := strings.Cut(want, " "); keyed && strings.ContainsAny(key+rest, ":=_") {
		// "8:0 rbps=600" in "8:0 rbps=600 wbps=max …"; "8:0 600" in a list
		for line := range strings.Lines(data) {
			k, values, _ := strings.Cut(strings.TrimSpace(line), " ")
			if k == key && hasFields(values, strings.Fields(rest)) {
				return true
			}
		}
		return strings.HasSuffix(rest, "max") || rest == "0" // no limit has no line
	}
	if data == want || strings.HasPrefix(data, want+" ") || strings.Contains("\n"+data+"\n", "\n"+want+"\n") {
		return true
	}
	have, err := strconv.ParseUint(data, 10, 64)
	n, err2 := strconv.ParseInt(want, 10, 64)
	page := int64(os.Getpagesize())
	switch {
	case err == nil && err2 == nil && n > 0:
		return int64(have) == n/page*page
	case err == nil && n < 0:
		return have >= 1<<62
	}
	return same(setProperty("", data), setProperty("", want)) || field(data, "oom_kill_disable") == want
}

func same(a, b []Property) bool {
	return len(a) == 1 && len(b) == 1 && string(a[0].Value.([]byte)) == string(b[0].Value.([]byte))
}

func (l *deviceList) verify(dir string, ps *config.Problems) {
	data, err := readFile(unix.AT_FDCWD, dir+"/devices.list")
	if err != nil {
		ps.Addf("linux.resources.devices", "read %s/devices.list: %v", dir, reword(err))
		return
	}
	has := "\n" + data
	if l.allow {
		if has != "\na *:* rwm\n" {
			ps.Addf("linux.resources.devices", "%s/devices.list has %q", dir, data)
		}
		return
	}
	for _, e := range l.exceptions {
		if !strings.Contains(has, "\n"+e.String()+"\n") {
			ps.Addf("linux.resources.devices", "%s/devices.list lacks %q", dir, e)
		}
	}
	if n := strings.Count(data, "\n"); n != len(l.exceptions) {
		ps.Addf("linux.resources.devices", "%s/devices.list has %d rules, not %d", dir, n, len(l.exceptions))
	}
}
