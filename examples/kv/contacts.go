package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A change of the members is committed by a quorum of the voters before it, and everything later by
// a quorum of the voters after it. The leader refuses a change for which too few of either were
// heard from: it would end all writes, and the next change too.

// contacts counts the ticks since each member was last heard from.
type contacts map[uint64]int

func (c contacts) hear(id uint64) { c[id] = 0 }

func (c contacts) tick() {
	for id := range c {
		c[id]++
	}
}

var errNoQuorum = errors.New("refused")

// checkQuorum returns nil if the voters that were heard from are a quorum, with and without the
// replica that is to be removed. removed is 0 for an addition: the new replica does not vote before
// it has caught up, and is heard from then.
func (l *loop) checkQuorum(removed uint64) error {
	before := l.store.conf.Voters
	after := slices.DeleteFunc(slices.Clone(before), func(id uint64) bool { return id == removed })
	if err := l.checkHeard(before, "now"); err != nil {
		return err
	}
	return l.checkHeard(after, "after this change")
}

// silent are the voters that were not heard from within so many ticks.
func (l *loop) silent(voters []uint64, within int) (silent []uint64) {
	for _, id := range voters {
		ticks, heard := l.contacts[id]
		if id != l.peers.self && (!heard || ticks >= within) {
			silent = append(silent, id)
		}
	}
	return silent
}

func majority(voters []uint64) int { return len(voters)/2 + 1 }

func (l *loop) checkHeard(voters []uint64, when string) error {
	var silent []string
	for _, id := range l.silent(voters, l.electionTicks) {
		silent = append(silent, fmt.Sprint(id))
	}
	needed, there := majority(voters), len(voters)-len(silent)
	if there >= needed {
		return nil
	}
	return fmt.Errorf("%w: of the %d voters %s, %d are needed and %d were heard from within an election timeout. "+
		"Silent: %s. Until enough of them come back, the cluster could neither write nor change its members. "+
		"Start or remove silent replicas first; ?force=true makes the change all the same",
		errNoQuorum, len(voters), when, needed, there, strings.Join(silent, ", "))
}
