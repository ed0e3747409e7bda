package raft

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// act is one call on a cluster, drawn once and replayed as often as one likes.
type act struct {
	what string
	node uint64
	pick int
}

func drawActs(t *rapid.T) []act {
	one := rapid.Custom(func(t *rapid.T) act {
		return act{
			what: rapid.SampledFrom([]string{"tick", "tick", "tick", "ready", "ready", "ready", "deliver", "deliver", "deliver", "deliver",
				"drop", "duplicate", "threads", "threads", "all but", "all but", "all but", "propose", "propose", "campaign", "read", "read", "transfer", "unreachable", "restart", "compact"}).Draw(t, "what"),
			node: rapid.Uint64Range(1, 3).Draw(t, "node"),
			pick: rapid.IntRange(0, 1000).Draw(t, "pick"),
		}
	})
	return rapid.SliceOfN(one, 40, 300).Draw(t, "acts")
}

// play performs acts and returns all output, byte for byte. Safety is checked on the way.
func play(tb rapid.TB, acts []act, tune func(*Config)) string {
	c := newTestCluster(tb, 3, tune)
	c.floors = map[string]uint64{}
	var out strings.Builder
	leaders := map[uint64]uint64{}
	for _, a := range acts {
		c.perform(&out, a)
		for _, n := range c.nodes {
			c.verify(n)
			if n.Err() != nil {
				tb.Fatal(n.Err())
			}
			if st := n.BasicStatus(); st.RaftState == StateLeader {
				if other := leaders[st.Term]; other != 0 && other != st.ID {
					tb.Fatalf("term %d has leaders %d and %d", st.Term, other, st.ID)
				}
				leaders[st.Term] = st.ID
			}
		}
		c.checkApplied()
	}
	return out.String()
}

func TestTheSameSeedAndTheSameCallsGiveTheSameOutputToTheByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		acts := drawActs(t)
		seed := rapid.Uint64Range(1, 1<<60).Draw(t, "seed")
		option := rapid.IntRange(0, 7).Draw(t, "options")
		tune := func(c *Config) {
			c.Seed = seed
			c.PreVote = option&1 != 0
			c.CheckQuorum = option&2 != 0
			c.AsyncStorageWrites = option&4 != 0
			c.MaxSizePerMsg = 60
			c.MaxInflightMsgs = 3
		}
		first := play(t, acts, tune)
		if second := play(t, acts, tune); first != second {
			t.Fatalf("two runs differ:\n%q\n%q", first, second)
		}
	})
}

func TestAnotherSeedGivesOtherTimeouts(t *testing.T) {
	draws := func(seed, id uint64) string {
		g := newGenerator(seed, id)
		var s strings.Builder
		for range 16 {
			d := g.electionTimeout(10)
			if d < 10 || d >= 20 {
				t.Fatalf("timeout %d is outside [10, 20)", d)
			}
			s.WriteByte(byte('a' + d - 10))
		}
		return s.String()
	}
	if draws(1, 1) == draws(2, 1) || draws(1, 1) == draws(1, 2) {
		t.Error("seed and id do not both matter")
	}
	if first := draws(1, 1); first != draws(1, 1) {
		t.Error("the generator is not deterministic")
	}
}
