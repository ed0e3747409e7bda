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
		const self = 3
		var ms Members
		ms.Switch(Config{Voters: quorum.JointConfig{set(1, 2, 3, 4), nil}, Learners: set(5, 6)}, 1)
		last, commit := uint64(1), uint64(0)
		ms.Track(last)
		limits := progress.Limits{Messages: 2}
		send := func(i int) {
			for pr := ms.Progress(i); pr.AppendDue(last, commit); {
				if pr.State == StateReplicate {
					pr.SentAppend(int(last+1-pr.Next), 1, commit, limits)
				} else {
					pr.SentAppend(0, 0, commit, limits)
				}
			}
		}
		for n := rapid.IntRange(1, 60).Draw(t, "steps"); n > 0; n-- {
			i := rapid.IntRange(0, ms.Len()-1).Draw(t, "member")
			switch rapid.IntRange(0, 10).Draw(t, "step") {
			case 0:
				last++
			case 1:
				commit = rapid.Uint64Range(commit, last).Draw(t, "commit")
			case 2:
				ms.Change(i).Ping()
			case 3:
				ms.Change(i).HeardFrom()
			case 4:
				ms.Change(i).Pause()
			case 5:
				ms.Change(i).Quiet(last, commit)
			case 6:
				pr := ms.Change(i)
				if pr.MaybeUpdate(min(pr.Next, last)) {
					pr.BecomeReplicate()
				}
			case 7:
				ms.Change(i).BecomeProbe()
			case 8:
				ms.Change(i).BecomeSnapshot(max(commit, 1))
			case 9:
				ms.Switch(Config{Voters: quorum.JointConfig{set(1, 2, 3), nil}, Learners: set(5, 7)}, last)
			case 10:
				before := -1
				for i := ms.MayBeDue(0, last, commit); i >= 0; i = ms.MayBeDue(i+1, last, commit) {
					if i <= before {
						t.Fatalf("member %d comes after %d", i, before)
					}
					if before = i; ms.ID(before) != self {
						send(before)
					}
				}
				if ms.AppendDue(self, last, commit) {
					t.Fatal("an append is due after all were sent")
				}
			}
			due := false
			for i := range ms.Len() {
				if ms.ID(i) != self {
					due = due || ms.Progress(i).AppendDue(last, commit)
					if ms.Overlooks(i, last, commit) {
						t.Fatalf("member %d is overlooked", ms.ID(i))
					}
				}
			}
			if rapid.Bool().Draw(t, "ask") && ms.AppendDue(self, last, commit) != due {
				t.Fatalf("an append is due: %t, a look at all members says %t", !due, due)
			}
		}
	})
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
