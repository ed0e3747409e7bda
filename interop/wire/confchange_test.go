package wire

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
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
		}{{v1, theirV1}, {v2, theirV2}, {nil, nil}} {
			typ, data, err := raftpb.MarshalConfChange(cc.ours)
			theirTyp, theirData, theirErr := etcd.MarshalConfChange(cc.etcd)
			if int32(typ) != int32(theirTyp) || !bytes.Equal(data, theirData) || (err == nil) != (theirErr == nil) {
				t.Fatalf("%+v: %v %x %v, want %v %x %v", cc.ours, typ, data, err, theirTyp, theirData, theirErr)
			}
		}
		sameForms(t, v1, theirV1)
		sameForms(t, v2, theirV2)
		if !knownTransition(v2.Transition) {
			if autoLeave, use := v2.EnterJoint(); !panics(func() { theirV2.EnterJoint() }) || !autoLeave || !use {
				t.Fatalf("%+v: an unknown transition is a joint configuration that is left by itself, and for them a panic", v2)
			}
			continue
		}
		joint, use := v2.EnterJoint()
		theirJoint, theirUse := theirV2.EnterJoint()
		if joint != theirJoint || use != theirUse || v2.LeaveJoint() != theirV2.LeaveJoint() {
			t.Fatalf("%+v: enters a joint configuration: %v %v, want %v %v", v2, joint, use, theirJoint, theirUse)
		}
	}
}

// sameForms compares what a change is in the old form and in the new one.
func sameForms(t *testing.T, ours raftpb.ConfChangeI, theirs etcd.ConfChangeI) {
	t.Helper()
	v1, is := ours.AsV1()
	theirV1, theyAre := theirs.AsV1()
	v2, theirV2 := ours.AsV2(), theirs.AsV2()
	if is != theyAre || !bytes.Equal(encoded(t, &v1), encoded(t, &theirV1)) || !bytes.Equal(encoded(t, &v2), encoded(t, &theirV2)) {
		t.Fatalf("%+v: %+v %v %+v, want %+v %v %+v", ours, v1, is, v2, theirV1, theyAre, theirV2)
	}
}

func knownTransition(tr raftpb.ConfChangeTransition) bool {
	return tr >= raftpb.ConfChangeTransitionAuto && tr <= raftpb.ConfChangeTransitionJointExplicit
}

func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return
}

func TestChangesAreWrittenAndReadAlike(t *testing.T) {
	texts := []string{"", "v1", "v1 l2 r3 u4", "l18446744073709551615", "l18446744073709551616", "v", "x1", "v1 v", "1", "v-1", "v+1", "v0x1", "v1,l2", "V1", "v1  l2", " v1 ", "v1\tl2", "\tv1\n", "é1"}
	r := rand.New(rand.NewPCG(19, 20))
	for range rounds {
		text := ""
		for n := r.IntN(6); n > 0; n-- {
			text += string("vlru"[r.IntN(4)]) + strconv.FormatUint(r.Uint64()>>r.IntN(64), 10) + " "
		}
		texts = append(texts, strings.TrimSuffix(text, " "))
	}
	for _, text := range texts {
		ours, err := raftpb.ConfChangesFromString(text)
		theirs, theirErr := etcd.ConfChangesFromString(text)
		v2, theirV2 := raftpb.ConfChangeV2{Changes: ours}, etcd.ConfChangeV2{Changes: theirs}
		if (err == nil) != (theirErr == nil) || !bytes.Equal(encoded(t, &v2), encoded(t, &theirV2)) {
			t.Errorf("%q: %v %v, want %v %v", text, ours, err, theirs, theirErr)
			continue
		}
		if r.IntN(8) == 0 && len(ours) > 0 {
			ours[0].Type, theirs[0].Type = 7, 7
		}
		if a, b := raftpb.ConfChangesToString(ours), etcd.ConfChangesToString(theirs); a != b {
			t.Errorf("%q: %q, want %q", text, a, b)
		}
	}
}

func TestConfStatesAreEquivalentForBoth(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	equal := 0
	for range 10 * rounds {
		var theirA, theirB etcd.ConfState
		a := someConfState(r)
		b := a
		if r.IntN(3) != 0 {
			b = someConfState(r)
		}
		sample.Transcribe(reflect.ValueOf(&theirA).Elem(), reflect.ValueOf(&a).Elem())
		sample.Transcribe(reflect.ValueOf(&theirB).Elem(), reflect.ValueOf(&b).Elem())
		got, want := a.Equivalent(b) == nil, theirA.Equivalent(theirB) == nil
		if got != want {
			t.Fatalf("%+v and %+v: equivalent %v, want %v", a, b, got, want)
		}
		if got && !reflect.DeepEqual(a, b) {
			equal++
		}
	}
	if equal == 0 {
		t.Error("none are written differently and equivalent")
	}
}

// someConfState returns one of few, in which ids come twice and in any order.
func someConfState(r *rand.Rand) raftpb.ConfState {
	few := func(most int) []uint64 {
		n := r.IntN(most + 2)
		if n == 0 {
			return nil
		}
		ids := make([]uint64, n-1)
		for i := range ids {
			ids[i] = uint64(1 + r.IntN(2))
		}
		return ids
	}
	return raftpb.ConfState{Voters: few(3), Learners: few(1), VotersOutgoing: few(1), LearnersNext: few(1), AutoLeave: r.IntN(2) == 0}
}
