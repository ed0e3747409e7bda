package property

import pb "github.com/ffd200af/raft/raftpb"

// View is a log as it is seen from outside: the terms of its entries from Base on, the entry after
// which the log begins. Terms are enough, because index and term name an entry (LogMatching, which
// the Observer checks).
//
//	Base   Base+1 ... Last
//	 (t)   [ t  t  t  t ]
//
// The zero View is an empty log that begins after index 0.
type View struct {
	Base  uint64
	Terms []uint64 // Terms[i] is the term at Base+i
}

// NewView returns an empty log that begins after an entry.
func NewView(base, term uint64) View { return View{Base: base, Terms: []uint64{term}} }

// ViewOf reads the log that a storage holds; false if it cannot be read.
func ViewOf(s interface {
	FirstIndex() (uint64, error)
	LastIndex() (uint64, error)
	Term(uint64) (uint64, error)
}) (View, bool) {
	first, err1 := s.FirstIndex()
	last, err2 := s.LastIndex()
	if err1 != nil || err2 != nil || first == 0 {
		return NewView(0, 0), false
	}
	term, _ := s.Term(first - 1)
	v := NewView(first-1, term)
	for i := first; i <= last; i++ {
		term, _ := s.Term(i)
		v.Put(i, term)
	}
	return v, true
}

// Last returns the last index.
func (v *View) Last() uint64 { return v.Base + uint64(max(len(v.Terms), 1)) - 1 }

// Term returns the term at an index; false where the log does not reach, or was compacted.
func (v *View) Term(index uint64) (uint64, bool) {
	if index < v.Base || index-v.Base >= uint64(len(v.Terms)) {
		return 0, index == 0 && v.Base == 0
	}
	return v.Terms[index-v.Base], true
}

// Covers reports whether the log has an entry. Compacted entries were committed, and count.
func (v *View) Covers(index, term uint64) bool {
	t, ok := v.Term(index)
	return index < v.Base || ok && t == term
}

// Reset empties the log, which begins after an entry then, as a snapshot does.
func (v *View) Reset(index, term uint64) {
	v.Base, v.Terms = index, append(v.Terms[:0], term)
}

// Put makes an entry the last one. It may replace others, and leaves no gap.
func (v *View) Put(index, term uint64) {
	if len(v.Terms) == 0 {
		v.Terms = append(v.Terms, 0)
	}
	if index > v.Base && index <= v.Last()+1 {
		v.Terms = append(v.Terms[:index-v.Base], term)
	}
}

// Cut removes the entries from an index on.
func (v *View) Cut(index uint64) {
	if index > v.Base && index <= v.Last() {
		v.Terms = v.Terms[:index-v.Base]
	}
}

// Compact drops the log up to an index, of which it keeps the term.
func (v *View) Compact(index uint64) {
	if index > v.Base && index <= v.Last() {
		v.Terms = v.Terms[:copy(v.Terms, v.Terms[index-v.Base:])]
		v.Base = index
	}
}

// CopyFrom makes v equal to o; they share nothing.
func (v *View) CopyFrom(o *View) {
	v.Base, v.Terms = o.Base, append(v.Terms[:0], o.Terms...)
}

// Piece is a part of a write that a crash leaves as a whole or not at all: a snapshot, the removal
// of the entries that are replaced, each entry, the hard state. A write is torn in this order.
type Piece struct {
	Snapshot  pb.Snapshot
	Cut       uint64 // the log ends before this index
	Entries   []pb.Entry
	HardState pb.HardState
}

// AppendPieces takes a write apart. Entries that are synced at once are one piece.
func AppendPieces(list []Piece, hs pb.HardState, entries []pb.Entry, snapshot *pb.Snapshot, sync bool) []Piece {
	if snapshot.Metadata.Index != 0 {
		list = append(list, Piece{Snapshot: *snapshot})
	}
	switch {
	case len(entries) == 0:
	case sync:
		list = append(list, Piece{Entries: entries})
	default:
		list = append(list, Piece{Cut: entries[0].Index})
		for i := range entries {
			list = append(list, Piece{Entries: entries[i : i+1 : i+1]})
		}
	}
	if hs != (pb.HardState{}) {
		list = append(list, Piece{HardState: hs})
	}
	return list
}

// Onto makes the piece part of a log and a hard state.
func (p *Piece) Onto(v *View, hs *pb.HardState) {
	switch {
	case p.Snapshot.Metadata.Index != 0:
		v.Reset(p.Snapshot.Metadata.Index, p.Snapshot.Metadata.Term)
	case p.Cut != 0:
		v.Cut(p.Cut)
	case len(p.Entries) > 0:
		for i := range p.Entries {
			v.Put(p.Entries[i].Index, p.Entries[i].Term)
		}
	default:
		*hs = p.HardState
	}
}
