package replay

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/checkpoint"
	"github.com/ffd200af/raft/recording"
)

// Where the start of a life is lost, its first checkpoint stands for everything that came before.
// Others are compared with the node that has come there: what they hold is replayed to the byte,
// like everything else.

var (
	// ErrOtherLibrary says that a life begins with a checkpoint, and that the node of this library
	// has another shape.
	ErrOtherLibrary = errors.New("replay: the start is lost, and the checkpoint is one of another version of the library")
	// ErrCheckpoint says that a checkpoint is damaged. One that somebody has made up, with a right
	// sum, may bring the node into a state in which no node is; what happens then is not promised.
	ErrCheckpoint = errors.New("replay: the checkpoint is no state of a node")
)

// source is a Storage that changes: a node that is to be restored starts from nothing.
type source struct{ raft.Storage }

// restore makes the node that a checkpoint describes.
func (p *player) restore(rec *recording.Record) (err error) {
	storage := &source{raft.NewMemoryStorage()}
	c := raft.DefaultConfig(1, storage)
	c.Recording, c.Logger = p, raft.DiscardLogger
	p.quiet = true
	node, err := raft.NewRawNode(c)
	p.quiet = false
	if err != nil {
		return err
	}
	if shape, err := checkpoint.Shape(node); err != nil || shape != rec.Number(0) {
		return ErrOtherLibrary
	}
	if rec.Number(1) != checkpoint.Sum(rec.Blob(0)) {
		return fmt.Errorf("%w: it is damaged", ErrCheckpoint)
	}
	if err := checkpoint.Restore(rec.Blob(0), node); err != nil {
		return fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	storage.Storage = p
	p.restored = true
	defer p.caught(&err)
	if err := node.Verify(); err != nil {
		return fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	p.node = node
	return nil
}

// caught makes an error of a panic of a node that came from a checkpoint: one that somebody has
// made up may be in a state in which no node is, and this library promises nothing for it.
func (p *player) caught(err *error) {
	if !p.restored {
		return
	}
	if v := recover(); v != nil {
		*err = fmt.Errorf("%w: %v", ErrCheckpoint, v)
	}
}

// compare looks whether the node is as a checkpoint in the middle of a life says, and passes it.
func (p *player) compare() error {
	rec := &p.records[p.at]
	p.at++
	if p.node == nil {
		return nil
	}
	if shape, err := checkpoint.Shape(p.node); err != nil || shape != rec.Number(0) {
		return nil // another version of the library made it: what the node does is compared all the same
	}
	state, whole := checkpoint.Append(nil, p.node, math.MaxInt/2)
	if !whole || !bytes.Equal(state, rec.Blob(0)) {
		got := recording.Record{Kind: recording.Checkpoint, Numbers: rec.Numbers, Blobs: [][]byte{state}}
		return &Divergence{Number: p.at - 1, Want: *rec, Got: &got}
	}
	return nil
}
