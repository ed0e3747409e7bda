package v37

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	etcd "go.etcd.io/raft/v3/raftpb"

	"github.com/ffd200af/raft/interop/wire/sample"
	"github.com/ffd200af/raft/raftpb"
)

func TestConfigurationChangesAreEncodedAsTheSameEntries(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range rounds {
		var v1 raftpb.ConfChange
		var v2 raftpb.ConfChangeV2
		var theirV1 etcd.ConfChange
		var theirV2 etcd.ConfChangeV2
		sample.Draw(r, reflect.ValueOf(&v1).Elem(), 3)
		sample.Draw(r, reflect.ValueOf(&v2).Elem(), 3)
		sample.Transcribe(reflect.ValueOf(&theirV1).Elem(), reflect.ValueOf(&v1).Elem())
		sample.Transcribe(reflect.ValueOf(&theirV2).Elem(), reflect.ValueOf(&v2).Elem())
		for _, cc := range []struct {
			ours raftpb.ConfChangeI
			etcd etcd.ConfChangeI
		}{{v1, &theirV1}, {v2, &theirV2}, {nil, nil}} {
			typ, data, err := raftpb.MarshalConfChange(cc.ours)
			theirTyp, theirData, theirErr := etcd.MarshalConfChange(cc.etcd)
			if int32(typ) != int32(theirTyp) || !bytes.Equal(data, theirData) || err != nil || theirErr != nil {
				t.Fatalf("%+v: %v %x %v, want %v %x %v", cc.ours, typ, data, err, theirTyp, theirData, theirErr)
			}
		}
		sameForms(t, v1, &theirV1)
		sameForms(t, v2, &theirV2)
		if v2.LeaveJoint() != theirV2.LeaveJoint() {
			t.Fatalf("%+v: leaves a joint configuration: %v, want %v", v2, v2.LeaveJoint(), theirV2.LeaveJoint())
		}
		if tr := v2.Transition; tr < raftpb.ConfChangeTransitionAuto || tr > raftpb.ConfChangeTransitionJointExplicit {
			continue // of others they make a panic
		}
		joint, use := v2.EnterJoint()
		theirJoint, theirUse := theirV2.EnterJoint()
		if joint != theirJoint || use != theirUse {
			t.Fatalf("%+v: enters a joint configuration: %v %v, want %v %v", v2, joint, use, theirJoint, theirUse)
		}
	}
}

// sameForms compares what a change is in the old form and in the new one.
func sameForms(t *testing.T, ours raftpb.ConfChangeI, theirs etcd.ConfChangeI) {
	t.Helper()
	v1, is := ours.AsV1()
	theirV1, theyAre := theirs.AsV1()
	if is != theyAre || is && !bytes.Equal(encoded(t, &v1), inOurWords(t, &raftpb.ConfChange{}, theirV1)) {
		t.Fatalf("%+v: %+v %v, want %v %v", ours, v1, is, theirV1, theyAre)
	}
	v2, theirV2 := ours.AsV2(), theirs.AsV2()
	if !bytes.Equal(encoded(t, &v2), inOurWords(t, &raftpb.ConfChangeV2{}, theirV2)) {
		t.Fatalf("%+v: %+v, want %v", ours, v2, theirV2)
	}
}

// A change that a node of v3.7 proposes without naming what is zero is the same change here.
func TestAChangeOfWhichTheZerosAreAbsentIsReadTheSame(t *testing.T) {
	id := uint64(7)
	for _, tc := range []struct {
		name string
		cc   etcd.ConfChangeI
		want raftpb.ConfChangeV2
	}{
		{"the old form", &etcd.ConfChange{NodeId: &id}, raftpb.ConfChangeV2{Changes: []raftpb.ConfChangeSingle{{NodeID: 7}}}},
		{"the new form", &etcd.ConfChangeV2{Changes: []*etcd.ConfChangeSingle{{NodeId: &id}}}, raftpb.ConfChangeV2{Changes: []raftpb.ConfChangeSingle{{NodeID: 7}}}},
		{"leaving", &etcd.ConfChangeV2{}, raftpb.ConfChangeV2{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			typ, data, err := etcd.MarshalConfChange(tc.cc)
			if err != nil {
				t.Fatal(err)
			}
			var got raftpb.ConfChangeV2
			if typ == etcd.EntryType_EntryConfChange {
				var v1 raftpb.ConfChange
				err = v1.Unmarshal(data)
				got = v1.AsV2()
			} else {
				err = got.Unmarshal(data)
			}
			if err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("%+v %v, want %+v", got, err, tc.want)
			}
		})
	}
}

func TestChangesAreWrittenAndReadAlike(t *testing.T) {
	for _, text := range []string{"", "v1", "v1 l2 r3 u4", "l18446744073709551615", "v", "x1", "v1 v", "1", "v-1"} {
		ours, err := raftpb.ConfChangesFromString(text)
		theirs, theirErr := etcd.ConfChangesFromString(text)
		if (err == nil) != (theirErr == nil) {
			t.Errorf("%q: %v, want %v", text, err, theirErr)
			continue
		}
		v2 := raftpb.ConfChangeV2{Changes: ours}
		if !bytes.Equal(encoded(t, &v2), inOurWords(t, &raftpb.ConfChangeV2{}, &etcd.ConfChangeV2{Changes: theirs})) {
			t.Errorf("%q: %v, want %v", text, ours, theirs)
		}
		if a, b := raftpb.ConfChangesToString(ours), etcd.ConfChangesToString(theirs); a != b {
			t.Errorf("%q: %q, want %q", text, a, b)
		}
	}
}

func TestConfStatesAreEquivalentForBoth(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	differ := 0
	for range rounds {
		var a raftpb.ConfState
		var theirA, theirB etcd.ConfState
		sample.Draw(r, reflect.ValueOf(&a).Elem(), 1)
		b := a
		b.Voters = slices.Clone(a.Voters)
		if r.IntN(2) == 0 {
			r.Shuffle(len(b.Voters), func(i, j int) { b.Voters[i], b.Voters[j] = b.Voters[j], b.Voters[i] })
		} else {
			b.AutoLeave = r.IntN(2) == 0
			for _, ids := range []*[]uint64{&b.Learners, &b.VotersOutgoing, &b.LearnersNext} {
				if r.IntN(4) == 0 {
					*ids = append(slices.Clone(*ids), 1)
				}
			}
		}
		sample.Transcribe(reflect.ValueOf(&theirA).Elem(), reflect.ValueOf(&a).Elem())
		sample.Transcribe(reflect.ValueOf(&theirB).Elem(), reflect.ValueOf(&b).Elem())
		got, want := a.Equivalent(b) == nil, theirA.Equivalent(&theirB) == nil
		if got != want {
			t.Fatalf("%+v and %+v: equivalent %v, want %v", a, b, got, want)
		}
		if !got {
			differ++
		}
	}
	if differ == 0 || differ == rounds {
		t.Errorf("%d of %d differ", differ, rounds)
	}
}
