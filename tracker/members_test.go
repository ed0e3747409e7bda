package tracker

import (
	"maps"
	"math"
	"slices"
	"testing"
	"unsafe"

	"github.com/ffd200af/raft/quorum"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func set(ids ...uint64) map[uint64]struct{} {
	if len(ids) == 0 {
		return nil
	}
	s := map[uint64]struct{}{}
	for _, id := range ids {
		s[id] = struct{}{}
	}
	return s
}

// drawConfig draws a configuration that may be joint.
func drawConfig(t *rapid.T) Config {
	cfg := Config{Voters: quorum.JointConfig{quorum.MajorityConfig{}, nil}}
	joint := rapid.Bool().Draw(t, "joint")
	for id := uint64(1); id <= 8; id++ {
		switch rapid.IntRange(0, 5).Draw(t, "role") {
		case 0, 1:
			cfg.Voters[0][id] = struct{}{}
			if joint && rapid.Bool().Draw(t, "both") {
				addTo((*map[uint64]struct{})(&cfg.Voters[1]), id)
			}
		case 2:
			if joint {
				addTo((*map[uint64]struct{})(&cfg.Voters[1]), id)
				if rapid.Bool().Draw(t, "next") {
					addTo(&cfg.LearnersNext, id)
				}
			}
		case 3:
			addTo(&cfg.Learners, id)
		}
	}
	cfg.AutoLeave = len(cfg.Voters[1]) > 0 && rapid.Bool().Draw(t, "auto leave")
	return cfg
}

func addTo(s *map[uint64]struct{}, id uint64) {
	if *s == nil {
		*s = map[uint64]struct{}{}
	}
	(*s)[id] = struct{}{}
}

// The slice and the maps of the v3.6 API give the same answers.
func TestMembersAnswerLikeTheMaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ms Members
		ms.Track(1)
		p := MakeProgressTracker(10, 0)
		p.Config = drawConfig(t)
		ms.Switch(p.Config, 5)
		if diff := cmp.Diff(p.Config, ms.Config()); diff != "" {
			t.Fatal(diff)
		}
		if diff := cmp.Diff(p.ConfState(), ms.ConfState()); diff != "" {
			t.Fatal(diff)
		}
		for i := range ms.Len() {
			pr := ms.Progress(i)
			pr.Match = rapid.Uint64Range(0, 9).Draw(t, "match")
			pr.RecentActive = rapid.Bool().Draw(t, "active")
			p.Progress[ms.ID(i)] = pr
			if i > 0 && ms.ID(i-1) >= ms.ID(i) {
				t.Fatalf("members are not sorted: %d before %d", ms.ID(i-1), ms.ID(i))
			}
			_, incoming := p.Voters[0][ms.ID(i)]
			_, outgoing := p.Voters[1][ms.ID(i)]
			if ms.LeavesVoters(i) != (outgoing && !incoming) {
				t.Fatalf("member %d of %s leaves the voters: %t", ms.ID(i), p.Config, ms.LeavesVoters(i))
			}
			_, learner := p.Learners[ms.ID(i)]
			if ms.IsLearner(i) != learner || pr.IsLearner != learner || ms.IsVoter(i) == learner || ms.Find(ms.ID(i)) != i {
				t.Fatalf("member %d: learner %t, voter %t, position %d", ms.ID(i), ms.IsLearner(i), ms.IsVoter(i), ms.Find(ms.ID(i)))
			}
		}
		for n := rapid.IntRange(0, 12).Draw(t, "votes"); n > 0; n-- {
			id, grants := rapid.Uint64Range(1, 10).Draw(t, "voter"), rapid.Bool().Draw(t, "grants")
			ms.RecordVote(id, grants)
			p.RecordVote(id, grants)
		}
		if len(p.Voters[0]) == 0 {
			if _, _, result := ms.Tally(); result != quorum.VotePending || ms.Committed() != 0 || ms.QuorumActive() {
				t.Fatal("something is decided without voters")
			}
			return
		}
		if ms.Committed() != p.Committed() || ms.QuorumActive() != p.QuorumActive() || ms.IsJoint() != (len(p.Voters[1]) > 0) || ms.AutoLeave() != p.AutoLeave {
			t.Fatalf("committed %d and %d, active %t and %t", ms.Committed(), p.Committed(), ms.QuorumActive(), p.QuorumActive())
		}
		for id := uint64(1); id <= 10; id++ {
			only := quorum.MajorityConfig(set(id))
			alone := maps.Equal(p.Voters[0], only) && (len(p.Voters[1]) == 0 || maps.Equal(p.Voters[1], only))
			if ms.DecidesAlone(id) != alone {
				t.Fatalf("in %s node %d decides alone: %t", p.Config, id, !alone)
			}
		}
		yes, no, result := ms.Tally()
		wantYes, wantNo, want := p.TallyVotes()
		if yes != wantYes || no != wantNo || result != want {
			t.Fatalf("%s with %v: %d, %d, %s, want %d, %d, %s", p.Config, p.Votes, yes, no, result, wantYes, wantNo, want)
		}
	})
}

func TestASwitchKeepsWhatIsKnownOfThoseWhoStay(t *testing.T) {
	var ms Members
	ms.Switch(Config{Voters: quorum.JointConfig{set(1, 2, 3), nil}}, 1)
	ms.Track(7)
	ms.Progress(1).Match = 5
	ms.RecordVote(2, true)
	ms.Switch(Config{Voters: quorum.JointConfig{set(2, 3, 9), nil}, Learners: set(1)}, 8)
	want := []struct {
		id, match, next uint64
		learner, active bool
	}{{1, 0, 7, true, false}, {2, 5, 7, false, false}, {3, 0, 7, false, false}, {9, 0, 8, false, true}}
	for i, w := range want {
		pr := ms.Progress(i)
		if ms.ID(i) != w.id || pr.Match != w.match || pr.Next != w.next || pr.IsLearner != w.learner || pr.RecentActive != w.active {
			t.Errorf("member %d: %s", ms.ID(i), pr)
		}
	}
	if yes, _, _ := ms.Tally(); yes != 1 {
		t.Error("the vote of a member that stays is forgotten")
	}
	ms.RecordVote(1, true)
	ms.Switch(Config{Voters: quorum.JointConfig{set(1, 2, 3), nil}}, 8)
	if yes, _, _ := ms.Tally(); yes != 2 {
		t.Error("the vote of a learner that becomes a voter is forgotten")
	}
	ms.Untrack()
	if ms.Tracking() {
		t.Error("progress is tracked without a leader")
	}
}

func TestManyVotersAreCounted(t *testing.T) {
	var ids []uint64
	for id := uint64(1); id <= 41; id++ {
		ids = append(ids, id*10)
	}
	var ms Members
	ms.Switch(Config{Voters: quorum.JointConfig{set(ids...), nil}}, 1)
	ms.Track(100)
	for i := range ms.Len() {
		ms.Progress(i).Match = uint64(i)
	}
	if got := ms.Committed(); got != 20 {
		t.Errorf("committed %d, want 20", got)
	}
	if ms.Find(410) != 40 || ms.Find(411) != -1 || ms.Find(5) != -1 {
		t.Error("a member is not found, or a stranger is")
	}
}

func TestAnIdIsFoundWhereverItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.OneOf(rapid.Uint64Range(1, 40), rapid.Uint64(), rapid.Uint64Range(math.MaxUint64-40, math.MaxUint64))
		ids := rapid.SliceOfNDistinct(id, 17, 60, rapid.ID[uint64]).Draw(t, "ids")
		var ms Members
		ms.Switch(Config{Voters: quorum.JointConfig{set(ids...), nil}}, 1)
		slices.Sort(ids)
		for _, id := range append(rapid.SliceOf(id).Draw(t, "strangers"), ids...) {
			want, found := slices.BinarySearch(ids, id)
			if !found {
				want = -1
			}
			if got := ms.Find(id); got != want {
				t.Fatalf("%d is found at %d, want %d", id, got, want)
			}
		}
	})
}

func TestTheHotPathAllocatesNothing(t *testing.T) {
	var ms Members
	ms.Switch(Config{Voters: quorum.JointConfig{set(1, 2, 3, 4, 5), set(1, 2, 6)}}, 1)
	ms.Track(1)
	ms.RecordVote(2, true)
	if n := testing.AllocsPerRun(100, func() {
		ms.Committed()
		ms.Tally()
		ms.QuorumActive()
		ms.MaybeUpdate(3, ms.Committed()+1)
		ms.AppendDue(1, 9, 9)
		ms.RecordVote(3, true)
	}); n != 0 {
		t.Errorf("%.0f allocations", n)
	}
}

func TestAnIdleFollowerOwnsLittle(t *testing.T) {
	var ms Members
	ms.Switch(Config{Voters: quorum.JointConfig{set(1, 2, 3), nil}}, 1)
	if cap(ms.ids) != 3 || ms.kinds != nil || ms.tracking != nil || ms.votes != nil || unsafe.Sizeof(ms) > 48 {
		t.Errorf("it owns %+v", ms)
	}
	ms.Track(1)
	if size := unsafe.Sizeof(*ms.tracking); size > 112 {
		t.Errorf("a leader's list of members takes %d bytes besides what it knows of each", size)
	}
}

func TestOneVoterDecidesWhateverItsLearners(t *testing.T) {
	var ms Members
	ms.Switch(Config{Voters: quorum.JointConfig{set(2), nil}, Learners: set(1, 3)}, 1)
	ms.Track(4)
	ms.Progress(1).Match = 7
	if !ms.DecidesAlone(2) || ms.DecidesAlone(1) || ms.Committed() != 7 {
		t.Errorf("alone %t, committed %d", ms.DecidesAlone(2), ms.Committed())
	}
	if !ms.Progress(0).IsLearner || ms.Progress(1).IsLearner {
		t.Error("the Progress does not know who is a learner")
	}
	if ms.Find(3) != 2 || ms.Find(4) != -1 {
		t.Error("a member is not found, or a stranger is")
	}
}

func TestMembersAreVisitedInOrder(t *testing.T) {
	p := MakeProgressTracker(4, 100)
	p.Voters = quorum.JointConfig{set(9, 2), set(7, 2)}
	p.Learners = set(8, 1)
	for id := uint64(1); id <= 9; id++ {
		p.Progress[id] = &Progress{Match: id}
	}
	var visited []uint64
	p.Visit(func(id uint64, pr *Progress) {
		visited = append(visited, id)
		if pr.Match != id {
			t.Errorf("the progress of %d is that of %d", id, pr.Match)
		}
	})
	for _, tc := range []struct {
		name      string
		got, want []uint64
	}{
		{"visited", visited, []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{"voters", p.VoterNodes(), []uint64{2, 7, 9}},
		{"learners", p.LearnerNodes(), []uint64{1, 8}},
	} {
		if diff := cmp.Diff(tc.want, tc.got); diff != "" {
			t.Errorf("%s:\n%s", tc.name, diff)
		}
	}
}

func TestVotesAreForgottenForTheNextElection(t *testing.T) {
	p := MakeProgressTracker(4, 0)
	p.Voters[0] = set(1)
	p.RecordVote(1, false)
	p.ResetVotes()
	p.RecordVote(1, true)
	if granted, _, result := p.TallyVotes(); granted != 1 || result != quorum.VoteWon {
		t.Errorf("%d granted, %s", granted, result)
	}
	var ms Members
	ms.Switch(p.Config, 1)
	ms.RecordVote(1, false)
	ms.ResetVotes()
	ms.RecordVote(1, true)
	if granted, _, result := ms.Tally(); granted != 1 || result != quorum.VoteWon {
		t.Errorf("%d granted, %s", granted, result)
	}
}

func TestAVoterWithoutProgressHasMatchedNothing(t *testing.T) {
	p := MakeProgressTracker(4, 0)
	p.Voters[0] = set(1, 2)
	p.Progress[1] = &Progress{Match: 5}
	_, known := p.Progress.AckedIndex(1)
	if _, stranger := p.Progress.AckedIndex(2); !known || stranger || p.Committed() != 0 {
		t.Errorf("found %t and %t, committed %d", known, stranger, p.Committed())
	}
}

func TestStrings(t *testing.T) {
	cfg := Config{Voters: quorum.JointConfig{set(1, 2, 3), set(1)}, Learners: set(4), LearnersNext: set(5), AutoLeave: true}
	if got, want := cfg.String(), "voters=(1 2 3)&&(1) learners=(4) learners_next=(5) autoleave"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	sorted := pb.ConfState{Voters: []uint64{1, 2, 3}, VotersOutgoing: []uint64{1}, Learners: []uint64{4}, LearnersNext: []uint64{5}, AutoLeave: true}
	p := ProgressTracker{Config: cfg}
	if diff := cmp.Diff(sorted, p.ConfState()); diff != "" {
		t.Error(diff)
	}
	clone := cfg.Clone()
	if diff := cmp.Diff(cfg, clone); diff != "" {
		t.Errorf("a clone differs:\n%s", diff)
	}
	clone.Voters[0][9], clone.Learners[9] = struct{}{}, struct{}{}
	if len(cfg.Voters[0]) != 3 || len(cfg.Learners) != 1 {
		t.Error("a clone shares its sets")
	}
	plain := Config{Voters: quorum.JointConfig{set(7), nil}}
	if got, want := plain.String(), "voters=(7)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	p = ProgressTracker{Config: plain}
	if diff := cmp.Diff(pb.ConfState{Voters: []uint64{7}}, p.ConfState()); diff != "" {
		t.Error(diff)
	}
	m := ProgressMap{2: {Next: 3, RecentActive: true}, 1: {Match: 4, Next: 5, State: StateReplicate, RecentActive: true}}
	if got, want := m.String(), "1: StateReplicate match=4 next=5\n2: StateProbe match=0 next=3\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
