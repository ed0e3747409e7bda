package sim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/session"
)

// StateMachine is what the cluster replicates. Its methods are called from one goroutine. It must
// be deterministic: the simulator compares results and snapshots between the replicas.
type StateMachine interface {
	// Apply carries out a command and returns its result. Commands come once each and in the same
	// order everywhere.
	Apply(command []byte) []byte
	// Read answers a query without changing anything.
	Read(query []byte) []byte
	// Snapshot returns the whole state, the same bytes for the same state. They are not changed
	// afterwards.
	Snapshot() []byte
	// Restore replaces the state by what Snapshot has returned, or by the initial state if data is
	// empty.
	Restore(data []byte) error
}

// replica is a node's state machine with the sessions of its clients around it (package session),
// which make every command be executed once although clients repeat themselves.
type replica struct {
	table   session.Table
	machine StateMachine
	applied uint64
	term    uint64 // of the entry at applied
}

// tag says which try of which client an entry is. It stands between the session's header and the
// command.
type tag struct{ client, op uint32 }

const tagBytes = 8

func (t tag) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, t.client)
	return binary.BigEndian.AppendUint32(b, t.op)
}

// answer is what a replica says to the client of an entry.
type answer struct {
	tag    tag
	result []byte
	err    error
	index  uint64
}

// sessionLimits allow for every client that a run may have; sessions that were given up make room.
func sessionLimits() session.Limits {
	return session.Limits{Sessions: 64, Window: 4, ReplyBytes: 1 << 12, TotalBytes: 1 << 20}
}

// firstState is the state that all first members start from: the session limits are agreed.
func firstState(newMachine func() StateMachine, index uint64) ([]byte, error) {
	rep := replica{machine: newMachine()}
	if err := rep.begin(index); err != nil {
		return nil, err
	}
	return rep.snapshot()
}

// begin makes the state the initial one. The limits are agreed at an index at which no command
// stands.
func (r *replica) begin(index uint64) error {
	r.table = session.Table{}
	h := session.Header{Kind: session.Configure, Limits: sessionLimits()}
	if _, err := r.table.Apply(index, h, nil); err != nil {
		return err
	}
	return r.machine.Restore(nil)
}

// apply carries out the data of an entry. Entries that are no command of a client have no answer.
func (r *replica) apply(e *pb.Entry) answer {
	r.applied, r.term = e.Index, e.Term
	if e.Type != pb.EntryNormal || len(e.Data) == 0 {
		return answer{}
	}
	h, rest, err := session.ParseHeader(e.Data)
	if err != nil || len(rest) < tagBytes {
		return answer{}
	}
	a := answer{index: e.Index}
	a.tag.client, a.tag.op = binary.BigEndian.Uint32(rest), binary.BigEndian.Uint32(rest[4:])
	a.result, a.err = r.table.Apply(e.Index, h, func() []byte { return r.machine.Apply(rest[tagBytes:]) })
	return a
}

func (r *replica) snapshot() ([]byte, error) {
	sessions, err := r.table.MarshalBinary()
	if err != nil {
		return nil, err
	}
	data := binary.BigEndian.AppendUint32(nil, uint32(len(sessions)))
	data = append(data, sessions...)
	return append(data, r.machine.Snapshot()...), nil
}

// restore replaces the state by that of a snapshot; one at index 0 is the initial state.
func (r *replica) restore(s *pb.Snapshot) error {
	r.applied, r.term = s.Metadata.Index, s.Metadata.Term
	if r.applied == 0 {
		return r.begin(1)
	}
	if len(s.Data) < 4 {
		return fmt.Errorf("sim: the snapshot at %d has %d bytes", r.applied, len(s.Data))
	}
	n := int(binary.BigEndian.Uint32(s.Data))
	if n > len(s.Data)-4 {
		return fmt.Errorf("sim: the snapshot at %d is cut off", r.applied)
	}
	r.table = session.Table{}
	if err := r.table.UnmarshalBinary(s.Data[4 : 4+n]); err != nil {
		return err
	}
	return r.machine.Restore(s.Data[4+n:])
}

// KV is the StateMachine that runs use by default: strings by key. A command is "put", "append" or
// "get", a key, and for the first two a value, separated by blanks; the result of each is the value
// as it is then. A query is a "get". Appended values show what was executed twice, or in another
// order.
type KV struct{ values map[string]string }

// NewKV returns an empty KV.
func NewKV() *KV { return &KV{values: map[string]string{}} }

// Apply implements StateMachine.
func (kv *KV) Apply(command []byte) []byte {
	verb, rest, _ := bytes.Cut(command, []byte{' '})
	key, value, _ := bytes.Cut(rest, []byte{' '})
	switch string(verb) {
	case "put":
		kv.values[string(key)] = string(value)
	case "append":
		kv.values[string(key)] += string(value)
	}
	return []byte(kv.values[string(key)])
}

// Read implements StateMachine.
func (kv *KV) Read(query []byte) []byte {
	_, key, _ := bytes.Cut(query, []byte{' '})
	return []byte(kv.values[string(key)])
}

// Snapshot implements StateMachine: a line "key value" each, in the order of the keys.
func (kv *KV) Snapshot() []byte {
	var out []byte
	for _, key := range slices.Sorted(maps.Keys(kv.values)) {
		out = fmt.Appendf(out, "%s %s\n", key, kv.values[key])
	}
	return out
}

// Restore implements StateMachine.
func (kv *KV) Restore(data []byte) error {
	kv.values = map[string]string{}
	for line := range bytes.Lines(data) {
		key, value, found := bytes.Cut(bytes.TrimSuffix(line, []byte{'\n'}), []byte{' '})
		if !found {
			return fmt.Errorf("sim: %q is not a line of a snapshot of KV", line)
		}
		kv.values[string(key)] = string(value)
	}
	return nil
}
