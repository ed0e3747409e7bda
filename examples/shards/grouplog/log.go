// Package grouplog keeps the Raft logs of all groups of a store in one log on disk. Whatever many
// groups have to write becomes one record, with one sync.
//
// The disk is only read at the start. What the groups need to read is in memory: entries since the
// last compaction. State machines are in memory, too. The log holds a snapshot of each, and the
// entries since.
//
// Segments leave the log oldest first, when it is larger than it should be. Groups whose snapshot
// stands in the oldest segment write a new one, a few with each record, before it is dropped.
package grouplog

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"

	"github.com/ffd200af/raft/examples/shards/seglog"
)

// Options are the bounds of a log. Zero values mean the defaults.
type Options struct {
	// SegmentBytes is the size of a segment: 64 MiB.
	SegmentBytes int64
	// KeepBytes is the size up to which nothing is collected: 512 MiB. It is 4 times the bytes of
	// all snapshots, if that is more, so that snapshots are written again rather seldom.
	KeepBytes int64
	// KeepEntries is the number of applied entries that a group keeps in memory, for followers that
	// are behind: 1,000.
	KeepEntries uint64
}

// Log is the log of a store. It is not safe for concurrent use.
type Log struct {
	log    *seglog.Log
	opts   Options
	groups map[uint64]*Group

	record []byte   // parts since the last Commit
	part   part     // the last one that was put, in memory that is used again
	begun  []*Group // those that are whole in it
	live   int64    // bytes of all snapshots, about

	stale   []*Group // groups that may need the segment staleOf
	staleOf uint64
}

// Group is a group's part of the log: a raft.Storage. A group that was removed leaves one behind
// that only remembers the replica.
type Group struct {
	*raft.MemoryStorage // nil if the replica was removed
	ID, Replica         uint64
	// Image returns the snapshot of the state machine. The application sets it before it starts the
	// replica.
	Image func() pb.Snapshot

	base uint64 // the first segment that the group needs
	size int64  // of what is there, see Log.live
}

// Snapshot returns the state of the state machine.
func (g *Group) Snapshot() (pb.Snapshot, error) {
	s, err := g.MemoryStorage.Snapshot()
	if g.Image == nil || err != nil {
		return s, err
	}
	// A snapshot that is written and not applied yet is newer.
	if image := g.Image(); image.Metadata.Index >= s.Metadata.Index {
		s = image
	}
	return s, nil
}

// Open opens the log in dir, or creates one.
func Open(dir string, opts Options) (*Log, error) {
	opts.SegmentBytes = cmp.Or(opts.SegmentBytes, 64<<20)
	opts.KeepBytes = cmp.Or(opts.KeepBytes, 512<<20)
	opts.KeepEntries = cmp.Or(opts.KeepEntries, 1000)
	l := &Log{opts: opts, groups: map[uint64]*Group{}}
	var err error
	if l.log, err = seglog.Open(dir, opts.SegmentBytes, l.replay); err != nil {
		return nil, err
	}
	l.reset()
	return l, nil
}

// Life rises with each Open.
func (l *Log) Life() uint64 { return l.log.Life() }

// Close ends the log.
func (l *Log) Close() error { return l.log.Close() }

// Group returns a group's part, nil if there never was one.
func (l *Log) Group(id uint64) *Group { return l.groups[id] }

// Groups returns all groups that have a replica here, by id.
func (l *Log) Groups() []*Group {
	var all []*Group
	for _, g := range l.groups {
		if g.MemoryStorage != nil {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, func(a, b *Group) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// Begin begins the log of a replica with a snapshot, which may be empty. Like all changes, it is on
// disk after Commit.
func (l *Log) Begin(id, replica uint64, snapshot pb.Snapshot) (*Group, error) {
	p := part{kind: begins, group: id, replica: replica, snapshot: snapshot}
	if !raft.IsEmptySnap(snapshot) {
		p.hard = pb.HardState{Term: snapshot.Metadata.Term, Commit: snapshot.Metadata.Index}
	}
	err := l.put(&p)
	return l.groups[id], err
}

// Remove drops all of a replica but its id.
func (l *Log) Remove(g *Group) error {
	return l.put(&part{kind: removed, group: g.ID, replica: g.Replica})
}

// Put writes what a Ready of a group asks for: a snapshot replaces the log, entries replace what is
// there from the index of the first one on.
func (l *Log) Put(g *Group, hard pb.HardState, entries []pb.Entry, snapshot pb.Snapshot) error {
	l.part = part{kind: writes, group: g.ID, hard: hard, entries: entries, snapshot: snapshot}
	return l.put(&l.part)
}

// Trim compacts the log of a group in memory, after it has applied an index.
func (l *Log) Trim(g *Group, applied uint64) error {
	if first, _ := g.FirstIndex(); applied < first+2*l.opts.KeepEntries {
		return nil
	}
	return g.Compact(applied - l.opts.KeepEntries)
}

func (l *Log) put(p *part) (err error) {
	if err = l.do(p); err == nil {
		l.record, err = p.append(l.record)
	}
	return err
}

// Commit writes what was changed since the last Commit, as one record. With sync it is durable when
// Commit returns, and so is all before it.
func (l *Log) Commit(sync bool) error {
	drop, err := l.collect()
	if err != nil || len(l.record) == seglog.RecordHead && !drop && !sync {
		return err
	}
	segment, err := l.log.Append(l.record, sync || drop || len(l.begun) > 0)
	if err != nil {
		return err
	}
	for _, g := range l.begun {
		g.base = segment
	}
	l.reset()
	if drop {
		return l.log.Drop()
	}
	return nil
}

// largeRecord is the size of a record's memory that is not kept for the next one.
const largeRecord = 16 << 20

func (l *Log) reset() {
	if cap(l.record) > largeRecord {
		l.record = nil
	}
	l.record = append(l.record[:0], make([]byte, seglog.RecordHead)...)
	clear(l.begun)
	l.begun = l.begun[:0]
}

// rewriteBytes bounds what one record has of groups that leave the oldest segment. The last of them
// may exceed it.
const rewriteBytes = 256 << 10

// collect writes some groups again that need the oldest segment, if the log is too large. It
// reports whether no group needs that segment any more, once the record is durable.
func (l *Log) collect() (drop bool, err error) {
	oldest := l.log.Oldest()
	if oldest == l.log.Newest() || l.log.Bytes() <= max(l.opts.KeepBytes, 4*l.live) {
		return false, nil
	}
	if l.staleOf != oldest {
		l.staleOf, l.stale = oldest, l.stale[:0]
		for _, g := range l.groups {
			if g.base == oldest {
				l.stale = append(l.stale, g)
			}
		}
	}
	for end := len(l.record) + rewriteBytes; len(l.stale) > 0; {
		if len(l.record) > end {
			return false, nil
		}
		g := l.stale[len(l.stale)-1]
		l.stale = l.stale[:len(l.stale)-1]
		if l.groups[g.ID] == g && g.base == oldest {
			if err := l.Rewrite(g); err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

// Rewrite writes all of a group again: a snapshot of its state machine, its entries and hard state.
func (l *Log) Rewrite(g *Group) error {
	p, err := g.whole()
	if err != nil {
		return err
	}
	at := len(l.record)
	if l.record, err = p.append(l.record); err == nil {
		l.begin(g, int64(len(l.record)-at))
	}
	return err
}

// begin notes that the record holds all of a group, in so many bytes.
func (l *Log) begin(g *Group, size int64) {
	l.live += size - g.size
	g.size = size
	l.begun = append(l.begun, g)
}

// whole returns everything that is to be known about a group.
func (g *Group) whole() (*part, error) {
	p := &part{kind: begins, group: g.ID, replica: g.Replica}
	if g.MemoryStorage == nil {
		p.kind = removed
		return p, nil
	}
	image, err := g.Snapshot()
	if err != nil {
		return nil, err
	}
	p.hard, _, _ = g.InitialState()
	first, _ := g.FirstIndex()
	last, _ := g.LastIndex()
	if first <= last {
		if p.entries, err = g.Entries(first, last+1, 1<<62); err != nil {
			return nil, err
		}
	}
	if image.Metadata.Index == first-1 {
		p.snapshot = image
		return p, nil
	}
	p.image = image
	p.snapshot.Metadata.Index = first - 1
	if p.snapshot.Metadata.Term, err = g.Term(first - 1); err != nil {
		return nil, err
	}
	if conf := image.Metadata.ConfState; !raft.IsEmptySnap(image) {
		if _, err = g.CreateSnapshot(image.Metadata.Index, &conf, nil); err == raft.ErrSnapOutOfDate {
			err = nil
		}
	}
	return p, err
}

// replay does what a record says.
func (l *Log) replay(segment uint64, record []byte) error {
	l.begun = l.begun[:0]
	for len(record) > 0 {
		var p part
		rest, err := p.decode(record)
		if err != nil {
			return err
		}
		// Without the beginning, this is from before a newer beginning.
		if g := l.groups[p.group]; p.kind != writes || g != nil && g.MemoryStorage != nil {
			if err := l.do(&p); err != nil {
				return fmt.Errorf("group %d: %w", p.group, err)
			}
		}
		record = rest
	}
	for _, g := range l.begun {
		g.base = segment
	}
	return nil
}

// do changes what is in memory.
func (l *Log) do(p *part) error {
	g := l.groups[p.group]
	if p.kind != writes {
		old := g
		g = &Group{ID: p.group, Replica: p.replica}
		if old != nil {
			g.size = old.size
		}
		l.groups[p.group] = g
		l.begin(g, int64(p.size()))
		if p.kind == removed {
			return nil
		}
		g.MemoryStorage = raft.NewMemoryStorage()
	}
	if !raft.IsEmptySnap(p.snapshot) {
		if err := g.ApplySnapshot(p.snapshot); err != nil {
			return err
		}
	}
	if err := g.Append(p.entries); err != nil {
		return err
	}
	if !raft.IsEmptySnap(p.image) {
		meta := &p.image.Metadata
		if _, err := g.CreateSnapshot(meta.Index, &meta.ConfState, p.image.Data); err != nil {
			return err
		}
	}
	if !raft.IsEmptyHardState(p.hard) {
		return g.SetHardState(p.hard)
	}
	return nil
}
