package main

import (
	"fmt"
	"sync"
	"time"
)

// parallel measures how many containers are run in a second if P are started at
// once, each on a thread of its own.
func (b *bench) parallel() {
	for _, p := range b.sizesOf(1, 2, 4, 8, 16) {
		for range b.rounds(3, 1) {
			for _, r := range b.runtimes {
				b.together(r, p)
			}
		}
	}
}

func (b *bench) together(r *Runtime, p int) {
	s := b.samples.get(fmt.Sprintf("P = %d", p), r.Name)
	var lanes []*lane
	defer func() {
		for _, l := range lanes {
			l.close()
		}
	}()
	for range p {
		l, err := r.newLane()
		if err != nil {
			s.fail(err)
			return
		}
		lanes = append(lanes, l)
	}
	total := b.rounds(160, 32)
	ids := make(chan string, total)
	for range total {
		ids <- r.id()
	}
	close(ids)
	var wg sync.WaitGroup
	var mu sync.Mutex
	failed := 0
	begin := time.Now()
	for _, l := range lanes {
		wg.Go(func() {
			for id := range ids {
				if result := r.on(l, id, bundles[dockerName]); result.Err != nil {
					mu.Lock()
					failed++
					s.fail(result.Err)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if took := time.Since(begin).Seconds(); failed < total {
		s.value(float64(total-failed) / took)
	}
	reap()
}
