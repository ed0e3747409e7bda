package multiraft

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// A group in stores sends, in each tick, what the same nodes send that a program drives by hand.
// Members that run another library see no difference. They see no offers of sleep either.
func TestAGroupThatIsAwakeSendsWhatNodesByHandSend(t *testing.T) {
	for seed := range uint64(20) {
		compareAwake(t, seed+1)
	}
}

func compareAwake(t *testing.T, seed uint64) {
	config := func(id uint64) *raft.Config {
		storage := raft.NewMemoryStorage()
		_ = storage.ApplySnapshot(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: pb.ConfState{Voters: []uint64{1, 2, 3}}}})
		_ = storage.SetHardState(pb.HardState{Term: 1, Commit: 1})
		c := raft.DefaultConfig(id, storage)
		c.Logger, c.Seed = raft.DiscardLogger, seed<<8|id
		return c
	}
	var stores []*Store
	var nodes []*raft.RawNode
	var disks [2][]*raft.MemoryStorage
	for id := uint64(1); id <= 3; id++ {
		s, _ := New(Config{ID: id, Incarnation: 1, SleepTicks: 1 - 2*int(seed%2)})
		a, b := config(id), config(id)
		if err := s.AddGroup(1, a); err != nil {
			t.Fatal(err)
		}
		n, err := raft.NewRawNode(b)
		if err != nil {
			t.Fatal(err)
		}
		stores, nodes = append(stores, s), append(nodes, n)
		disks[0] = append(disks[0], a.Storage.(*raft.MemoryStorage))
		disks[1] = append(disks[1], b.Storage.(*raft.MemoryStorage))
	}
	rng := rand.New(rand.NewPCG(seed, 2))
	var wire []pb.Message
	for tick := range 200 {
		for i := range stores {
			stores[i].Tick()
			nodes[i].Tick()
			if tick/50%2 == 0 && rng.IntN(4) == 0 {
				a, b := stores[i].Propose(1, []byte{byte(tick)}), nodes[i].Propose([]byte{byte(tick)})
				if (a == nil) != (b == nil) {
					t.Fatalf("seed %d, tick %d: %v and %v", seed, tick, a, b)
				}
			}
		}
		for _, m := range wire {
			if rng.IntN(20) == 0 {
				continue // lost
			}
			_ = stores[m.To-1].StepMessage(1, m)
			_ = nodes[m.To-1].Step(m)
		}
		wire = nil
		for i := range stores {
			got, want := sentByStore(stores[i], disks[0][i]), sentByNode(nodes[i], disks[1][i])
			if len(got) != len(want) {
				t.Fatalf("seed %d, tick %d, store %d sends %d messages, and the node %d", seed, tick, i+1, len(got), len(want))
			}
			for j := range got {
				if got[j].String() != want[j].String() {
					t.Fatalf("seed %d, tick %d, store %d sends\n%v\nand the node\n%v", seed, tick, i+1, got[j].String(), want[j].String())
				}
			}
			wire = append(wire, want...)
		}
	}
	if stores[0].groups[0].node.BasicStatus().Commit < 20 {
		t.Errorf("seed %d: commit index %d", seed, stores[0].groups[0].node.BasicStatus().Commit)
	}
}

func sentByStore(s *Store, disk *raft.MemoryStorage) (sent []pb.Message) {
	for s.HasReady() {
		rd := s.Ready()
		for _, w := range rd.Writes {
			_ = disk.Append(w.Entries)
			if !raft.IsEmptyHardState(w.HardState) {
				_ = disk.SetHardState(w.HardState)
			}
		}
		for _, b := range rd.Batches {
			b.Each(func(_ uint64, m pb.Message) { sent = append(sent, whole(m)) })
		}
		s.Advance(rd)
	}
	return ordered(sent)
}

func sentByNode(n *raft.RawNode, disk *raft.MemoryStorage) (sent []pb.Message) {
	for n.HasReady() {
		rd := n.Ready()
		_ = disk.Append(rd.Entries)
		if !raft.IsEmptyHardState(rd.HardState) {
			_ = disk.SetHardState(rd.HardState)
		}
		for _, m := range rd.Messages {
			sent = append(sent, whole(m))
		}
		n.Advance(rd)
	}
	return ordered(sent)
}

// whole is a message that shares nothing with its sender.
func whole(m pb.Message) (c pb.Message) {
	data, _ := m.Marshal()
	_ = c.Unmarshal(data)
	return c
}

// ordered puts messages in an order that does not depend on batches.
func ordered(list []pb.Message) []pb.Message {
	slices.SortStableFunc(list, func(a, b pb.Message) int {
		if a.To != b.To {
			return int(a.To) - int(b.To)
		}
		return int(a.Type) - int(b.Type)
	})
	return list
}
