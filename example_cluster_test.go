package raft_test

import (
	"fmt"
	"log"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// exampleCluster is nodes in one process with a network that delivers at once: that of the README.
type exampleCluster struct {
	members []*exampleMember // the node with id i is members[i-1]
}

type exampleMember struct {
	*raft.RawNode
	storage *raft.MemoryStorage
	applied []string // the state machine: the commands that were executed
	index   uint64   // of the last entry that was applied
	reads   []raft.ReadState
}

// newExampleCluster starts n first members, and lets time pass until one leads.
func newExampleCluster(n int, tune func(*raft.Config)) *exampleCluster {
	c := &exampleCluster{}
	var first []raft.Peer
	for id := uint64(1); id <= uint64(n); id++ {
		first = append(first, raft.Peer{ID: id})
	}
	for range n {
		m := c.add(tune)
		check(m.Bootstrap(first))
	}
	for c.members[0].BasicStatus().Lead == raft.None {
		c.tick()
	}
	return c
}

// add adds a node with an empty Storage.
func (c *exampleCluster) add(tune func(*raft.Config)) *exampleMember {
	m := &exampleMember{storage: raft.NewMemoryStorage()}
	config := raft.DefaultConfig(uint64(len(c.members))+1, m.storage)
	config.Logger = raft.DiscardLogger
	config.Seed = 1 // the same run each time
	if tune != nil {
		tune(config)
	}
	var err error
	m.RawNode, err = raft.NewRawNode(config)
	check(err)
	c.members = append(c.members, m)
	return m
}

func (c *exampleCluster) tick() {
	for _, m := range c.members {
		m.Tick()
	}
	c.work()
}

func (c *exampleCluster) leader() *exampleMember {
	return c.members[c.members[0].BasicStatus().Lead-1]
}

// work does what the nodes ask for, until none asks for more.
func (c *exampleCluster) work() {
	for busy := true; busy; {
		busy = false
		for _, m := range c.members {
			for m.HasReady() {
				busy = true
				c.handle(m)
			}
		}
	}
}

func (c *exampleCluster) handle(m *exampleMember) {
	rd := m.Ready()
	m.save(rd)
	for _, message := range rd.Messages {
		check(c.members[message.To-1].Step(message))
		if message.Type == raftpb.MsgSnap {
			m.ReportSnapshot(message.To, raft.SnapshotFinish)
		}
	}
	m.apply(rd.Snapshot, rd.CommittedEntries)
	m.reads = append(m.reads, rd.ReadStates...)
	for _, learner := range rd.CatchUps {
		if learner.State == raft.CatchUpPromoted {
			fmt.Printf("node %d votes\n", learner.ID)
		}
	}
	m.Advance(rd)
}

func (m *exampleMember) save(rd raft.Ready) {
	if !raft.IsEmptySnap(rd.Snapshot) {
		check(m.storage.ApplySnapshot(rd.Snapshot))
	}
	check(m.storage.Append(rd.Entries))
	if !raft.IsEmptyHardState(rd.HardState) {
		check(m.storage.SetHardState(rd.HardState))
	}
}

func (m *exampleMember) apply(snapshot raftpb.Snapshot, entries []raftpb.Entry) {
	if !raft.IsEmptySnap(snapshot) {
		m.applied, m.index = []string{string(snapshot.Data)}, snapshot.Metadata.Index
	}
	for _, entry := range entries {
		switch {
		case entry.Type == raftpb.EntryConfChange:
			var change raftpb.ConfChange
			check(change.Unmarshal(entry.Data))
			m.ApplyConfChange(change)
		case len(entry.Data) > 0:
			m.applied = append(m.applied, string(entry.Data))
		}
		m.index = entry.Index
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
