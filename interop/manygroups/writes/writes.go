// Package writes measures writes of many clients to many groups on three stores in one process:
// values of 128 bytes, a log on disk with syncs, streams over TCP.
package writes

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ffd200af/raft/examples/shards/driver"
	"github.com/ffd200af/raft/examples/shards/grouplog"
)

// Store is what clients write to.
type Store interface {
	Put(ctx context.Context, key string, value []byte) error
	GroupOf(key string) uint64
	Leader(group uint64) uint64
	Stop() error
}

// Options are what a store is started with.
type Options struct {
	ID       uint64
	Dir      string
	Listener net.Listener
	Peers    map[uint64]string // of the stores 1, 2 and 3
	Groups   uint64
}

// Start starts a store of the stores 1 to 3, which all have all groups.
type Start func(Options) (Store, error)

// Shards starts a store of examples/shards.
func Shards(o Options) (Store, error) {
	return driver.Start(driver.Options{
		ID: o.ID, Dir: o.Dir, Listener: o.Listener, Peers: o.Peers, Founders: []uint64{1, 2, 3}, Groups: o.Groups,
		SleepTicks: 50, Disk: grouplog.Options{KeepBytes: 1 << 40}, Log: slog.New(slog.DiscardHandler),
	})
}

// Result is what was measured.
type Result struct {
	Writes   float64       // per second
	CPU      time.Duration // of the whole process, clients included, per write
	P50, P99 time.Duration // until a client has its answer
}

// Run starts three stores, and lets clients write for a while, each its next write when the one
// before is applied.
func Run(start Start, groups uint64, clients int, length time.Duration) (Result, error) {
	dir, err := os.MkdirTemp("", "writes")
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(dir)
	stores, err := startAll(start, dir, groups)
	defer func() {
		for _, s := range stores {
			_ = s.Stop()
		}
	}()
	if err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var measuring atomic.Bool
	var wg sync.WaitGroup
	times := make([][]time.Duration, clients)
	for i := range clients {
		wg.Go(func() { times[i] = write(ctx, stores, rand.New(rand.NewPCG(1, uint64(i))), groups, &measuring) })
	}
	time.Sleep(length / 4)
	measuring.Store(true)
	begin, cpu := time.Now(), processorTime()
	time.Sleep(length)
	took, used := time.Since(begin), processorTime()-cpu
	measuring.Store(false)
	cancel()
	wg.Wait()
	all := slices.Concat(times...)
	slices.Sort(all)
	if len(all) == 0 {
		return Result{}, fmt.Errorf("no write has ended in %v", length)
	}
	n := len(all)
	return Result{Writes: float64(n) / took.Seconds(), CPU: used / time.Duration(n), P50: all[n/2], P99: all[n*99/100]}, nil
}

// startAll returns when all groups have a leader.
func startAll(start Start, dir string, groups uint64) ([]Store, error) {
	listeners, peers := map[uint64]net.Listener{}, map[uint64]string{}
	for id := uint64(1); id <= 3; id++ {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		listeners[id], peers[id] = l, l.Addr().String()
	}
	var stores []Store
	for id := uint64(1); id <= 3; id++ {
		s, err := start(Options{ID: id, Dir: filepath.Join(dir, fmt.Sprint(id)), Listener: listeners[id], Peers: peers, Groups: groups})
		if err != nil {
			return stores, err
		}
		stores = append(stores, s)
	}
	deadline := time.Now().Add(time.Minute)
	for group := uint64(1); group <= groups; group++ {
		for stores[0].Leader(group) == 0 {
			if time.Now().After(deadline) {
				return stores, fmt.Errorf("group %d has no leader", group)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return stores, nil
}

// write is a client. It returns how long its writes took while they were measured.
func write(ctx context.Context, stores []Store, r *rand.Rand, groups uint64, measuring *atomic.Bool) (times []time.Duration) {
	for ctx.Err() == nil {
		key := "key" + strconv.FormatUint(r.Uint64N(100*groups), 10)
		leader := max(1, stores[0].Leader(stores[0].GroupOf(key)))
		value := make([]byte, 128)
		begin := time.Now()
		if err := stores[leader-1].Put(ctx, key, value); err != nil {
			time.Sleep(time.Millisecond) // the group has another leader, or none
			continue
		}
		if measuring.Load() {
			times = append(times, time.Since(begin))
		}
	}
	return times
}

// processorTime returns the CPU time of this process.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
