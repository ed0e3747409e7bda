package explore

import (
	"encoding/binary"
	"reflect"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/checkpoint"
)

// fingerprinter writes down the state of a RawNode: every field that is reachable from it, found by
// reflection, except for those that rules leave out. What is added to the library later is thus in
// the fingerprint from the first day; a field that does not matter makes two states of one, which
// costs time and nothing else.
type fingerprinter struct {
	writer *checkpoint.Writer
	// nonces: reads are part of the world, and so are the numbers that tell them apart.
	nonces bool
	clock  uint64
	lent   bool // a batch is with the application
}

func newFingerprinter(nonces bool) *fingerprinter {
	f := &fingerprinter{nonces: nonces}
	f.writer = checkpoint.NewWriter(f.rules())
	return f
}

// node appends the state of rn to buf.
func (f *fingerprinter) node(buf []byte, rn *raft.RawNode) []byte {
	v := reflect.ValueOf(rn).Elem()
	f.clock = v.FieldByName("raft").FieldByName("clock").Uint()
	f.lent = v.FieldByName("lent").Bool()
	f.writer.Buf = buf
	if f.writer.Value(v); f.writer.Failed {
		panic("explore: the state of a node cannot be written down") // a test names the field
	}
	return f.writer.Buf
}

// rules say what is not written down as it stands, by type and field, and why that is sound. The
// worlds have no ticks but for heartbeats of leaders, fewer than an election timeout, and neither
// leases nor check-quorum.
func (f *fingerprinter) rules() checkpoint.Rules {
	onlyIf := func(matters *bool) checkpoint.Rule {
		return func(w *checkpoint.Writer, v reflect.Value) {
			if *matters {
				w.Value(v)
			}
		}
	}
	onlyForReads, onlyWhileLent := onlyIf(&f.nonces), onlyIf(&f.lent)
	return checkpoint.Rules{
		// Fixed for all nodes of a world, written elsewhere, or not used.
		"raft.limits": nil, "raft.inflightMessages": nil, "raft.logger": nil, "raft.seed": nil, "Log.storage": nil, "raft.record": nil, "raft.trace": nil,
		// The state is a violation if there is an error.
		"raft.broken": func(w *checkpoint.Writer, v reflect.Value) { w.Bool(!v.IsNil()) },
		// Nobody campaigns because of a tick.
		"raft.draws": nil, "raft.electionTimeout": nil, "raft.electionElapsed": nil,
		// Nobody looks at the quorum or at a stalled disk.
		"leadership.stalledTicks": nil, "leadership.stalledAt": nil,
		// Leases alone ask when a leader was heard.
		"raft.clock": nil, "raft.heardLeaderAt": nil,
		"reads.askedAt": f.sinceClock, "Progress.snapshotAt": f.sinceClock,
		"reads.nonce": onlyForReads,
		// What Advance acknowledges and takes back.
		"outbox.lent": onlyWhileLent, "reads.lent": onlyWhileLent, "RawNode.wrote": onlyWhileLent,
		"RawNode.wroteSnapshot": onlyWhileLent, "RawNode.wroteVote": onlyWhileLent,
		// Memory that is used again.
		"outbox.room": nil, "outbox.taken": nil, "outbox.cut": nil,
		"reads.contexts": nil, "asyncWrites.appendResponses": nil, "asyncWrites.applyResponses": nil,
		// Derived from the Progress of each member.
		"tracking.appends": nil, "tracking.matched": nil, "tracking.echoed": nil, "tracking.majority": nil, "tracking.looked": nil,
		// What the last Verify saw is this state.
		"RawNode.verified": nil,
		// When a chunk is full, entries begin to be read from Storage.
		"entryChunk.entries": checkpoint.WithCapacity,
		// Where in its ring a window begins does not matter, nor whether an empty one has memory.
		"Progress.Inflights": window,
	}
}

// sinceClock writes a time, of which only the distance from the node's clock counts.
func (f *fingerprinter) sinceClock(w *checkpoint.Writer, v reflect.Value) {
	if w.Bool(v.Uint() != 0); v.Uint() != 0 {
		w.Buf = binary.AppendVarint(w.Buf, int64(v.Uint()-f.clock))
	}
}

// window writes the appends in flight in their order.
func window(w *checkpoint.Writer, v reflect.Value) {
	if v.IsNil() {
		w.Buf = binary.AppendUvarint(w.Buf, 0)
		return
	}
	v = v.Elem()
	ring, start, count := v.FieldByName("ring"), int(v.FieldByName("start").Int()), int(v.FieldByName("count").Int())
	w.Buf = binary.AppendUvarint(w.Buf, uint64(count))
	for i := range count {
		w.Value(ring.Index((start + i) % ring.Len()))
	}
}
