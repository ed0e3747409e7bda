package multiraft

import (
	"math"
	"testing"

	"github.com/ffd200af/raft"
)

func TestStatusOfAllGroupsComesInChunks(t *testing.T) {
	w := sleeping(t, 25, nil)
	s := w.stores[0].store
	if err := s.RemoveGroup(7); err != nil {
		t.Fatal(err)
	}
	_ = s.Do(9, func(*raft.RawNode) error { return nil })
	touched := s.touched
	seen := map[uint64]int{}
	for at, chunks := 0, 0; chunks == 0 || at != 0; chunks++ {
		var list []GroupStatus
		if list, at = s.Status(nil, at, 10); len(list) > 10 {
			t.Fatalf("%d groups in a chunk of 10", len(list))
		}
		for _, st := range list {
			seen[st.Group]++
			r := w.stores[0].replicaOf(st.Group)
			if st.Asleep != (st.Group != 9) || st.Term != r.node.BasicStatus().Term || st.ID != 1 || st.Err != nil {
				t.Errorf("%+v", st)
			}
		}
		if chunks == 0 { // while somebody looks, a group comes and another goes
			w.group(26, 1, 2, 3)
			_ = s.RemoveGroup(24)
		}
	}
	for g := uint64(1); g <= 25; g++ {
		if want := map[bool]int{true: 1}[g != 7 && g != 24]; seen[g] != want {
			t.Errorf("group %d is reported %d times, want %d", g, seen[g], want)
		}
	}
	if list, next := s.Status(nil, 1, math.MaxInt); len(list) != s.Len()-1 || next != 0 {
		t.Errorf("from the second group on: %d groups and %d, want %d and 0", len(list), next, s.Len()-1)
	}
	if s.touched != touched {
		t.Error("who only looks has touched a group")
	}
}
