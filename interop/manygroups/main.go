// Command manygroups measures what many groups cost: in stores of package multiraft, and with nodes
// that are ticked by hand, of this library and of etcd/raft v3.6.
//
//	go run ./interop/manygroups                  # some minutes, and 3 GB of memory
//	go run ./interop/manygroups -only idle -groups 10000
//
// Everything but the part writes runs in one process and one goroutine. Batches travel as values
// and writes go to memory, so the figures are those of the core. Times are CPU times; of several
// turns the least counts.
//
//	go run ./interop/manygroups -only writes
//
// The part writes has real logs on disk, in the folder for temporary files, and TCP streams.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"github.com/ffd200af/raft/interop/manygroups/byhand/etcd"
	"github.com/ffd200af/raft/interop/manygroups/byhand/ours"
)

func main() {
	profile := flag.String("cpuprofile", "", "file for a profile")
	only := flag.String("only", "", "run the parts whose name begins with this: sleep, bytes, idle, lines, hand, v3.6, wake, dead, writes")
	groups := flag.Int("groups", 100_000, "groups of three in the parts bytes, idle, lines, hand, v3.6 and dead")
	many := flag.Int("many", 1_000_000, "sleeping groups in the part sleep")
	ticks := flag.Int("ticks", 20, "ticks of a turn")
	turns := flag.Int("turns", 3, "turns")
	rows := flag.String("rows", "1x256,1x1024,48x256,48x1024,1000x256,1000x1024", "numbers of groups and clients in the part writes")
	length := flag.Duration("length", 4*time.Second, "length of a turn of the part writes")
	flag.Parse()
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			log.Fatal(err)
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			log.Fatal(err)
		}
		defer pprof.StopCPUProfile()
	}
	for _, part := range []struct {
		name string
		run  func()
	}{
		{"sleep", func() { sleep(1000, *many, *ticks, *turns) }},
		{"bytes", func() { bytes(*groups / 3) }},
		{"idle", func() { idle(*groups, *ticks, *turns, 0, "stores") }},
		{"lines", func() { idle(*groups, *ticks, *turns, -1, "stores without sleep") }},
		{"hand", func() { byHand(*groups, *ticks, *turns) }},
		{"v3.6", func() { byHandEtcd(*groups, *ticks, *turns) }},
		{"wake", func() { wake(10_000, *turns) }},
		{"dead", func() { dead(*groups) }},
		{"writes", func() { writesAll(*rows, *turns, *length) }},
	} {
		if strings.HasPrefix(part.name, *only) {
			part.run()
			runtime.GC()
		}
	}
}

// fastest returns the least CPU time of a tick in a turn of n ticks.
func fastest(turns, n int, tick func()) time.Duration {
	best := time.Duration(1 << 62)
	for range turns {
		begin := cpu()
		for range n {
			tick()
		}
		best = min(best, (cpu()-begin)/time.Duration(n))
	}
	return best
}

// cpu returns the CPU time of this process. Unlike the time of day, other processes hardly disturb
// it. It includes the garbage collector's.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// sleep compares the tick of a store with few and with many sleeping groups of one member.
func sleep(few, many, ticks, turns int) {
	for _, n := range []int{few, many} {
		c := newCluster(2, n, 1, 5)
		c.beat()
		for range 40 {
			c.tick()
		}
		runtime.GC()
		batches := c.batches
		d := fastest(turns, 50*ticks, c.tick)
		fmt.Printf("sleep: %d sleeping groups: %v for a tick of two stores, %d batches a tick\n",
			n, d, (c.batches-batches)/(50*ticks*turns))
	}
}

// bytes measures the memory of a sleeping replica, without its storage.
func bytes(groups int) {
	c := newCluster(3, groups, 3, 5)
	for range 300 { // until everybody sleeps, and has forgotten the elections
		c.tick()
	}
	with := heap()
	replicas := 0
	for i, s := range c.stores {
		replicas += s.Len()
		c.stores[i] = nil
	}
	without := heap()
	runtime.KeepAlive(c)
	fmt.Printf("bytes: %d for a sleeping replica of %d, storage excluded\n", (with-without)/uint64(replicas), replicas)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// idle measures idle groups of three: with the stores' beats in place of their heartbeats, and with
// heartbeats, as groups need them of which a member does not sleep.
func idle(groups, ticks, turns, sleepTicks int, what string) {
	c := newCluster(3, groups, 3, sleepTicks)
	for range 40 {
		c.tick()
	}
	runtime.GC()
	batches := c.batches
	d := fastest(turns, ticks, c.tick)
	report(fmt.Sprintf("%s, %d batches a tick", what, (c.batches-batches)/(ticks*turns)), d, groups)
}

func byHand(groups, ticks, turns int) {
	g := ours.New(groups)
	runtime.GC()
	report("nodes ticked by hand", fastest(turns, ticks, g.Tick), groups)
}

func byHandEtcd(groups, ticks, turns int) {
	g := etcd.New(groups)
	runtime.GC()
	report("nodes of etcd/raft v3.6.0 ticked by hand", fastest(turns, ticks, g.Tick), groups)
}

func report(what string, d time.Duration, groups int) {
	fmt.Printf("idle: %s: %v for a tick of %d groups of three, %.4g ns each\n", what, d, groups, float64(d.Nanoseconds())/float64(groups))
}

// wake wakes sleeping groups of three by a proposal each, until all are committed.
func wake(groups, turns int) {
	c := newCluster(3, groups, 3, 5)
	best := time.Duration(1 << 62)
	for range turns {
		for range 60 {
			c.tick()
		}
		runtime.GC()
		c.applied = 0
		begin := cpu()
		for g := 1; g <= groups; g++ {
			if err := c.stores[g%3].Propose(uint64(g), []byte("some data of a client")); err != nil {
				fmt.Println(err)
			}
		}
		c.settle()
		for c.applied < 3*groups { // a follower hears of a commit with the next append or heartbeat
			c.tick()
		}
		best = min(best, cpu()-begin)
	}
	fmt.Printf("wake: %v for each of %d groups, until applied by all members\n", best/time.Duration(groups), groups)
}

// dead kills a store that leads a third of all groups, and counts the ticks until all have leaders.
func dead(groups int) {
	c := newCluster(3, groups, 3, 5)
	for range 60 {
		c.tick()
	}
	led := 0
	for g := 1; g <= groups; g++ {
		if c.roles[uint64(g)] == 1 {
			delete(c.roles, uint64(g))
			led++
		}
	}
	before := len(c.roles)
	c.stores[0] = nil
	begin, first, ticks := cpu(), 0, 0
	for ; len(c.roles) < groups && ticks < 1000; ticks++ {
		c.tick()
		if first == 0 && len(c.roles) > before {
			first = ticks + 1
		}
	}
	fmt.Printf("dead: %d groups of %d lost their leader; the first has one again after %d ticks, all after %d (an election timeout is 10 to 19); %v of CPU\n",
		led, groups, first, ticks, cpu()-begin)
}
