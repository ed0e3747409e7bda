package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"
)

// What the clients do, and one run of it.

// load is what clients do all the time, each one operation after the other.
type load struct {
	name    string
	clients int
	do      operation
}

type operation func(ctx context.Context, c client, key int) error

// loads are the rows of the table.
func loads(clients int, data *values) []load {
	return []load{
		{"1 writer", 1, data.write},
		{fmt.Sprint(clients, " writers"), clients, data.write},
		{fmt.Sprint(clients, " readers"), clients, data.read},
	}
}

// values has a value for each key. They look random, so that nothing can compress them.
type values struct {
	keys, size int
	bytes      []byte
}

func newValues(keys, size int) *values {
	v := &values{keys: keys, size: size, bytes: make([]byte, size+keys)}
	_, _ = rand.NewChaCha8([32]byte{}).Read(v.bytes) // never fails
	return v
}

func (v *values) of(key int) []byte { return v.bytes[key : key+v.size] }

func keyName(key int) string { return fmt.Sprintf("key%05d", key) }

func (v *values) write(ctx context.Context, c client, key int) error {
	return c.put(ctx, keyName(key), v.of(key))
}

func (v *values) read(ctx context.Context, c client, key int) error {
	got, err := c.get(ctx, keyName(key))
	if err == nil && !slices.Equal(got, v.of(key)) {
		err = fmt.Errorf("%s has a value of %d bytes that was never written", keyName(key), len(got))
	}
	return err
}

// fill writes so often, and each key at least once.
func (v *values) fill(ctx context.Context, clients []client, writes int) error {
	return each(clients, func(i int, c client) error {
		for n := i; n < max(writes, v.keys); n += len(clients) {
			if err := v.write(ctx, stubborn{c}, n%v.keys); err != nil {
				return err
			}
		}
		return nil
	})
}

// each runs f for all clients at once.
func each(clients []client, f func(i int, c client) error) error {
	failed := make([]error, len(clients))
	var running sync.WaitGroup
	for i, c := range clients {
		running.Go(func() { failed[i] = f(i, c) })
	}
	running.Wait()
	return errors.Join(failed...)
}

// sample is what one run has shown.
type sample struct {
	perSecond float64
	p50, p99  time.Duration
	used      []usage // by the leader, the other servers, and the clients
}

// drive has the clients work for a time, on keys that each of them draws.
func drive(ctx context.Context, clients []client, length time.Duration, keys int, do operation) (sample, error) {
	took := make([][]time.Duration, len(clients))
	start := time.Now()
	err := each(clients, func(i int, c client) error {
		for now := time.Now(); now.Sub(start) < length; {
			if err := do(ctx, c, rand.IntN(keys)); err != nil {
				return err
			}
			end := time.Now()
			took[i] = append(took[i], end.Sub(now))
			now = end
		}
		return nil
	})
	elapsed := time.Since(start)
	all := slices.Concat(took...)
	if err != nil || len(all) == 0 {
		return sample{}, err
	}
	slices.Sort(all)
	return sample{
		perSecond: float64(len(all)) / elapsed.Seconds(),
		p50:       all[len(all)/2], p99: all[len(all)*99/100],
	}, nil
}

// errLeaderChanged means that a run measured an election too.
var errLeaderChanged = errors.New("another server leads")

// measure runs a load on a cluster once: connections of its own, a warm-up, and what counts.
func (l load) measure(ctx context.Context, c *cluster, s settings) (sample, error) {
	leader, err := c.leader(ctx)
	if err != nil {
		return sample{}, err
	}
	connections, err := c.connectTo(s.connections(l.clients), s.place(leader))
	if err != nil {
		return sample{}, err
	}
	defer closeAll(connections)
	clients := share(connections, l.clients)
	ctx, cancel := context.WithTimeout(ctx, s.length+patience)
	defer cancel()
	if _, err := drive(ctx, clients, s.length/6, s.keys, l.do); err != nil {
		return sample{}, err
	}
	meters, err := c.meters(leader)
	if err != nil {
		return sample{}, err
	}
	result, err := drive(ctx, clients, s.length, s.keys, l.do)
	if err != nil {
		return sample{}, err
	}
	for _, m := range meters {
		u, err := m.used()
		if err != nil {
			return sample{}, err
		}
		result.used = append(result.used, u)
	}
	if now, err := c.leader(ctx); err != nil || now != leader {
		return sample{}, errors.Join(errLeaderChanged, err)
	}
	return result, nil
}

// connections is how many connections so many clients have: at least one to each server that they
// are spread over.
func (s settings) connections(clients int) int {
	n := (clients + s.share - 1) / s.share
	if s.spread {
		n = max(n, min(clients, servers))
	}
	return n
}

// share gives connections to clients in turns.
func share(connections []client, clients int) []client {
	var all []client
	for i := range clients {
		all = append(all, connections[i%len(connections)])
	}
	return all
}

// place says to which server each client connects.
func (s settings) place(leader int) func(i int) int {
	return func(i int) int {
		if s.spread {
			return i % servers
		}
		return leader
	}
}

// meters are those of the leader, of the other servers, and of this process with the clients.
func (c *cluster) meters(leader int) ([]meter, error) {
	pids := []int{c.processes[leader].command.Process.Pid}
	for i, p := range c.processes {
		if i != leader {
			pids = append(pids, p.command.Process.Pid)
		}
	}
	var meters []meter
	for _, pid := range append(pids, os.Getpid()) {
		m, err := newMeter(pid)
		if err != nil {
			return nil, err
		}
		meters = append(meters, m)
	}
	return meters, nil
}
