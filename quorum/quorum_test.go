package quorum

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"
)

// acks is an AckedIndexer over a map.
type acks map[uint64]Index

func (a acks) AckedIndex(id uint64) (Index, bool) {
	idx, ok := a[id]
	return idx, ok
}

// naiveCommitted tries every index, from the largest acknowledged one down.
func naiveCommitted(c MajorityConfig, a acks) Index {
	if len(c) == 0 {
		return everything
	}
	var best Index
	for _, candidate := range a {
		n := 0
		for id := range c {
			if a[id] >= candidate {
				n++
			}
		}
		if 2*n > len(c) {
			best = max(best, candidate)
		}
	}
	return best
}

func drawConfig(t *rapid.T, name string, least int) MajorityConfig {
	c := MajorityConfig{}
	for _, id := range rapid.SliceOfN(rapid.Uint64Range(1, 9), least, 9).Draw(t, name) {
		c[id] = struct{}{}
	}
	return c
}

func TestCommittedIndexIsTheLargestThatAMajorityReaches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		joint := JointConfig{drawConfig(t, "incoming", 0), drawConfig(t, "outgoing", 0)}
		a := acks{}
		for id := range joint.IDs() {
			if rapid.Bool().Draw(t, "acked") {
				a[id] = Index(rapid.Uint64Range(0, 6).Draw(t, "index"))
			}
		}
		want := min(naiveCommitted(joint[0], a), naiveCommitted(joint[1], a))
		if got := joint.CommittedIndex(a); got != want {
			t.Fatalf("%s with %v: committed %s, want %s", joint, a, got, want)
		}
	})
}

func TestCommittedIndexOfManyAcknowledgements(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		acked := rapid.SliceOfN(rapid.Uint64Range(0, 50), 1, 70).Draw(t, "acked")
		got := CommittedIndex(append([]uint64(nil), acked...))
		reach := func(index uint64) (n int) {
			for _, a := range acked {
				if a >= index {
					n++
				}
			}
			return n
		}
		if 2*reach(uint64(got)) <= len(acked) || 2*reach(uint64(got)+1) > len(acked) {
			t.Fatalf("%v: committed %s", acked, got)
		}
	})
}

// A vote is decided exactly when no way to fill in the missing votes changes it.
func TestAVoteIsDecidedWhenTheMissingVotesCannotChangeIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		joint := JointConfig{drawConfig(t, "incoming", 1), drawConfig(t, "outgoing", 0)}
		votes, all, none := map[uint64]bool{}, map[uint64]bool{}, map[uint64]bool{}
		for id := uint64(1); id <= 10; id++ {
			all[id], none[id] = true, false
			if rapid.Bool().Draw(t, "voted") {
				v := rapid.Bool().Draw(t, "vote")
				votes[id], all[id], none[id] = v, v, v
			}
		}
		wins := func(votes map[uint64]bool) bool {
			for _, half := range joint {
				n := 0
				for id := range half {
					if votes[id] {
						n++
					}
				}
				if len(half) > 0 && 2*n <= len(half) {
					return false
				}
			}
			return true
		}
		want := VotePending
		if wins(none) {
			want = VoteWon
		} else if !wins(all) {
			want = VoteLost
		}
		if got := joint.VoteResult(votes); got != want {
			t.Fatalf("%s with %v: %s, want %s", joint, votes, got, want)
		}
	})
}

func TestTheOrderOfAcknowledgementsDoesNotMatter(t *testing.T) {
	for _, n := range []int{1, 2, 31, 32, 33, 99} {
		var rising, falling []uint64
		for i := range n {
			rising, falling = append(rising, uint64(i)), append(falling, uint64(n-1-i))
		}
		want := Index((n - 1) / 2)
		if a, b := CommittedIndex(rising), CommittedIndex(falling); a != want || b != want {
			t.Errorf("0 to %d: committed %s and, backwards, %s, want %s", n-1, a, b, want)
		}
	}
}

// Programs store and compare the numbers.
func TestTheResultsHaveTheirNumbersAndNames(t *testing.T) {
	for value, want := range []string{"VoteResult(0)", "VotePending", "VoteLost", "VoteWon", "VoteResult(4)"} {
		if got := VoteResult(value).String(); got != want {
			t.Errorf("%d is %s, want %s", value, got, want)
		}
	}
}

func TestTheArithmeticAllocatesNothing(t *testing.T) {
	acked := []uint64{5, 3, 9, 1, 7}
	if n := testing.AllocsPerRun(100, func() { CommittedIndex(acked) }); n != 0 {
		t.Errorf("%f allocations", n)
	}
}

// TestScripts runs the files in testdata: `committed cfg=(1,2) cfgj=(2,3) acks=(1:5,2:7)`
// and `vote cfg=(1,2) votes=(1:y,2:n)`.
func TestScripts(t *testing.T) {
	// Not all of testdata: rapid leaves the failures that it finds in a folder there.
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) { datadriven.RunTest(t, path, runCommand) })
	}
}

func runCommand(t *testing.T, d *datadriven.TestData) string {
	joint := JointConfig{scanIDs(t, d, "cfg"), scanIDs(t, d, "cfgj")}
	switch d.Cmd {
	case "committed":
		a := acks{}
		for id, v := range scanPairs(t, d, "acks") {
			var idx uint64
			if _, err := fmt.Sscan(v, &idx); err != nil {
				t.Fatal(err)
			}
			a[id] = Index(idx)
		}
		return fmt.Sprintf("%s%s: %s\n", joint.Describe(a), joint, joint.CommittedIndex(a))
	case "vote":
		votes := map[uint64]bool{}
		for id, v := range scanPairs(t, d, "votes") {
			votes[id] = v == "y"
		}
		return fmt.Sprintf("%s: %s\n", joint, joint.VoteResult(votes))
	}
	t.Fatalf("unknown command %s", d.Cmd)
	return ""
}

func scanIDs(t *testing.T, d *datadriven.TestData, key string) MajorityConfig {
	c := MajorityConfig{}
	for _, arg := range d.CmdArgs {
		if arg.Key != key {
			continue
		}
		for i := range arg.Vals {
			var id uint64
			arg.Scan(t, i, &id)
			c[id] = struct{}{}
		}
	}
	return c
}

func scanPairs(t *testing.T, d *datadriven.TestData, key string) map[uint64]string {
	pairs := map[uint64]string{}
	for _, arg := range d.CmdArgs {
		if arg.Key != key {
			continue
		}
		for _, v := range arg.Vals {
			left, right, ok := strings.Cut(v, ":")
			var id uint64
			if _, err := fmt.Sscan(left, &id); err != nil || !ok {
				t.Fatalf("%q is not id:value", v)
			}
			pairs[id] = right
		}
	}
	return pairs
}
