package process

import (
	"fmt"
	"testing"

	"github.com/c9b5e2ae/rt/libcontainer/config"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func BenchmarkPlan(b *testing.B) {
	p, caps := good(), Capabilities()[:14]
	p.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=16a239a950da"}
	p.Capabilities = &specs.LinuxCapabilities{Bounding: caps, Effective: caps, Permitted: caps}
	s := &specs.Spec{Process: p}
	for b.Loop() {
		PlanProcess(s, p, false, testFacts, &config.Problems{})
	}
}

// Linear, or an engine's thousands of variables cost milliseconds.
func BenchmarkEnv(b *testing.B) {
	for _, n := range []int{2, 100, 5000} {
		env := make([]string, n)
		for i := range env {
			env[i] = fmt.Sprintf("VARIABLE_%d=the value of %d", i, i)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				planEnv(env, &config.Problems{})
			}
		})
	}
}

func BenchmarkFindExecutable(b *testing.B) {
	p := &Plan{Args: []string{"true"}}
	for b.Loop() {
		if err := p.FindExecutable(); err != nil {
			b.Fatal(err)
		}
	}
}
