package main

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ffd200af/raft/raftpb"
)

// Who takes part, and where, is agreed on like the data. The configuration change that adds a
// replica carries its description, and every replica keeps the descriptions in its state machine.
// So they reach whoever joins later, by entries or by snapshot, and no replica depends on what
// somebody has typed on its command line.

// member describes one replica.
type member struct {
	// Address is the base URL at which it serves clients, and other replicas if Peer is empty.
	Address string `json:"address"`
	// Peer is the base URL at which it serves other replicas only.
	Peer string `json:"peer,omitempty"`
	// Data names the folder of the replica, see store.identity.
	Data string `json:"data,omitempty"`
	// Removed members stay here for ever, so that their ids are not used again. What such a
	// replica has promised or forgotten must not count for another.
	Removed bool `json:"removed,omitempty"`
}

// members are all replicas that have ever taken part. A value is never changed, so other
// goroutines may look at it.
type members map[uint64]member

// Why a replica cannot be added.
var (
	errRemovedID  = errors.New("this id was removed from the cluster and is never used again: choose another")
	errTakenID    = errors.New("this id belongs to a replica with another address or data folder: choose another, or remove that one first")
	errTakenPlace = errors.New("this address belongs to another replica")
	errBadMember  = errors.New("a replica needs an id above 0 and an address like http://host:port")
	errUnknownID  = errors.New("no replica has this id")
)

// check says why a replica cannot be a member, or nil. One that is a member already may be added
// again as it is: that is how it becomes a voter.
func (ms members) check(id uint64, m member) error {
	old, known := ms[id]
	switch {
	case id == 0 || m.Address == "" || m.Address == m.Peer || m.Removed:
		return errBadMember
	case old.Removed:
		return errRemovedID
	case known && old != m:
		return errTakenID
	}
	for other, o := range ms {
		if other != id && !o.Removed && o.meets(m) {
			return errTakenPlace
		}
	}
	return nil
}

// admit decides whether a committed change is carried out. All replicas decide alike,
// because the log and the members at this place in it are all that counts.
func (ms members) admit(cc raftpb.ConfChangeV2) bool {
	for _, c := range cc.Changes {
		if c.Type != raftpb.ConfChangeAddNode && c.Type != raftpb.ConfChangeAddLearnerNode {
			continue
		}
		m, err := decodeMember(cc.Context)
		if err != nil || ms.check(c.NodeID, m) != nil {
			return false
		}
	}
	return true
}

// follow returns the members of the configuration that an admitted change has led to.
func (ms members) follow(cc raftpb.ConfChangeV2, conf raftpb.ConfState) members {
	next := maps.Clone(ms)
	if next == nil {
		next = members{}
	}
	for _, c := range cc.Changes {
		if m, err := decodeMember(cc.Context); err == nil && takesPart(conf, c.NodeID) {
			next[c.NodeID] = m
		}
	}
	for id, m := range next {
		if !takesPart(conf, id) {
			m.Removed = true
			next[id] = m
		}
	}
	return next
}

// takesPart reports whether a configuration has a voter or learner with this id.
func takesPart(conf raftpb.ConfState, id uint64) bool {
	return slices.Contains(conf.Voters, id) || slices.Contains(conf.Learners, id) ||
		slices.Contains(conf.VotersOutgoing, id) || slices.Contains(conf.LearnersNext, id)
}

// addresses are those at which the replicas that take part serve clients.
func (ms members) addresses() map[uint64]string {
	return ms.places(func(m member) string { return m.Address })
}

// peers are the addresses at which the replicas that take part serve each other.
func (ms members) peers() map[uint64]string { return ms.places(member.peer) }

func (ms members) places(place func(member) string) map[uint64]string {
	all := map[uint64]string{}
	for id, m := range ms {
		if !m.Removed {
			all[id] = place(m)
		}
	}
	return all
}

// peer is the base URL at which a replica serves other replicas.
func (m member) peer() string { return cmp.Or(m.Peer, m.Address) }

// meets reports whether two replicas have an address in common.
func (m member) meets(o member) bool {
	own := []string{m.Address, m.peer()}
	return slices.Contains(own, o.Address) || slices.Contains(own, o.peer())
}

// where is the place of a replica as -cluster has it.
func (m member) where() string {
	if m.Peer == "" {
		return m.Address
	}
	return m.Address + "+" + m.Peer
}

// removed lists the ids that are not used any more.
func (ms members) removed() []uint64 {
	ids := []uint64{}
	for _, id := range slices.Sorted(maps.Keys(ms)) {
		if ms[id].Removed {
			ids = append(ids, id)
		}
	}
	return ids
}

// encode is what a configuration change carries, and a row of the store.
func (m member) encode() ([]byte, error) { return json.Marshal(m) }

func decodeMember(b []byte) (member, error) {
	var m member
	if err := json.Unmarshal(b, &m); err != nil {
		return member{}, fmt.Errorf("kv: description of a replica: %w", err)
	}
	return m, nil
}

func memberKey(id uint64) []byte { return binary.BigEndian.AppendUint64([]byte{memberPrefix}, id) }

// write puts the rows into b that differ from those of old.
func (ms members) write(b *pebble.Batch, old members) error {
	for id, m := range ms {
		if was, known := old[id]; known && was == m {
			continue
		}
		row, err := m.encode()
		if err != nil {
			return err
		}
		if err := b.Set(memberKey(id), row, nil); err != nil {
			return err
		}
	}
	return nil
}

// addRow takes in a row of the store or of a snapshot.
func (ms members) addRow(key, row []byte) error {
	if len(key) != 9 || key[0] != memberPrefix {
		return io.ErrUnexpectedEOF
	}
	m, err := decodeMember(row)
	if err != nil {
		return err
	}
	ms[binary.BigEndian.Uint64(key[1:])] = m
	return nil
}

func readMembers(r pebble.Reader) (members, error) {
	ms := members{}
	err := eachRow(r, memberPrefix, ms.addRow)
	return ms, err
}
