package multiraft

import (
	"slices"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// Write is what a group has to write. Entries replace whatever its Storage holds from the index of
// the first one on. A HardState without a change is empty, as in raft.Ready.
type Write struct {
	Group     uint64
	HardState pb.HardState
	Entries   []pb.Entry
	Snapshot  pb.Snapshot
}

// Apply is what a group has to apply: a snapshot, if it is not empty, and then entries.
type Apply struct {
	Group    uint64
	Snapshot pb.Snapshot
	Entries  []pb.Entry
	// Durable: the entries were written before this Ready, so they may be applied before its
	// Writes are made. On a leader, that is so for every committed entry, unless the Ready commits
	// a configuration change.
	Durable bool
}

// Read answers a ReadIndex.
type Read struct {
	Group uint64
	raft.ReadState
}

// DroppedRead is a read that cannot be answered.
type DroppedRead struct {
	Group   uint64
	Context []byte
}

// Role is a change of what raft.SoftState says.
type Role struct {
	Group uint64
	raft.SoftState
}

// CatchUp is the progress of a learner.
type CatchUp struct {
	Group uint64
	raft.CatchUp
}

// Failure reports that a group was quarantined. The other groups go on. The group takes no further
// part, and stays until RemoveGroup.
type Failure struct {
	Group uint64
	Err   error
}

// Unknown is a message for a group that the store does not have. The application may add the group,
// if it knows that the store has to have a replica of it.
type Unknown struct {
	Group    uint64
	From, To uint64 // replicas
	Type     pb.MessageType
}

// Ready is a batch of work of many groups, each in it once at most. Entries and snapshots are
// immutable and may be kept for ever. Everything else is valid until Advance.
type Ready struct {
	// Writes are to be made in one atomic write, or in order. They have to be durable before
	// Batches are sent, if MustSync is set.
	Writes   []Write
	MustSync bool
	// Early is for Config.SendEarly: batches that may be sent before Writes are made, and have to
	// be sent before Batches. It has at most one for each store.
	Early []*Batch
	// Batches are to be sent after Writes are made, one for each store that there is something for.
	Batches []*Batch
	// Applies are to be applied after Writes are made, or before if they are Durable. Configuration
	// changes among their entries go to Store.ApplyConfChange.
	Applies      []Apply
	Reads        []Read
	DroppedReads []DroppedRead
	Roles        []Role
	CatchUps     []CatchUp
	Failures     []Failure
	Unknowns     []Unknown

	parts []part
	bytes int
	taken int // groups
	// most is the largest number of groups that these arrays have held. calm is the number of
	// Readys, one after the other up to now, that have held much less, see isOfUse.
	most, calm int

	// All batches that were ever needed, in the order of peers.
	early, late []*Batch
}

// part is a group whose work is with the application.
type part struct {
	group uint32
	node  *raft.RawNode
}

// HasReady reports whether Ready would return work.
func (s *Store) HasReady() bool {
	return s.queue.len() > 0 || s.beats || len(s.failed) > 0 || len(s.unknown) > 0
}

// Ready returns work of the groups that have had some for longest, within the bounds of Config.
// Advance has to follow, with each Ready once, in any order.
func (s *Store) Ready() *Ready {
	rd := s.newReady()
	for s.queue.len() > 0 && len(rd.parts) < s.cfg.MaxReadyGroups && rd.bytes < s.cfg.MaxReadyBytes {
		i := s.queue.pop()
		if g := &s.groups[i]; g.queued { // and not removed since
			g.queued = false
			s.take(i, rd)
		}
	}
	if s.beats {
		s.beats = false
		for at, p := range s.peers {
			if at > 0 && !p.gone {
				s.batchFor(&rd.late, at)
			}
		}
	}
	if len(rd.Writes) == 0 {
		s.sendTogether(rd)
	}
	rd.Early = s.finishAll(rd.early, rd.Early)
	rd.Batches = s.finishAll(rd.late, rd.Batches)
	rd.Failures, s.failed = append(rd.Failures, s.failed...), s.failed[:0]
	rd.Unknowns, s.unknown = append(rd.Unknowns, s.unknown...), s.unknown[:0]
	return rd
}

// Advance says that the work of a Ready is done: writes are durable, entries applied. The Ready
// must not be used any more.
func (s *Store) Advance(rd *Ready) {
	for j := range rd.parts {
		p := &rd.parts[j]
		if g := &s.groups[p.group]; g.node == p.node && g.out && !g.failed {
			g.out = false
			s.touch(p.group).Advance(raft.Ready{})
			s.settle(p.group)
		}
	}
	if rd.isOfUse() {
		s.spare = append(s.spare, rd)
	}
}

// isOfUse reports whether the arrays of a Ready are kept for later ones. They are not when many
// Readys have been much smaller than what they were made for.
func (rd *Ready) isOfUse() bool {
	const few, small, many = 64, 8, 100
	rd.most = max(rd.most, rd.taken)
	if rd.most <= few || small*rd.taken >= rd.most {
		rd.calm = 0
	} else {
		rd.calm++
	}
	return rd.calm < many
}

// newReady returns an empty Ready.
func (s *Store) newReady() *Ready {
	n := len(s.spare)
	if n == 0 {
		return &Ready{}
	}
	rd := s.spare[n-1]
	s.spare = s.spare[:n-1]
	for _, b := range rd.early {
		b.reset()
	}
	for _, b := range rd.late {
		b.reset()
	}
	clear(rd.Writes)
	clear(rd.Applies)
	clear(rd.Reads)
	clear(rd.DroppedReads)
	clear(rd.Failures)
	clear(rd.parts)
	*rd = Ready{
		Writes: rd.Writes[:0], Early: rd.Early[:0], Batches: rd.Batches[:0], Applies: rd.Applies[:0],
		Reads: rd.Reads[:0], DroppedReads: rd.DroppedReads[:0], Roles: rd.Roles[:0],
		CatchUps: rd.CatchUps[:0], Failures: rd.Failures[:0], Unknowns: rd.Unknowns[:0],
		parts: rd.parts[:0], early: rd.early, late: rd.late, most: rd.most, calm: rd.calm,
	}
	return rd
}

// take adds the work of one group.
func (s *Store) take(i uint32, rd *Ready) {
	s.touched++
	rd.taken++
	g := &s.groups[i]
	ready := g.node.Ready()
	s.collect(g.id, &ready, rd)
	s.route(i, &ready, rd)
	if len(ready.Entries) > 0 || !raft.IsEmptyHardState(ready.HardState) || !raft.IsEmptySnap(ready.Snapshot) ||
		len(ready.CommittedEntries) > 0 {
		g.out, g.active = true, s.clock
		rd.parts = append(rd.parts, part{group: i, node: g.node})
		if delete(s.invites, i); g.asleep {
			s.touch(i)
			s.settle(i)
		}
		return
	}
	// Nothing waits for the disk. So the node goes on at once, and may sleep.
	g.node.Advance(raft.Ready{})
	s.settle(i)
	s.considerSleep(i)
}

// collect copies what is no message.
func (s *Store) collect(id uint64, ready *raft.Ready, rd *Ready) {
	rd.MustSync = rd.MustSync || ready.MustSync
	if len(ready.Entries) > 0 || !raft.IsEmptyHardState(ready.HardState) || !raft.IsEmptySnap(ready.Snapshot) {
		rd.Writes = append(rd.Writes, Write{Group: id, HardState: ready.HardState, Entries: ready.Entries, Snapshot: ready.Snapshot})
	}
	if len(ready.CommittedEntries) > 0 || !raft.IsEmptySnap(ready.Snapshot) {
		rd.Applies = append(rd.Applies, Apply{
			Group: id, Snapshot: ready.Snapshot, Entries: ready.CommittedEntries, Durable: areDurable(ready),
		})
	}
	for _, r := range ready.ReadStates {
		rd.Reads = append(rd.Reads, Read{id, r})
	}
	for _, context := range ready.DroppedReads {
		rd.DroppedReads = append(rd.DroppedReads, DroppedRead{id, context})
	}
	if ready.SoftState != nil {
		rd.Roles = append(rd.Roles, Role{id, *ready.SoftState})
	}
	for _, c := range ready.CatchUps {
		rd.CatchUps = append(rd.CatchUps, CatchUp{id, c})
	}
	rd.bytes += payload(ready.Entries) + payload(ready.CommittedEntries)
}

// areDurable reports whether the committed entries were written before, and may be applied.
func areDurable(ready *raft.Ready) bool {
	n := len(ready.CommittedEntries)
	return raft.IsEmptySnap(ready.Snapshot) && !mayCommitChange(ready) &&
		(len(ready.Entries) == 0 || n == 0 || ready.CommittedEntries[n-1].Index < ready.Entries[0].Index)
}

// mayCommitChange reports whether the hard state of a Ready commits a configuration change, or may.
// Nobody may learn of that before it is durable, see raft.Ready.MustSync.
func mayCommitChange(ready *raft.Ready) bool {
	if raft.IsEmptyHardState(ready.HardState) {
		return false
	}
	n := len(ready.CommittedEntries)
	if n == 0 || ready.CommittedEntries[n-1].Index < ready.HardState.Commit {
		return true // not all that it commits is here
	}
	return slices.ContainsFunc(ready.CommittedEntries, func(e pb.Entry) bool { return e.Type != pb.EntryNormal })
}

func payload(entries []pb.Entry) (n int) {
	for i := range entries {
		n += len(entries[i].Data)
	}
	return n
}
