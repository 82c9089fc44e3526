package main

import (
	"encoding/json"
	"testing"
)

func TestParseBytes(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "-1": -1, "1": 1, "1b": 1, "1k": 1024, "1K": 1024, "1kb": 1024, "1KiB": 1024, "512m": 512 << 20, "2G": 2 << 30, "1t": 1 << 40, "1p": 1 << 50,
		"1.5g": 3 << 29, "0.5k": 512, "9223372036854775807": 1<<63 - 1,
	} {
		if got, err := parseBytes(in); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "m", "b", "-2", "-1k", "1x", "1kk", "0x10", "1e3", "inf", "nan", "1ib5", "9223372036854775808", "8192p", "9999999999999g"} {
		if got, err := parseBytes(in); err == nil {
			t.Errorf("%q is taken as %d", in, got)
		}
	}
}

func TestLimits(t *testing.T) {
	for name, tt := range map[string]struct {
		in   map[string]string
		want string
	}{
		"memory": {map[string]string{"memory": "1m", "memory-swap": "-1", "memory-reservation": "5"},
			`{"memory":{"limit":1048576,"reservation":5,"swap":-1},"cpu":{},"pids":{},"blockIO":{}}`},
		"cpu": {map[string]string{"cpu-quota": "-1", "cpu-period": "1", "cpu-share": "2", "cpu-burst": "3", "cpu-idle": "1", "cpu-rt-period": "4", "cpu-rt-runtime": "5", "cpuset-cpus": "0-1", "cpuset-mems": "0"},
			`{"memory":{},"cpu":{"shares":2,"quota":-1,"burst":3,"period":1,"realtimeRuntime":5,"realtimePeriod":4,"cpus":"0-1","mems":"0","idle":1},"pids":{},"blockIO":{}}`},
		"rest":     {map[string]string{"pids-limit": "9", "blkio-weight": "10", "kernel-memory": "x"}, `{"memory":{},"cpu":{},"pids":{"limit":9},"blockIO":{"weight":10}}`},
		"number":   {map[string]string{"cpu-share": "-1"}, `--cpu-share "-1": not a number that it can be`},
		"weight":   {map[string]string{"blkio-weight": "65536"}, `--blkio-weight "65536": not a number that it can be`},
		"size":     {map[string]string{"memory": "lots"}, `--memory "lots": not a number that it can be`},
		"trailing": {map[string]string{"pids-limit": "9x"}, `--pids-limit "9x": not a number that it can be`},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := limits(tt.in)
			got := ""
			if err != nil {
				got = err.Error()
			} else {
				text, _ := json.Marshal(r)
				got = string(text)
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
