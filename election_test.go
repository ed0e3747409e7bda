package raft

import (
	"errors"
	"fmt"
	"testing"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// voteFrom makes a request for node to's vote, from a candidate whose log ends at last.
func voteFrom(from, to, term uint64, last raftlog.EntryID) pb.Message {
	return pb.Message{Type: pb.MsgVote, From: from, To: to, Term: term, Index: last.Index, LogTerm: last.Term}
}

func TestBug01TermAndVoteAreOneWrite(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.step(voteFrom(2, 1, 5, entryAt(1, 1)))
	rd := c.node(1).Ready()
	want := pb.HardState{Term: 5, Vote: 2, Commit: 1}
	if rd.HardState != want || !rd.MustSync {
		t.Fatalf("hard state %v, synced: %t, want %v", rd.HardState, rd.MustSync, want)
	}
	if len(rd.Messages) != 1 || rd.Messages[0].Type != pb.MsgVoteResp || rd.Messages[0].Reject {
		t.Fatalf("want one granted vote with the write, got %v", rd.Messages)
	}
}

func TestBug02AVoteIsForgottenOnlyWithItsTerm(t *testing.T) {
	for _, restart := range []bool{false, true} {
		c := newTestCluster(t, 3, nil)
		if err := c.node(1).Campaign(); err != nil {
			t.Fatal(err)
		}
		c.ready(1)
		// The term has a leader; this node steps down and must not vote again in it.
		c.step(pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 1, Term: 2})
		c.ready(1)
		c.wantRole(1, StateFollower, 2)
		if restart {
			c.restart(1)
		}
		c.wire = nil
		c.step(voteFrom(3, 1, 2, entryAt(1, 1)))
		if got := c.answers(1, pb.MsgVoteResp); len(got) != 1 || !got[0].Reject {
			t.Errorf("restart %t: a second vote in term 2: %v", restart, got)
		}
	}
}

func TestWhoKnowsTheLeaderOfTheTermVotesForNobodyElse(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	// Node 1 gets to know the leader without having voted for it.
	c.step(pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 1, Term: 5})
	c.ready(1)
	c.wire = nil
	c.step(voteFrom(3, 1, 5, entryAt(4, 9)))
	if got := c.answers(1, pb.MsgVoteResp); len(got) != 1 || !got[0].Reject {
		t.Errorf("a vote against the leader of term 5: %v", got)
	}
}

func TestBug03AHigherTermInAReplyIsNoVote(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	if err := c.node(1).Campaign(); err != nil {
		t.Fatal(err)
	}
	c.ready(1)
	c.step(pb.Message{Type: pb.MsgVoteResp, From: 2, To: 1, Term: 3})
	c.wantRole(1, StateFollower, 3)
}

func TestBug04ARestartedLeaderDoesNotGoOnLeading(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.propose(1, "kept")
	c.settle()
	c.restart(1)
	c.wantRole(1, StateFollower, 2)
	c.elect(1)
	c.wantRole(1, StateLeader, 3)
	c.wantApplied("kept ")
}

func TestBug05AVoteCountsOnce(t *testing.T) {
	c := newTestCluster(t, 5, nil)
	if err := c.node(1).Campaign(); err != nil {
		t.Fatal(err)
	}
	c.ready(1)
	for range 3 {
		c.step(pb.Message{Type: pb.MsgVoteResp, From: 2, To: 1, Term: 2})
	}
	c.wantRole(1, StateCandidate, 2)
	// The first answer stands: a refusal cannot become a vote, nor the other way.
	c.step(pb.Message{Type: pb.MsgVoteResp, From: 3, To: 1, Term: 2, Reject: true})
	c.step(pb.Message{Type: pb.MsgVoteResp, From: 3, To: 1, Term: 2})
	c.wantRole(1, StateCandidate, 2)
	c.step(pb.Message{Type: pb.MsgVoteResp, From: 4, To: 1, Term: 2})
	c.wantRole(1, StateLeader, 2)
}

func TestALogMustBeAsUpToDateToGetAVote(t *testing.T) {
	for _, tc := range []struct {
		name      string
		candidate raftlog.EntryID
		granted   bool
	}{
		{"a longer log of an older term", entryAt(2, 9), false},
		{"a shorter log of the same term", entryAt(3, 4), false},
		{"the same log", entryAt(3, 5), true},
		{"a longer log of the same term", entryAt(3, 6), true},
		{"a shorter log of a later term", entryAt(4, 2), true},
	} {
		for _, pre := range []bool{false, true} {
			c := newTestCluster(t, 3, nil)
			c.step(pb.Message{Type: pb.MsgApp, From: 3, To: 1, Term: 3, Index: 1, LogTerm: 1, Entries: entriesOf(2, 1, 2, 3, 3)})
			c.ready(1)
			c.wire = nil
			m := voteFrom(2, 1, 9, tc.candidate)
			resp := pb.MsgVoteResp
			if pre {
				m.Type, resp = pb.MsgPreVote, pb.MsgPreVoteResp
			}
			c.step(m)
			got := c.answers(1, resp)
			if len(got) != 1 || got[0].Reject == tc.granted {
				t.Fatalf("%s, pre-vote %t: got %v, want granted: %t", tc.name, pre, got, tc.granted)
			}
			// A granted pre-vote names the term that was asked for, a refused one the voter's: the
			// candidate must not be carried to a term that nobody is in.
			if want := uint64(3); pre && !tc.granted && got[0].Term != want {
				t.Errorf("%s: a refused pre-vote at term %d, want %d", tc.name, got[0].Term, want)
			}
			if pre && tc.granted && got[0].Term != 9 {
				t.Errorf("%s: a granted pre-vote at term %d, want 9", tc.name, got[0].Term)
			}
		}
	}
}

func preVote(c *Config) { c.PreVote = true }

func TestAPreVoteChangesNeitherTermNorVote(t *testing.T) {
	c := newTestCluster(t, 3, preVote)
	if err := c.node(1).Campaign(); err != nil {
		t.Fatal(err)
	}
	c.wantRole(1, StatePreCandidate, 1)
	c.ready(1)
	c.deliver()
	for id := uint64(1); id <= 3; id++ {
		if hs := c.node(id).BasicStatus().HardState; hs.Term != 1 || hs.Vote != None {
			t.Errorf("node %d has %v after a pre-vote", id, hs)
		}
	}
	c.settle()
	c.wantRole(1, StateLeader, 2)
}

// A short log of a high term against a long log of a low one: the short one wins, the
// long one learns the term instead of trying for ever.
func TestBug06ARejectedPreVoteTeachesTheHigherTerm(t *testing.T) {
	c := newTestCluster(t, 3, preVote)
	c.elect(1)
	c.isolate(1)
	for range 5 {
		c.propose(1, "lost")
	}
	c.settle()
	c.elect(2)
	c.propose(2, "kept")
	c.settle()
	c.heal()
	// Node 1 steps down in its own time; its log is long and its term is low.
	c.node(1).raft.becomeFollower(2, None)
	c.node(1).verified = nil
	if err := c.node(1).Campaign(); err != nil {
		t.Fatal(err)
	}
	c.settle()
	c.wantRole(1, StateFollower, 3)
	c.wantRole(2, StateLeader, 3)
	c.settleTicking(2)
	c.wantApplied("kept ")
}

// A node that has campaigned without pre-vote, cut off, is ahead of the cluster's term.
// With pre-vote elsewhere nobody would ever reach its term unless it said it.
func TestBug06AReplicaAheadOfTheTermGetsUnstuck(t *testing.T) {
	c := newTestCluster(t, 3, func(cfg *Config) {
		cfg.PreVote = cfg.ID != 3
		cfg.CheckQuorum = true
	})
	c.elect(1)
	c.isolate(3)
	for range 4 {
		c.tick(3, 25)
		c.settle()
	}
	c.heal()
	for range 40 {
		for id := uint64(1); id <= 3; id++ {
			c.tick(id, 1)
		}
		c.settle()
	}
	term := c.node(3).BasicStatus().Term
	for id := uint64(1); id <= 3; id++ {
		if st := c.node(id).BasicStatus(); st.Term != term || st.Lead == None {
			t.Errorf("node %d is at term %d with leader %d, node 3 at %d", id, st.Term, st.Lead, term)
		}
	}
}

func TestBug07LatePreVoteRepliesMeanNothing(t *testing.T) {
	c := newTestCluster(t, 5, preVote)
	if err := c.node(1).Campaign(); err != nil {
		t.Fatal(err)
	}
	c.ready(1)
	grant := func(from uint64) pb.Message {
		return pb.Message{Type: pb.MsgPreVoteResp, From: from, To: 1, Term: 2}
	}
	c.step(grant(2))
	c.step(grant(3))
	c.wantRole(1, StateCandidate, 2)
	// A candidate does not count them as votes, nor a later campaign as pre-votes.
	c.ready(1)
	c.step(grant(4))
	c.step(grant(5))
	c.wantRole(1, StateCandidate, 2)
	if err := c.node(1).Campaign(); err != nil {
		t.Fatal(err)
	}
	c.wantRole(1, StatePreCandidate, 2)
	c.step(grant(4))
	c.step(grant(5))
	c.wantRole(1, StatePreCandidate, 2)
	// Nor does a leader fall over them.
	c.settle()
	c.wantRole(1, StateLeader, 3)
	c.step(pb.Message{Type: pb.MsgPreVoteResp, From: 2, To: 1, Term: 4})
	c.step(pb.Message{Type: pb.MsgPreVoteResp, From: 2, To: 1, Term: 3, Reject: true})
	c.wantRole(1, StateLeader, 3)
}

func TestACandidateIsIgnoredWhileALeaderIsAlive(t *testing.T) {
	for _, m := range []pb.MessageType{pb.MsgVote, pb.MsgPreVote} {
		c := newTestCluster(t, 3, func(cfg *Config) { cfg.CheckQuorum = true })
		c.elect(1)
		c.tick(2, 9) // one tick short of the minimum election timeout
		req := voteFrom(3, 2, 9, entryAt(2, 2))
		req.Type = m
		c.step(req)
		c.wantRole(2, StateFollower, 2)
		if c.ready(2); len(c.wire) != 0 {
			t.Errorf("%s: answered with %v", m, c.wire)
		}
		transfer := req
		transfer.Context = []byte(contextTransfer)
		c.step(transfer)
		if got := c.node(2).BasicStatus().Term; m == pb.MsgVote && got != 9 {
			t.Errorf("a campaign that the leader ordered is ignored: term %d", got)
		}
		c = newTestCluster(t, 3, func(cfg *Config) { cfg.CheckQuorum = true })
		c.elect(1)
		_ = c.node(2).SetRandomizedElectionTimeout(100)
		c.tick(2, 10)
		c.step(req)
		if c.ready(2); len(c.wire) != 1 || c.wire[0].Reject {
			t.Errorf("%s after the minimum election timeout: %v", m, c.wire)
		}
	}
}

func TestATimeoutNowMakesAFollowerCampaignAtOnceWithoutPreVote(t *testing.T) {
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.PreVote, cfg.CheckQuorum = true, true })
	c.elect(1)
	c.step(pb.Message{Type: pb.MsgTimeoutNow, From: 1, To: 2, Term: 2})
	c.settle()
	c.wantRole(2, StateLeader, 3)
	c.wantRole(1, StateFollower, 3)
}

func TestLearnersVoteButNeitherCampaignNorCount(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	cs := pb.ConfState{Voters: []uint64{1, 2}, Learners: []uint64{3}}
	for _, n := range c.nodes {
		n.storage = NewMemoryStorage()
		if err := n.storage.ApplySnapshot(*snapAt(1, 1, cs)); err != nil {
			t.Fatal(err)
		}
		n.cfg.Storage = n.storage
		c.start(n)
	}
	if err := c.node(3).Campaign(); err != nil {
		t.Fatal(err)
	}
	c.tick(3, 100)
	c.wantRole(3, StateFollower, 0)
	// It may have been promoted without knowing it: it answers a candidate.
	c.step(voteFrom(1, 3, 5, entryAt(1, 1)))
	if got := c.answers(3, pb.MsgVoteResp); len(got) != 1 || got[0].Reject {
		t.Errorf("a learner's vote: %v", got)
	}
	// Its answer does not count in a configuration in which it is a learner.
	if err := c.node(1).Campaign(); err != nil {
		t.Fatal(err)
	}
	c.ready(1)
	c.step(pb.Message{Type: pb.MsgVoteResp, From: 3, To: 1, Term: 1})
	c.wantRole(1, StateCandidate, 1)
}

func TestANodeWithACommittedUnappliedConfigurationChangeDoesNotCampaign(t *testing.T) {
	cc := pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: 4}
	data, err := cc.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	c := newTestCluster(t, 3, nil)
	c.step(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: 1, LogTerm: 1, Commit: 2,
		Entries: []pb.Entry{{Term: 2, Index: 2, Type: pb.EntryConfChange, Data: data}}})
	if err := c.node(1).Campaign(); err != nil {
		t.Fatal(err)
	}
	c.wantRole(1, StateFollower, 2)
	c.ready(1)
	if err := c.node(1).Campaign(); err != nil {
		t.Fatal(err)
	}
	c.wantRole(1, StateCandidate, 3)
}

func TestACandidateCountsItsOwnVoteOnlyWhenItIsDurable(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	if err := c.node(1).Campaign(); err != nil {
		t.Fatal(err)
	}
	rd := c.node(1).Ready()
	c.step(pb.Message{Type: pb.MsgVoteResp, From: 2, To: 1, Term: 2})
	c.wantRole(1, StateCandidate, 2)
	c.node(1).persist(t, rd)
	c.node(1).Advance(rd)
	c.wantRole(1, StateLeader, 2)
}

// Whoever asks in a term that is over is told so: an old leader, an old candidate, and a
// pre-candidate that would otherwise ask in its old term for ever.
func TestARequestFromAnEarlierTermIsAnsweredWithTheNewerOne(t *testing.T) {
	for request, answer := range map[pb.MessageType]pb.MessageType{
		pb.MsgPreVote: pb.MsgPreVoteResp, pb.MsgVote: pb.MsgVoteResp, pb.MsgApp: pb.MsgAppResp,
		pb.MsgHeartbeat: pb.MsgAppResp, pb.MsgSnap: pb.MsgAppResp,
	} {
		c := newTestCluster(t, 3, nil)
		c.step(pb.Message{Type: pb.MsgHeartbeat, From: 3, To: 1, Term: 7})
		c.ready(1)
		c.wire = nil
		m := pb.Message{Type: request, From: 2, To: 1, Term: 5, Index: 1, LogTerm: 1}
		if request == pb.MsgSnap {
			m.Snapshot = snapAt(9, 4, threeVoters)
		}
		c.step(m)
		got := c.answers(1, answer)
		if len(got) != 1 || got[0].Term != 7 || got[0].Index != 0 || got[0].Reject != (answer != pb.MsgAppResp) {
			t.Errorf("%s is answered with %v", request, got)
		}
		c.wantRole(1, StateFollower, 7)
	}
}

// A candidate may win with the votes of others before its own write is done. What is still being
// written counts for nobody. The votes of the others are repeated when they are asked for again, so
// without its own on the disk the next life of a leader would lead the same term, with another log.
func TestACandidateLeadsWhenItsOwnVoteIsDurableAndNotBefore(t *testing.T) {
	for _, async := range []bool{false, true} {
		t.Run(fmt.Sprintf("async %t", async), func(t *testing.T) {
			c := newTestCluster(t, 5, func(cfg *Config) { cfg.AsyncStorageWrites = async })
			n := c.node(1)
			c.step(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: 1, LogTerm: 1, Entries: entriesOf(2, 2)})
			if err := n.Campaign(); err != nil {
				t.Fatal(err)
			}
			rd := n.Ready()
			for id := uint64(2); id <= 5; id++ {
				c.step(pb.Message{Type: pb.MsgVoteResp, From: id, To: 1, Term: 3})
			}
			c.wantRole(1, StateCandidate, 3)
			n.persist(t, rd)
			if !async {
				n.Advance(rd)
			}
			for _, m := range rd.Messages {
				if m.Type == pb.MsgStorageAppend {
					for _, resp := range m.Responses {
						if resp.To == 1 {
							c.step(resp)
						}
					}
				}
			}
			c.wantRole(1, StateLeader, 3)
			if match := n.Status().Progress[1].Match; match != 2 {
				t.Errorf("the leader has matched %d of its own log, durable is 2", match)
			}
		})
	}
}

func TestATermThatIsAboutToWrapEndsCampaigns(t *testing.T) {
	c := newTestCluster(t, 1, nil)
	if err := c.node(1).storage.SetHardState(pb.HardState{Term: raftlog.MaxCounter - 1, Commit: 1}); err != nil {
		t.Fatal(err)
	}
	c.restart(1)
	if err := c.node(1).Campaign(); err != nil {
		t.Fatal(err)
	}
	c.wantRole(1, StateFollower, raftlog.MaxCounter-1)
	if err := c.node(1).storage.SetHardState(pb.HardState{Term: raftlog.MaxCounter}); err != nil {
		t.Fatal(err)
	}
	if _, err := NewRawNode(&c.node(1).cfg); !errors.Is(err, ErrOutOfRange) {
		t.Errorf("a stored term out of range: %v", err)
	}
}

func TestBothHalvesOfAJointConfigurationElectAndCommit(t *testing.T) {
	c := newTestCluster(t, 4, nil)
	cs := pb.ConfState{Voters: []uint64{1, 2, 3}, VotersOutgoing: []uint64{1, 4}}
	for _, n := range c.nodes {
		n.storage = NewMemoryStorage()
		if err := n.storage.ApplySnapshot(*snapAt(1, 1, cs)); err != nil {
			t.Fatal(err)
		}
		n.cfg.Storage = n.storage
		c.start(n)
	}
	c.isolate(4)
	if err := c.node(1).Campaign(); err != nil {
		t.Fatal(err)
	}
	c.settle()
	c.wantRole(1, StateCandidate, 1)
	c.heal()
	c.elect(1)
	c.isolate(4)
	c.propose(1, "x")
	c.settle()
	c.wantApplied("")
	c.heal()
	c.settleTicking(1)
	c.wantApplied("x ")
}

func TestTheOwnVoteOfAnEarlierCampaignDoesNotCount(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	n := c.node(1)
	if err := n.Campaign(); err != nil {
		t.Fatal(err)
	}
	rd := n.Ready() // the vote of term 2 is being written
	if err := n.Campaign(); err != nil {
		t.Fatal(err)
	}
	c.step(pb.Message{Type: pb.MsgVoteResp, From: 2, To: 1, Term: 3})
	n.Advance(rd)
	c.wantRole(1, StateCandidate, 3)
}

// Who votes gives the candidate time to win.
func TestAVoteThatIsGrantedStartsTheElectionTimerAgain(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	if err := c.node(1).SetRandomizedElectionTimeout(12); err != nil {
		t.Fatal(err)
	}
	c.tick(1, 11)
	c.step(voteFrom(2, 1, 2, entryAt(1, 1)))
	c.ready(1)
	c.tick(1, 11)
	c.wantRole(1, StateFollower, 2)
}

// A candidate with a later log can win, and this node cannot win without another's vote. So who
// must refuse such a candidate gives it time all the same. No other candidate gets time, and a
// leader that is known is not waited for any longer.
func TestWhoRefusesALaterLogGivesItTime(t *testing.T) {
	asPreVote := func(m pb.Message) pb.Message {
		m.Type = pb.MsgPreVote
		return m
	}
	const own, stale = 3, 2 // the term of the node's last campaign, and an earlier one
	later, equal, shorter := entryAt(1, 2), entryAt(1, 1), raftlog.EntryID{}
	for _, test := range []struct {
		name string
		m    pb.Message
		led  bool
		time bool
	}{
		{"a vote in the same term", voteFrom(2, 1, own, later), false, true},
		{"a vote in an earlier term", voteFrom(2, 1, stale, later), false, true},
		{"a pre-vote in the same term", asPreVote(voteFrom(2, 1, own, later)), false, true},
		{"a pre-vote in an earlier term", asPreVote(voteFrom(2, 1, stale, later)), false, true},
		{"an equal log", voteFrom(2, 1, own, equal), false, false},
		{"a shorter log", voteFrom(2, 1, own, shorter), false, false},
		{"a shorter log in an earlier term", voteFrom(2, 1, stale, shorter), false, false},
		{"a follower of a leader", voteFrom(2, 1, own, later), true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newTestCluster(t, 3, nil)
			n := c.node(1)
			for range 2 {
				if err := n.Campaign(); err != nil {
					t.Fatal(err)
				}
				c.ready(1)
			}
			if test.led {
				c.step(pb.Message{Type: pb.MsgHeartbeat, From: 3, To: 1, Term: own})
			}
			if n.raft.term != own {
				t.Fatalf("term %d", n.raft.term)
			}
			c.tick(1, 5)
			c.step(test.m)
			if got := n.raft.electionElapsed == 0; got != test.time {
				t.Errorf("%d ticks count after it", n.raft.electionElapsed)
			}
		})
	}
}
