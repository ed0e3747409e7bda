package quorum

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// AckedIndexer answers what a voter has acknowledged.
type AckedIndexer interface {
	AckedIndex(voterID uint64) (idx Index, found bool)
}

// MajorityConfig is a set of voters of which a majority decides.
type MajorityConfig map[uint64]struct{}

// Slice returns the voters in ascending order, in a slice that belongs to the caller, or nil
// without voters.
func (c MajorityConfig) Slice() []uint64 { return slices.Sorted(maps.Keys(c)) }

// String returns the voters as (1 2 3).
func (c MajorityConfig) String() string {
	var b strings.Builder
	b.WriteByte('(')
	for i, id := range c.Slice() {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprint(&b, id)
	}
	b.WriteByte(')')
	return b.String()
}

// CommittedIndex returns the largest index that a majority has acknowledged.
func (c MajorityConfig) CommittedIndex(l AckedIndexer) Index {
	acked := make([]uint64, 0, len(c))
	for id := range c {
		idx, _ := l.AckedIndex(id) // not found counts as 0
		acked = append(acked, uint64(idx))
	}
	return CommittedIndex(acked)
}

// VoteResult says how a vote stands; ids without an entry in votes have not voted,
// and entries of others do not count.
func (c MajorityConfig) VoteResult(votes map[uint64]bool) VoteResult {
	granted, rejected := 0, 0
	for id := range c {
		if v, voted := votes[id]; voted && v {
			granted++
		} else if voted {
			rejected++
		}
	}
	return ResultOf(granted, rejected, len(c))
}

// Describe draws which voter has acknowledged which index, in order of id. The length of a bar is
// the number of voters that have acknowledged less. Of voters that have acknowledged the same
// index, only the first one gets a bar.
//
//	       idx
//	x>     100    (id=1)
//	?        0    (id=2)
//	xx>    105    (id=3)
func (c MajorityConfig) Describe(l AckedIndexer) string {
	if len(c) == 0 {
		return "<empty majority quorum>"
	}
	ids := c.Slice()
	acked := make(map[uint64]Index, len(ids))
	found := make(map[uint64]bool, len(ids))
	for _, id := range ids {
		acked[id], found[id] = l.AckedIndex(id)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%*sidx\n", len(ids)+4, "")
	for _, id := range ids {
		bar := 0
		for _, other := range ids {
			if acked[other] == acked[id] && other < id {
				bar = 0
				break
			}
			if acked[other] < acked[id] {
				bar++
			}
		}
		mark := strings.Repeat("x", bar) + ">"
		if !found[id] {
			mark = "?"
		}
		fmt.Fprintf(&b, "%-*s %5d    (id=%d)\n", len(ids)+1, mark, acked[id], id)
	}
	return b.String()
}

// JointConfig is a pair of sets of voters: a majority of each is needed. The second
// one is empty except during a transition (thesis §4.3).
type JointConfig [2]MajorityConfig

// String returns (1 2 3)&&(3 4 5), or the first half alone if the second is empty.
func (c JointConfig) String() string {
	if len(c[1]) == 0 {
		return c[0].String()
	}
	return c[0].String() + "&&" + c[1].String()
}

// IDs returns a new set of the voters of both halves.
func (c JointConfig) IDs() map[uint64]struct{} {
	ids := make(map[uint64]struct{}, len(c[0])+len(c[1]))
	for _, half := range c {
		for id := range half {
			ids[id] = struct{}{}
		}
	}
	return ids
}

// CommittedIndex returns the largest index that majorities of both halves have
// acknowledged.
func (c JointConfig) CommittedIndex(l AckedIndexer) Index {
	return min(c[0].CommittedIndex(l), c[1].CommittedIndex(l))
}

// VoteResult says how a vote stands in both halves together.
func (c JointConfig) VoteResult(votes map[uint64]bool) VoteResult {
	return Joint(c[0].VoteResult(votes), c[1].VoteResult(votes))
}

// Describe draws which voter has acknowledged which index, like MajorityConfig.Describe, for the
// voters of both halves together.
func (c JointConfig) Describe(l AckedIndexer) string { return MajorityConfig(c.IDs()).Describe(l) }
