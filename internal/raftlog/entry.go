package raftlog

import (
	"fmt"
	"math"

	pb "github.com/ffd200af/raft/raftpb"
)

// MaxCounter bounds terms and indexes. What lies above is refused, so that adding
// to an accepted one cannot wrap.
const MaxCounter uint64 = math.MaxUint64 - 1<<32

// NoLimit is a size limit, in bytes, that is never reached.
const NoLimit uint64 = math.MaxUint64

// EntryID names an entry: no two entries of all logs with the same id differ (Log
// Matching, thesis §3.5). The zero value is the place before the first entry.
type EntryID struct {
	Term  uint64
	Index uint64
}

func IDOf(e *pb.Entry) EntryID { return EntryID{Term: e.Term, Index: e.Index} }

func (id EntryID) String() string { return fmt.Sprintf("%d/%d", id.Term, id.Index) }

// Slice is a run of entries with the id of the entry before it:
//
//	prev.index < entries[0].Index == prev.index+1 < ... == last().index
type Slice struct {
	Prev    EntryID
	Entries []pb.Entry
}

func IsConfChange(e *pb.Entry) bool {
	return e.Type == pb.EntryConfChange || e.Type == pb.EntryConfChangeV2
}

// ConfChanges counts the configuration changes among entries.
func ConfChanges(entries []pb.Entry) (n uint32) {
	for i := range entries {
		if IsConfChange(&entries[i]) {
			n++
		}
	}
	return n
}

// PayloadBytes is the sum of the entries' data: what flow control counts, so that
// entries without data (no-ops, the end of a joint configuration) always pass.
func PayloadBytes(entries []pb.Entry) uint64 {
	var n uint64
	for i := range entries {
		n += uint64(len(entries[i].Data))
	}
	return n
}

// EncodedBytes is the encoded size of entries of a log.
func EncodedBytes(entries []pb.Entry) uint64 {
	_, bytes := fitting(entries, NoLimit)
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
