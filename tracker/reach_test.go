package tracker

import (
	"testing"

	"github.com/ffd200af/raft/quorum"
	"pgregory.net/rapid"
)

// What is counted as the answers come in is what a look at all members would show.
func TestAQuorumIsCountedAsALookWouldShow(t *testing.T) {
	configs := []Config{
		{Voters: quorum.JointConfig{set(1, 2, 3), nil}, Learners: set(4, 5)},
		{Voters: quorum.JointConfig{set(1, 2, 3, 4), set(3, 4, 5)}},
		{Voters: quorum.JointConfig{set(5), set(1, 2)}, LearnersNext: set(1)},
		{Voters: quorum.JointConfig{set(2), nil}, Learners: set(1, 3)},
		{Voters: quorum.JointConfig{set(), nil}, Learners: set(1)},
	}
	rapid.Check(t, func(t *rapid.T) {
		var ms Members
		ms.Switch(configs[0], 1)
		ms.Track(1)
		for n := rapid.IntRange(1, 60).Draw(t, "steps"); n > 0; n-- {
			id, to := rapid.Uint64Range(1, 6).Draw(t, "id"), rapid.Uint64Range(0, 9).Draw(t, "to")
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				ms.Switch(rapid.SampledFrom(configs).Draw(t, "config"), 1)
			case 1:
				ms.Forget(id)
				ms.Switch(ms.Config(), 1)
			case 2, 3, 4, 5:
				ms.MaybeUpdate(id, to)
			default:
				ms.Echo(id, to)
			}
			matched, _ := ms.look(matchOf)
			echoed, _ := ms.look(echoOf)
			if ms.Miscounts() || ms.Committed() != matched.mark || ms.Confirmed() != echoed.mark {
				t.Fatalf("%s: committed %d, confirmed %d, want %d and %d", ms.Config(), ms.Committed(), ms.Confirmed(), matched.mark, echoed.mark)
			}
		}
	})
}

// A number that a quorum reaches costs one look at the members, not one per answer.
func TestAQuorumCostsOneLook(t *testing.T) {
	ids := make([]uint64, 1001)
	for i := range ids {
		ids[i] = uint64(i + 1)
	}
	var ms Members
	ms.Switch(Config{Voters: quorum.JointConfig{set(ids...), nil}}, 1)
	ms.Track(1)
	before := ms.Committed() + ms.Confirmed() + ms.Looked()
	for _, id := range ids {
		ms.MaybeUpdate(id, 7)
		ms.Echo(id, 3)
		ms.Committed()
		ms.Confirmed()
	}
	if ms.Committed() != 7 || ms.Confirmed() != 3 {
		t.Errorf("committed %d, confirmed %d", ms.Committed(), ms.Confirmed())
	}
	if looks := ms.Looked() - before; looks > 2*uint64(len(ids)) {
		t.Errorf("%d looks at %d members", looks, len(ids))
	}
}
