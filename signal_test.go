package main

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseSignal(t *testing.T) {
	for in, want := range map[string]unix.Signal{
		"0": 0, "1": 1, "9": 9, "15": 15, "64": 64,
		"TERM": unix.SIGTERM, "SIGTERM": unix.SIGTERM, "sigterm": unix.SIGTERM, "Kill": unix.SIGKILL, "hup": unix.SIGHUP,
		"SIGRTMIN": 34, "RTMIN+3": 37, "sigrtmin+30": 64, "RTMAX": 64, "rtmax-30": 34, "SIGRTMAX-1": 63, "RTMIN+0": 34,
		"IOT": unix.SIGABRT, "POLL": unix.SIGIO, "CLD": unix.SIGCHLD, "WINCH": unix.SIGWINCH, "STKFLT": unix.SIGSTKFLT,
	} {
		if got, err := parseSignal(in); err != nil || got != want {
			t.Errorf("%q: got %d, %v, want %d", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"65": "signal 65: numbers go from 0 to 64",
		"-1": "signal -1: numbers go from 0 to 64",
	} {
		if _, err := parseSignal(in); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", in, err, want)
		}
	}
	for _, in := range []string{"", "15x", " 15", "+15", "015", "0x9", "SIG", "SIGSIGTERM", "TERMINATE", "FOO", "9.0",
		"RTMIN+31", "RTMIN-1", "RTMAX+1", "RTMAX-31", "RTMIN3", "RTMIN+", "RTMIN+03", "RTMIN+-3", "RTMIN 3", "999999999999999999999"} {
		if got, err := parseSignal(in); err == nil {
			t.Errorf("%q is taken as %d", in, got)
		}
	}
}
