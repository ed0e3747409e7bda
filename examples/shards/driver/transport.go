package driver

import (
	"encoding/binary"
	"errors"
	"sync"

	"github.com/ffd200af/raft/multiraft"

	"github.com/ffd200af/raft/examples/shards/stream"
)

// Frames between stores begin with their kind.
const (
	kindBatch   = 'b'
	kindRemoved = 'r' // a replica was removed from its group
)

type frame struct {
	kind    byte
	content stream.Frame
}

// Append implements stream.Frame.
func (f frame) Append(buf []byte) ([]byte, error) { return f.content.Append(append(buf, f.kind)) }

// notice says that a replica was removed.
type notice struct{ group, replica uint64 }

// Append implements stream.Frame.
func (n notice) Append(buf []byte) ([]byte, error) {
	return binary.AppendUvarint(binary.AppendUvarint(buf, n.group), n.replica), nil
}

// pool has batches whose arrays are used again.
var pool = sync.Pool{New: func() any { return new(multiraft.Batch) }}

var errKind = errors.New("a frame of an unknown kind")

// receive gives the loop what a frame holds. It waits while the loop is busy, and so the other
// store does.
func (s *Store) receive(f []byte) error {
	switch f[0] {
	case kindBatch:
		b := pool.Get().(*multiraft.Batch)
		if err := b.Unmarshal(f[1:]); err != nil {
			return err
		}
		select {
		case s.batches <- b:
		case <-s.ended:
		case <-s.stop:
		}
		return nil
	case kindRemoved:
		f = f[1:]
		group, ok := number(&f)
		replica, also := number(&f)
		if !ok || !also {
			return errKind
		}
		s.inbox.put(func() { s.hearRemoved(group, replica) })
		return nil
	}
	return errKind
}
