package raftlog

import (
	"slices"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
	"pgregory.net/rapid"
)

// Whatever becomes of the log, the node knows where its configuration changes are.
func TestConfigurationChangesAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		storage := newMemory()
		draw := func(index, term uint64, n int) (entries []pb.Entry) {
			for i := range uint64(n) {
				e := pb.Entry{Term: term, Index: index + i}
				if rapid.IntRange(0, 2).Draw(t, "change") == 0 {
					e.Type = pb.EntryConfChange
				}
				entries = append(entries, e)
			}
			return entries
		}
		stored := rapid.SampledFrom([]int{0, 5, 3 * block}).Draw(t, "stored")
		storage.append(draw(1, 2, stored))
		l := start(storage, 0)
		all := slices.Clone(storage.entries)
		term, restored := uint64(3), uint64(0)
		for n := rapid.IntRange(1, 20).Draw(t, "steps"); n > 0; n-- {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				own := draw(l.LastIndex()+1, term, rapid.IntRange(1, 40).Draw(t, "n"))
				l.AppendOwn(term, own, 0)
				all = append(all, own...)
			case 1: // another leader's entries replace the end of the log
				term++
				at := rapid.Uint64Range(l.applied, l.LastIndex()).Draw(t, "prev")
				prev := EntryID{Index: at}
				prev.Term, _ = l.Term(at)
				fresh := draw(at+1, term, rapid.IntRange(1, 40).Draw(t, "n"))
				noError(t, l.Append(Slice{Prev: prev, Entries: fresh}))
				all = append(all[:at:at], fresh...)
			case 2:
				persist(l, storage)
			case 3: // what is applied may be forgotten
				persist(l, storage)
				l.applied = rapid.Uint64Range(l.applied, l.LastIndex()).Draw(t, "applied")
			case 4: // a snapshot replaces the log
				term++
				restored = rapid.Uint64Range(l.applied+1, l.LastIndex()+3).Draw(t, "snapshot")
				s := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: restored, Term: term}}
				l.Restore(&s)
				persist(l, storage)
				all = append(all[:min(restored, uint64(len(all)))], make([]pb.Entry, restored)...)[:restored]
			}
			lo := rapid.Uint64Range(restored, l.LastIndex()).Draw(t, "lo")
			hi := rapid.Uint64Range(lo, l.LastIndex()).Draw(t, "hi")
			found, err := l.HasConfChange(lo, hi)
			if want := ConfChanges(all[lo:hi]) > 0; err != nil || found != want {
				t.Fatalf("change in (%d, %d]: %t, %v, want %t", lo, hi, found, err, want)
			}
			var each, want []uint64
			noError(t, l.EachConfChange(lo, func(index uint64, e *pb.Entry) bool {
				if each = append(each, index); !IsConfChange(e) || e.Index != index {
					t.Fatalf("entry %v at %d", e, index)
				}
				return true
			}))
			for _, e := range all[lo:] {
				if IsConfChange(&e) {
					want = append(want, e.Index)
				}
			}
			if !slices.Equal(each, want) {
				t.Fatalf("changes after %d: %d, want %d", lo, each, want)
			}
		}
	})
}

// What is applied is forgotten, so that the memory does not grow with the history.
func TestFewConfigurationChangesAreRemembered(t *testing.T) {
	l, _ := openMemory()
	for range 100 * manyChanges {
		l.AppendOwn(1, []pb.Entry{{Type: pb.EntryConfChange}}, 0)
		l.applied = l.LastIndex()
	}
	if n := len(l.changes.indexes()); n > 2*manyChanges {
		t.Errorf("%d changes are remembered", n)
	}
}
