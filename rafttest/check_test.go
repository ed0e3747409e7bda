package rafttest

import (
	"strings"
	"testing"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
)

// The properties hold unless the library is broken, so each test breaks one by force.
func TestCheckFindsWhatIsBroken(t *testing.T) {
	for _, tc := range []struct {
		name string
		by   func(t *testing.T, env *InteractionEnv)
		want string
	}{
		{
			"two leaders in a term",
			func(_ *testing.T, env *InteractionEnv) {
				env.Nodes[1].rec.Shows(property.State{HardState: pb.HardState{Term: 1, Commit: 12}, Role: property.Leader})
			},
			"election safety: term 1 has the leaders 1 and 2",
		},
		{
			"logs that differ before an entry they share",
			func(t *testing.T, env *InteractionEnv) {
				noError(t, env.Nodes[1].Append([]pb.Entry{
					{Term: 9, Index: 11}, {Term: 1, Index: 12, Data: []byte("foo")},
				}))
			},
			"log matching: entry 1/12 follows term 9 at node 2, and term 1 at node 1",
		},
		{
			"logs with two entries of a term at an index",
			func(t *testing.T, env *InteractionEnv) {
				noError(t, env.Nodes[1].Append([]pb.Entry{{Term: 1, Index: 12, Data: []byte("bar")}}))
			},
			`log matching: entry 1/12 is "bar" at node 2, and "foo" at node 1`,
		},
		{
			"different contents at an index",
			func(_ *testing.T, env *InteractionEnv) { env.Nodes[1].History[2].Data = []byte("bar") },
			`same results: node 2 has another state at 12 than others: "bar"`,
		},
		{
			"different entries applied at an index",
			func(t *testing.T, env *InteractionEnv) {
				noError(t, env.Restart(1))
				env.Nodes[1].History = env.Nodes[1].History[:2]
				noError(t, env.apply(&env.Nodes[1], []pb.Entry{{Term: 2, Index: 12, Data: []byte("foo")}}))
			},
			"state machine safety: node 2 applies 2/12, committed is 1/12",
		},
		{
			"entries applied out of order",
			func(t *testing.T, env *InteractionEnv) {
				noError(t, env.apply(&env.Nodes[1], []pb.Entry{{Term: 1, Index: 14}}))
			},
			"node 2 applies 14 after 12",
		},
		{
			"a vote that was not synced",
			func(t *testing.T, env *InteractionEnv) {
				noError(t, env.Campaign(1))
				noError(t, env.ProcessReady(1))
				env.DeliverMsgs(pb.MsgVote, Recipient{ID: 1})
				run(t, env, "process-ready 1 unsynced=true")
			},
			"promise before durability: node 1 sends MsgVoteResp in term 2, durable is term 1",
		},
		{
			"an acknowledgement that was not synced, and counted",
			func(t *testing.T, env *InteractionEnv) {
				noError(t, env.Propose(0, []byte("bar")))
				noError(t, env.ProcessReady(0))
				env.DeliverMsgs(pb.MsgApp, Recipient{ID: 2})
				run(t, env, "process-ready 2 unsynced=true")
				noError(t, env.Stabilize())
			},
			"promise before durability: node 2 acknowledges 13 to 1, durable is 12\n" +
				"commit safety: node 1 commits 1/13 in term 1, which is durable on 1 of the voters [1 2]",
		},
		{
			"a vote that a crash takes back",
			func(t *testing.T, env *InteractionEnv) {
				noError(t, env.Campaign(1))
				noError(t, env.ProcessReady(1))
				env.DeliverMsgs(pb.MsgVote, Recipient{ID: 1})
				noError(t, env.ProcessReady(0))
				noError(t, env.Crash(0))
				run(t, env, "force-disk 1 term=1 vote=1 commit=12 last=12")
				noError(t, env.Restart(0))
				noError(t, env.Campaign(0))
				noError(t, env.ProcessReady(0))
				env.DeliverMsgs(allTypes, Recipient{ID: 2}, Recipient{ID: 1, Drop: true})
				run(t, env, "step type=MsgVoteResp from=2 to=1 term=2")
			},
			"one vote a term: node 1 votes for 2 and 1 in term 2",
		},
		{
			"a leader without what was committed",
			func(t *testing.T, env *InteractionEnv) {
				noError(t, env.Propose(0, []byte("bar")))
				noError(t, env.ProcessReady(0))
				noError(t, env.Campaign(1))
				noError(t, env.ProcessReady(1))
				run(t, env, "step type=MsgAppResp from=2 to=1 term=1 index=13")
				run(t, env, "step type=MsgVoteResp from=1 to=2 term=2")
			},
			"leader completeness: node 2 leads term 2 without 1/13, which was committed in term 1",
		},
		{
			"a leader without what is committed later",
			func(t *testing.T, env *InteractionEnv) {
				noError(t, env.Propose(0, []byte("bar")))
				noError(t, env.ProcessReady(0))
				noError(t, env.Campaign(1))
				noError(t, env.ProcessReady(1))
				run(t, env, "step type=MsgVoteResp from=1 to=2 term=2")
				run(t, env, "step type=MsgAppResp from=2 to=1 term=1 index=13")
			},
			"leader completeness: node 2 leads term 2 without 1/13, which is committed now in term 1",
		},
		{
			"a vote that is asked for with what was not synced",
			func(t *testing.T, env *InteractionEnv) {
				noError(t, env.Propose(0, []byte("bar")))
				noError(t, env.ProcessReady(0))
				env.DeliverMsgs(pb.MsgApp, Recipient{ID: 2})
				noError(t, env.Campaign(1))
				run(t, env, "process-ready 2 unsynced=true")
			},
			"promise before durability: node 2 asks for votes for a log up to 1/13, durable is 12",
		},
		{
			"a commit that no leader has made",
			func(t *testing.T, env *InteractionEnv) {
				noError(t, env.stepInput(1, pb.Message{
					Type: pb.MsgApp, From: 1, To: 2, Term: 1, Index: 12, LogTerm: 1, Commit: 13, Entries: []pb.Entry{{Term: 1, Index: 13}},
				}))
				noError(t, env.ProcessReady(1))
			},
			"commit safety: node 2 commits 1/13 in term 1, which no leader has committed",
		},
		{
			"an old answer to a read",
			func(t *testing.T, env *InteractionEnv) {
				run(t, env, "read-index 1 x")
				env.Nodes[0].rec.Answers([]byte("x"), 11)
			},
			`read safety: node 1 answers the read "x" with index 11, committed was 12 when it was asked for`,
		},
		{
			"an answer to an earlier read of the same name",
			func(t *testing.T, env *InteractionEnv) {
				run(t, env, "read-index 1 x")
				noError(t, env.Propose(0, []byte("bar")))
				noError(t, env.Stabilize())
				run(t, env, "read-index 1 x")
				env.Nodes[0].rec.Answers([]byte("x"), 12)
			},
			`read safety: node 1 answers the read "x" with index 12, committed was 13 when it was asked for`,
		},
		{
			"one answer too many",
			func(t *testing.T, env *InteractionEnv) {
				run(t, env, "read-index 1 x")
				noError(t, env.Stabilize())
				env.Nodes[0].rec.Answers([]byte("x"), 12)
			},
			`read safety: node 1 answers the read "x", for which nobody waits`,
		},
		{
			"a term that falls",
			func(t *testing.T, env *InteractionEnv) {
				env.Nodes[0].rec.Term = 7
				run(t, env, "tick 1 1")
			},
			"monotonicity: the term of node 1 falls from 7 to 1",
		},
		{
			"a message that is impossible",
			func(t *testing.T, env *InteractionEnv) {
				env.Messages = append(env.Messages, pb.Message{Type: pb.MsgAppResp, From: 2, To: 1, Term: 1, Index: 99})
				noError(t, env.Stabilize())
			},
			"health: node 1 refuses a message of another",
		},
		{
			"entries applied twice",
			func(t *testing.T, env *InteractionEnv) {
				noError(t, env.apply(&env.Nodes[1], []pb.Entry{{Term: 1, Index: 12, Data: []byte("foo")}}))
			},
			"node 2 applies 12 after 12",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			env := newCluster(t, 2, nil)
			noError(t, env.Campaign(0))
			noError(t, env.Stabilize())
			noError(t, env.Propose(0, []byte("foo")))
			noError(t, env.Stabilize())
			noError(t, env.Check())
			tc.by(t, env)
			err := env.Check()
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %s", err, tc.want)
			}
			if got := run(t, env, "check"); got != err.Error() {
				t.Errorf("the command prints %s", got)
			}
		})
	}
}

// A tail that was never committed may differ, and a log may be shorter or compacted.
func TestCheckAllowsWhatRaftAllows(t *testing.T) {
	env := newCluster(t, 3, nil)
	noError(t, env.Campaign(0))
	noError(t, env.Stabilize())
	noError(t, env.Nodes[1].Append([]pb.Entry{{Term: 1, Index: 12}, {Term: 1, Index: 13}}))
	noError(t, env.Nodes[2].Append([]pb.Entry{{Term: 2, Index: 12}}))
	noError(t, env.Compact(0, 11))
	noError(t, env.Check())
}

func TestAViolationIsRememberedAndToldOnce(t *testing.T) {
	env := newCluster(t, 1, nil)
	noError(t, env.AddNodes(1, DefaultConfig(), pb.Snapshot{}))
	for _, n := range []*Node{&env.Nodes[0], &env.Nodes[1], &env.Nodes[1]} {
		n.rec.Recovers(n.rec.Durable, pb.HardState{Term: 5, Vote: n.id()})
		n.rec.Shows(property.State{HardState: pb.HardState{Term: 5, Vote: n.id(), Commit: n.rec.Commit}, Applied: n.rec.Applied, Role: property.Leader})
		n.rec.Role = property.Follower
	}
	if got := run(t, env, "check"); got != "election safety: term 5 has the leaders 1 and 2" {
		t.Errorf("got %s", got)
	}
}

func TestAQuarantinedNodeIsShownAndNotABrokenProperty(t *testing.T) {
	env := newCluster(t, 2, nil)
	err := env.Nodes[0].Step(pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 1, Term: 1, Commit: 99})
	if err == nil || env.Nodes[0].Err() == nil {
		t.Fatalf("not quarantined: %v", err)
	}
	if got := run(t, env, "raft-state"); !strings.HasPrefix(got, "1: StateFollower (Voter) Term:1 Lead:2 "+raft.ErrQuarantined.Error()) {
		t.Errorf("raft-state prints %s", got)
	}
	if got := run(t, env, "process-ready 1"); !strings.HasPrefix(got, raft.ErrQuarantined.Error()) {
		t.Errorf("process-ready prints %s", got)
	}
	if got := run(t, env, "check"); got != "ok" {
		t.Errorf("check prints %s", got)
	}
}
