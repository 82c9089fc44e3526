package main

import (
	"fmt"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// mounts measures run with more and more bind mounts.
func (b *bench) mounts() {
	for _, n := range b.sizesOf(0, 10, 100, 1000) {
		s, err := withMounts(n)
		if err != nil {
			warn(err)
			return
		}
		b.grow(fmt.Sprintf("%d mounts", n), s, b.rounds(20, 4))
	}
}

// sizes measures run with more variables, and with more system calls allowed.
func (b *bench) sizes() {
	for _, n := range b.sizesOf(2, 100, 1000, 5000) {
		b.grow(fmt.Sprintf("%d variables", n), withEnv(n), b.rounds(20, 4))
	}
	b.grow("no seccomp", unconfined(), b.rounds(20, 4))
	for _, n := range b.sizesOf(76, 150, 300) {
		b.grow(fmt.Sprintf("%d calls", n), withSeccomp(n), b.rounds(20, 4))
	}
	b.grow("docker's profile", docker(), b.rounds(20, 4))
}

// sizesOf leaves the sizes between the first and the last out with -quick.
func (b *bench) sizesOf(sizes ...int) []int {
	if b.quick && len(sizes) > 2 {
		return []int{sizes[0], sizes[len(sizes)-1]}
	}
	return sizes
}

// grow measures run with one config, the runtimes in turn by fives.
func (b *bench) grow(name string, s *specs.Spec, rounds int) {
	dir, err := writeBundle(name, s)
	if err != nil {
		warn(err)
		return
	}
	const block = 5
	for ; rounds > 0; rounds -= block {
		for _, r := range b.runtimes {
			r.run(dir)
			for range min(block, rounds) {
				b.took(name, r, r.run(dir))
			}
		}
	}
}

// many measures commands while more and more containers run, of one runtime after
// the other.
func (b *bench) many() {
	for _, r := range b.runtimes {
		var running []*container
		for _, n := range b.sizesOf(1, 100, 1000) {
			if b.quick {
				n = min(n, 100)
			}
			for len(running) < n {
				c, result := r.runDetached(bundles[plainName+asleep])
				if result.Err != nil {
					b.samples.get(beside("run --detach", n), r.Name).fail(result.Err)
					break
				}
				running = append(running, c)
			}
			b.beside(r, n, &running)
		}
		for _, c := range running {
			warn(c.remove())
		}
		time.Sleep(time.Second) // the kernel takes network namespaces down behind our back
	}
}

func beside(verb string, n int) string { return fmt.Sprintf("%s beside %d", verb, n) }

// beside measures the commands beside n running containers.
func (b *bench) beside(r *Runtime, n int, running *[]*container) {
	for range b.rounds(20, 5) {
		b.took(beside("list", n), r, r.do("list"))
	}
	for range b.rounds(20, 5) {
		b.took(beside("state", n), r, (*running)[0].do("state"))
	}
	for range b.rounds(10, 3) {
		b.took(beside("run", n), r, r.run(bundles[plainName]))
	}
	for range b.rounds(6, 2) {
		c, result := r.runDetached(bundles[plainName+asleep])
		if result.Err != nil {
			b.samples.get(beside("delete --force", n), r.Name).fail(result.Err)
			continue
		}
		b.took(beside("delete --force", n), r, r.do("delete", "--force", c.id))
		warn(c.wait())
	}
}
