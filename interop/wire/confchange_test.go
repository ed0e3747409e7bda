package wire

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	etcd "go.etcd.io/raft/v3/raftpb"

	"github.com/ffd200af/raft/raftpb"
)

func TestConfigurationChangesAreEncodedAsTheSameEntries(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range rounds {
		var v1 raftpb.ConfChange
		var v2 raftpb.ConfChangeV2
		var theirV1 etcd.ConfChange
		var theirV2 etcd.ConfChangeV2
		drawn(r, reflect.ValueOf(&v1).Elem(), 3)
		drawn(r, reflect.ValueOf(&v2).Elem(), 3)
		transcribed(reflect.ValueOf(&theirV1).Elem(), reflect.ValueOf(&v1).Elem())
		transcribed(reflect.ValueOf(&theirV2).Elem(), reflect.ValueOf(&v2).Elem())
		for _, cc := range []struct {
			ours raftpb.ConfChangeI
			etcd etcd.ConfChangeI
		}{{v1, theirV1}, {v2, theirV2}, {nil, nil}} {
			typ, data, err := raftpb.MarshalConfChange(cc.ours)
			theirTyp, theirData, theirErr := etcd.MarshalConfChange(cc.etcd)
			if int32(typ) != int32(theirTyp) || !bytes.Equal(data, theirData) || (err == nil) != (theirErr == nil) {
				t.Fatalf("%+v: %v %x %v, want %v %x %v", cc.ours, typ, data, err, theirTyp, theirData, theirErr)
			}
		}
		if !knownTransition(v2.Transition) {
			continue
		}
		joint, use := v2.EnterJoint()
		theirJoint, theirUse := theirV2.EnterJoint()
		if joint != theirJoint || use != theirUse || v2.LeaveJoint() != theirV2.LeaveJoint() {
			t.Fatalf("%+v: enters a joint configuration: %v %v, want %v %v", v2, joint, use, theirJoint, theirUse)
		}
	}
}

// knownTransition: of other transitions they make a panic.
func knownTransition(tr raftpb.ConfChangeTransition) bool {
	return tr >= raftpb.ConfChangeTransitionAuto && tr <= raftpb.ConfChangeTransitionJointExplicit
}

func TestChangesAreWrittenAndReadAlike(t *testing.T) {
	// (We accept several spaces too.)
	for _, text := range []string{"", "v1", "v1 l2 r3 u4", "l18446744073709551615", "v", "x1", "v1 v", "1", "v-1"} {
		ours, err := raftpb.ConfChangesFromString(text)
		theirs, theirErr := etcd.ConfChangesFromString(text)
		if (err == nil) != (theirErr == nil) || len(ours) != len(theirs) {
			t.Errorf("%q: %v %v, want %v %v", text, ours, err, theirs, theirErr)
			continue
		}
		if a, b := raftpb.ConfChangesToString(ours), etcd.ConfChangesToString(theirs); a != b {
			t.Errorf("%q: %q, want %q", text, a, b)
		}
	}
}

func TestConfStatesAreEquivalentForBoth(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	equal := 0
	for range rounds {
		var a, b raftpb.ConfState
		var theirA, theirB etcd.ConfState
		few := func(ids *[]uint64) {
			for range r.IntN(3) {
				*ids = append(*ids, uint64(r.IntN(2)))
			}
		}
		for _, cs := range []*raftpb.ConfState{&a, &b} {
			few(&cs.Voters)
			few(&cs.Learners)
			if r.IntN(4) == 0 {
				few(&cs.VotersOutgoing)
			}
		}
		if r.IntN(3) == 0 {
			b = a
		}
		transcribed(reflect.ValueOf(&theirA).Elem(), reflect.ValueOf(&a).Elem())
		transcribed(reflect.ValueOf(&theirB).Elem(), reflect.ValueOf(&b).Elem())
		got, want := a.Equivalent(b) == nil, theirA.Equivalent(theirB) == nil
		if got != want {
			t.Fatalf("%+v and %+v: equivalent %v, want %v", a, b, got, want)
		}
		if got {
			equal++
		}
	}
	if equal == 0 || equal == rounds {
		t.Errorf("%d of %d are equivalent", equal, rounds)
	}
}
