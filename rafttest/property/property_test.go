package property

import (
	"errors"
	"slices"
	"strings"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
)

// trio is a cluster of three voters whose logs begin after 1/1, with an Observer.
type trio struct {
	Observer
	broken []string
	events []Kind
}

var voters = pb.ConfState{Voters: []uint64{1, 2, 3}}

func newTrio() *trio {
	c := &trio{}
	c.Report = func(v Violation) { c.broken = append(c.broken, v.Error()) }
	c.Watch = func(e *Event) { c.events = append(c.events, e.Kind) }
	c.Begins(1, 1)
	for id := uint64(1); id <= 3; id++ {
		n := c.Node(id)
		s := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: voters}}
		n.Writes(pb.HardState{Term: 1, Commit: 1}, nil, &s, true)
		n.Conf = voters
		n.Starts(state(Follower, 1, 0, 1, 1))
	}
	return c
}

func state(role Role, term, vote, commit, applied uint64) State {
	return State{HardState: pb.HardState{Term: term, Vote: vote, Commit: commit}, Applied: applied, Role: role}
}

func entry(term, index uint64, data string) pb.Entry {
	return pb.Entry{Term: term, Index: index, Data: []byte(data)}
}

// takes has a node hand out entries and write them.
func (c *trio) takes(id uint64, sync bool, entries ...pb.Entry) {
	n := c.Node(id)
	n.HandsOut(entries, &pb.Snapshot{})
	n.Writes(pb.HardState{}, entries, &pb.Snapshot{}, sync)
}

// votes makes a vote durable and has it sent.
func (c *trio) votes(id, term, to uint64) {
	n := c.Node(id)
	n.Writes(pb.HardState{Term: term, Vote: to, Commit: n.Hard.Commit}, nil, &pb.Snapshot{}, true)
	if id != to {
		n.Sends(&pb.Message{Type: pb.MsgVoteResp, From: id, To: to, Term: term})
	}
}

// leads has a node lead a term with two votes.
func (c *trio) leads(id, term, second uint64) {
	n := c.Node(id)
	n.Shows(state(Candidate, term, id, n.Commit, n.Applied))
	c.votes(id, term, id)
	c.votes(second, term, id)
	n.Shows(state(Leader, term, id, n.Commit, n.Applied))
}

// commit has node 1 lead term 2 and commit 2/2, which nodes 1 and 2 have.
func (c *trio) commit() {
	c.leads(1, 2, 2)
	c.takes(1, true, entry(2, 2, "a"))
	c.takes(2, true, entry(2, 2, "a"))
	c.Node(1).Shows(state(Leader, 2, 1, 2, 1))
}

func (c *trio) applies(id uint64, e pb.Entry) { c.Node(id).Applies(&e) }

func TestEachPropertyIsFoundBroken(t *testing.T) {
	for _, tc := range []struct {
		name string
		by   func(c *trio)
		want string
	}{
		{"two leaders of a term", func(c *trio) {
			c.leads(1, 2, 2)
			c.Node(3).Writes(pb.HardState{Term: 2, Vote: 3}, nil, &pb.Snapshot{}, true)
			c.Node(3).Shows(state(Leader, 2, 3, 1, 1))
		}, "election safety: term 2 has the leaders 1 and 3"},
		{"a leader overwrites", func(c *trio) {
			c.leads(1, 2, 2)
			c.takes(1, true, entry(2, 2, "a"), entry(2, 3, "b"))
			c.takes(1, true, entry(2, 3, "b"))
		}, "leader append-only: node 1 leads term 2 and overwrites 3 of 3"},
		{"two entries of one term and index", func(c *trio) {
			c.takes(1, true, entry(1, 2, "a"))
			c.takes(2, true, entry(1, 2, "b"))
		}, `log matching: entry 1/2 is "b" at node 2, and "a" at node 1`},
		{"two types of one entry", func(c *trio) {
			c.takes(1, true, entry(1, 2, ""))
			c.takes(2, true, pb.Entry{Term: 1, Index: 2, Type: pb.EntryConfChangeV2})
		}, "log matching: entry 1/2 is EntryConfChangeV2"},
		{"an entry behind another one", func(c *trio) {
			c.takes(1, true, entry(1, 2, "a"), entry(3, 3, "b"))
			c.takes(2, true, entry(2, 2, "a"), entry(3, 3, "b"))
		}, "log matching: entry 3/3 follows term 2 at node 2, and term 1 at node 1"},
		{"a gap in a log", func(c *trio) { c.takes(1, true, entry(1, 3, "a")) }, "log matching: node 1 adds 3 to a log that spans 2 to 1"},
		{"what is stored by others", func(c *trio) {
			c.takes(1, true, entry(1, 2, "a"))
			c.Holds(c.Node(2), []pb.Entry{entry(1, 2, "b")})
		}, `log matching: entry 1/2 is "b" at node 2`},
		{"a leader without a committed entry", func(c *trio) {
			c.commit()
			c.leads(3, 3, 2)
		}, "leader completeness: node 3 leads term 3 without 2/2, which was committed in term 2"},
		{"a commit that a later leader lacks", func(c *trio) {
			c.leads(1, 2, 2)
			c.takes(1, true, entry(2, 2, "a"))
			c.takes(2, true, entry(2, 2, "a"))
			c.leads(3, 3, 2)
			c.Node(1).Shows(state(Leader, 2, 1, 2, 1))
		}, "leader completeness: node 3 leads term 3 without 2/2, which is committed now in term 2"},
		{"another entry applied", func(c *trio) {
			c.commit()
			c.applies(3, entry(3, 2, "a"))
		}, "state machine safety: node 3 applies 3/2, committed is 2/2"},
		{"other data applied", func(c *trio) {
			c.commit()
			c.applies(3, entry(2, 2, "b"))
		}, `state machine safety: node 3 applies 2/2 "b", committed is "a"`},
		{"an entry that its own log does not have", func(c *trio) {
			c.commit()
			c.takes(3, true, entry(1, 2, "x"))
			c.applies(3, entry(2, 2, "a"))
		}, "state machine safety: node 3 applies 2/2, its log has term 1 there"},
		{"an entry applied that is not committed", func(c *trio) { c.applies(1, entry(1, 2, "a")) }, "state machine safety: node 1 applies 1/2, committed is 1"},
		{"an entry applied twice", func(c *trio) {
			c.commit()
			c.applies(1, entry(2, 2, "a"))
			c.applies(1, entry(2, 2, "a"))
		}, "state machine safety: node 1 applies 2 after 2"},
		{"applied beyond commit", func(c *trio) { c.Node(1).Shows(state(Follower, 1, 0, 1, 2)) }, "state machine safety: node 1 has applied 2, and committed 1"},
		{"another entry committed", func(c *trio) {
			c.commit()
			c.Node(3).Shows(state(Follower, 2, 0, 2, 1))
			c.takes(3, true, entry(1, 2, "b"))
		}, "state machine safety: node 3 commits 1/2, committed before is 2/2"},
		{"a snapshot of what is not committed", func(c *trio) {
			c.Node(2).HandsOut(nil, &pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 3, Term: 1}})
		}, "state machine safety: node 2 has a snapshot at 1/3"},
		{"a snapshot of another term", func(c *trio) {
			c.commit()
			c.Node(1).Saves(&pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 2, Term: 1}})
		}, "state machine safety: node 1 has a snapshot at 1/2, committed is 2/2"},
		{"a snapshot behind what is applied", func(c *trio) {
			c.Node(1).Restores(&pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1}})
		}, "state machine safety: node 1 restores the snapshot at 1, and has applied 1"},
		{"a commit without a quorum", func(c *trio) {
			c.leads(1, 2, 2)
			c.takes(1, true, entry(2, 2, "a"))
			c.takes(2, false, entry(2, 2, "a"))
			c.Node(1).Shows(state(Leader, 2, 1, 2, 1))
		}, "commit safety: node 1 commits 2/2 in term 2, which is durable on 1 of the voters [1 2 3]"},
		{"a commit without a quorum of the outgoing half", func(c *trio) {
			c.Node(1).Configures(1, &pb.ConfState{Voters: []uint64{1, 2}, VotersOutgoing: []uint64{1, 3}})
			c.commit()
		}, "commit safety: node 1 commits 2/2 in term 2, which is durable on 1 of the voters [1 3]"},
		{"a commit that no leader has made", func(c *trio) {
			c.Node(2).Shows(state(Follower, 1, 0, 2, 1))
			c.takes(2, true, entry(1, 2, "a"))
		}, "commit safety: node 2 commits 1/2 in term 1, which no leader has committed"},
		{"a commit beyond the log", func(c *trio) {
			c.leads(1, 2, 2)
			c.Node(1).Shows(state(Leader, 2, 1, 2, 1))
		}, "commit safety: node 1 commits 2, its log ends at 1"},
		{"a commit in the step in which the leader steps down", func(c *trio) {
			c.leads(1, 2, 2)
			c.takes(1, true, entry(2, 2, "a"))
			c.Node(1).Shows(state(Follower, 2, 1, 2, 1))
		}, "commit safety: node 1 commits 2/2 in term 2, which is durable on 1 of"},
		{"a term falls", func(c *trio) { c.Node(1).Shows(state(Follower, 0, 0, 1, 1)) }, "monotonicity: the term of node 1 falls from 1 to 0"},
		{"a commit index falls", func(c *trio) { c.Node(1).Shows(state(Follower, 1, 0, 0, 0)) }, "monotonicity: the commit index of node 1 falls from 1 to 0"},
		{"an applied index falls", func(c *trio) { c.Node(1).Shows(state(Follower, 1, 0, 1, 0)) }, "monotonicity: the applied index of node 1 falls from 1 to 0"},
		{"a start behind the disk", func(c *trio) {
			c.votes(1, 4, 2)
			c.Node(1).Stops()
			c.Node(1).Starts(state(Follower, 3, 0, 1, 1))
		}, "monotonicity: node 1 starts in term 3 with commit index 1, durable are 4 and 1"},
		{"a vote changes", func(c *trio) {
			c.Node(1).Shows(state(Follower, 1, 2, 1, 1))
			c.Node(1).Shows(state(Follower, 1, 3, 1, 1))
		}, "one vote a term: the vote of node 1 in term 1 changes from 2 to 3"},
		{"a vote in two lives", func(c *trio) {
			n := c.Node(1)
			c.votes(1, 2, 2)
			c.votes(1, 3, 2)
			n.Stops()
			n.Recovers(n.Durable, pb.HardState{Term: 1, Commit: 1})
			n.Starts(state(Follower, 1, 0, 1, 1))
			c.votes(1, 2, 3)
		}, "one vote a term: node 1 votes for 2 and 3 in term 2"},
		{"a leader that has voted for another", func(c *trio) {
			n := c.Node(1)
			c.votes(1, 2, 2)
			n.Stops()
			n.Recovers(n.Durable, pb.HardState{Term: 1, Commit: 1})
			n.Starts(state(Follower, 1, 0, 1, 1))
			c.leads(1, 2, 3)
		}, "one vote a term: node 1 votes for 2 and 1 in term 2"},
		{"a vote before it is durable", func(c *trio) {
			c.Node(1).Writes(pb.HardState{Term: 2, Vote: 2}, nil, &pb.Snapshot{}, false)
			c.Node(1).Sends(&pb.Message{Type: pb.MsgVoteResp, From: 1, To: 2, Term: 2})
		}, "promise before durability: node 1 sends MsgVoteResp in term 2, durable is term 1"},
		{"a vote for another than the durable one", func(c *trio) {
			c.Node(1).Writes(pb.HardState{Term: 2, Vote: 3}, nil, &pb.Snapshot{}, true)
			c.Node(1).Sends(&pb.Message{Type: pb.MsgVoteResp, From: 1, To: 2, Term: 2})
		}, "promise before durability: node 1 votes for 2 in term 2, durable is a vote for 3"},
		{"an acknowledgement before it is durable", func(c *trio) {
			c.takes(2, false, entry(1, 2, "a"))
			c.Node(2).Sends(&pb.Message{Type: pb.MsgAppResp, From: 2, To: 1, Term: 1, Index: 2})
		}, "promise before durability: node 2 acknowledges 2 to 1, durable is 1"},
		{"an answer to a heartbeat before the term is durable", func(c *trio) {
			c.Node(2).Sends(&pb.Message{Type: pb.MsgHeartbeatResp, From: 2, To: 1, Term: 2})
		}, "promise before durability: node 2 sends MsgHeartbeatResp in term 2, durable is term 1"},
		{"votes asked for with what is not durable", func(c *trio) {
			c.takes(2, false, entry(1, 2, "a"))
			c.Node(2).Sends(&pb.Message{Type: pb.MsgVote, From: 2, To: 1, Term: 2, Index: 2, LogTerm: 1})
		}, "promise before durability: node 2 asks for votes for a log up to 1/2, durable is 1"},
		{"a leader whose own vote is not durable", func(c *trio) {
			c.Node(1).Shows(state(Leader, 2, 1, 1, 1))
		}, "promise before durability: node 1 leads term 2, durable is a vote for 0 in term 1"},
		{"another result", func(c *trio) {
			c.Returns(c.Node(1), 2, []byte("x"), nil)
			c.Returns(c.Node(2), 2, nil, errors.New("x"))
		}, "same results: the result of 2 at node 2 differs"},
		{"another state", func(c *trio) {
			c.Stands(c.Node(1), 2, []byte("x"))
			c.Stands(c.Node(2), 2, []byte("y"))
		}, `same results: node 2 has another state at 2 than others: "y"`},
		{"another configuration", func(c *trio) {
			c.Node(1).Configures(2, &pb.ConfState{Voters: []uint64{1}})
			c.Node(2).Configures(2, &voters)
		}, "same results: at 2 node 2 has the configuration"},
		{"an old answer to a read", func(c *trio) {
			c.commit()
			c.Node(1).Asks([]byte("r"))
			c.Node(1).Answers([]byte("r"), 1)
		}, `read safety: node 1 answers the read "r" with index 1, committed was 2 when it was asked for`},
		{"an answer too many", func(c *trio) {
			c.Node(1).Asks([]byte("r"))
			c.Node(1).Answers([]byte("r"), 1)
			c.Node(1).Answers([]byte("r"), 1)
		}, `read safety: node 1 answers the read "r", for which nobody waits`},
		{"an answer to a read of an earlier life", func(c *trio) {
			c.Node(1).Asks([]byte("r"))
			c.Node(1).Stops()
			c.Node(1).Starts(state(Follower, 1, 0, 1, 1))
			c.Node(1).Answers([]byte("r"), 1)
		}, `read safety: node 1 answers the read "r", for which nobody waits`},
		{"a read dropped after its answer", func(c *trio) {
			c.Node(1).Asks([]byte("r"))
			c.Node(1).Answers([]byte("r"), 1)
			c.Node(1).DropsRead([]byte("r"))
		}, `read safety: node 1 drops the read "r", for which nobody waits`},
		{"an old read from a lease", func(c *trio) {
			c.commit()
			c.Node(3).LeaseReads(1)
		}, "read safety: node 3 reads at 1 from its lease in term 1, committed is 2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newTrio()
			tc.by(c)
			if len(c.broken) == 0 || !strings.HasPrefix(c.broken[0], tc.want) {
				t.Errorf("got %q, want %q", c.broken, tc.want)
			}
		})
	}
}

func TestWhatRaftAllowsBreaksNothing(t *testing.T) {
	c := newTrio()
	c.commit()
	c.applies(1, entry(2, 2, "a"))
	c.takes(3, true, entry(1, 2, "lost"))
	c.Node(3).Sends(&pb.Message{Type: pb.MsgAppResp, From: 3, To: 1, Term: 1, Index: 2})
	// A later leader replaces what was not committed, and the configuration changes.
	c.leads(2, 3, 3)
	c.takes(2, true, entry(3, 3, "b"))
	c.takes(3, true, entry(2, 2, "a"), entry(3, 3, "b"))
	c.Node(2).Shows(state(Leader, 3, 2, 3, 1))
	c.applies(2, entry(2, 2, "a"))
	c.Node(2).Configures(2, &pb.ConfState{Voters: []uint64{2}})
	// A crash takes back what was not synced, and a snapshot makes up for it.
	c.takes(2, false, entry(3, 4, "c"))
	n := c.Node(2)
	n.Stops()
	if !n.Keeps(func(v *View, hs pb.HardState) bool { return v.Last() == 3 && hs == n.Hard }) {
		t.Error("a disk that has what was synced has lost it")
	}
	n.Starts(state(Follower, 3, 2, 3, 1))
	s := pb.Snapshot{Data: []byte("ab"), Metadata: pb.SnapshotMetadata{Index: 3, Term: 3, ConfState: voters}}
	n.Saves(&s)
	c.Node(1).HandsOut(nil, &s)
	c.Node(1).Writes(pb.HardState{}, nil, &s, true)
	c.Node(1).Restores(&s)
	n.Compacts(2)
	// Two reads with one context, of which one is dropped, and an answer that comes from elsewhere.
	c.Lenient = true
	n.Asks([]byte("r"))
	n.Asks([]byte("r"))
	n.Answers([]byte("r"), 3)
	n.DropsRead([]byte("r"))
	n.Answers([]byte("elsewhere"), 1)
	n.LeaseReads(3)
	// A message that is made up is believed.
	c.Believe(&pb.Message{Type: pb.MsgApp, Term: 9, Commit: 4})
	c.Node(3).Shows(state(Follower, 9, 0, 4, 1))
	c.takes(3, true, entry(9, 4, "made up"))
	if len(c.broken) > 0 {
		t.Error(c.broken)
	}
	if !slices.Contains(c.events, Compacted) || !slices.Contains(c.events, Applied) || !slices.Contains(c.events, LeaseRead) {
		t.Errorf("only the events %v", c.events)
	}
	if e, ok := c.Entry(3, 3); !ok || string(e.Data) != "b" || c.Elections != 2 || c.Leader(3) != 2 || c.Past.Term(2) != 2 {
		t.Errorf("%v %d %d", e, c.Elections, c.Leader(3))
	}
}

func TestADiskThatHasLostWhatItSyncedIsFoundOut(t *testing.T) {
	c := newTrio()
	c.takes(1, true, entry(1, 2, "a"))
	c.takes(1, false, entry(1, 3, "b"), entry(1, 4, "c"))
	n := c.Node(1)
	n.Stops()
	if n.Keeps(func(v *View, _ pb.HardState) bool { return v.Last() == 1 }) {
		t.Error("1/2 was synced")
	}
	n.Unsynced = AppendPieces(nil, pb.HardState{}, []pb.Entry{entry(1, 5, "d"), entry(1, 6, "e")}, &pb.Snapshot{}, false)
	if !n.Keeps(func(v *View, _ pb.HardState) bool { return v.Last() == 5 }) || n.Durable.Last() != 5 {
		t.Errorf("the disk ends at 5, and durable is %d", n.Durable.Last())
	}
}

// A driver that branches gets the same judgement from facts.
func TestFactsAreJudgedInEachBranch(t *testing.T) {
	var w Witness
	n := NewAlone(1, &w)
	n.Writes(pb.HardState{Term: 2, Vote: 1, Commit: 1}, []pb.Entry{entry(1, 1, ""), entry(2, 2, "")}, &pb.Snapshot{}, true)
	n.Starts(state(Follower, 2, 1, 1, 0))
	n.Conf = pb.ConfState{Voters: []uint64{1, 2}}
	n.Shows(state(Leader, 2, 1, 2, 0))
	if w.Broken != nil || len(w.Facts) != 3 {
		t.Fatalf("%v, %d facts", w.Broken, len(w.Facts))
	}
	var p Past
	p.Begins(1, 1)
	elected, commits := &w.Facts[1], &w.Facts[2]
	if p.Has(elected) || p.Has(commits) {
		t.Error("an empty past has a leader")
	}
	with := p.Clone()
	both := []*Node{nil, n.Clone()}
	if err := errors.Join(with.Judge(elected, both), with.Judge(commits, both)); err != nil {
		t.Error(err)
	}
	if !with.Has(elected) || !with.Has(commits) || p.Has(elected) || string(with.AppendKey(nil)) == string(p.AppendKey(nil)) {
		t.Error("the branches are not told apart")
	}
	without := p.Clone()
	both[1].Durable = NewView(1, 1)
	var v *Violation
	if err := without.Judge(commits, both); !errors.As(err, &v) || v.Property != CommitSafety {
		t.Errorf("got %v", err)
	}
	n.Sends(&pb.Message{Type: pb.MsgVoteResp, To: 2, Term: 3})
	if w.Broken == nil || w.Broken.Property != Promise {
		t.Errorf("got %v", w.Broken)
	}
	later := NewAlone(1, &w)
	later.Remembers(n)
	if string(later.AppendVotes(nil)) != string(n.AppendVotes(nil)) || len(later.AppendVotes(nil)) == 0 {
		t.Error("the votes of an earlier life are forgotten")
	}
}

func TestKindsAndRolesHaveNames(t *testing.T) {
	for k := range kinds {
		if k.String() == "" {
			t.Errorf("kind %d", k)
		}
	}
	if Leader.String() != "leader" {
		t.Error(Leader)
	}
}
