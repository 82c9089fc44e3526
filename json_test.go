package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/c9b5e2ae/rt/libcontainer"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestAppendState(t *testing.T) {
	s := libcontainer.State{
		State: specs.State{Version: "1.3.0", ID: "c1", Status: "running", Pid: 7, Bundle: "/b \"1\"\n",
			Annotations: map[string]string{"z": "2", "a": "/1"}},
		Rootfs: "/b/rootfs", Created: "2026-01-02T03:04:05.6Z", Owner: "root",
	}
	want := `{
  "ociVersion": "1.3.0",
  "id": "c1",
  "pid": 7,
  "status": "running",
  "bundle": "/b \"1\"\n",
  "rootfs": "/b/rootfs",
  "created": "2026-01-02T03:04:05.6Z",
  "annotations": {
    "a": "/1",
    "z": "2"
  },
  "owner": "root"
}`
	if got := string(appendState(nil, &s, "")); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for name, list := range map[string][]libcontainer.Info{"none": {}, "one": {{State: s}}, "two": {{State: s}, {State: libcontainer.State{}}}} {
		t.Run(name, func(t *testing.T) {
			data := appendStates(nil, list)
			var back []map[string]any
			if err := json.Unmarshal(data, &back); err != nil || len(back) != len(list) {
				t.Errorf("%s: %v", data, err)
			}
		})
	}
}

// The table is what tabwriter makes of it.
func TestAppendTable(t *testing.T) {
	state := func(pid int, texts ...string) libcontainer.Info {
		return libcontainer.Info{State: libcontainer.State{
			State:   specs.State{ID: texts[0], Pid: pid, Status: specs.ContainerState(texts[1]), Bundle: texts[2]},
			Created: texts[3], Owner: texts[4],
		}}
	}
	long := state(4194304, strings.Repeat("i", 128), "running", "/bündel/ \n", "2026-01-02T03:04:05.678901234Z", "root")
	for name, list := range map[string][]libcontainer.Info{
		"none":   nil,
		"one":    {state(1, "c", "paused", "/b", "2026", "me")},
		"broken": {state(0, "c", "broken", "", "", "")},
		"many":   {state(7, "nine-long", "created", "/1234567890", "", "ö"), long, state(0, "c", "stopped", "/b", "x", "1000")},
	} {
		var want bytes.Buffer
		w := tabwriter.NewWriter(&want, 12, 1, 3, ' ', 0)
		fmt.Fprint(w, "ID\tPID\tSTATUS\tBUNDLE\tCREATED\tOWNER\n")
		for _, s := range list {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\n", s.ID, s.Pid, s.Status, printable(s.Bundle), s.Created, s.Owner)
		}
		w.Flush()
		if got := string(appendTable(nil, list)); got != want.String() {
			t.Errorf("%s: got\n%swant\n%s", name, got, &want)
		}
	}
}

func TestAppendTimeline(t *testing.T) {
	rows := []libcontainer.Row{
		{Side: "host", Name: "plan", Begin: 2000, Took: 1500},
		{Side: "init", Name: "mounts", Begin: 4000, Took: 1, Error: `no "x"`},
	}
	data := appendTimeline(nil, rows)
	var events []struct {
		Ph, Name string
		Tid      int
		Ts, Dur  float64
		Args     map[string]string
	}
	if err := json.Unmarshal(data, &events); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	if len(events) != 5 || events[2].Args["name"] != "launcher" {
		t.Fatalf("%+v", events)
	}
	if events = append(events[:2], events[3:]...); events[2].Name != "plan" || events[2].Ts != 0 || events[2].Dur != 1.5 || events[2].Tid != 1 ||
		events[3].Ts != 2 || events[3].Tid != 2 || events[3].Args["error"] != `no "x"` {
		t.Errorf("%+v", events)
	}
}

func TestOnlyPids(t *testing.T) {
	table := "UID  PID PPID CMD\nroot   1    0 init\nroot  12    1 sh 7\nroot   7    1 x\n"
	out, err := onlyPids([]byte(table), []int{12, 99})
	if want := "UID  PID PPID CMD\nroot  12    1 sh 7\n"; err != nil || string(out) != want {
		t.Errorf("got  %q, %v\nwant %q", out, err, want)
	}
	if _, err := onlyPids([]byte("USER CMD\n"), nil); err == nil || err.Error() != `ps: no column PID in "USER CMD\n"` {
		t.Errorf("%v", err)
	}
	if got := string(appendPids(nil, []int{1, 22})) + string(appendPids(nil, nil)); got != "[1,22][]" {
		t.Error(got)
	}
}
