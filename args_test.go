package main

import (
	"reflect"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

var testFlags = []cli.Flag{
	&cli.StringFlag{Name: "root"},
	&cli.StringFlag{Name: "bundle", Aliases: []string{"b"}},
	&cli.BoolFlag{Name: "all", Aliases: []string{"a"}},
}

func TestSplit(t *testing.T) {
	for in, want := range map[string]line{
		"":                        {},
		"state c1":                {verb: "state", rest: []string{"c1"}},
		"--root /r state c1":      {globals: []string{"--root", "/r"}, verb: "state", rest: []string{"c1"}},
		"--root=/r -all state":    {globals: []string{"--root=/r", "-all"}, verb: "state"},
		"-root /r -b /b state -x": {globals: []string{"-root", "/r", "-b", "/b"}, verb: "state", rest: []string{"-x"}},
		"--all=false state":       {globals: []string{"--all=false"}, verb: "state"},
		"--what state":            {globals: []string{"--what"}, verb: "state"},
		"--root":                  {globals: []string{"--root"}},
		"-- state":                {globals: []string{"--", "state"}},
		"- c1":                    {verb: "-", rest: []string{"c1"}},
	} {
		t.Run(in, func(t *testing.T) {
			got := split(strings.Fields(in), testFlags)
			if !same(got.globals, want.globals) || got.verb != want.verb || !same(got.rest, want.rest) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

func TestFlagsFirst(t *testing.T) {
	for in, want := range map[string]string{
		"":                    "",
		"c1":                  "-- c1",
		"--all c1 9":          "--all -- c1 9",
		"c1 --all 9":          "--all -- c1 9",
		"c1 9 -a":             "-a -- c1 9",
		"c1 --bundle /b":      "--bundle /b -- c1",
		"c1 -b=/b --all=true": "-b=/b --all=true -- c1",
		"c1 --bundle":         "--bundle -- c1",
		"-- --all":            "-- --all",
		"-a -- -a -b":         "-a -- -a -b",
		"c1 -1":               "-1 -- c1",
		"-":                   "-- -",
	} {
		t.Run(in, func(t *testing.T) {
			if got := strings.Join(flagsFirst(strings.Fields(in), testFlags), " "); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func same(a, b []string) bool {
	return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b)
}
