package quorum

import (
	"math"
	"slices"
	"strconv"
)

// Index is an index in the log.
type Index uint64

// everything is the index that a quorum of nobody has acknowledged.
const everything = Index(math.MaxUint64)

// String returns the index in decimal; the largest one, which stands for every
// index, as ∞.
func (i Index) String() string {
	if i == everything {
		return "∞"
	}
	return strconv.FormatUint(uint64(i), 10)
}

// VoteResult is how a vote stands.
type VoteResult uint8

const (
	// VotePending: the votes that are missing decide.
	VotePending VoteResult = 1 + iota
	// VoteLost: a quorum cannot be reached any more.
	VoteLost
	// VoteWon: a quorum has granted its vote.
	VoteWon
)

// String returns the name of the constant.
func (r VoteResult) String() string {
	switch r {
	case VotePending:
		return "VotePending"
	case VoteLost:
		return "VoteLost"
	case VoteWon:
		return "VoteWon"
	}
	return "VoteResult(" + strconv.Itoa(int(r)) + ")"
}

// majority is the smallest number of n that any two subsets of that size share a
// member.
func majority(n int) int { return n/2 + 1 }

// CommittedIndex returns the largest index that a majority of the given
// acknowledgements, one per voter, reaches. It reorders acked. Of nobody,
// everything is acknowledged, so that an empty half of a joint configuration never
// holds the other back.
func CommittedIndex(acked []uint64) Index {
	n := len(acked)
	if n == 0 {
		return everything
	}
	sortFew(acked)
	return Index(acked[n-majority(n)])
}

// sortFew sorts what is nearly always a handful of numbers.
func sortFew(v []uint64) {
	if len(v) > 32 {
		slices.Sort(v)
		return
	}
	for i := 1; i < len(v); i++ {
		x, j := v[i], i
		for ; j > 0 && v[j-1] > x; j-- {
			v[j] = v[j-1]
		}
		v[j] = x
	}
}

// ResultOf says how a vote among voters stands with so many granted and rejected. Among
// nobody it is won.
func ResultOf(granted, rejected, voters int) VoteResult {
	switch {
	case voters == 0 || granted >= majority(voters):
		return VoteWon
	case voters-rejected < majority(voters):
		return VoteLost
	}
	return VotePending
}

// Joint combines the results of the two halves of a joint configuration: it takes both
// to win, and one to lose.
func Joint(a, b VoteResult) VoteResult {
	switch {
	case a == VoteLost || b == VoteLost:
		return VoteLost
	case a == VoteWon && b == VoteWon:
		return VoteWon
	}
	return VotePending
}
