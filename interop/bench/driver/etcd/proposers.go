// Code generated from package ours by go generate. DO NOT EDIT.

package etcd

import (
	"context"
	"sync"
	"testing"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/ffd200af/raft/interop/bench/measure"
)

const proposers = 16

// concurrent returns the workloads of the handle with a goroutine of its own.
func concurrent() []measure.Workload {
	return []measure.Workload{
		{Name: "16 proposers through Node, 3 nodes", Unit: "entry", PerOp: 1, Run: manyProposers},
		{Name: "1 client through Node that waits for each entry, 3 nodes", Unit: "entry", PerOp: 1, Run: clients(1)},
		{Name: "16 clients through Node that wait for each entry, 3 nodes", Unit: "entry", PerOp: 1, Run: clients(16)},
	}
}

// peer is a Node with its loop and a queue of what others sent to it.
type peer struct {
	raft.Node
	storage *raft.MemoryStorage
	inbox   chan pb.Message
	applied chan int
	// waiting, by the first byte of an entry, are those who wait until the entry is applied.
	waiting []chan struct{}
}

// group is three of them and what ends them.
type group struct {
	peers [3]*peer
	stop  chan struct{}
	wg    sync.WaitGroup
}

func startGroup(b *testing.B, waiting []chan struct{}) *group {
	g := &group{stop: make(chan struct{})}
	cs := pb.ConfState{Voters: []uint64{1, 2, 3}}
	for i := range g.peers {
		storage := raft.NewMemoryStorage()
		snapshot := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: cs}}
		if err := storage.ApplySnapshot(snapshot); err != nil {
			b.Fatal(err)
		}
		g.peers[i] = &peer{
			Node:    raft.RestartNode(config(uint64(i+1), storage)),
			storage: storage,
			inbox:   make(chan pb.Message, 4096),
			applied: make(chan int, 4096),
		}
	}
	g.peers[0].waiting = waiting
	for _, p := range g.peers {
		g.wg.Go(func() { g.receive(p) })
		g.wg.Go(func() { g.loop(b, p) })
	}
	return g
}

func (g *group) end() {
	close(g.stop)
	for _, p := range g.peers {
		p.Stop()
	}
	g.wg.Wait()
}

func (g *group) receive(p *peer) {
	for {
		select {
		case m := <-p.inbox:
			// What cannot be stepped is a message that was lost; the protocol lives with it.
			_ = p.Step(context.Background(), m)
		case <-g.stop:
			return
		}
	}
}

func (g *group) loop(b *testing.B, p *peer) {
	for {
		select {
		case rd := <-p.Ready():
			if err := p.storage.Append(rd.Entries); err != nil {
				b.Error(err)
			}
			if !raft.IsEmptyHardState(rd.HardState) {
				if err := p.storage.SetHardState(rd.HardState); err != nil {
					b.Error(err)
				}
			}
			for _, m := range rd.Messages {
				select {
				case g.peers[m.To-1].inbox <- m:
				case <-g.stop:
					return
				}
			}
			p.tell(rd.CommittedEntries)
			if n := len(rd.CommittedEntries); n > 0 && p == g.peers[0] && p.waiting == nil {
				select {
				case p.applied <- n:
				case <-g.stop:
					return
				}
			}
			p.Advance()
		case <-g.stop:
			return
		}
	}
}

func (p *peer) tell(applied []pb.Entry) {
	for i := range applied {
		if data := applied[i].Data; len(data) > 0 && p.waiting != nil {
			p.waiting[data[0]] <- struct{}{}
		}
	}
}

// clients has n of them, each with one proposal at a time.
func clients(n int) func(*testing.B) {
	return func(b *testing.B) {
		waiting := make([]chan struct{}, n)
		for i := range waiting {
			waiting[i] = make(chan struct{}, 1)
		}
		g := startGroup(b, waiting)
		defer g.end()
		leader := g.peers[0]
		if err := leader.Campaign(context.Background()); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		b.ResetTimer()
		var wg sync.WaitGroup
		for i := range n {
			share := b.N / n
			if i < b.N%n {
				share++
			}
			wg.Go(func() {
				data := make([]byte, entrySize)
				data[0] = byte(i)
				for range share {
					if err := leader.Propose(context.Background(), data); err != nil {
						b.Error(err)
						return
					}
					<-waiting[i]
				}
			})
		}
		wg.Wait()
	}
}

// manyProposers counts a proposal when the leader has applied it.
func manyProposers(b *testing.B) {
	g := startGroup(b, nil)
	defer g.end()
	leader := g.peers[0]
	if err := leader.Campaign(context.Background()); err != nil {
		b.Fatal(err)
	}
	<-leader.applied // the entry that opens the term
	data := make([]byte, entrySize)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range proposers {
		n := b.N / proposers
		if i < b.N%proposers {
			n++
		}
		g.wg.Go(func() {
			for range n {
				if err := leader.Propose(context.Background(), data); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for left := b.N; left > 0; {
		left -= <-leader.applied
	}
}
