package quorum

import (
	"fmt"
	"slices"
	"strings"
)

// AckedIndexer answers what a voter has acknowledged.
type AckedIndexer interface {
	AckedIndex(voterID uint64) (idx Index, found bool)
}

// MajorityConfig is a set of voters of which a majority decides.
type MajorityConfig map[uint64]struct{}

// Slice returns the voters in ascending order, in a slice that is the caller's.
func (c MajorityConfig) Slice() []uint64 {
	ids := make([]uint64, 0, len(c))
	for id := range c {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

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

// Describe draws who has acknowledged what: a bar per voter that grows with the number of
// voters behind it, and a mark at the index that is committed.
//
//	voter  acked
//	    1    100  ==> committed
//	    2      ?
//	    3    105  ===>
func (c MajorityConfig) Describe(l AckedIndexer) string {
	if len(c) == 0 {
		return "no voters\n"
	}
	type row struct {
		id    uint64
		acked Index
		found bool
	}
	var rows []row
	for _, id := range c.Slice() {
		acked, found := l.AckedIndex(id)
		rows = append(rows, row{id: id, acked: acked, found: found})
	}
	committed := c.CommittedIndex(l)
	var b strings.Builder
	fmt.Fprintf(&b, "%6s %6s\n", "voter", "acked")
	for _, r := range rows {
		if !r.found {
			fmt.Fprintf(&b, "%6d %6s\n", r.id, "?")
			continue
		}
		behind := 0
		for _, other := range rows {
			if other.acked < r.acked {
				behind++
			}
		}
		mark := ""
		if r.acked == committed {
			mark = " committed"
		}
		fmt.Fprintf(&b, "%6d %6s  %s>%s\n", r.id, r.acked, strings.Repeat("=", behind+1), mark)
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

// Describe draws who has acknowledged what, as MajorityConfig does, for the voters of
// each half, whose marks are its own, and names the index that both have committed.
func (c JointConfig) Describe(l AckedIndexer) string {
	if len(c[1]) == 0 {
		return c[0].Describe(l)
	}
	return fmt.Sprintf("incoming %s\n%soutgoing %s\n%scommitted: %s\n", c[0], c[0].Describe(l), c[1], c[1].Describe(l), c.CommittedIndex(l))
}
