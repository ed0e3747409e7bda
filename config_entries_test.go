package raft

import (
	"fmt"
	"slices"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
	"pgregory.net/rapid"
)

// entriesCounter counts the entries that are read from a Storage.
type entriesCounter struct {
	*MemoryStorage
	read int
}

func (s *entriesCounter) Entries(lo, hi, size uint64) ([]pb.Entry, error) {
	entries, err := s.MemoryStorage.Entries(lo, hi, size)
	s.read += len(entries)
	return entries, err
}

// withUnapplied returns a member of three that starts with n committed entries to apply. The
// configuration changes are at the given indexes.
func withUnapplied(t *testing.T, n uint64, changes ...uint64) (*RawNode, *entriesCounter) {
	t.Helper()
	storage := &entriesCounter{MemoryStorage: NewMemoryStorage()}
	cs := pb.ConfState{Voters: []uint64{1, 2, 3}}
	noError(t, storage.ApplySnapshot(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: cs}}))
	var log []pb.Entry
	for i := uint64(2); i < 2+n; i++ {
		e := pb.Entry{Term: 1, Index: i, Data: []byte("twelve bytes")}
		if slices.Contains(changes, i) {
			e.Type, e.Data = pb.EntryConfChangeV2, nil
		}
		log = append(log, e)
	}
	noError(t, storage.Append(log))
	noError(t, storage.SetHardState(pb.HardState{Term: 1, Commit: n + 1}))
	cfg := testConfig(1, storage)
	cfg.MaxCommittedSizePerReady = 1 << 10
	rn, err := NewRawNode(&cfg)
	noError(t, err)
	storage.read = 0
	return rn, storage
}

// rejectConfChanges applies changes without an effect.
func (rn *RawNode) rejectConfChanges(entries []pb.Entry) {
	for range confChanges(entries) {
		rn.ApplyConfChange(pb.ConfChangeV2{})
	}
}

// An order to campaign waits until a configuration change is applied. It is looked for once.
func TestAnOrderToCampaignReadsEachEntryOnce(t *testing.T) {
	const n = 20_000
	for _, changes := range [][]uint64{nil, {n / 2}, {n}, {3, n - 10}} {
		t.Run(fmt.Sprint(changes), func(t *testing.T) {
			rn, storage := withUnapplied(t, n, changes...)
			rounds, before := 0, storage.read
			for ; rn.BasicStatus().RaftState != StateCandidate; rounds++ {
				noError(t, rn.Step(pb.Message{Type: pb.MsgTimeoutNow, From: 2, To: 1, Term: 1}))
				if rd := rn.Ready(); rn.HasReady() || len(rd.CommittedEntries) > 0 || rounds == 0 {
					rn.rejectConfChanges(rd.CommittedEntries)
					rn.Advance(rd)
				} else {
					t.Fatal("nothing is to be applied, and the node does not campaign")
				}
				noError(t, rn.Err())
			}
			// Each entry is read once to look for changes, and once to be applied.
			if read := storage.read - before; read > 2*n+2*block {
				t.Errorf("%d entries are read in %d rounds, of %d", read, rounds, n)
			}
		})
	}
}

// A leader that does not know what is committed is told so with each acknowledgement.
func TestAcknowledgementsReadEachEntryOnce(t *testing.T) {
	const n = 20_000
	rn, storage := withUnapplied(t, n, 3)
	for range 100 {
		noError(t, rn.Step(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: n + 1, LogTerm: 1, Commit: 2}))
	}
	noError(t, rn.Err())
	if storage.read > n+block {
		t.Errorf("%d entries are read, of %d", storage.read, n)
	}
}

// Whatever becomes of the log, the node knows where its configuration changes are.
func TestConfigurationChangesAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		storage := NewMemoryStorage()
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
		noError(t, storage.Append(draw(1, 2, stored)))
		l, err := openLog(storage, pb.HardState{}, 0)
		noError(t, err)
		all := draw(0, 0, 1)[:0]
		if stored > 0 {
			all, err = storage.Entries(1, uint64(stored)+1, noLimit)
			noError(t, err)
			all = slices.Clone(all)
		}
		persist := func() {
			noError(t, storage.Append(l.unstable.toWrite()))
			l.unstable.take()
			l.unstable.acknowledged(l.unstable.generation, l.lastIndex())
		}
		term, restored := uint64(3), uint64(0)
		for n := rapid.IntRange(1, 20).Draw(t, "steps"); n > 0; n-- {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				own := draw(l.lastIndex()+1, term, rapid.IntRange(1, 40).Draw(t, "n"))
				l.appendOwn(term, own, 0)
				all = append(all, own...)
			case 1: // another leader's entries replace the end of the log
				term++
				at := rapid.Uint64Range(l.applied, l.lastIndex()).Draw(t, "prev")
				prev := entryID{index: at}
				prev.term, _ = l.term(at)
				fresh := draw(at+1, term, rapid.IntRange(1, 40).Draw(t, "n"))
				noError(t, l.append(logSlice{prev: prev, entries: fresh}))
				all = append(all[:at:at], fresh...)
			case 2:
				persist()
			case 3: // what is applied may be forgotten
				persist()
				l.applied = rapid.Uint64Range(l.applied, l.lastIndex()).Draw(t, "applied")
				l.applying, l.committed = l.applied, l.applied
			case 4: // a snapshot replaces the log
				term++
				restored = rapid.Uint64Range(l.applied+1, l.lastIndex()+3).Draw(t, "snapshot")
				s := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: restored, Term: term}}
				l.restore(&s)
				l.unstable.take()
				noError(t, storage.ApplySnapshot(s))
				l.acknowledgeSnapshot(restored)
				all = append(all[:min(restored, uint64(len(all)))], make([]pb.Entry, restored)...)[:restored]
			}
			lo := rapid.Uint64Range(restored, l.lastIndex()).Draw(t, "lo")
			hi := rapid.Uint64Range(lo, l.lastIndex()).Draw(t, "hi")
			found, err := l.hasConfChange(lo, hi)
			if want := confChanges(all[lo:hi]) > 0; err != nil || found != want {
				t.Fatalf("change in (%d, %d]: %t, %v, want %t", lo, hi, found, err, want)
			}
			var each, want []uint64
			noError(t, l.eachConfChange(lo, func(index uint64, e *pb.Entry) bool {
				if each = append(each, index); !isConfChange(e) || e.Index != index {
					t.Fatalf("entry %v at %d", e, index)
				}
				return true
			}))
			for _, e := range all[lo:] {
				if isConfChange(&e) {
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
	l, err := openLog(NewMemoryStorage(), pb.HardState{}, 0)
	noError(t, err)
	for range 100 * manyChanges {
		l.appendOwn(1, []pb.Entry{{Type: pb.EntryConfChange}}, 0)
		l.applied = l.lastIndex()
	}
	if n := len(l.changes.indexes()); n > 2*manyChanges {
		t.Errorf("%d changes are remembered", n)
	}
}

// The application may compact what it has applied before it calls Advance. What is compacted is
// applied, so a campaign does not wait for it.
func TestACampaignPassesOverWhatIsCompacted(t *testing.T) {
	for _, changes := range [][]uint64{nil, {5}, {18}} {
		for _, lookedAt := range []bool{false, true} {
			rn, storage := withUnapplied(t, 20, changes...)
			rn.raft.limits.applyBytes = noLimit
			if lookedAt {
				_, err := rn.raft.log.hasConfChange(1, 21)
				noError(t, err)
			}
			rd := rn.Ready()
			if len(rd.CommittedEntries) != 20 {
				t.Fatalf("%d entries are to be applied", len(rd.CommittedEntries))
			}
			rn.rejectConfChanges(rd.CommittedEntries)
			_, err := storage.CreateSnapshot(21, nil, nil)
			noError(t, err)
			noError(t, storage.Compact(21))
			noError(t, rn.Campaign())
			noError(t, rn.Err())
			if rn.raft.role != StateCandidate {
				t.Errorf("changes at %d, looked at %t: the node is %s", changes, lookedAt, rn.raft.role)
			}
		}
	}
}
