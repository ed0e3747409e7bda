package driver

import "encoding/binary"

// read is a linearizable read. It waits until the leader has confirmed an index, and until that is
// applied.
type read struct {
	key   string
	value []byte
	index uint64
	done  chan<- error
}

// ask asks the leader of a group for an index.
func (s *Store) ask(group, number uint64, r *read) {
	if s.replicas[group] == nil {
		r.done <- ErrNotHere
		return
	}
	if err := s.raft.ReadIndex(group, binary.BigEndian.AppendUint64(nil, number)); err != nil {
		r.done <- err
		return
	}
	s.reads[number] = r
}

// confirm gives a read its index.
func (s *Store) confirm(group, number, index uint64) {
	r, replica := s.reads[number], s.replicas[group]
	delete(s.reads, number)
	if r == nil || replica == nil {
		return // its client has gone
	}
	r.index = index
	replica.reads = append(replica.reads, r)
	s.serve(replica)
}

// refuse answers a read that the leader could not take.
func (s *Store) refuse(number uint64) {
	if r := s.reads[number]; r != nil {
		delete(s.reads, number)
		r.done <- ErrNoLeader
	}
}

// serve answers the reads whose index is applied.
func (s *Store) serve(r *replica) {
	left := r.reads[:0]
	for _, read := range r.reads {
		if read.index > r.applied {
			left = append(left, read)
			continue
		}
		read.value = r.values[read.key]
		read.done <- nil
	}
	clear(r.reads[len(left):])
	r.reads = left
}
