package tracker

import (
	"testing"

	"github.com/ffd200af/raft/progress"
	"github.com/ffd200af/raft/quorum"
	"pgregory.net/rapid"
)

// Whatever happens to the members, AppendDue says what a look at all of them would say, and
// MayBeDue names every member that is owed an append, in order.
func TestAppendDueEqualsALookAtAllMembers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := appendWalk{last: 1}
		w.Switch(Config{Voters: quorum.JointConfig{set(1, 2, 3, 4), nil}, Learners: set(5, 6)}, 1)
		w.Track(w.last)
		for n := rapid.IntRange(1, 60).Draw(t, "steps"); n > 0; n-- {
			w.step(t)
			w.look(t)
		}
	})
}

// appendWalk is a random walk of a leader's members, with the end of its log and its commit index.
type appendWalk struct {
	Members
	last, commit uint64
}

// self is the leader in an appendWalk.
const self = 3

// step takes one random step.
func (w *appendWalk) step(t *rapid.T) {
	i := rapid.IntRange(0, w.Len()-1).Draw(t, "member")
	switch rapid.IntRange(0, 10).Draw(t, "step") {
	case 0:
		w.last++
	case 1:
		w.commit = rapid.Uint64Range(w.commit, w.last).Draw(t, "commit")
	case 2:
		w.Change(i).Ping()
	case 3:
		w.Change(i).HeardFrom()
	case 4:
		w.Change(i).Pause()
	case 5:
		w.Change(i).Quiet(w.last, w.commit)
	case 6:
		pr := w.Change(i)
		if pr.MaybeUpdate(min(pr.Next, w.last)) {
			pr.BecomeReplicate()
		}
	case 7:
		w.Change(i).BecomeProbe()
	case 8:
		w.Change(i).BecomeSnapshot(max(w.commit, 1))
	case 9:
		w.Switch(Config{Voters: quorum.JointConfig{set(1, 2, 3), nil}, Learners: set(5, 7)}, w.last)
	case 10:
		w.sendAll(t)
	}
}

// sendAll sends all appends that are due.
func (w *appendWalk) sendAll(t *rapid.T) {
	before := -1
	for i := w.MayBeDue(0, w.last, w.commit); i >= 0; i = w.MayBeDue(i+1, w.last, w.commit) {
		if i <= before {
			t.Fatalf("member %d comes after %d", i, before)
		}
		before = i
		if w.ID(i) == self {
			continue
		}
		for pr := w.Progress(i); pr.AppendDue(w.last, w.commit); {
			if pr.State == StateReplicate {
				pr.SentAppend(int(w.last+1-pr.Next), 1, w.commit, progress.Limits{Messages: 2})
			} else {
				pr.SentAppend(0, 0, w.commit, progress.Limits{Messages: 2})
			}
		}
	}
	if w.AppendDue(self, w.last, w.commit) {
		t.Fatal("an append is due after all were sent")
	}
}

// look compares AppendDue with a look at all members.
func (w *appendWalk) look(t *rapid.T) {
	due := false
	for i := range w.Len() {
		if w.ID(i) != self {
			due = due || w.Progress(i).AppendDue(w.last, w.commit)
			if w.Overlooks(i, w.last, w.commit) {
				t.Fatalf("member %d is overlooked", w.ID(i))
			}
		}
	}
	if rapid.Bool().Draw(t, "ask") && w.AppendDue(self, w.last, w.commit) != due {
		t.Fatalf("an append is due: %t, a look at all members says %t", !due, due)
	}
}

// Each change costs one examination, and growth of the log none.
func TestMembersAreExaminedOncePerChange(t *testing.T) {
	ids := make([]uint64, 1000)
	for i := range ids {
		ids[i] = uint64(i + 1)
	}
	var ms Members
	ms.Switch(Config{Voters: quorum.JointConfig{set(1), nil}, Learners: set(ids[1:]...)}, 1)
	ms.Track(2)
	for i := range ms.Len() {
		ms.Change(i).Pause()
	}
	if ms.AppendDue(1, 2, 1); ms.Looked() != 1000 {
		t.Errorf("%d examinations of new members", ms.Looked())
	}
	for i := range ms.Len() {
		for range 3 {
			ms.Change(i).RecentActive = true
		}
		ms.AppendDue(1, uint64(i+3), 1)
	}
	if ms.Looked() != 2000 {
		t.Errorf("%d examinations for 1000 changes", ms.Looked()-1000)
	}
}
