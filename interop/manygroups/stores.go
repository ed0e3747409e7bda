package main

import (
	"log"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/multiraft"
	pb "github.com/ffd200af/raft/raftpb"
)

// cluster is some stores in one process. Batches travel as values, and writes go to memory.
type cluster struct {
	stores   []*multiraft.Store // id i+1; nil if it is dead
	storages []map[uint64]*raft.MemoryStorage
	batches  int
	applied  int // entries with data
	roles    map[uint64]uint64
}

func newCluster(stores, groups, members, sleepTicks int) *cluster {
	c := &cluster{roles: map[uint64]uint64{}}
	for id := 1; id <= stores; id++ {
		s, err := multiraft.New(multiraft.Config{ID: uint64(id), Incarnation: 1, SleepTicks: sleepTicks, MaxReadyGroups: 1 << 14})
		if err != nil {
			log.Fatal(err)
		}
		c.stores = append(c.stores, s)
		c.storages = append(c.storages, make(map[uint64]*raft.MemoryStorage, groups))
	}
	ids := []uint64{1, 2, 3}[:members]
	for g := 1; g <= groups; g++ {
		for _, id := range ids {
			c.add(uint64(g), id, ids)
		}
		if lead := c.stores[ids[g%members]-1]; lead.Do(uint64(g), (*raft.RawNode).Campaign) != nil {
			log.Fatal("no campaign")
		}
		if g%1000 == 0 {
			c.settle()
		}
	}
	c.settle()
	return c
}

func (c *cluster) add(group, id uint64, voters []uint64) {
	storage := raft.NewMemoryStorage()
	snap := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: pb.ConfState{Voters: voters}}}
	if err := storage.ApplySnapshot(snap); err != nil {
		log.Fatal(err)
	}
	if err := storage.SetHardState(pb.HardState{Term: 1, Commit: 1}); err != nil {
		log.Fatal(err)
	}
	c.storages[id-1][group] = storage
	cfg := raft.DefaultConfig(id, storage)
	cfg.Logger = raft.DiscardLogger
	if err := c.stores[id-1].AddGroup(group, cfg); err != nil {
		log.Fatal(err)
	}
}

// tick ticks every store, and lets all groups do what is due.
func (c *cluster) tick() {
	for _, s := range c.stores {
		if s != nil {
			s.Tick()
		}
	}
	c.settle()
}

func (c *cluster) settle() {
	for moved := true; moved; {
		moved = false
		for i, s := range c.stores {
			for s != nil && s.HasReady() {
				moved = true
				c.work(i, s)
			}
		}
	}
}

func (c *cluster) work(i int, s *multiraft.Store) {
	rd := s.Ready()
	for j := range rd.Writes {
		w := &rd.Writes[j]
		storage := c.storages[i][w.Group]
		if err := storage.Append(w.Entries); err != nil {
			log.Fatal(err)
		}
		if !raft.IsEmptyHardState(w.HardState) {
			if err := storage.SetHardState(w.HardState); err != nil {
				log.Fatal(err)
			}
		}
	}
	c.batches += len(rd.Batches)
	for _, b := range rd.Batches {
		if to := c.stores[b.To-1]; to != nil {
			if err := to.Step(b); err != nil {
				log.Fatal(err)
			}
		}
	}
	for j := range rd.Applies {
		for _, e := range rd.Applies[j].Entries {
			if len(e.Data) > 0 {
				c.applied++
			}
		}
	}
	for _, r := range rd.Roles {
		if r.RaftState == raft.StateLeader {
			c.roles[r.Group] = uint64(i + 1)
		} else if c.roles[r.Group] == uint64(i+1) {
			delete(c.roles, r.Group)
		}
	}
	s.Advance(rd)
}

// beat makes the stores known to each other.
func (c *cluster) beat() {
	for i, s := range c.stores {
		for j := range c.stores {
			if i != j {
				b := multiraft.Batch{From: uint64(j + 1), To: uint64(i + 1), Incarnation: 1}
				if err := s.Step(&b); err != nil {
					log.Fatal(err)
				}
			}
		}
	}
}
