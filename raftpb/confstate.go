package raftpb

import (
	"fmt"
	"slices"
)

// Equivalent returns nil if both are the same configuration, whatever the order in
// which ids stand, and an error that shows both otherwise.
func (m ConfState) Equivalent(other ConfState) error {
	same := m.AutoLeave == other.AutoLeave &&
		sameIDs(m.Voters, other.Voters) && sameIDs(m.Learners, other.Learners) &&
		sameIDs(m.VotersOutgoing, other.VotersOutgoing) && sameIDs(m.LearnersNext, other.LearnersNext)
	if same {
		return nil
	}
	return fmt.Errorf("raftpb: configurations differ: %s and %s", m.String(), other.String())
}

func sameIDs(a, b []uint64) bool {
	if len(a) != len(b) {
		return false
	}
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
