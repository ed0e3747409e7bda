package raft

import (
	"fmt"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
)

func TestBug41AReusedIDDoesNotElectItselfInAnOldConfiguration(t *testing.T) {
	// The log begins with the configuration changes that have built the cluster, one by one, node 1
	// first. Node 1 comes back with an empty disk and reads them again.
	c := newTestCluster(t, 0, nil)
	c.join(nil)
	add := func(term, index, id uint64) pb.Entry {
		cc := pb.ConfChange{NodeID: id}
		data, err := cc.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return pb.Entry{Type: pb.EntryConfChange, Term: term, Index: index, Data: data}
	}
	c.step(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 5, Commit: 100, Entries: []pb.Entry{add(1, 1, 1), {Term: 2, Index: 2}}})
	c.ready(1)
	c.step(pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 1, Term: 5, Commit: 2})
	c.ready(1)
	c.tick(1, 40)
	c.ready(1)
	// A restart forgets the leader's commit index. A heartbeat names an index that this log
	// has.
	c.restart(1)
	c.step(pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 1, Term: 5, Commit: 2})
	c.ready(1)
	c.tick(1, 40)
	c.ready(1)
	c.wantRole(1, StateFollower, 5)
	c.wantConfig("voters=()", 1)
	// Nor does another node's message prove anything, while a leader has named a higher index.
	c.step(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 5, Index: 2, LogTerm: 2, Commit: 100})
	c.step(pb.Message{Type: pb.MsgVote, From: 2, To: 1, Term: 6, Index: 2, LogTerm: 2, Context: committedContext(entryAt(2, 2))})
	c.ready(1)
	c.wantConfig("voters=()", 1)
	// Once the change that ends the configuration is durable, the node can apply both.
	c.step(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 6, Index: 2, LogTerm: 2, Commit: 4, Entries: []pb.Entry{add(2, 3, 2), add(2, 4, 3)}})
	c.ready(1)
	c.step(pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 1, Term: 6, Commit: 4})
	for c.ready(1) {
	}
	c.wantConfig("voters=(1 2 3)", 1)
}

// A crash may leave the commit index behind the log.
func TestBug41AConfigurationOfOneThatAChangeFollowsIsNotUsed(t *testing.T) {
	entries := []pb.Entry{{Term: 2, Index: 1}, {Term: 2, Index: 2, Type: pb.EntryConfChangeV2}, {Term: 2, Index: 3, Type: pb.EntryConfChangeV2}, {Term: 5, Index: 4}}
	for i, change := range []string{"r2", "v3"} {
		ccs, err := pb.ConfChangesFromString(change)
		if err != nil {
			t.Fatal(err)
		}
		if entries[1+i].Data, err = (&pb.ConfChangeV2{Changes: ccs}).Marshal(); err != nil {
			t.Fatal(err)
		}
	}
	cs := pb.ConfState{Voters: []uint64{1, 2}}
	c := newTestCluster(t, 0, nil)
	c.join(nil)
	n := c.node(1)
	n.storage.configure(cs)
	if err := n.storage.Append(entries); err != nil {
		t.Fatal(err)
	}
	if err := n.storage.SetHardState(pb.HardState{Term: 5, Commit: 1}); err != nil {
		t.Fatal(err)
	}
	c.start(n)
	for _, commit := range []uint64{1, 2} { // the leader's heartbeats name what it knows to have matched
		c.step(pb.Message{Type: pb.MsgHeartbeat, From: 3, To: 1, Term: 5, Commit: commit})
		for c.ready(1) {
		}
		c.wantConfig("voters=(1 2)", 1)
	}
	c.step(pb.Message{Type: pb.MsgHeartbeat, From: 3, To: 1, Term: 5, Commit: 3})
	for c.ready(1) {
	}
	c.wantConfig("voters=(1 3)", 1)
}

// A snapshot of an earlier term comes from a leader whose log goes on.
func TestBug41ASnapshotOfAConfigurationOfOneIsNotRestored(t *testing.T) {
	for name, tc := range map[string]struct {
		term   uint64
		voters []uint64
		config string
	}{
		"earlier term, alone":       {4, []uint64{1}, "voters=()"},
		"earlier term, with others": {4, []uint64{1, 2}, "voters=(1 2)"},
		"earlier term, others":      {4, []uint64{2}, "voters=(2)"},
		"the leader's own term":     {5, []uint64{1}, "voters=(1)"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTestCluster(t, 0, nil)
			c.join(nil)
			c.step(pb.Message{Type: pb.MsgSnap, From: 2, To: 1, Term: 5, Snapshot: snapAt(7, tc.term, pb.ConfState{Voters: tc.voters})})
			c.ready(1)
			c.wantConfig(tc.config, 1)
		})
	}
}

// disk is what a node starts with: a snapshot at index 1 with a configuration, entries of term 2
// after it, and a commit index.
type disk struct {
	log    []string // configuration changes, "leave", or anything else for an entry without effect
	commit uint64
}

func startFromDisks(t *testing.T, cs pb.ConfState, disks []disk, tune func(*Config)) *testCluster {
	c := newTestCluster(t, len(disks), tune)
	for i, d := range disks {
		n := c.nodes[i]
		n.storage = NewMemoryStorage()
		if err := n.storage.ApplySnapshot(*snapAt(1, 1, cs)); err != nil {
			t.Fatal(err)
		}
		for k, what := range d.log {
			e := pb.Entry{Term: 2, Index: uint64(2 + k)}
			ccs, err := pb.ConfChangesFromString(what)
			if what == "leave" {
				e.Type = pb.EntryConfChangeV2
			} else if err == nil {
				e.Type = pb.EntryConfChangeV2
				if e.Data, err = (&pb.ConfChangeV2{Changes: ccs}).Marshal(); err != nil {
					t.Fatal(err)
				}
			}
			if err := n.storage.Append([]pb.Entry{e}); err != nil {
				t.Fatal(err)
			}
		}
		if err := n.storage.SetHardState(pb.HardState{Term: 2, Commit: d.commit}); err != nil {
			t.Fatal(err)
		}
		n.cfg.Storage, n.cfg.Seed = n.storage, uint64(n.cfg.ID)
		c.start(n)
	}
	return c
}

// Some nodes die for ever. The rest are a majority of the newest configuration that one of them
// knows to be committed; not all of them know that.
func TestALiveMajorityElects(t *testing.T) {
	voters := func(ids ...uint64) pb.ConfState { return pb.ConfState{Voters: ids} }
	joint := pb.ConfState{Voters: []uint64{3, 4, 5}, VotersOutgoing: []uint64{1, 2, 3}}
	promoted, watched := voters(1, 3), voters(1, 2, 3, 4)
	promoted.Learners, watched.Learners = []uint64{2}, []uint64{5}
	worlds := map[string]struct {
		before pb.ConfState
		disks  []disk
		live   []uint64
		heard  uint64 // node 3 has heard of this commit index
	}{
		"a voter with the longest log does not know of a removal": {
			before: voters(1, 2, 3, 4), live: []uint64{3, 4},
			disks: []disk{{}, {}, {[]string{"r1"}, 2}, {[]string{"r1", "x"}, 1}},
		},
		"a node with the longest log does not know of its promotion": {
			before: promoted, live: []uint64{2, 3},
			disks: []disk{{}, {[]string{"v2", "x"}, 1}, {[]string{"v2"}, 2}},
		},
		"and the other one has heard of an entry that it lacks": {
			before: promoted, live: []uint64{2, 3}, heard: 3,
			disks: []disk{{}, {[]string{"v2", "x"}, 1}, {[]string{"v2"}, 2}},
		},
		"all have heard of a commit index that is wrong": {
			before: voters(1, 2, 3), live: []uint64{2, 3}, heard: 1 << 40,
			disks: []disk{{}, {[]string{"x"}, 2}, {[]string{"x"}, 2}},
		},
		"only a removed node knows that it is": {
			before: joint, live: []uint64{1, 4, 5},
			disks: []disk{{[]string{"leave"}, 2}, {}, {}, {[]string{"leave", "x"}, 1}, {[]string{"leave"}, 1}},
		},
		"only a learner knows of a removal": {
			before: watched, live: []uint64{3, 4, 5},
			disks: []disk{{}, {}, {[]string{"r1"}, 1}, {[]string{"r1", "x"}, 1}, {[]string{"r1"}, 2}},
		},
	}
	for name, w := range worlds {
		for _, safe := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, pre-vote and check-quorum %t", name, safe), func(t *testing.T) {
				c := startFromDisks(t, w.before, w.disks, func(cfg *Config) { cfg.PreVote, cfg.CheckQuorum = safe, safe })
				if w.heard > 0 {
					c.step(pb.Message{Type: pb.MsgApp, From: 1, To: 3, Term: 2, Index: 2, LogTerm: 2, Commit: w.heard})
				}
				if c.leaderAmong(w.live, 400) == None {
					for _, id := range w.live {
						t.Logf("%s, last %v, %s", c.node(id).Status(), c.node(id).raft.log.Last(), c.node(id).raft.members.Config())
					}
					t.Error("no leader after 40 election timeouts")
				}
			})
		}
	}
}

// A leader may have been elected in an outdated configuration, before the others died. A follower
// that knows the newest one names it.
func TestALeaderHearsFromItsFollowersThatAChangeIsCommitted(t *testing.T) {
	joint := pb.ConfState{Voters: []uint64{2}, VotersOutgoing: []uint64{1, 2}, Learners: []uint64{3}}
	c := startFromDisks(t, joint, []disk{{[]string{"leave"}, 1}, {[]string{"leave"}, 1}, {[]string{"leave"}, 2}}, nil)
	c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgApp }
	if err := c.node(2).Campaign(); err != nil {
		t.Fatal(err)
	}
	c.settle()
	c.wantRole(2, StateLeader, 3)
	if leader := c.leaderAmong([]uint64{2, 3}, 100); leader != 2 {
		t.Errorf("leader %d, %s", leader, c.node(2).raft.members.Config())
	}
}

// A removed leader of v3.6 goes on, and dies after it has appended the next change.
func TestAChangeThatNobodyCommittedDoesNotKeepANodeFromDecidingAlone(t *testing.T) {
	c := startFromDisks(t, pb.ConfState{Voters: []uint64{1, 2}}, []disk{{[]string{"r2"}, 1}}, nil)
	next := pb.Entry{Type: pb.EntryConfChange, Term: 2, Index: 3}
	var err error
	if next.Data, err = (&pb.ConfChange{NodeID: 4}).Marshal(); err != nil {
		t.Fatal(err)
	}
	c.step(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: 2, LogTerm: 2, Commit: 2, Entries: []pb.Entry{next}})
	for c.ready(1) {
	}
	c.wantConfig("voters=(1)", 1)
	if leader := c.leaderAmong([]uint64{1}, 40); leader != 1 {
		t.Errorf("leader %d, %s", leader, c.node(1).raft.members.Config())
	}
}
