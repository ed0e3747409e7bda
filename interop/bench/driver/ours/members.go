package ours

import (
	"testing"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"

	"github.com/ffd200af/raft/interop/bench/measure"
)

// manyMembers returns the workloads of a leader with many learners. It looks for a Ready after each
// message.
func manyMembers() []measure.Workload {
	return []measure.Workload{
		wide("tick of a leader of 3", 3, false),
		wide("tick of a leader of 100", 100, false),
		wide("tick of a leader of 1,000", 1000, false),
		wide("tick of a leader of 4,000", 4000, false),
		wide("tick of a leader of 10,000", 10_000, false),
		wide("tick of a leader of 10,000, with leases", 10_000, true),
	}
}

// wide has a leader with two other voters, and learners. They answer at once, and are no nodes.
func wide(name string, members int, leases bool) measure.Workload {
	run := func(b *testing.B) {
		c := &cluster{tb: b, oneByOne: true}
		cs := pb.ConfState{Voters: []uint64{1, 2, 3}}
		for id := 4; id <= measure.Size(members); id++ {
			cs.Learners = append(cs.Learners, uint64(id))
		}
		storage := raft.NewMemoryStorage()
		c.must(storage.ApplySnapshot(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: cs}}))
		cfg := config(1, storage)
		if leases {
			cfg.CheckQuorum, cfg.ReadOnlyOption = true, raft.ReadOnlyLeaseBased
		}
		c.add(cfg, storage)
		leader := c.nodes[0]
		if leases {
			for range 20 { // after a start, leases keep a node from campaigning for a while
				leader.Tick()
			}
		}
		c.must(leader.Campaign())
		c.settle()
		before := leader.sent
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			leader.Tick()
			c.settle()
		}
		b.StopTimer()
		if sent, want := leader.sent-before, b.N*(len(cs.Voters)+len(cs.Learners)-1); sent < want {
			b.Fatalf("%d heartbeats, want %d", sent, want)
		}
	}
	return measure.Workload{Name: name, Unit: "tick", PerOp: 1, Turns: max(20, 20_000/members), Run: run}
}

// answerTo is what a member that has everything answers.
func answerTo(m pb.Message) (pb.Message, bool) {
	answer := pb.Message{From: m.To, To: m.From, Term: m.Term}
	switch m.Type {
	case pb.MsgVote:
		answer.Type = pb.MsgVoteResp
	case pb.MsgApp:
		answer.Type, answer.Index = pb.MsgAppResp, m.Index+uint64(len(m.Entries))
	case pb.MsgHeartbeat:
		answer.Type, answer.Context = pb.MsgHeartbeatResp, m.Context
	default:
		return answer, false
	}
	return answer, true
}
