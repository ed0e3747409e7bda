package driver

import (
	"encoding/binary"
	"errors"

	pb "github.com/ffd200af/raft/raftpb"

	"github.com/ffd200af/raft/examples/shards/grouplog"
)

// replica is a group's replica on this store, with its state machine: a map.
type replica struct {
	*grouplog.Group
	values        map[string][]byte
	applied, term uint64 // the entry that was applied last
	conf          pb.ConfState

	reads    []*read // that wait for an index to be applied
	leavesAt uint64  // the tick at which it is removed; 0 if it is a member
}

// Operations.
const (
	opPut = iota + 1
	opDelete
)

// commandHead is the number of bytes before the key: origin, number, operation, length of the key.
const commandHead = 8 + 8 + 1 + 4

// encodeCommand returns what is proposed. origin and number say who waits for it.
func encodeCommand(origin, number uint64, op byte, key string, value []byte) []byte {
	b := make([]byte, 0, commandHead+len(key)+len(value))
	b = binary.LittleEndian.AppendUint64(b, origin)
	b = binary.LittleEndian.AppendUint64(b, number)
	b = append(b, op)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(key)))
	return append(append(b, key...), value...)
}

// execute carries out a command. It returns the command's number if it is of this origin.
func (r *replica) execute(b []byte, origin uint64) (number uint64, ok bool) {
	if len(b) < commandHead { // of a new leader
		return 0, false
	}
	n := min(int(binary.LittleEndian.Uint32(b[17:])), len(b)-commandHead)
	key, value := b[commandHead:commandHead+n], b[commandHead+n:]
	if b[16] == opPut {
		r.values[string(key)] = value
	} else {
		delete(r.values, string(key))
	}
	return binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b) == origin
}

// emptyMachine is the image of a map without keys.
var emptyMachine = []byte{0}

// image returns a snapshot of the state machine.
func (r *replica) image() pb.Snapshot {
	size := binary.MaxVarintLen64
	for key, value := range r.values {
		size += 2*binary.MaxVarintLen32 + len(key) + len(value)
	}
	b := binary.AppendUvarint(make([]byte, 0, size), uint64(len(r.values)))
	for key, value := range r.values {
		b = append(binary.AppendUvarint(b, uint64(len(key))), key...)
		b = append(binary.AppendUvarint(b, uint64(len(value))), value...)
	}
	return pb.Snapshot{Data: b, Metadata: pb.SnapshotMetadata{Index: r.applied, Term: r.term, ConfState: r.conf}}
}

var errImage = errors.New("a snapshot that cannot be read")

// restore makes a snapshot the state. It keeps the snapshot.
func (r *replica) restore(s pb.Snapshot) error {
	r.values = map[string][]byte{}
	r.applied, r.term, r.conf = s.Metadata.Index, s.Metadata.Term, s.Metadata.ConfState
	if r.applied == 0 {
		return nil // a replica that has nothing yet
	}
	b := s.Data
	count, ok := number(&b)
	for ; ok && count > 0; count-- {
		var key, value []byte
		if key, ok = text(&b); ok {
			value, ok = text(&b)
			r.values[string(key)] = value
		}
	}
	if !ok || len(b) > 0 {
		return errImage
	}
	return nil
}

// number takes a number from the front of b.
func number(b *[]byte) (uint64, bool) {
	n, k := binary.Uvarint(*b)
	if k <= 0 {
		return 0, false
	}
	*b = (*b)[k:]
	return n, true
}

// text takes a text behind its length from the front of b.
func text(b *[]byte) ([]byte, bool) {
	n, ok := number(b)
	if !ok || n > uint64(len(*b)) {
		return nil, false
	}
	t := (*b)[:n:n]
	*b = (*b)[n:]
	return t, true
}
