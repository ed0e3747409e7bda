package multiraft

import "github.com/ffd200af/raft"

// GroupStatus is what a store says about one of its groups.
type GroupStatus struct {
	Group uint64
	raft.BasicStatus
	// Asleep: the beats of the stores stand for the group's heartbeats.
	Asleep bool
	// Err is why the group is quarantined, or nil.
	Err error
}

// Status appends the status of at most n groups to list, and returns where the next call goes on.
// The first call begins at 0; 0 is returned after the last group. Groups may come and go between
// calls: one that stays is reported exactly once. No group wakes for it.
func (s *Store) Status(list []GroupStatus, from, n int) (_ []GroupStatus, next int) {
	from = max(from, 0)
	end := from + min(n, len(s.groups)-from)
	for i := from; i < end; i++ {
		if g := &s.groups[i]; g.node != nil {
			list = append(list, GroupStatus{Group: g.id, BasicStatus: g.node.BasicStatus(), Asleep: g.asleep, Err: g.node.Err()})
		}
	}
	if end == len(s.groups) {
		return list, 0
	}
	return list, end
}
