package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/version"
)

// measureAll fills both clusters, runs each load on both in turns, and prints the table.
func measureAll(ctx context.Context, s settings, clusters []*cluster, data *values, dir string, stdout, stderr io.Writer) error {
	sync, err := syncTime(dir)
	if err != nil {
		return err
	}
	for _, c := range clusters {
		if err := fillAll(ctx, c, s, data); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	var rows []row
	for _, l := range loads(s.clients, data) {
		rows = append(rows, row{name: l.name, samples: make([][]sample, len(clusters))})
	}
	for turn := range s.turns {
		for i, l := range loads(s.clients, data) {
			for _, side := range order(turn, len(clusters)) {
				result, err := l.tryMeasure(ctx, clusters[side], s, stderr)
				if err != nil {
					return fmt.Errorf("%s on %s: %w", l.name, clusters[side].name, err)
				}
				rows[i].samples[side] = append(rows[i].samples[side], result)
				fmt.Fprintf(stderr, "turn %d of %d  %s  %s  %.0f/s\n", turn+1, s.turns, l.name, clusters[side].name, result.perSecond)
			}
		}
	}
	fmt.Fprintf(stdout, "etcd %s, %s, %d CPUs; a synced write of 4 KiB to this disk takes %v (median).\n%s\n\n%s",
		version.Version, runtime.Version(), runtime.NumCPU(), rounded(sync), s, table(rows, clusters[0].name, clusters[1].name))
	return nil
}

// String says what was measured.
func (s settings) String() string {
	where := "all at the leader"
	if s.spread {
		where = "spread over the three servers"
	}
	return fmt.Sprintf("Values of %d bytes, %d keys, clients %s, %d on a connection, %d turns of %v after %d writes to each side.",
		s.size, s.keys, where, s.share, s.turns, s.length, max(s.fill, s.keys))
}

// order returns who begins: the sides take turns in that too.
func order(turn, sides int) []int {
	var all []int
	for i := range sides {
		all = append(all, (i+turn)%sides)
	}
	return all
}

// fillAll brings a cluster to the state that it is measured in, through the leader.
func fillAll(ctx context.Context, c *cluster, s settings, data *values) error {
	leader, err := c.leader(ctx)
	if err != nil {
		return err
	}
	clients, err := c.connectTo(s.clients, func(int) int { return leader })
	if err != nil {
		return err
	}
	defer closeAll(clients)
	ctx, cancel := context.WithTimeout(ctx, 5*patience)
	defer cancel()
	return data.fill(ctx, clients, s.fill)
}

// attempts bounds the runs of one load on one side in one turn. A run is repeated after an election
// or an error.
const attempts = 3

func (l load) tryMeasure(ctx context.Context, c *cluster, s settings, stderr io.Writer) (result sample, err error) {
	for range attempts {
		if result, err = l.measure(ctx, c, s); err == nil || ctx.Err() != nil {
			return result, err
		}
		if ended := c.alive(); ended != nil {
			return result, ended
		}
		fmt.Fprintf(stderr, "%s on %s is measured again: %v\n", l.name, c.name, err)
	}
	return result, err
}

// syncTime is how long a small synced write takes on the disk of a folder, in the median.
func syncTime(dir string) (time.Duration, error) {
	file, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0, fmt.Errorf("time of a sync: %w", err)
	}
	defer file.Close()
	var took []time.Duration
	for range 100 {
		start := time.Now()
		if _, err := file.Write(make([]byte, 4096)); err != nil {
			return 0, fmt.Errorf("time of a sync: %w", err)
		}
		if err := file.Sync(); err != nil {
			return 0, fmt.Errorf("time of a sync: %w", err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}
