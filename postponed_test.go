package raft

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
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
	for range raftlog.ConfChanges(entries) {
		rn.ApplyConfChange(pb.ConfChangeV2{})
	}
}

// readAhead is about how many entries are read together when configuration changes are looked for.
const readAhead = 1024

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
			if read := storage.read - before; read > 2*n+2*readAhead {
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
	if storage.read > n+readAhead {
		t.Errorf("%d entries are read, of %d", storage.read, n)
	}
}

// The application may compact what it has applied before it calls Advance. What is compacted is
// applied, so a campaign does not wait for it.
func TestACampaignPassesOverWhatIsCompacted(t *testing.T) {
	for _, changes := range [][]uint64{nil, {5}, {18}} {
		for _, lookedAt := range []bool{false, true} {
			rn, storage := withUnapplied(t, 20, changes...)
			rn.raft.limits.setApplyBytes(raftlog.NoLimit)
			if lookedAt {
				_, err := rn.raft.log.HasConfChange(1, 21)
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
