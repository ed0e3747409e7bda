// Command step2 keeps the counter of step 1 on disk. Three times all nodes stop and start again.
package main

import (
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/docs/tutorial/disk"
	"github.com/ffd200af/raft/raftpb"
)

// member is a node, and what the program keeps for it.
type member struct {
	*raft.RawNode
	disk    *disk.Disk
	counter uint64 // the state machine: in memory, so that a restart applies the log again
}

func main() {
	dir, err := os.MkdirTemp("", "tutorial")
	check(err)
	defer os.RemoveAll(dir)

	for life := range 3 {
		cluster := start(dir)
		work(cluster)
		fmt.Printf("start %d: the counter is %d, node 2 is in term %d\n",
			life+1, cluster[1].counter, cluster[1].BasicStatus().Term)
		elect(cluster)
		leader := cluster[cluster[0].BasicStatus().Lead-1]
		check(leader.Propose(add(10)))
		work(cluster)
		fmt.Printf("         the counter is %d, node 2 is in term %d\n",
			cluster[1].counter, cluster[1].BasicStatus().Term)
		for _, m := range cluster {
			check(m.disk.Close())
		}
		tear(file(dir, 2))
	}
}

// start makes the three first members, or brings them back.
func start(dir string) []*member {
	first := []raft.Peer{{ID: 1}, {ID: 2}, {ID: 3}}
	var cluster []*member
	for _, peer := range first {
		m := &member{}
		var err error
		m.disk, err = disk.Open(file(dir, peer.ID))
		check(err)
		config := raft.DefaultConfig(peer.ID, m.disk)
		config.Logger = raft.DiscardLogger
		config.Seed = 1
		config.Applied = 0 // the counter starts from zero, so all entries are to be applied
		m.RawNode, err = raft.NewRawNode(config)
		check(err)
		stored, _, err := m.disk.InitialState()
		check(err)
		if stored.Commit == 0 { // new, or a crash came before the first entries were committed
			check(m.Bootstrap(first))
		}
		cluster = append(cluster, m)
	}
	return cluster
}

// elect lets time pass until there is a leader.
func elect(cluster []*member) {
	for cluster[0].BasicStatus().Lead == raft.None {
		for _, m := range cluster {
			m.Tick()
		}
		work(cluster)
	}
}

// work does what the nodes ask for, until none asks for more.
func work(cluster []*member) {
	for busy := true; busy; {
		busy = false
		for _, m := range cluster {
			for m.HasReady() {
				busy = true
				rd := m.Ready()
				check(m.disk.Save(rd)) // before any message is sent
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

// apply executes a committed entry.
func (m *member) apply(entry raftpb.Entry) {
	switch {
	case entry.Type == raftpb.EntryConfChange:
		var change raftpb.ConfChange
		check(change.Unmarshal(entry.Data))
		m.ApplyConfChange(change)
	case len(entry.Data) > 0:
		m.counter += binary.BigEndian.Uint64(entry.Data)
	}
}

// add is the command that adds n to the counter.
func add(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// file is where a node has its log.
func file(dir string, id uint64) string { return filepath.Join(dir, fmt.Sprint("node-", id)) }

// tear leaves half a record at the end of a file, as a loss of power during a write does.
func tear(name string) {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	check(err)
	_, err = f.Write([]byte{0, 0, 0, 99, 1, 2, 3, 4, 'h', 'a', 'l', 'f'})
	check(err)
	check(f.Close())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
