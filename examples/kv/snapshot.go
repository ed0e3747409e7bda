package main

import (
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ffd200af/raft/raftpb"
)

// A follower whose entries were compacted gets a snapshot (thesis §5.1). The snapshot that the node
// sees is small: the metadata, and the name of an image in Data. The image is a snapshot of Pebble,
// which costs next to nothing to take. Its rows are read when a peer gets them:
//
//	transfer.go   sends an image to a peer
//	incoming.go   takes what comes into a file
//	install.go    puts the file in the place of data and log

// snapshots has the image that followers get.
type snapshots struct {
	mu      sync.Mutex
	current *heldImage
	running sync.WaitGroup // images that are open: the database stays open for them
}

// heldImage is an image with a name of its own.
type heldImage struct {
	db   *pebble.Snapshot
	name string
	meta raftpb.SnapshotMetadata
	uses int // by snapshots.current and by transfers
}

// Snapshot implements raft.Storage. It takes a new image if there is none that connects with the
// log.
func (s *store) Snapshot() (raftpb.Snapshot, error) {
	all := &s.snapshots
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.current == nil || all.current.meta.Index < s.prev.index {
		all.drop(s)
		db := s.db.NewSnapshot()
		at, conf, err := readApplied(db)
		if err != nil {
			return raftpb.Snapshot{}, errors.Join(err, db.Close())
		}
		all.running.Add(1)
		meta := raftpb.SnapshotMetadata{Index: at.index, Term: at.term, ConfState: conf}
		all.current = &heldImage{db: db, name: rand.Text(), meta: meta, uses: 1}
		s.log.Info("a snapshot is made", "index", at.index)
	}
	return raftpb.Snapshot{Data: []byte(all.current.name), Metadata: all.current.meta}, nil
}

// takeImage returns the image with a name, for a transfer; nil if it is forgotten. releaseImage
// gives it back.
func (s *store) takeImage(name string) *heldImage {
	s.snapshots.mu.Lock()
	defer s.snapshots.mu.Unlock()
	if current := s.snapshots.current; current != nil && current.name == name {
		current.uses++
		return current
	}
	return nil
}

func (s *store) releaseImage(held *heldImage) {
	s.snapshots.mu.Lock()
	defer s.snapshots.mu.Unlock()
	s.snapshots.release(s, held)
}

func (all *snapshots) release(s *store, held *heldImage) {
	if held.uses--; held.uses == 0 {
		s.closeImage(held.db)
	}
}

// drop forgets the current image. Transfers that use it go on.
func (all *snapshots) drop(s *store) {
	if all.current != nil {
		all.release(s, all.current)
		all.current = nil
	}
}

// forgetImageBefore forgets an image that does not connect with the log any more.
func (s *store) forgetImageBefore(index uint64) {
	s.snapshots.mu.Lock()
	defer s.snapshots.mu.Unlock()
	if current := s.snapshots.current; current != nil && current.meta.Index < index {
		s.snapshots.drop(s)
	}
}

// closeImages forgets the current image and waits until all are closed.
func (s *store) closeImages() {
	s.snapshots.mu.Lock()
	s.snapshots.drop(s)
	s.snapshots.mu.Unlock()
	s.snapshots.running.Wait()
}

// index is the one of the current image; 0 if there is none.
func (all *snapshots) index() uint64 {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.current == nil {
		return 0
	}
	return all.current.meta.Index
}

// isImageName reports whether a name may be one of rand.Text. It becomes a part of a file's name.
func isImageName(name string) bool {
	other := func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '2' || r > '7') }
	return len(name) > 0 && len(name) <= 64 && !slices.ContainsFunc([]rune(name), other)
}

// writeTo writes the image of a snapshot.
func (held *heldImage) writeTo(w io.Writer) error { return snapshotKind.write(w, held.db) }

// stateSize is about how many bytes the data has, as the engine stores it. What was written last is
// not in it.
func (s *store) stateSize() uint64 {
	size, err := s.db.EstimateDiskUsage([]byte{dataPrefix}, []byte{dataPrefix + 1})
	if err != nil {
		return 0 // only bounds out of order are an error
	}
	return size
}
