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
