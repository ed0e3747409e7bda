package raft

import (
	"fmt"
	"testing"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// wantCommitted looks at whether everything in the log is committed.
func (l *laterApplier) wantCommitted(want bool) {
	l.t.Helper()
	l.work()
	if committed := l.raft.log.Committed() == l.raft.log.LastIndex(); committed != want {
		l.t.Fatalf("all is committed: %t, want %t (%d of %d)", committed, want, l.raft.log.Committed(), l.raft.log.LastIndex())
	}
}

// oneChangeOut returns a leader whose application has a change in hand, and has called Advance.
func oneChangeOut(t *testing.T) *laterApplier {
	t.Helper()
	l := newLaterApplier(t)
	l.must(l.ProposeConfChange(addLearner(2)))
	l.wantCommitted(true)
	return l
}

func TestAChangeIsCommittedOnlyWhenTheEarlierOneIsInEffect(t *testing.T) {
	l := oneChangeOut(t)
	l.must(l.Propose([]byte("other entries go on")))
	l.wantCommitted(true)
	l.must(l.ProposeConfChange(addLearner(3)))
	before := l.raft.log.LastIndex()
	l.must(l.Propose([]byte("but for those behind it")))
	l.wantCommitted(false)
	if got := l.raft.log.Committed(); got != before-1 {
		t.Errorf("committed up to %d, the change is at %d", got, before)
	}
	l.ApplyConfChange(addLearner(2))
	l.wantPending(true)
	l.wantCommitted(true)
}

func TestAChangeThatTheApplicationRejectsWithoutACallHoldsNothingUpForLong(t *testing.T) {
	l := oneChangeOut(t)
	l.committed = nil
	l.must(l.ProposeConfChange(addLearner(3)))
	for tick := range l.raft.limits.electionTicks() {
		l.wantCommitted(false)
		if tick == 3 {
			l.must(l.Propose(nil)) // what is handed out meanwhile makes no difference
		}
		l.Tick()
	}
	l.wantCommitted(true)
	l.apply()
	l.wantPending(false)
}

// A change that is being applied before Advance may take its time.
func TestAChangeThatIsNotYetAppliedIsWaitedFor(t *testing.T) {
	l := newLaterApplier(t)
	l.must(l.ProposeConfChange(addLearner(2)))
	rd := l.handOut()
	for range 3 * l.raft.limits.electionTicks() {
		l.Tick()
	}
	l.Advance(rd)
	l.must(l.ProposeConfChange(addLearner(3)))
	l.wantCommitted(false)
	l.apply()
	l.wantCommitted(true)
}

// followerWithChangesOut is a follower that was handed out two changes, at 3 and at 5.
func followerWithChangesOut(t *testing.T) *RawNode {
	t.Helper()
	rn, _ := withUnapplied(t, 5, 3, 5)
	rn.raft.limits.setApplyBytes(raftlog.NoLimit)
	rd := rn.Ready()
	if raftlog.ConfChanges(rd.CommittedEntries) != 2 {
		t.Fatalf("handed out %v", rd.CommittedEntries)
	}
	rn.Advance(rd)
	return rn
}

func TestANodeWithChangesOutDoesNotCampaign(t *testing.T) {
	campaigns := map[string]func(rn *RawNode){
		"by itself": func(rn *RawNode) { noError(t, rn.Campaign()) },
		"as ordered": func(rn *RawNode) {
			noError(t, rn.Step(pb.Message{Type: pb.MsgTimeoutNow, From: 2, To: 1, Term: 1}))
		},
	}
	for name, campaign := range campaigns {
		t.Run(name, func(t *testing.T) {
			rn := followerWithChangesOut(t)
			for range 2 {
				campaign(rn)
				if rn.raft.role != StateFollower {
					t.Fatal("it campaigns with another configuration than the newest")
				}
				rn.ApplyConfChange(pb.ConfChange{})
			}
			if name == "by itself" {
				campaign(rn) // an order is obeyed as soon as it may be
			}
			if rn.raft.role != StateCandidate {
				t.Error("it does not campaign, although nothing is out")
			}
		})
	}
}

func TestANodeCampaignsAgainAlthoughNoCallIsMade(t *testing.T) {
	rn := followerWithChangesOut(t)
	for range 3 * rn.raft.limits.electionTicks() {
		rn.Tick()
	}
	if rn.raft.role != StateCandidate {
		t.Errorf("it is a %s", rn.raft.role)
	}
}

// Each change that is handed out, and each call, begins the wait anew.
func TestAnApplicationThatGoesOnApplyingChangesIsWaitedFor(t *testing.T) {
	rn, _ := withUnapplied(t, 5, 3, 5)
	rn.raft.limits.setApplyBytes(1)
	wait := rn.raft.limits.electionTicks() - 1
	want := func(out bool, ticks int) {
		t.Helper()
		for range ticks {
			rn.TickQuiesced()
		}
		if rn.raft.hasChangesOut() != out {
			t.Fatalf("changes are out: %t", !out)
		}
	}
	for range 2 {
		for changes := uint32(0); changes == 0; {
			rd := rn.Ready()
			changes = raftlog.ConfChanges(rd.CommittedEntries)
			rn.Advance(rd)
		}
		want(true, wait)
	}
	rn.ApplyConfChange(pb.ConfChange{})
	want(true, wait)
	want(false, 1)
}

func TestAChangeIsOutOverAnElection(t *testing.T) {
	l := oneChangeOut(t)
	l.must(l.Step(pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 1, Term: 9}))
	l.must(l.Campaign())
	if l.raft.role != StateFollower {
		t.Error("it campaigns with another configuration than the newest")
	}
}

func TestASnapshotWaitsForChangesThatAreOut(t *testing.T) {
	rn := followerWithChangesOut(t)
	snap := snapAt(20, 1, pb.ConfState{Voters: []uint64{1, 2, 3, 4}})
	noError(t, rn.Step(pb.Message{Type: pb.MsgSnap, From: 2, To: 1, Term: 1, Snapshot: snap}))
	for i := range 2 {
		if rd := rn.Ready(); !IsEmptySnap(rd.Snapshot) {
			t.Fatalf("restored after %d calls", i)
		} else {
			rn.Advance(rd)
		}
		if cs := rn.ApplyConfChange(pb.ConfChange{}); len(cs.Voters) != 3 {
			t.Errorf("the change has led to %v", cs)
		}
	}
	if rd := rn.Ready(); rd.Snapshot.Metadata.Index != 20 {
		t.Error("not restored")
	}
}

// bootstrapped is a leader whose application has called Advance for the first configuration, in the
// given number of ticks, and has made no call for it.
func bootstrapped(t *testing.T, ticks int) *laterApplier {
	t.Helper()
	s := NewMemoryStorage()
	cfg := testConfig(1, s)
	rn, err := NewRawNode(&cfg)
	noError(t, err)
	noError(t, rn.Bootstrap([]Peer{{ID: 1}}))
	l := &laterApplier{RawNode: rn, t: t, storage: s}
	rd := l.handOut()
	for range ticks {
		rn.TickQuiesced()
	}
	rn.Advance(rd)
	noError(t, rn.Campaign()) // the first configuration is active before it is applied
	l.wantCommitted(true)
	if rn.raft.role != StateLeader {
		t.Fatalf("it is a %s", rn.raft.role)
	}
	return l
}

func TestCallsForTheFirstConfigurationAreNoneForALaterChange(t *testing.T) {
	for _, ticks := range []int{0, 100} {
		t.Run(fmt.Sprintf("Advance after %d ticks", ticks), func(t *testing.T) {
			l := bootstrapped(t, ticks)
			l.must(l.ProposeConfChange(addLearner(2)))
			l.wantCommitted(true)
			l.must(l.ProposeConfChange(addLearner(3)))
			l.ApplyConfChange(pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: 1})
			l.wantCommitted(false)
			l.ApplyConfChange(addLearner(2))
			l.wantCommitted(true)
		})
	}
}

func TestAnApplicationMayMakeNoCallsForTheFirstConfiguration(t *testing.T) {
	l := bootstrapped(t, 0)
	for id := uint64(2); id < 5; id++ {
		l.must(l.ProposeConfChange(addLearner(id)))
		l.wantCommitted(true)
		l.ApplyConfChange(addLearner(id))
	}
	if p := l.raft.postponed; p != nil {
		t.Errorf("left over: %+v", *p)
	}
	l = bootstrapped(t, 0)
	for range l.raft.limits.electionTicks() {
		l.Tick()
	}
	if p := l.raft.postponed; p != nil {
		t.Errorf("left over: %+v", *p)
	}
}

// Calls that come after a snapshot would put servers back that it does not have.
func TestASnapshotWaitsForCallsForTheFirstConfiguration(t *testing.T) {
	s := NewMemoryStorage()
	cfg := testConfig(1, s)
	rn, err := NewRawNode(&cfg)
	noError(t, err)
	noError(t, rn.Bootstrap([]Peer{{ID: 1}, {ID: 2}, {ID: 3}}))
	l := &laterApplier{RawNode: rn, t: t, storage: s}
	l.work()
	noError(t, rn.Step(pb.Message{
		Type: pb.MsgApp, From: 2, To: 1, Term: 2, LogTerm: 1, Index: 3, Commit: 4, Entries: []pb.Entry{{Term: 2, Index: 4}},
	}))
	l.work()
	if len(l.committed) != 4 {
		t.Fatalf("committed %v", l.committed)
	}
	snap := snapAt(20, 2, pb.ConfState{Voters: []uint64{1, 2, 4}})
	noError(t, rn.Step(pb.Message{Type: pb.MsgSnap, From: 2, To: 1, Term: 2, Snapshot: snap}))
	for id := uint64(1); id <= 3; id++ {
		l.work()
		rn.ApplyConfChange(pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: id})
	}
	if rd := rn.Ready(); rd.Snapshot.Metadata.Index != 20 {
		t.Error("the snapshot is not restored")
	}
	if got := rn.raft.members.Config().String(); got != "voters=(1 2 4)" {
		t.Error(got)
	}
	if p := rn.raft.postponed; p != nil {
		t.Errorf("left over: %+v", *p)
	}
}
