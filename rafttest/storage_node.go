package rafttest

import (
	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/driver"
	pb "github.com/ffd200af/raft/raftpb"
)

// nodeOn is a node that writes to a disk under test, from one start to the next crash.
type nodeOn struct {
	*raft.RawNode
	d       *diskModel
	applied uint64
}

// startNode starts node 1 with what the disk holds.
func (d *diskModel) startNode(applied uint64) *nodeOn {
	d.t.Helper()
	n, err := raft.NewRawNode(&raft.Config{
		ID: 1, ElectionTick: 10, HeartbeatTick: 1, MaxSizePerMsg: 64, MaxInflightMsgs: 8, Storage: d.disk, Applied: applied, Logger: raft.DiscardLogger,
	})
	d.doing += ", and starting a node"
	d.must(err)
	return &nodeOn{RawNode: n, d: d, applied: applied}
}

// run does what the node asks for, until it has nothing more to do or apply returns false.
func (n *nodeOn) run(apply func(e *pb.Entry) bool) {
	n.d.t.Helper()
	for n.HasReady() {
		rd := n.Ready()
		n.d.write(rd.HardState, rd.Entries, rd.Snapshot, rd.MustSync)
		for i := range rd.CommittedEntries {
			e := &rd.CommittedEntries[i]
			n.applied = e.Index
			if !apply(e) {
				return
			}
		}
		n.Advance(rd)
	}
	n.d.must(n.Err())
}

// beginGroup writes what a group begins with.
func (d *diskModel) beginGroup(voters ...uint64) {
	s := d.snapshotAt(1, 1)
	s.Metadata.ConfState = pb.ConfState{Voters: voters}
	d.write(pb.HardState{Term: 1, Commit: 1}, nil, s, true)
	d.check()
}

// aNodeRunsOnIt lets the library write and read: a group of one, which is started again and again.
func aNodeRunsOnIt(d *diskModel) {
	d.beginGroup(1)
	var applied uint64 = 1
	for life := range uint64(4) {
		n := d.startNode(applied)
		d.must(n.Campaign())
		for i := range uint64(30) {
			n.run(func(*pb.Entry) bool { return true })
			d.must(n.Propose(d.normal(life, n.applied+1+i%2)))
		}
		applied = n.applied
		if st := n.BasicStatus(); st.Commit < 1+29*(life+1) || st.Applied != applied {
			d.errorf("life %d: the node is at %+v, applied is %d", life, st, applied)
		}
		d.check()
		rd := n.Ready() // the last proposal
		d.tear(rd.HardState, rd.Entries, rd.Snapshot, int(life))
		d.check()
	}
}

// aNodeChangesItsGroup makes every kind of change, and cuts the power when it is applied: the next
// life begins in the configuration that the disk returns, which is a joint one between the steps of
// a change. (A voter that is being demoted is missing: its answer would be needed.)
func aNodeChangesItsGroup(d *diskModel) {
	d.beginGroup(1)
	one := []uint64{1}
	learner := func(id uint64) []pb.ConfChangeSingle {
		return []pb.ConfChangeSingle{{Type: pb.ConfChangeAddLearnerNode, NodeID: id}}
	}
	for _, life := range []struct {
		change pb.ConfChangeI // nil if the node makes the change by itself
		want   pb.ConfState
	}{
		{pb.ConfChange{Type: pb.ConfChangeAddLearnerNode, NodeID: 2}, pb.ConfState{Voters: one, Learners: []uint64{2}}},
		{
			pb.ConfChangeV2{Transition: pb.ConfChangeTransitionJointExplicit, Changes: learner(3)},
			pb.ConfState{Voters: one, VotersOutgoing: one, Learners: []uint64{2, 3}},
		},
		{pb.ConfChangeV2{}, pb.ConfState{Voters: one, Learners: []uint64{2, 3}}},
		{
			pb.ConfChangeV2{Transition: pb.ConfChangeTransitionJointImplicit, Changes: learner(4)},
			pb.ConfState{Voters: one, VotersOutgoing: one, Learners: []uint64{2, 3, 4}, AutoLeave: true},
		},
		{nil, pb.ConfState{Voters: one, Learners: []uint64{2, 3, 4}}},
		{pb.ConfChange{Type: pb.ConfChangeRemoveNode, NodeID: 2}, pb.ConfState{Voters: one, Learners: []uint64{3, 4}}},
	} {
		n := d.startNode(d.snapshot.Metadata.Index)
		d.must(n.Campaign())
		if life.change != nil {
			n.run(func(*pb.Entry) bool { return true })
			d.must(n.ProposeConfChange(life.change))
		}
		n.run(n.saveChange)
		if err := d.snapshot.Metadata.ConfState.Equivalent(life.want); err != nil {
			d.errorf("the node has made a change: got and want: %v", err)
		}
		d.crash(0)
		d.check()
	}
}

// saveChange applies a change, and makes a snapshot at once. It returns false then.
func (n *nodeOn) saveChange(e *pb.Entry) bool {
	n.d.t.Helper()
	cc, err := driver.Change(e)
	n.d.must(err)
	if cc == nil {
		return true
	}
	s := n.d.snapshotAt(e.Term, e.Index)
	s.Metadata.ConfState = *n.ApplyConfChange(cc)
	n.d.saveSnapshot(s)
	return false
}

// aNodeStartsAfterATornWrite: a follower is overwritten by one leader after the other, sometimes
// with a snapshot in front, and every other write is torn. The node starts from whatever is left.
func aNodeStartsAfterATornWrite(d *diskModel) {
	d.beginGroup(1, 2, 3)
	for round := range 24 {
		n := d.startNode(0)
		d.must(n.Verify())
		st := n.BasicStatus()
		term, prev := st.Term+1, pb.Message{Index: st.Commit, LogTerm: d.term(st.Commit)}
		n.hear(term, &prev, 7)
		n.run(func(*pb.Entry) bool { return true })
		d.check()
		term++
		if round%3 == 2 {
			s := d.snapshotAt(term, d.last()+2)
			s.Metadata.ConfState = pb.ConfState{Voters: []uint64{1, 2, 3}}
			prev = pb.Message{Index: s.Metadata.Index, LogTerm: term}
			d.must(n.Step(pb.Message{Type: pb.MsgSnap, From: 2, To: 1, Term: term, Snapshot: &s}))
		}
		n.hear(term, &prev, 4)
		rd := n.Ready()
		if len(rd.Entries) != 4 {
			d.t.Fatalf("round %d: the node has %d entries to write", round, len(rd.Entries))
		}
		d.tear(rd.HardState, rd.Entries, rd.Snapshot, round%7)
		d.check()
	}
}

// hear lets a leader of the term send entries that follow prev, up to which everything is
// committed.
func (n *nodeOn) hear(term uint64, prev *pb.Message, count int) {
	n.d.t.Helper()
	entries := make([]pb.Entry, count)
	for i := range entries {
		index := prev.Index + 1 + uint64(i)
		entries[i] = pb.Entry{Term: term, Index: index, Data: n.d.normal(term, index)}
	}
	n.d.must(n.Step(pb.Message{
		Type: pb.MsgApp, From: 2, To: 1, Term: term, Index: prev.Index, LogTerm: prev.LogTerm, Commit: prev.Index, Entries: entries,
	}))
}
