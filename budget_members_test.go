package raft

import (
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
)

// crowd is a leader with many members that are not there: the test answers for them.
type crowd struct {
	*RawNode
	tb      testing.TB
	storage *MemoryStorage
	seen    []pb.Message // what the leader has sent and nobody has answered yet
}

// newCrowd elects node 1 of a group with that many voters and learners. The ids of learners are
// lower than those of the other voters, so that a search from the start passes over them.
func newCrowd(tb testing.TB, voters, learners int, tune func(c *Config)) *crowd {
	tb.Helper()
	cs := pb.ConfState{Voters: []uint64{1}}
	for id := uint64(2); id < uint64(2+learners); id++ {
		cs.Learners = append(cs.Learners, id)
	}
	for id := uint64(2 + learners); id < uint64(1+learners+voters); id++ {
		cs.Voters = append(cs.Voters, id)
	}
	storage := NewMemoryStorage()
	noError(tb, storage.ApplySnapshot(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: cs}}))
	noError(tb, storage.SetHardState(pb.HardState{Term: 1, Commit: 1}))
	cfg := testConfig(1, storage)
	if tune != nil {
		tune(&cfg)
	}
	rn, err := NewRawNode(&cfg)
	noError(tb, err)
	c := &crowd{RawNode: rn, tb: tb, storage: storage}
	for range cfg.ElectionTick { // a promise that the node may have forgotten is over
		rn.TickQuiesced()
	}
	noError(tb, rn.Campaign())
	c.settle()
	if rn.BasicStatus().RaftState != StateLeader {
		tb.Fatalf("node 1 is %s", rn.BasicStatus().RaftState)
	}
	return c
}

// drain is what a program for v3.6 does after each input.
func (c *crowd) drain() {
	for c.HasReady() {
		rd := c.Ready()
		noError(c.tb, c.storage.Append(rd.Entries))
		c.seen = append(c.seen, rd.Messages...)
		c.Advance(rd)
		noError(c.tb, c.Err())
	}
}

func (c *crowd) tick() { c.Tick() }

// settle answers every message as a follower does that has the leader's log, one after the other.
func (c *crowd) settle() {
	c.tb.Helper()
	c.drain()
	for len(c.seen) > 0 {
		messages := c.seen
		c.seen = nil
		for _, m := range messages {
			noError(c.tb, c.Step(answerOf(m)))
			c.drain()
		}
	}
}

// answerOf is the answer of a follower that has all that the message needs.
func answerOf(m pb.Message) pb.Message {
	answer := pb.Message{From: m.To, To: m.From, Term: m.Term, Context: m.Context}
	switch m.Type {
	case pb.MsgVote:
		answer.Type, answer.Context = pb.MsgVoteResp, nil
	case pb.MsgApp:
		answer.Type, answer.Index = pb.MsgAppResp, m.Index+uint64(len(m.Entries))
	case pb.MsgHeartbeat:
		answer.Type = pb.MsgHeartbeatResp
	default:
		answer.Type, answer.To = pb.MsgHeartbeatResp, m.From
	}
	return answer
}

// A unit of work in a group with many members costs a few looks at each of them, although the
// program asks HasReady after each message.
func TestWorkLooksAtEachMemberAFewTimes(t *testing.T) {
	for _, work := range []struct {
		name             string
		voters, learners int
		do               func(c *crowd)
		most             uint64 // looks at each member
	}{
		{"heartbeats to learners", 3, 1000, (*crowd).tick, 3},
		{"heartbeats to voters", 1000, 0, (*crowd).tick, 3},
		{"lease rounds", 1000, 0, (*crowd).tick, 3},
		{"a read", 1000, 0, func(c *crowd) { c.ReadIndex([]byte("x")) }, 3},
		{"a proposal to learners", 3, 1000, func(c *crowd) { noError(c.tb, c.Propose([]byte("x"))) }, 6},
		{"a proposal to voters", 1000, 0, func(c *crowd) { noError(c.tb, c.Propose([]byte("x"))) }, 6},
		{"questions", 3, 1000, func(c *crowd) {
			for range 10000 {
				c.HasReady()
			}
		}, 0},
	} {
		t.Run(work.name, func(t *testing.T) {
			c := newCrowd(t, work.voters, work.learners, func(cfg *Config) {
				cfg.CheckQuorum = true
				if work.name == "lease rounds" {
					cfg.LeaseDriftTicks = 1
				}
			})
			before := c.raft.members.Looked()
			work.do(c)
			c.settle()
			members := uint64(work.voters + work.learners)
			if looks := c.raft.members.Looked() - before; looks > work.most*members {
				t.Errorf("%d looks at %d members", looks, members)
			}
		})
	}
}

// BenchmarkTickOfACrowd is a tick of the leader with all answers, by a program that asks HasReady
// after each message.
func BenchmarkTickOfACrowd(b *testing.B) {
	for _, group := range []struct {
		name             string
		voters, learners int
		drift            int
	}{{"3voters", 3, 0, 0}, {"3voters,4000learners", 3, 4000, 0}, {"10000voters,leases", 10000, 0, 1}} {
		b.Run(group.name, func(b *testing.B) {
			c := newCrowd(b, group.voters, group.learners, func(cfg *Config) {
				cfg.CheckQuorum, cfg.LeaseDriftTicks = true, group.drift
			})
			for b.Loop() {
				c.Tick()
				c.settle()
			}
		})
	}
}
