package progress

import (
	"testing"
	"unsafe"

	"pgregory.net/rapid"
)

// naiveWindow is a list of what is in flight.
type naiveWindow struct {
	list  []inflight
	size  int
	bytes uint64
}

func (w *naiveWindow) sum() (sum uint64) {
	for _, i := range w.list {
		sum += i.bytes
	}
	return sum
}

func (w *naiveWindow) full() bool {
	return len(w.list) >= w.size || w.bytes != 0 && w.sum() >= w.bytes
}

func TestTheWindowBehavesLikeAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		model := naiveWindow{size: rapid.IntRange(1, 20).Draw(t, "size"), bytes: rapid.Uint64Range(0, 100).Draw(t, "bytes")}
		in := NewInflights(model.size, model.bytes)
		var index uint64
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				if in.Count() != len(model.list) || in.Bytes() != model.sum() || in.Full() != model.full() {
					t.Fatalf("count %d, bytes %d, full %t, want %d, %d, %t",
						in.Count(), in.Bytes(), in.Full(), len(model.list), model.sum(), model.full())
				}
			},
			"add": func(t *rapid.T) {
				index += rapid.Uint64Range(1, 3).Draw(t, "rise")
				bytes := rapid.Uint64Range(0, 40).Draw(t, "payload")
				in.Add(index, bytes)
				if !model.full() {
					model.list = append(model.list, inflight{index, bytes})
				}
			},
			"free": func(t *rapid.T) {
				to := rapid.Uint64Range(0, index+1).Draw(t, "to")
				in.FreeLE(to)
				for len(model.list) > 0 && model.list[0].index <= to {
					model.list = model.list[1:]
				}
			},
			"reset": func(*rapid.T) {
				in.reset()
				model.list = nil
			},
			"clone": func(*rapid.T) {
				old := in
				in = in.Clone()
				old.Add(index+1, 1)
				old.FreeLE(index)
			},
		})
	})
}

func TestAnAbsentWindowIsEmptyAndNeverFull(t *testing.T) {
	var in *Inflights
	in.Add(4, 10)
	in.FreeLE(5)
	in.reset()
	if in.Full() || in.Count() != 0 || in.Bytes() != 0 || in.Clone() != nil {
		t.Error("a nil window is not empty")
	}
}

func TestAnIdleProgressOwnsNoWindow(t *testing.T) {
	limits := Limits{Messages: 256}
	pr := New(1)
	pr.SentAppend(3, 30, 0, limits)
	pr.MaybeUpdate(3)
	pr.BecomeReplicate()
	pr.SentAppend(0, 0, 3, limits)
	if pr.Inflights != nil {
		t.Error("a window without an append in flight")
	}
	pr.SentAppend(1, 10, 0, limits)
	window := pr.Inflights
	pr.BecomeProbe()
	if pr.Inflights != window || window.Count() != 0 {
		t.Error("the window's memory is not used again")
	}
}

// A window goes when it was empty for the whole time between two calls of Rest.
func TestARestingProgressOwnsNoWindow(t *testing.T) {
	limits := Limits{Messages: 256}
	pr := New(1)
	pr.BecomeReplicate()
	for range 3 {
		pr.SentAppend(1, 10, 0, limits)
		pr.Rest()
		pr.Rest()
		if pr.Inflights.Count() != 1 {
			t.Fatal("the window of an append in flight is gone")
		}
		pr.Inflights.FreeLE(pr.Next - 1)
		if pr.Rest(); pr.Inflights == nil {
			t.Fatal("the window of a busy follower is gone")
		}
	}
	if pr.Rest(); pr.Inflights != nil {
		t.Error("the window of an idle follower stays")
	}
}

// Whatever happens, Match never falls, stays below Next, and is only moved by
// acknowledgements.
func TestMatchOnlyRisesAndStaysBelowNext(t *testing.T) {
	limits := Limits{Messages: 3, Bytes: 50}
	rapid.Check(t, func(t *rapid.T) {
		pr := New(rapid.Uint64Range(1, 20).Draw(t, "next"))
		var match, last uint64 = 0, 20
		check := func(t *rapid.T) {
			if pr.Match != match || pr.Match >= pr.Next || pr.State == StateReplicate && pr.sentCommit > last {
				t.Fatalf("match %d, want %d, next %d, told commit %d", pr.Match, match, pr.Next, pr.sentCommit)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"": check,
			"ack": func(t *rapid.T) {
				index := rapid.Uint64Range(0, last).Draw(t, "index")
				if pr.MaybeUpdate(index) != (index > match) {
					t.Fatalf("acknowledgement of %d with match %d", index, match)
				}
				match = max(match, index)
				pr.Inflights.FreeLE(index)
			},
			"reject": func(t *rapid.T) {
				next := pr.Next
				if pr.MaybeDecrTo(rapid.Uint64Range(0, last).Draw(t, "rejected"), rapid.Uint64Range(0, last).Draw(t, "hint")) {
					if pr.Next > next {
						t.Fatalf("a rejection moved next from %d up to %d", next, pr.Next)
					}
					if pr.State == StateReplicate {
						pr.BecomeProbe()
					}
				}
			},
			"send": func(t *rapid.T) {
				for n := 0; pr.AppendDue(last, last); n++ {
					if n > 20 {
						t.Fatal("sending does not end")
					}
					entries := uint64(0)
					if pr.Next <= last && !pr.Inflights.Full() {
						entries = rapid.Uint64Range(1, last+1-pr.Next).Draw(t, "entries")
					}
					pr.SentAppend(int(entries), 20*entries, last, limits)
				}
			},
			"probe":     func(*rapid.T) { pr.BecomeProbe() },
			"replicate": func(*rapid.T) { pr.BecomeReplicate() },
			"snapshot":  func(t *rapid.T) { pr.BecomeSnapshot(rapid.Uint64Range(1, last).Draw(t, "index")) },
			"heard":     func(*rapid.T) { pr.HeardFrom() },
			"ping":      func(*rapid.T) { pr.Ping() },
			"pause":     func(*rapid.T) { pr.Pause() },
			"grow":      func(*rapid.T) { last++ },
		})
	})
}

func TestAStaleRejectionIsIgnored(t *testing.T) {
	for _, tc := range []struct {
		name           string
		state          StateType
		match, next    uint64
		rejected, hint uint64
		news           bool
		want           uint64
	}{
		{"replicating, matched since", StateReplicate, 5, 10, 5, 5, false, 10},
		{"replicating, matched well before", StateReplicate, 5, 10, 4, 4, false, 10},
		{"replicating, something was lost", StateReplicate, 5, 10, 9, 9, true, 6},
		{"probing elsewhere by now", StateProbe, 0, 10, 5, 5, false, 10},
		{"probing, the hint is before", StateProbe, 0, 10, 9, 2, true, 3},
		{"probing, the hint is no help", StateProbe, 0, 10, 9, 9, true, 9},
		{"probing, the hint is behind", StateProbe, 0, 10, 9, 12, true, 9},
		{"probing, the hint is below match", StateProbe, 5, 10, 9, 2, true, 6},
		{"probing right behind match", StateProbe, 5, 6, 5, 2, false, 6},
		{"probing from the start", StateProbe, 0, 1, 0, 0, false, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pr := Progress{State: tc.state, Match: tc.match, Next: tc.next}
			if news := pr.MaybeDecrTo(tc.rejected, tc.hint); news != tc.news || pr.Next != tc.want || pr.Match != tc.match {
				t.Errorf("news %t, match %d, next %d, want %t, %d, %d", news, pr.Match, pr.Next, tc.news, tc.match, tc.want)
			}
		})
	}
}

func TestAFullWindowGetsAnEmptyAppendWhenPinged(t *testing.T) {
	limits := Limits{Messages: 1}
	pr := New(1)
	pr.BecomeReplicate()
	pr.SentAppend(1, 1, 0, limits)
	if pr.AppendDue(9, 9) {
		t.Fatal("an append is due although the window is full")
	}
	pr.Ping()
	if !pr.AppendDue(9, 9) {
		t.Fatal("the ping is not due")
	}
	pr.SentAppend(0, 0, 9, limits)
	if pr.AppendDue(9, 9) || pr.Inflights.Count() != 1 {
		t.Fatal("the ping is still due, or took a place")
	}
}

func TestTheCommitIndexIsToldOnceAndOnlyAsFarAsItHelps(t *testing.T) {
	pr := New(1)
	pr.BecomeReplicate()
	if pr.CanBumpCommit(5) {
		t.Error("a follower without entries cannot commit anything")
	}
	pr.SentAppend(4, 4, 2, Limits{Messages: 9})
	if !pr.AppendDue(4, 3) {
		t.Error("the commit index moved from 2 to 3 and is not due")
	}
	pr.SentAppend(0, 0, 9, Limits{Messages: 9})
	if pr.AppendDue(4, 10) {
		t.Error("a commit index behind all that was sent is due again")
	}
}

// A user's own bookkeeping of the v3.6 API tells entries and commit index apart.
func TestEntriesAndCommitIndexAreNotedSeparately(t *testing.T) {
	pr := Progress{Next: 1, Inflights: NewInflights(2, 0)}
	pr.SentEntries(0, 0)
	if pr.IsPaused() {
		t.Error("a probe without entries pauses")
	}
	pr.SentEntries(1, 10)
	if !pr.IsPaused() || pr.Next != 1 || pr.Inflights.Count() != 0 {
		t.Errorf("a probe with an entry: %s", &pr)
	}
	pr.BecomeReplicate()
	pr.SentEntries(2, 10)
	pr.SentEntries(0, 0)
	if pr.IsPaused() || pr.Next != 3 || pr.Inflights.Count() != 1 || !pr.CanBumpCommit(1) {
		t.Errorf("two entries: %s", &pr)
	}
	pr.SentCommit(2)
	if pr.CanBumpCommit(3) {
		t.Error("all that was sent is told to be committed, and a commit index would still help")
	}
	pr.SentEntries(1, 10)
	if !pr.IsPaused() || !pr.CanBumpCommit(3) || pr.CanBumpCommit(2) {
		t.Errorf("a full window: %s", &pr)
	}
	pr.BecomeSnapshot(9)
	if pr.SentEntries(1, 10); pr.Next != 10 || pr.Inflights.Count() != 0 {
		t.Errorf("entries while a snapshot is on its way: %s", &pr)
	}
}

func TestNextIsNeverZero(t *testing.T) {
	if pr := New(0); pr.Next != 1 {
		t.Errorf("next is %d", pr.Next)
	}
}

func TestAProgressIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(Progress{}); size > 80 {
		t.Errorf("a Progress takes %d bytes", size)
	}
}

func TestAWindowTakesTheMemoryThatItNeeds(t *testing.T) {
	in := NewInflights(1000, 0)
	in.Add(1, 1)
	if len(in.ring) > 8 {
		t.Errorf("one append in flight takes a ring of %d", len(in.ring))
	}
	ring := &in.ring[0]
	for i := range uint64(1000) {
		in.FreeLE(i + 1)
		in.Add(i+2, 1)
	}
	if ring != &in.ring[0] {
		t.Error("the ring is made anew although it never filled")
	}
}

func TestString(t *testing.T) {
	pr := Progress{State: StateReplicate, Match: 14, Next: 17, MsgAppFlowPaused: true, IsLearner: true, Inflights: NewInflights(2, 0)}
	pr.Inflights.Add(15, 0)
	pr.Inflights.Add(16, 0)
	if got, want := pr.String(), "StateReplicate match=14 next=17 learner paused inactive inflight=2[full]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	pr = Progress{State: StateSnapshot, Next: 5, PendingSnapshot: 4, RecentActive: true}
	if got, want := pr.String(), "StateSnapshot match=0 next=5 paused pendingSnap=4"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for value, want := range []string{"StateProbe", "StateReplicate", "StateSnapshot", "StateType(3)"} {
		if got := StateType(value).String(); got != want {
			t.Errorf("state %d is %s, want %s", value, got, want)
		}
	}
}
