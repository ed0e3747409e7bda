package main

import (
	"errors"
	"io"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// snapshotBuilder makes images of the data for followers whose entries were compacted, in the
// background: the loop goes on while Pebble's own snapshot is read (thesis §5.1.1).
type snapshotBuilder struct {
	mu       sync.Mutex
	ready    *raftpb.Snapshot
	building bool
	running  sync.WaitGroup
}

// Snapshot implements raft.Storage. It starts to make a snapshot if there is none that connects
// with the log, and asks to come back later.
func (s *store) Snapshot() (raftpb.Snapshot, error) {
	sb := &s.snapshots
	sb.mu.Lock()
	defer sb.mu.Unlock()
	if sb.ready != nil && sb.ready.Metadata.Index >= s.prev.index {
		return *sb.ready, nil
	}
	if !sb.building {
		sb.building = true
		sb.running.Add(1)
		go sb.build(s.db.NewSnapshot(), s.applied, s.conf, s.log)
	}
	return raftpb.Snapshot{}, raft.ErrSnapshotTemporarilyUnavailable
}

// build reads all data as it was at the applied index.
func (sb *snapshotBuilder) build(image *pebble.Snapshot, at entryID, conf raftpb.ConfState, log *slog.Logger) {
	defer sb.running.Done()
	data, err := writeImage(image)
	err = errors.Join(err, image.Close())
	sb.mu.Lock()
	defer sb.mu.Unlock()
	sb.building = false
	if err != nil {
		log.Error("a snapshot cannot be made: the next request tries again", "index", at.index, "err", err)
		return
	}
	log.Info("a snapshot is made", "index", at.index, "bytes", len(data))
	sb.ready = &raftpb.Snapshot{Data: data, Metadata: raftpb.SnapshotMetadata{Index: at.index, Term: at.term, ConfState: conf}}
}

// forgetBefore lets go of a snapshot that does not connect with the log any more.
func (sb *snapshotBuilder) forgetBefore(index uint64) {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	if sb.ready != nil && sb.ready.Metadata.Index < index {
		sb.ready = nil
	}
}

// figures are for metrics.
func (sb *snapshotBuilder) figures() (building bool, bytes int, index uint64) {
	sb.mu.Lock()
	defer sb.mu.Unlock()
	if sb.ready != nil {
		bytes, index = len(sb.ready.Data), sb.ready.Metadata.Index
	}
	return sb.building, bytes, index
}

func (sb *snapshotBuilder) wait() { sb.running.Wait() }

// An image is a run of key length, key, value length, value: the rows that replicas agree on.

func writeImage(r pebble.Reader) ([]byte, error) {
	var b []byte
	for _, prefix := range agreed {
		err := eachRow(r, prefix, func(key, value []byte) error {
			for _, part := range [][]byte{key, value} {
				b = appendPart(b, part)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

func readImage(b []byte, put func(key, value []byte) error) error {
	for len(b) > 0 {
		key, rest, ok := cutPart(b)
		if !ok {
			return io.ErrUnexpectedEOF
		}
		value, rest, ok := cutPart(rest)
		if !ok {
			return io.ErrUnexpectedEOF
		}
		b = rest
		if err := put(key, value); err != nil {
			return err
		}
	}
	return nil
}
