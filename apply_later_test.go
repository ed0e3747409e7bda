package raft

import (
	"testing"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

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
