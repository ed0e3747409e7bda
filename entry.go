package raft

import (
	"errors"
	"fmt"
	"math"

	pb "github.com/ffd200af/raft/raftpb"
)

// None is the id of no node: no leader, no vote.
const None uint64 = 0

// maxCounter bounds terms and indexes. What lies above is refused, so that adding
// to an accepted one cannot wrap.
const maxCounter uint64 = math.MaxUint64 - 1<<32

// noLimit is a size limit, in bytes, that is never reached.
const noLimit uint64 = math.MaxUint64

// entryID names an entry: no two entries of all logs with the same id differ (Log
// Matching, thesis §3.5). The zero value is the place before the first entry.
type entryID struct {
	term  uint64
	index uint64
}

func idOf(e *pb.Entry) entryID { return entryID{term: e.Term, index: e.Index} }

// valid returns an error unless id is the origin or has an index, and both its numbers are
// countable. Term 0 is before every election: a group may begin with a snapshot, or with entries,
// of that term.
func (id entryID) valid() error {
	if id.term >= maxCounter || id.index >= maxCounter {
		return fmt.Errorf("%w: entry %d/%d", ErrOutOfRange, id.term, id.index)
	}
	if id.index == 0 && id.term != 0 {
		return fmt.Errorf("%w: term %d without an index", ErrMalformed, id.term)
	}
	return nil
}

func (id entryID) String() string { return fmt.Sprintf("%d/%d", id.term, id.index) }

// upToDate is the rule by which a voter compares a candidate's log with its own
// (thesis §3.6.1): the later last term wins, then the longer log.
func (id entryID) upToDate(own entryID) bool {
	return id.term > own.term || id.term == own.term && id.index >= own.index
}

// logSlice is a run of entries with the id of the entry before it:
//
//	prev.index < entries[0].Index == prev.index+1 < ... == last().index
type logSlice struct {
	prev    entryID
	entries []pb.Entry
}

var errNotContiguous = errors.New("entries are not contiguous")

// valid: indexes go up by one, terms never fall, and nothing can wrap.
func (s *logSlice) valid() error {
	if err := s.prev.valid(); err != nil {
		return err
	}
	at := s.prev
	for i := range s.entries {
		e := &s.entries[i]
		if e.Index != at.index+1 {
			return fmt.Errorf("%w: %w: %d follows %d", ErrMalformed, errNotContiguous, e.Index, at.index)
		}
		if e.Term < at.term {
			return fmt.Errorf("%w: term falls from %d to %d at index %d", ErrMalformed, at.term, e.Term, e.Index)
		}
		at = entryID{term: e.Term, index: e.Index}
	}
	return at.valid()
}

func isConfChange(e *pb.Entry) bool {
	return e.Type == pb.EntryConfChange || e.Type == pb.EntryConfChangeV2
}

// confChanges counts the configuration changes among entries.
func confChanges(entries []pb.Entry) (n uint32) {
	for i := range entries {
		if isConfChange(&entries[i]) {
			n++
		}
	}
	return n
}

// payloadBytes is the sum of the entries' data: what flow control counts, so that
// entries without data (no-ops, the end of a joint configuration) always pass.
func payloadBytes(entries []pb.Entry) uint64 {
	var n uint64
	for i := range entries {
		n += uint64(len(entries[i].Data))
	}
	return n
}

// encodedBytes is the encoded size of entries of a log.
func encodedBytes(entries []pb.Entry) uint64 {
	_, bytes := fitting(entries, noLimit)
	return bytes
}

// fitting returns how many entries of a log, from the first one on, have at most max encoded bytes
// together, and these bytes. Terms and indexes do not fall, and neither does the size of their
// encoding. So where it is the same at both ends, only type and data are looked at.
func fitting(entries []pb.Entry, max uint64) (n int, bytes uint64) {
	if len(entries) == 0 {
		return 0, 0
	}
	head := headBytes(&entries[0])
	uniform := head == headBytes(&entries[len(entries)-1])
	for i := range entries {
		e := &entries[i]
		size := uint64(len(e.Data))
		switch {
		case !uniform || uint64(e.Type) >= 1<<7 || size >= 1<<14:
			size = uint64(e.Size())
		case e.Data == nil:
			size = head
		case size < 1<<7:
			size += head + 2
		default:
			size += head + 3
		}
		if size > max-bytes {
			return i, bytes
		}
		bytes += size
	}
	return len(entries), bytes
}

// headBytes is the encoded size of an entry of type 0 without data.
func headBytes(e *pb.Entry) uint64 {
	head := pb.Entry{Term: e.Term, Index: e.Index}
	return uint64(head.Size())
}
