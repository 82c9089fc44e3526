package network

import (
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

func spec(kv ...string) *specs.Spec {
	l := &specs.Linux{Namespaces: []specs.LinuxNamespace{{Type: "network"}}, NetDevices: map[string]specs.LinuxNetDevice{}}
	for i := 0; i < len(kv); i += 2 {
		l.NetDevices[kv[i]] = specs.LinuxNetDevice{Name: kv[i+1]}
	}
	return &specs.Spec{Linux: l}
}

func TestPlanNetwork(t *testing.T) {
	notPrivate := spec("eth0", "")
	notPrivate.Linux.Namespaces = nil
	for name, tt := range map[string]struct {
		in    *specs.Spec
		facts config.Facts
		want  string
	}{
		"no linux":             {in: &specs.Spec{}},
		"none":                 {in: spec(), facts: config.Facts{Rootless: true}},
		"good":                 {in: spec("eth0", "", "eth1", "x", "eth2", "net%d", "eth3", "net%d", "a23456789012345", "b23456789012345")},
		"no network namespace": {in: notPrivate, want: `linux.netDevices: needs a network namespace in linux.namespaces`},
		"rootless":             {in: spec("eth0", ""), facts: config.Facts{Rootless: true}, want: `linux.netDevices: only root of the host can move interfaces`},
		"empty":                {in: spec("", ""), want: `linux.netDevices[""]: is not the name of an interface: it is empty`},
		"long":                 {in: spec("a234567890123456", "b"), want: `linux.netDevices["a234567890123456"]: is not the name of an interface: it has 16 bytes, the kernel takes 15`},
		"long inside":          {in: spec("a", "b234567890123456"), want: `linux.netDevices["a"].name: "b234567890123456" is not the name of an interface: it has 16 bytes, the kernel takes 15`},
		"slash":                {in: spec("a/b", "x"), want: `linux.netDevices["a/b"]: is not the name of an interface: it has a '/', a ':', a space or a NUL byte`},
		"colon":                {in: spec("a", "b:c"), want: `linux.netDevices["a"].name: "b:c" is not the name of an interface: it has a '/', a ':', a space or a NUL byte`},
		"directory":            {in: spec("a", ".."), want: `linux.netDevices["a"].name: ".." is not the name of an interface: it is "." or ".."`},
		"template of the host": {in: spec("a%d", "x"), want: `linux.netDevices["a%d"]: is not the name of an interface: it has a %`},
		"two templates":        {in: spec("a", "b%d%d"), want: `linux.netDevices["a"].name: "b%d%d" is not the name of an interface: a % must be one %d`},
		"no template":          {in: spec("a", "b%s"), want: `linux.netDevices["a"].name: "b%s" is not the name of an interface: a % must be one %d`},
		"same name":            {in: spec("a", "x", "b", "x"), want: `linux.netDevices["b"].name: "x" is the name of linux.netDevices["a"] too`},
		"name of another":      {in: spec("a", "b", "b", ""), want: `linux.netDevices["b"].name: "b" is the name of linux.netDevices["a"] too`},
		"loopback":             {in: spec("a", "lo"), want: `linux.netDevices["a"].name: every network namespace has an interface "lo" already`},
	} {
		t.Run(name, func(t *testing.T) {
			var ps config.Problems
			PlanNetwork(tt.in, &tt.facts, &ps)
			got := ""
			if ps.Err() != nil {
				got = strings.TrimPrefix(ps.Error(), "config.json: ")
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
	var ps config.Problems
	got := PlanNetwork(spec("b", "x", "a", ""), &config.Facts{}, &ps).Devices
	if want := []Device{{"a", "a"}, {"b", "x"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// What the kernel never sends, and a broken one might.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte{16, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		c := conn{seq: 1}
		c.answers(b, 16, func(body []byte) {
			parseLink(body)
			parseAddress(body, 1)
		})
	})
}
