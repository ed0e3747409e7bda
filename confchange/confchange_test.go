package confchange

import (
	"errors"
	"testing"

	"github.com/ffd200af/raft/quorum"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func changes(t interface{ Fatal(...any) }, s string) []pb.ConfChangeSingle {
	ccs, err := pb.ConfChangesFromString(s)
	if err != nil {
		t.Fatal(err)
	}
	return ccs
}

// play makes a sequence of changes, starting from one voter.
func play(t *testing.T, steps ...pb.ConfChangeV2) (tracker.Config, error) {
	cfg := tracker.Config{Voters: quorum.JointConfig{{1: {}}, nil}}
	for _, cc := range steps {
		next, err := Apply(cfg, cc)
		if err != nil {
			return cfg, err
		}
		cfg = next
	}
	return cfg, nil
}

func TestChanges(t *testing.T) {
	auto := func(s string) pb.ConfChangeV2 { return pb.ConfChangeV2{Changes: changes(t, s)} }
	explicit := func(s string) pb.ConfChangeV2 {
		return pb.ConfChangeV2{Changes: changes(t, s), Transition: pb.ConfChangeTransitionJointExplicit}
	}
	leave := pb.ConfChangeV2{}
	for _, tc := range []struct {
		name  string
		steps []pb.ConfChangeV2
		want  string
		err   error
	}{
		{"a voter is added", []pb.ConfChangeV2{auto("v2")}, "voters=(1 2)", nil},
		{"a learner is added and promoted", []pb.ConfChangeV2{auto("l2"), auto("v2")}, "voters=(1 2)", nil},
		{"a voter is demoted", []pb.ConfChangeV2{auto("v2"), auto("l2")}, "voters=(1) learners=(2)", nil},
		{"a learner is removed", []pb.ConfChangeV2{auto("l2"), auto("r2")}, "voters=(1)", nil},
		{"a stranger is removed", []pb.ConfChangeV2{auto("r9")}, "voters=(1)", nil},
		{"an update changes nothing", []pb.ConfChangeV2{auto("u1")}, "voters=(1)", nil},
		{"a rejected change changes nothing", []pb.ConfChangeV2{auto("v0")}, "voters=(1)", nil},
		{"the last voter cannot go", []pb.ConfChangeV2{auto("r1")}, "", ErrNoVoters},
		{"the last voter cannot be demoted", []pb.ConfChangeV2{auto("l1")}, "", ErrNoVoters},
		{"two changes go through a joint configuration", []pb.ConfChangeV2{auto("v2 v3")}, "voters=(1 2 3)&&(1) autoleave", nil},
		{"which is left with an empty change", []pb.ConfChangeV2{auto("v2 v3"), leave}, "voters=(1 2 3)", nil},
		{"explicitly joint, it stays", []pb.ConfChangeV2{explicit("v2")}, "voters=(1 2)&&(1)", nil},
		{"a demoted voter learns after leaving", []pb.ConfChangeV2{auto("v2"), explicit("v3 l2")}, "voters=(1 3)&&(1 2) learners_next=(2)", nil},
		{"and does then", []pb.ConfChangeV2{auto("v2"), explicit("v3 l2"), leave}, "voters=(1 3) learners=(2)", nil},
		{"a demotion taken back", []pb.ConfChangeV2{auto("v2"), explicit("v3 l2 v2"), leave}, "voters=(1 2 3)", nil},
		{"a demoted voter removed", []pb.ConfChangeV2{auto("v2"), explicit("v3 l2 r2"), leave}, "voters=(1 3)", nil},
		{"a removed voter still votes in the outgoing half", []pb.ConfChangeV2{auto("v2"), explicit("r2")}, "voters=(1)&&(1 2)", nil},
		{"no change in a joint configuration", []pb.ConfChangeV2{explicit("v2"), auto("v3")}, "", ErrJoint},
		{"no second joint configuration", []pb.ConfChangeV2{explicit("v2"), explicit("v3")}, "", ErrJoint},
		{"nothing to leave", []pb.ConfChangeV2{leave}, "", ErrNotJoint},
		{"an unknown type", []pb.ConfChangeV2{{Changes: []pb.ConfChangeSingle{{Type: 9, NodeID: 2}}}}, "", ErrUnknownType},
		{"everybody is replaced", []pb.ConfChangeV2{auto("v2 v3 r1"), leave}, "voters=(2 3)", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg, err := play(t, tc.steps...)
			if !errors.Is(err, tc.err) || tc.err == nil && cfg.String() != tc.want {
				t.Errorf("%s, %v, want %s, %v", cfg, err, tc.want, tc.err)
			}
		})
	}
}

func TestASimpleChangeAltersOneVoterAtMost(t *testing.T) {
	chg := Changer{Tracker: tracker.MakeProgressTracker(10, 0), LastIndex: 4}
	chg.Tracker.Voters[0] = quorum.MajorityConfig{1: {}}
	if _, _, err := chg.Simple(changes(t, "v2 v3")...); !errors.Is(err, ErrTooMany) {
		t.Errorf("two voters: %v", err)
	}
	cfg, progress, err := chg.Simple(changes(t, "v2 l3")...)
	if err != nil || cfg.String() != "voters=(1 2) learners=(3)" {
		t.Fatalf("%s, %v", cfg, err)
	}
	if pr := progress[3]; pr.Match != 0 || pr.Next != 4 || !pr.IsLearner || !pr.RecentActive {
		t.Errorf("the newcomer's progress: %s", pr)
	}
	if got := chg.Tracker.Config.String(); got != "voters=(1)" {
		t.Errorf("the argument was changed to %s", got)
	}
	chg.Tracker.Config, chg.Tracker.Progress = cfg, progress
	progress[2].BecomeReplicate()
	progress[2].SentEntries(1, 10)
	cfg, progress, err = chg.EnterJoint(true, changes(t, "r3 v4")...)
	if err != nil || cfg.String() != "voters=(1 2 4)&&(1 2) autoleave" || len(progress) != 3 {
		t.Fatalf("%s, %d members, %v", cfg, len(progress), err)
	}
	if pr := progress[2]; pr.State != tracker.StateReplicate || pr.Inflights.Count() != 1 {
		t.Errorf("what is known of one who stays: %s", pr)
	}
	progress[2].Inflights.FreeLE(9)
	if before, after := chg.Tracker.Progress[2].Inflights.Count(), progress[2].Inflights.Count(); before != 1 || after != 0 {
		t.Errorf("%d and %d in flight: the window is shared with the argument's", before, after)
	}
	chg.Tracker.Config, chg.Tracker.Progress = cfg, progress
	if cfg, _, err = chg.LeaveJoint(); err != nil || cfg.String() != "voters=(1 2 4)" {
		t.Fatalf("%s, %v", cfg, err)
	}
}

// Whatever is refused gives no configuration to go on with.
func TestARefusedChangeReturnsNothing(t *testing.T) {
	single := tracker.Config{Voters: quorum.JointConfig{{1: {}}, nil}}
	joint := tracker.Config{Voters: quorum.JointConfig{{1: {}, 2: {}}, {1: {}}}}
	broken := tracker.Config{Voters: quorum.JointConfig{{1: {}}, nil}, Learners: map[uint64]struct{}{1: {}}}
	for _, tc := range []struct {
		name   string
		from   tracker.Config
		change func(Changer) (tracker.Config, tracker.ProgressMap, error)
		err    error
	}{
		{"simple, while joint", joint, func(c Changer) (tracker.Config, tracker.ProgressMap, error) { return c.Simple(changes(t, "v3")...) }, ErrJoint},
		{"simple, of two voters", single, func(c Changer) (tracker.Config, tracker.ProgressMap, error) { return c.Simple(changes(t, "v3 v4")...) }, ErrTooMany},
		{"simple, one voter for another", single, func(c Changer) (tracker.Config, tracker.ProgressMap, error) { return c.Simple(changes(t, "r1 v2")...) }, ErrTooMany},
		{"simple, of a broken configuration", broken, func(c Changer) (tracker.Config, tracker.ProgressMap, error) { return c.Simple(changes(t, "v3")...) }, ErrInvalid},
		{"joint, from nobody", tracker.Config{}, func(c Changer) (tracker.Config, tracker.ProgressMap, error) {
			return c.EnterJoint(false, changes(t, "v1")...)
		}, ErrNoVoters},
		{"joint, to nobody", single, func(c Changer) (tracker.Config, tracker.ProgressMap, error) {
			return c.EnterJoint(false, changes(t, "r1")...)
		}, ErrNoVoters},
		{"joint, twice", joint, func(c Changer) (tracker.Config, tracker.ProgressMap, error) {
			return c.EnterJoint(false, changes(t, "v3")...)
		}, ErrJoint},
		{"left, not joint", single, Changer.LeaveJoint, ErrNotJoint},
		{"restored, without voters", single, func(c Changer) (tracker.Config, tracker.ProgressMap, error) {
			return Restore(c, pb.ConfState{Learners: []uint64{2}})
		}, ErrInvalid},
	} {
		t.Run(tc.name, func(t *testing.T) {
			chg := Changer{Tracker: tracker.MakeProgressTracker(10, 0), LastIndex: 4}
			chg.Tracker.Config = tc.from
			cfg, progress, err := tc.change(chg)
			if !errors.Is(err, tc.err) {
				t.Errorf("%v, want %v", err, tc.err)
			}
			if diff := cmp.Diff(tracker.Config{}, cfg); diff != "" || progress != nil {
				t.Errorf("%d progress and\n%s", len(progress), diff)
			}
		})
	}
}

func TestConfigurationsThatContradictThemselvesAreNotRestored(t *testing.T) {
	for name, cs := range map[string]pb.ConfState{
		"a voter twice":                     {Voters: []uint64{1, 2, 1}},
		"a learner that votes":              {Voters: []uint64{1, 2}, Learners: []uint64{2}},
		"a learner that votes outgoing":     {Voters: []uint64{1}, VotersOutgoing: []uint64{2}, Learners: []uint64{2}},
		"a future learner that never voted": {Voters: []uint64{1}, VotersOutgoing: []uint64{1}, LearnersNext: []uint64{2}},
		"a future learner that votes":       {Voters: []uint64{1}, VotersOutgoing: []uint64{1}, LearnersNext: []uint64{1}},
		"learners without voters":           {Learners: []uint64{1}},
		"node 0":                            {Voters: []uint64{0, 1}},
		"auto leave without outgoing":       {Voters: []uint64{1}, AutoLeave: true},
	} {
		if _, err := FromConfState(cs); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if cfg, err := FromConfState(pb.ConfState{}); err != nil || cfg.Voters[0] == nil || len(cfg.Voters[0]) != 0 {
		t.Errorf("the empty configuration: %s, %v", cfg, err)
	}
}

// Every legal sequence keeps the configuration valid and its neighbours' quorums overlapping,
// leaves its arguments alone, and can be restored from its ConfState.
func TestAdjacentConfigurationsShareAVoterInEveryQuorum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := tracker.Config{Voters: quorum.JointConfig{{1: {}, 2: {}, 3: {}}, nil}}
		for n := rapid.IntRange(1, 8).Draw(t, "steps"); n > 0; n-- {
			cc := pb.ConfChangeV2{Transition: pb.ConfChangeTransition(rapid.IntRange(0, 2).Draw(t, "transition"))}
			for k := rapid.IntRange(0, 3).Draw(t, "changes"); k > 0; k-- {
				cc.Changes = append(cc.Changes, pb.ConfChangeSingle{
					Type: pb.ConfChangeType(rapid.IntRange(0, 3).Draw(t, "type")), NodeID: rapid.Uint64Range(0, 5).Draw(t, "node"),
				})
			}
			before := cfg.Clone()
			next, err := Apply(cfg, cc)
			if diff := cmp.Diff(before, cfg); diff != "" {
				t.Fatalf("the argument was changed:\n%s", diff)
			}
			if err != nil {
				continue
			}
			if err := validate(&next); err != nil {
				t.Fatal(err)
			}
			if a, b, apart := disjointQuorums(cfg, next); apart {
				t.Fatalf("%s decides with %v, %s with %v", cfg, a, next, b)
			}
			var p tracker.ProgressTracker
			p.Config = next
			restored, progress, err := Restore(Changer{LastIndex: 1}, p.ConfState())
			if diff := cmp.Diff(next, restored); diff != "" || err != nil {
				t.Fatalf("%s is not restored, %v:\n%s", next, err, diff)
			}
			var ms tracker.Members
			if ms.Switch(next, 1); len(progress) != ms.Len() {
				t.Fatalf("%d progress for %d members", len(progress), ms.Len())
			}
			cfg = next
		}
	})
}

// disjointQuorums looks for a quorum of a and one of b without a common member, by trying every
// set of the nodes 1 to 5 against its complement.
func disjointQuorums(a, b tracker.Config) (left, right map[uint64]bool, apart bool) {
	for bits := range 1 << 5 {
		left, right = map[uint64]bool{}, map[uint64]bool{}
		for id := uint64(1); id <= 5; id++ {
			in := bits>>(id-1)&1 == 1
			left[id], right[id] = in, !in
		}
		if a.Voters.VoteResult(left) == quorum.VoteWon && b.Voters.VoteResult(right) == quorum.VoteWon {
			return left, right, true
		}
	}
	return nil, nil, false
}
