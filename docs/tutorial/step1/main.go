// Command step1 keeps a counter on three nodes in one process.
package main

import (
	"encoding/binary"
	"fmt"
	"log"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// member is a node, and what the program keeps for it.
type member struct {
	*raft.RawNode
	storage *raft.MemoryStorage
	counter uint64 // the state machine
}

func main() {
	cluster := start()

	err := cluster[0].Propose(add(1))
	fmt.Println("without a leader:", err)

	for cluster[0].BasicStatus().Lead == raft.None {
		for _, m := range cluster {
			m.Tick()
		}
		work(cluster)
	}
	leader := cluster[0].BasicStatus().Lead
	fmt.Println("the leader is node", leader)

	check(cluster[leader-1].Propose(add(2)))
	work(cluster)
	follower := leader%3 + 1
	check(cluster[follower-1].Propose(add(3))) // the follower sends it to the leader
	work(cluster)
	for i, m := range cluster {
		fmt.Printf("the counter of node %d is %d\n", i+1, m.counter)
	}
}

// start makes the three first members.
func start() []*member {
	first := []raft.Peer{{ID: 1}, {ID: 2}, {ID: 3}}
	var cluster []*member
	for _, peer := range first {
		m := &member{storage: raft.NewMemoryStorage()}
		config := raft.DefaultConfig(peer.ID, m.storage)
		config.Logger = raft.DiscardLogger
		config.Seed = 1 // the same run each time
		var err error
		m.RawNode, err = raft.NewRawNode(config)
		check(err)
		check(m.Bootstrap(first))
		cluster = append(cluster, m)
	}
	return cluster
}

// work does what the nodes ask for, until none asks for more.
func work(cluster []*member) {
	for busy := true; busy; {
		busy = false
		for _, m := range cluster {
			for m.HasReady() {
				busy = true
				rd := m.Ready()
				m.save(rd)
				for _, message := range rd.Messages {
					check(cluster[message.To-1].Step(message))
				}
				for _, entry := range rd.CommittedEntries {
					m.apply(entry)
				}
				m.Advance(rd)
			}
		}
	}
}

// save persists what the node wants to find again after a restart.
func (m *member) save(rd raft.Ready) {
	check(m.storage.Append(rd.Entries))
	if !raft.IsEmptyHardState(rd.HardState) {
		check(m.storage.SetHardState(rd.HardState))
	}
}

// apply executes a committed entry.
func (m *member) apply(entry raftpb.Entry) {
	switch {
	case entry.Type == raftpb.EntryConfChange:
		var change raftpb.ConfChange
		check(change.Unmarshal(entry.Data))
		m.ApplyConfChange(change)
	case len(entry.Data) > 0: // a new leader's first entry has no data
		m.counter += binary.BigEndian.Uint64(entry.Data)
	}
}

// add is the command that adds n to the counter.
func add(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
