package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// The load: clients, kills and measurements beside one another.

// errOver ends a run when its length has passed.
var errOver = errors.New("the time is over")

// load runs until the time is over or something fails. All replicas are running when it returns
// without an error.
func (s settings) load(ctx context.Context, c *cluster, h *history) ([]sample, error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	timer := time.AfterFunc(s.length, func() { fail(errOver) })
	defer timer.Stop()
	h.start = time.Now()
	var samples []sample
	var wg sync.WaitGroup
	wg.Go(func() { samples = c.watch(ctx, h.start) })
	wg.Go(func() {
		if err := c.killReplicas(ctx, s.kill, rand.New(rand.NewPCG(s.seed, 0)), h); err != nil {
			fail(err)
		}
	})
	for i := range s.clients {
		wg.Go(func() {
			cl := newClient(c.addresses, i%servers)
			defer cl.close()
			if err := cl.work(ctx, h, rand.New(rand.NewPCG(s.seed, uint64(i+1)))); err != nil {
				fail(err)
			}
		})
	}
	wg.Go(func() {
		select {
		case err := <-c.lost:
			fail(err)
		case <-ctx.Done():
		}
	})
	wg.Wait()
	if err := context.Cause(ctx); !errors.Is(err, errOver) {
		return samples, err
	}
	return samples, nil
}

// killReplicas kills replicas and starts them again until the time is over.
func (c *cluster) killReplicas(ctx context.Context, every time.Duration, rng *rand.Rand, h *history) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		victims, down := plan(every, rng)
		fmt.Fprintf(c.stderr, "%v, after %d operations: kill %s for %v\n", time.Since(h.start).Round(time.Second),
			h.count(), names(victims), down.Round(10*time.Millisecond))
		for _, i := range victims {
			c.kill(i)
		}
		select {
		case <-ctx.Done():
		case <-time.After(down):
		}
		for _, i := range victims {
			if err := c.start(i); err != nil {
				return err
			}
		}
	}
}

// plan chooses which replicas are killed next, and for how long: all in one of six cases, else one.
func plan(every time.Duration, rng *rand.Rand) (victims []int, down time.Duration) {
	down = every/30 + time.Duration(rng.Int64N(int64(every/30*4+1)))
	if rng.IntN(6) == 0 {
		return []int{0, 1, 2}, down
	}
	return []int{rng.IntN(servers)}, down
}

func names(victims []int) string {
	if len(victims) == servers {
		return "all three"
	}
	return fmt.Sprint("replica ", victims[0]+1)
}

// readAll reads each key on each replica, and adds the reads to the history. They are linearizable:
// a replica answers only once it has applied every write that was acknowledged before.
func readAll(ctx context.Context, c *cluster, h *history, readers int) error {
	if err := c.await(ctx); err != nil {
		return fmt.Errorf("at the end: %w", err)
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var wg sync.WaitGroup
	for at := range servers {
		keys := make(chan *key)
		for range max(1, readers/servers) {
			wg.Go(func() {
				cl := newClient(c.addresses, at)
				defer cl.close()
				for k := range keys {
					if err := cl.readAtEnd(ctx, h, k); err != nil {
						fail(err)
					}
				}
			})
		}
		wg.Go(func() {
			defer close(keys)
			for _, k := range h.keys {
				select {
				case keys <- k:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
