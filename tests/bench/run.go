package main

import "time"

// runHot measures runs one after the other, a block of each runtime in turn: a
// loop that hides the wait for an attach to a cgroup, which only a system that was
// idle pays. Blocks, because a runtime between two of another would make it half
// cold.
func (b *bench) runHot() {
	const perBlock = 30
	blocks := b.rounds(6, 1)
	for _, bundle := range []string{dockerName, plainName} {
		for range blocks {
			for _, r := range b.runtimes {
				b.warm(r, bundle)
				for range b.rounds(perBlock, 10) {
					b.took(bundle, r, r.run(bundles[bundle]))
				}
			}
		}
	}
}

// gap is a pause after which the kernel has forgotten the last cgroup attach.
const gap = 100 * time.Millisecond

// runCold measures runs with a pause before each, the runtimes in turn: what a
// container start costs a machine that starts one now and then.
func (b *bench) runCold() {
	for _, bundle := range []string{dockerName, plainName} {
		for range b.rounds(40, 8) {
			for _, r := range b.runtimes {
				time.Sleep(gap)
				b.took(bundle, r, r.run(bundles[bundle]))
			}
		}
	}
}

// warm runs a few containers that do not count.
func (b *bench) warm(r *Runtime, bundle string) {
	for range 2 {
		r.run(bundles[bundle])
	}
}
