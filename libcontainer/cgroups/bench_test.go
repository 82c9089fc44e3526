package cgroups

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/c9b5e2ae/rt/libcontainer/config"
)

// dockerResources is what Docker asks for when its user asked for nothing.
const dockerResources = `{
	"devices": [
		{"allow": false, "access": "rwm"},
		{"allow": true, "type": "c", "major": 1, "minor": 5, "access": "rwm"},
		{"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rwm"},
		{"allow": true, "type": "c", "major": 1, "minor": 9, "access": "rwm"},
		{"allow": true, "type": "c", "major": 1, "minor": 8, "access": "rwm"},
		{"allow": true, "type": "c", "major": 5, "minor": 0, "access": "rwm"},
		{"allow": true, "type": "c", "major": 5, "minor": 1, "access": "rwm"},
		{"allow": false, "type": "c", "major": 10, "minor": 229, "access": "rwm"}
	],
	"memory": {"disableOOMKiller": false}, "cpu": {"shares": 0}, "blockIO": {"weight": 0}
}`

func docker(t testing.TB) *specs.LinuxResources {
	var r specs.LinuxResources
	if err := json.Unmarshal([]byte(dockerResources), &r); err != nil {
		t.Fatal(err)
	}
	return &r
}

// BenchmarkLifecycle is what a container costs here beside its process.
func BenchmarkLifecycle(b *testing.B) {
	r, f := docker(b), facts(b)
	create(b, nil) // keeps the parent
	var parts [8][]time.Duration
	for b.Loop() {
		t := time.Now()
		lap := func(i int) {
			now := time.Now()
			parts[i] = append(parts[i], now.Sub(t))
			t = now
		}
		var ps config.Problems
		p := PlanCgroup(&specs.Spec{Linux: &specs.Linux{CgroupsPath: testPath(), Resources: r}}, "x", false, f, &ps)
		lap(0)
		p.Intent()
		lap(1)
		c, err := p.Create()
		if err != nil {
			b.Fatal(err)
		}
		lap(2)
		joins, err := c.Joins(nil)
		if err != nil {
			b.Fatal(err)
		}
		lap(3)
		if err := c.Apply(); err != nil {
			b.Fatal(err)
		}
		lap(4)
		closeAll(joins)
		s := c.State()
		c.Close()
		t = time.Now()
		if c, err = Load(s); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Frozen(); err != nil {
			b.Fatal(err)
		}
		lap(5)
		if err := c.Kill(); err != nil {
			b.Fatal(err)
		}
		lap(6)
		if err := c.Remove(); err != nil {
			b.Fatal(err)
		}
		lap(7)
	}
	for i, name := range []string{"plan", "intent", "create", "joins", "apply", "frozen", "kill", "remove"} {
		slices.Sort(parts[i])
		b.ReportMetric(float64(parts[i][len(parts[i])/2].Nanoseconds())/1e3, name+"-us")
	}
	b.ReportMetric(0, "ns/op")
}
