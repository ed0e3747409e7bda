package raft

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// An application may answer its client after ApplyConfChange and before Advance, and the client may
// propose the next configuration change at once.

// handOut handles every Ready up to the first one with a configuration change, and stops before it
// is applied.
func (l *laterApplier) handOut() Ready {
	l.t.Helper()
	for l.HasReady() {
		rd := l.Ready()
		l.must(l.storage.Append(rd.Entries))
		if raftlog.ConfChanges(rd.CommittedEntries) > 0 {
			l.committed = append(l.committed, rd.CommittedEntries...)
			return rd
		}
		l.Advance(rd)
	}
	l.t.Fatal("no configuration change was handed out")
	return Ready{}
}

// finish acknowledges the batch in hand, does everything else, and looks at the configuration.
func (l *laterApplier) finish(rd Ready, want string) {
	l.t.Helper()
	l.Advance(rd)
	l.work()
	l.apply()
	if got := l.raft.members.Config().String(); got != want {
		l.t.Error(got)
	}
}

func addLearner(id uint64) pb.ConfChange {
	return pb.ConfChange{Type: pb.ConfChangeAddLearnerNode, NodeID: id}
}

func (l *laterApplier) wantPending(want bool) {
	l.t.Helper()
	err := l.CheckConfChange(addLearner(9))
	if pending := errors.Is(err, ErrConfChangePending); pending != want {
		l.t.Fatalf("a change is pending: %t (%v), want %t", pending, err, want)
	}
}

func TestAChangeIsProposedAfterApplyConfChangeAndBeforeAdvance(t *testing.T) {
	l := newLaterApplier(t)
	l.must(l.ProposeConfChange(addLearner(2)))
	rd := l.handOut()
	l.wantPending(true)
	l.apply()
	l.wantPending(false)
	l.must(l.ProposeConfChange(addLearner(3)))
	l.wantPending(true)
	l.finish(rd, "voters=(1) learners=(2 3)")
}

func TestAJointConfigurationIsLeftBeforeAdvance(t *testing.T) {
	l := newLaterApplier(t)
	l.must(l.ProposeConfChange(pb.ConfChangeV2{
		Transition: pb.ConfChangeTransitionJointExplicit,
		Changes:    []pb.ConfChangeSingle{{Type: pb.ConfChangeAddLearnerNode, NodeID: 2}},
	}))
	rd := l.handOut()
	l.apply()
	l.must(l.ProposeConfChange(pb.ConfChangeV2{}))
	l.finish(rd, "voters=(1) learners=(2)")
}

func TestAnApplyConfChangeOfNothingCountsForNoLaterChange(t *testing.T) {
	l := newLaterApplier(t)
	l.ApplyConfChange(pb.ConfChangeV2{})
	l.ApplyConfChange(pb.ConfChangeV2{})
	l.must(l.ProposeConfChange(addLearner(2)))
	l.wantPending(true)
	l.ApplyConfChange(pb.ConfChangeV2{}) // the change is not even handed out
	l.wantPending(true)
	rd := l.handOut()
	l.wantPending(true)
	l.apply()
	l.wantPending(false)
	l.Advance(rd)
}

// asyncAppend handles a Ready but for the message to the apply thread, which it returns.
func (l *laterApplier) asyncAppend() (apply *pb.Message) {
	l.t.Helper()
	rd := l.Ready()
	for i := range rd.Messages {
		m := &rd.Messages[i]
		if m.To == LocalApplyThread {
			apply = m
			continue
		}
		l.must(l.storage.Append(m.Entries))
		for _, resp := range m.Responses {
			l.must(l.Step(resp))
		}
	}
	return apply
}

func TestAChangeIsProposedBeforeTheApplyThreadAnswers(t *testing.T) {
	l := startLaterApplier(t, true)
	l.must(l.Campaign())
	for l.HasReady() {
		l.asyncAppend() // nothing is applied in this test but changes
	}
	for id := uint64(2); id < 5; id++ {
		l.must(l.ProposeConfChange(addLearner(id)))
		l.wantPending(true)
		changes := uint32(0)
		for l.HasReady() {
			if m := l.asyncAppend(); m != nil {
				changes += raftlog.ConfChanges(m.Entries) // and the thread does not answer
			}
		}
		if changes != 1 {
			t.Fatalf("%d changes were handed out", changes)
		}
		l.wantPending(true)
		l.ApplyConfChange(addLearner(id))
		l.wantPending(false)
	}
}

func TestAChangeIsProposedToANodeBeforeAdvance(t *testing.T) {
	s := NewMemoryStorage()
	cfg := DefaultConfig(1, s)
	cfg.Logger = DiscardLogger
	n := StartNode(cfg, []Peer{{ID: 1}})
	defer n.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for next := uint64(2); next < 6; {
		var rd Ready
		select {
		case rd = <-n.Ready():
		case <-ctx.Done():
			t.Fatalf("the addition of %d is lost", next-1)
		}
		if err := s.Append(rd.Entries); err != nil {
			t.Fatal(err)
		}
		propose := rd.SoftState != nil && rd.SoftState.RaftState == StateLeader
		campaign := false
		for _, e := range rd.CommittedEntries {
			if raftlog.IsConfChange(&e) {
				cc, err := decodeConfChange(&e)
				if err != nil {
					t.Fatal(err)
				}
				n.ApplyConfChange(cc)
				campaign, propose = e.Term == bootstrapTerm, e.Term > bootstrapTerm
			}
		}
		if propose {
			if err := n.ProposeConfChange(ctx, addLearner(next)); err != nil {
				t.Fatal(err)
			}
			next++
		}
		n.Advance()
		if campaign {
			if err := n.Campaign(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Programs may apply in a separate goroutine, and call ApplyConfChange after Advance.

// laterApplier is a leader whose committed entries are applied only when its test says so.
type laterApplier struct {
	*RawNode
	t         *testing.T
	storage   *MemoryStorage
	committed []pb.Entry // not applied yet
	news      []CatchUp
}

func newLaterApplier(t *testing.T) *laterApplier {
	t.Helper()
	l := startLaterApplier(t, false)
	l.must(l.Campaign())
	l.work()
	l.apply()
	return l
}

// startLaterApplier starts the node, which is the only voter and does not lead yet.
func startLaterApplier(t *testing.T, async bool) *laterApplier {
	t.Helper()
	s := NewMemoryStorage()
	if err := s.ApplySnapshot(*snapAt(1, 1, pb.ConfState{Voters: []uint64{1}})); err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig(1, s)
	cfg.Logger, cfg.AsyncStorageWrites = DiscardLogger, async
	n, err := NewRawNode(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &laterApplier{RawNode: n, t: t, storage: s}
}

func (l *laterApplier) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// work handles every Ready. Member 2 acknowledges what it is sent.
func (l *laterApplier) work() {
	l.t.Helper()
	for l.HasReady() {
		rd := l.Ready()
		l.must(l.storage.Append(rd.Entries))
		l.committed = append(l.committed, rd.CommittedEntries...)
		l.news = append(l.news, rd.CatchUps...)
		messages := append([]pb.Message(nil), rd.Messages...)
		l.Advance(rd)
		for _, m := range messages {
			if m.Type == pb.MsgApp {
				index := appendReq{&m}.last().Index
				l.must(l.Step(pb.Message{Type: pb.MsgAppResp, From: m.To, To: 1, Term: m.Term, Index: index}))
			}
		}
	}
}

// apply applies what is committed.
func (l *laterApplier) apply() {
	l.t.Helper()
	for _, e := range l.committed {
		if raftlog.IsConfChange(&e) {
			cc, err := decodeConfChange(&e)
			l.must(err)
			l.ApplyConfChange(cc)
		}
	}
	l.committed = nil
}

func TestAJointConfigurationThatIsAppliedAfterAdvanceIsLeftOnce(t *testing.T) {
	l := newLaterApplier(t)
	l.must(l.ProposeConfChange(pb.ConfChangeV2{
		Transition: pb.ConfChangeTransitionJointImplicit,
		Changes:    []pb.ConfChangeSingle{{Type: pb.ConfChangeAddLearnerNode, NodeID: 2}},
	}))
	l.work()
	l.apply() // the cluster is idle from here on
	for range 3 {
		l.work()
		l.Tick()
	}
	l.apply()
	l.work()
	if l.raft.members.IsJoint() {
		t.Errorf("the configuration is still %s", l.raft.members.Config())
	}
	if last := l.raft.log.LastIndex(); last != 4 {
		t.Errorf("the log ends at %d: the configuration is left more than once", last)
	}
}

func TestAServerIsAddedWhoseChangesAreAppliedAfterAdvance(t *testing.T) {
	l := newLaterApplier(t)
	l.must(l.AddServer(2, nil))
	for range 6 {
		l.work()
		l.Tick()
		l.work()
		l.apply()
	}
	if len(l.news) != 1 || l.news[0].State != CatchUpPromoted {
		t.Errorf("told %+v, configuration %s", l.news, l.raft.members.Config())
	}
}

func TestAMemberThatIsRemovedAndAddedInOneChangeHasMatchedNothing(t *testing.T) {
	for changes, match := range map[string]uint64{"r4 l4": 0, "r4 v4": 0, "l4": 3, "r3 l3": 3} {
		t.Run(changes, func(t *testing.T) {
			c := newTestCluster(t, 3, nil)
			c.elect(1)
			c.join(nil)
			c.change(1, "l4")
			ccs, err := pb.ConfChangesFromString(changes)
			if err != nil {
				t.Fatal(err)
			}
			c.node(1).ApplyConfChange(pb.ConfChangeV2{Changes: ccs})
			id := ccs[0].NodeID // 3 votes in the outgoing half, so it was never gone
			if got := c.node(1).Status().Progress[id].Match; got != match {
				t.Errorf("%d has matched %d, want %d", id, got, match)
			}
		})
	}
}
