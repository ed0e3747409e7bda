// Package ours drives this library's nodes by hand: every node of every group is ticked, and asked
// for work, in each tick. Package etcd is the same text with the import paths of etcd/raft.
package ours

import (
	"log"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

//go:generate go run ../../../generate

// Groups are groups of three in one process.
type Groups struct {
	nodes    []*raft.RawNode
	storages []*raft.MemoryStorage
	wire     [][]pb.Message // to each node
	due      []int          // nodes with messages
	spare    []int
}

// New makes n groups of three and lets node 1 of each lead.
func New(n int) *Groups {
	g := &Groups{wire: make([][]pb.Message, 3*n)}
	for range n {
		for id := uint64(1); id <= 3; id++ {
			storage := raft.NewMemoryStorage()
			snap := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: pb.ConfState{Voters: []uint64{1, 2, 3}}}}
			if err := storage.ApplySnapshot(snap); err != nil {
				log.Fatal(err)
			}
			if err := storage.SetHardState(pb.HardState{Term: 1, Commit: 1}); err != nil {
				log.Fatal(err)
			}
			node, err := raft.NewRawNode(&raft.Config{
				ID: id, ElectionTick: 10, HeartbeatTick: 1, Storage: storage, MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 256,
				CheckQuorum: true, PreVote: true, Logger: &raft.DefaultLogger{Logger: log.New(discard{}, "", 0)},
			})
			if err != nil {
				log.Fatal(err)
			}
			g.nodes, g.storages = append(g.nodes, node), append(g.storages, storage)
		}
	}
	for i := 0; i < len(g.nodes); i += 3 {
		if err := g.nodes[i].Campaign(); err != nil {
			log.Fatal(err)
		}
	}
	g.settle()
	for i := 0; i < len(g.nodes); i += 3 {
		if g.nodes[i].BasicStatus().RaftState != raft.StateLeader {
			log.Fatal("a group has no leader")
		}
	}
	return g
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// Tick ticks every node, and lets all groups do what is due.
func (g *Groups) Tick() {
	for _, node := range g.nodes {
		node.Tick()
	}
	g.settle()
}

// settle works until nothing is due: every node is asked once, and then those that got messages.
func (g *Groups) settle() {
	for i := range g.nodes {
		g.work(i)
	}
	for len(g.due) > 0 {
		due := g.due
		g.due, g.spare = g.spare[:0], due
		for _, i := range due {
			wire := g.wire[i]
			g.wire[i] = nil
			for _, m := range wire {
				_ = g.nodes[i].Step(m)
			}
			clear(wire)
			if g.wire[i] == nil {
				g.wire[i] = wire[:0]
			}
			g.work(i)
		}
	}
}

// work does what a node has to do.
func (g *Groups) work(i int) {
	for node := g.nodes[i]; node.HasReady(); {
		rd := node.Ready()
		if err := g.storages[i].Append(rd.Entries); err != nil {
			log.Fatal(err)
		}
		if !raft.IsEmptyHardState(rd.HardState) {
			if err := g.storages[i].SetHardState(rd.HardState); err != nil {
				log.Fatal(err)
			}
		}
		for _, m := range rd.Messages {
			to := i - i%3 + int(m.To) - 1
			if len(g.wire[to]) == 0 {
				g.due = append(g.due, to)
			}
			g.wire[to] = append(g.wire[to], m)
		}
		node.Advance(rd)
	}
}
