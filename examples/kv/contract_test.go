package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest"
)

// storeDisk is the store in a file system that loses, at a crash, what was not synced.
type storeDisk struct {
	*store
	fs *vfs.MemFS
	r  *rand.Rand
}

func openStoreDisk(fs *vfs.MemFS) (*storeDisk, error) {
	s, err := openStoreIn(fs, "replica")
	return &storeDisk{store: s, fs: fs, r: rand.New(rand.NewPCG(1, 1))}, err
}

func (d *storeDisk) Write(hs raftpb.HardState, entries []raftpb.Entry, s raftpb.Snapshot, sync bool) error {
	if !raft.IsEmptySnap(s) {
		at := entryID{term: s.Metadata.Term, index: s.Metadata.Index}
		if err := d.putImage(string(s.Data), emptyImage(at)); err != nil {
			return err
		}
	}
	return d.save(raft.Ready{HardState: hs, Entries: entries, Snapshot: s, MustSync: sync})
}

// SaveSnapshot applies: the store's snapshots are made from its data.
func (d *storeDisk) SaveSnapshot(s raftpb.Snapshot) error {
	entries, err := d.Entries(d.applied.index+1, s.Metadata.Index+1, 1<<40)
	if err != nil {
		return err
	}
	// Where the changes among the entries lead to is what the snapshot says, not what is written in
	// them.
	follow := func(raftpb.ConfChangeI) raftpb.ConfState { return s.Metadata.ConfState }
	if _, err := d.apply(entries, follow); err != nil {
		return err
	}
	d.conf = s.Metadata.ConfState
	b := d.db.NewBatch()
	return errors.Join(setApplied(b, d.applied, d.conf), b.Commit(pebble.Sync))
}

func (d *storeDisk) Compact(index uint64) error {
	return errors.Join(d.compact(index), d.db.LogData(nil, pebble.Sync))
}

// Snapshot is the newest one that there can be.
func (d *storeDisk) Snapshot() (raftpb.Snapshot, error) {
	d.forgetImageBefore(d.applied.index)
	return d.store.Snapshot()
}

func (d *storeDisk) Crash(keep int) (rafttest.Disk, error) {
	cfg := vfs.CrashCloneCfg{RNG: d.r}
	if keep > 0 {
		cfg.UnsyncedDataPercent = 50
	}
	after := d.fs.CrashClone(cfg)
	if err := d.close(); err != nil {
		return nil, err
	}
	return openStoreDisk(after)
}

func (*storeDisk) EntryData(term, index uint64) []byte {
	return put(index, term, fmt.Sprint("k", index%5), fmt.Sprint(term)).Data
}

// SnapshotData is the name of an image.
func (*storeDisk) SnapshotData(uint64) []byte { return []byte("IMAGE") }

// emptyImage is an image without rows.
func emptyImage(at entryID) []byte {
	b := append([]byte(snapshotKind.magic), encodeID(at)...)
	b = append(b, make([]byte, 8)...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func TestTheStoreKeepsTheContractOfStorage(t *testing.T) {
	rafttest.TestStorage(t, func(t *testing.T) rafttest.Disk {
		d, err := openStoreDisk(vfs.NewCrashableMem())
		must(t, err)
		return d
	})
}
