package replay

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
	"github.com/ffd200af/raft/rafttest/sim"
	"github.com/ffd200af/raft/recording"
)

// perNode runs a simulated cluster and returns what each node has recorded in all its lives.
func perNode(t *testing.T, c sim.Config) [][]recording.Record {
	t.Helper()
	all := map[uint64]*bytes.Buffer{}
	c.Recording = func(id uint64) io.Writer {
		if all[id] == nil {
			all[id] = &bytes.Buffer{}
		}
		return all[id]
	}
	if _, err := sim.Run(c); err != nil {
		t.Fatal(err)
	}
	var recordings [][]recording.Record
	for id := uint64(1); id <= uint64(len(all)); id++ {
		recordings = append(recordings, read(t, all[id].Bytes()))
	}
	return recordings
}

func TestSimulatedNodesAreJudgedAndKeepTheProperties(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 12
	}
	for seed := uint64(1); seed <= seeds; seed++ {
		c := sim.Config{Seed: seed, Steps: 2500, Bootstrap: seed%4 == 0, Faults: &sim.Faults{
			Drop: 0.02, Duplicate: 0.02, Crash: 200, CrashWriting: 300, DownTicks: 5, Tear: true, Compact: 50, Transfer: 300, Campaign: 300,
			Member: 200, MaxNodes: 5, Mixed: true, Concurrent: seed%3 == 0, ApplyLate: seed%5 == 0,
		}}
		for i, records := range perNode(t, c) {
			var j Judge
			if err := j.Run(records); err != nil && !errors.Is(err, ErrDamaged) {
				t.Fatalf("seed %d, node %d: %v", seed, i+1, err)
			}
		}
	}
}

// The application writes the vote that it acknowledges, or it does not.
func TestADiskThatHasLostAVoteIsFound(t *testing.T) {
	for _, durable := range []bool{false, true} {
		var out bytes.Buffer
		storage := raft.NewMemoryStorage()
		snapshot := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: pb.ConfState{Voters: []uint64{1, 2, 3}}}}
		if err := storage.ApplySnapshot(snapshot); err != nil {
			t.Fatal(err)
		}
		start := func() *raft.RawNode {
			c := raft.DefaultConfig(1, storage)
			c.Recording, c.Logger, c.Seed = &out, raft.DiscardLogger, 1
			n, err := raft.NewRawNode(c)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		n := start()
		if err := n.Step(pb.Message{Type: pb.MsgVote, From: 2, To: 1, Term: 3, Index: 1, LogTerm: 1}); err != nil {
			t.Fatal(err)
		}
		rd := n.Ready()
		if durable {
			if err := storage.SetHardState(rd.HardState); err != nil {
				t.Fatal(err)
			}
		}
		n.Advance(rd)
		start()
		var j Judge
		var v *property.Violation
		if err := j.Run(read(t, out.Bytes())); !durable != (errors.As(err, &v) && v.Property == property.Durability) {
			t.Errorf("durable %t: %v", durable, err)
		}
	}
}
