package explore

import (
	"encoding/binary"
	"fmt"
	"reflect"

	"github.com/ffd200af/raft"
)

// fingerprinter writes down the state of a RawNode: every field that is reachable from it, found by
// reflection, except for those named in passedOver. What is added to the library later is thus in the
// fingerprint from the first day; a field that does not matter makes two states of one, which
// costs time and nothing else.
type fingerprinter struct {
	plans map[reflect.Type][]field
	// nonces: reads are part of the world, and so are the numbers that tell them apart.
	nonces bool
	clock  uint64
	lent   bool // a batch is with the application
}

type field struct {
	index int
	how   handling
}

// handling is what is done with a field.
type handling uint8

const (
	plain handling = iota
	// sinceClock: a time, of which only the distance from the node's clock counts.
	sinceClock
	// withCapacity: a slice whose capacity decides when its elements move.
	withCapacity
	// onlyForReads: matters only where there are reads.
	onlyForReads
	// onlyWhileLent: matters only while a batch is with the application, until Advance.
	onlyWhileLent
	skipped
)

// passedOver says what is not written down as it stands, by type and field, and why that is sound. The
// worlds have no ticks but for heartbeats of leaders, fewer than an election timeout, and neither leases nor
// check-quorum.
func passedOver() map[string]handling {
	return map[string]handling{
		// Fixed for all nodes of a world, or written elsewhere.
		"raft.limits": skipped, "raft.logger": skipped, "raft.seed": skipped, "Log.storage": skipped,
		// Nobody campaigns because of a tick.
		"raft.timeouts": skipped, "raft.electionTimeout": skipped, "raft.electionElapsed": skipped,
		// Nobody looks at the quorum or at a stalled disk.
		"leadership.stalledTicks": skipped, "leadership.stalledAt": skipped,
		// Leases alone ask when a leader was heard.
		"raft.clock": skipped, "raft.heardLeaderAt": skipped,
		"raft.campaignUntil": sinceClock, "reads.askedAt": sinceClock, "Progress.snapshotAt": sinceClock,
		"raft.readNonce": onlyForReads, "reads.nonce": onlyForReads,
		// What Advance acknowledges and takes back.
		"outbox.lent": onlyWhileLent, "reads.lent": onlyWhileLent, "RawNode.wrote": onlyWhileLent,
		"RawNode.wroteSnapshot": onlyWhileLent, "RawNode.wroteVote": onlyWhileLent,
		// Memory that is used again.
		"outbox.room": skipped, "outbox.large": skipped,
		"reads.contexts": skipped, "asyncWrites.appendResponses": skipped, "asyncWrites.applyResponses": skipped,
		// Derived from the Progress and the answer of each member.
		"tracking.appends": skipped, "tracking.matched": skipped, "tracking.echoed": skipped, "Members.votes": skipped,
		"tracking.looked": skipped,
		// What the last Verify saw is this state.
		"RawNode.verified": skipped,
		// When a chunk is full, entries begin to be read from Storage.
		"entryChunk.entries": withCapacity,
	}
}

func newFingerprinter(nonces bool) *fingerprinter {
	return &fingerprinter{plans: map[reflect.Type][]field{}, nonces: nonces}
}

// node appends the state of rn to buf.
func (f *fingerprinter) node(buf []byte, rn *raft.RawNode) []byte {
	v := reflect.ValueOf(rn).Elem()
	f.clock = v.FieldByName("raft").FieldByName("clock").Uint()
	f.lent = v.FieldByName("lent").Bool()
	return f.value(buf, v)
}

func (f *fingerprinter) value(buf []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return append(buf, 1)
		}
		return append(buf, 0)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return binary.AppendUvarint(buf, v.Uint())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return binary.AppendVarint(buf, v.Int())
	case reflect.String:
		return append(binary.AppendUvarint(buf, uint64(v.Len())), v.String()...)
	case reflect.Pointer:
		if v.IsNil() {
			return append(buf, 0)
		}
		return f.value(append(buf, 1), v.Elem())
	case reflect.Interface: // an error; the state is a violation if there is one
		if v.IsNil() {
			return append(buf, 0)
		}
		return append(buf, 1)
	case reflect.Slice, reflect.Array:
		buf = binary.AppendUvarint(buf, uint64(v.Len()))
		for i := range v.Len() {
			buf = f.value(buf, v.Index(i))
		}
		return buf
	case reflect.Struct:
		return f.fields(buf, v)
	}
	panic(fmt.Sprintf("explore: the state of a node holds a %s", v.Type())) // a map has no order, for instance
}

func (f *fingerprinter) fields(buf []byte, v reflect.Value) []byte {
	t := v.Type()
	if t.Name() == "Inflights" {
		return f.window(buf, v)
	}
	plan, known := f.plans[t]
	if !known {
		rules := passedOver()
		for i := range t.NumField() {
			if how := rules[t.Name()+"."+t.Field(i).Name]; how != skipped {
				plan = append(plan, field{i, how})
			}
		}
		f.plans[t] = plan
	}
	for _, fd := range plan {
		w := v.Field(fd.index)
		switch fd.how {
		case plain:
			buf = f.value(buf, w)
		case sinceClock:
			if w.Uint() == 0 {
				buf = append(buf, 0)
			} else {
				buf = binary.AppendVarint(append(buf, 1), int64(w.Uint()-f.clock))
			}
		case withCapacity:
			buf = f.value(binary.AppendUvarint(buf, uint64(w.Cap())), w)
		case onlyForReads:
			if f.nonces {
				buf = f.value(buf, w)
			}
		case onlyWhileLent:
			if f.lent {
				buf = f.value(buf, w)
			}
		}
	}
	return buf
}

// window writes the appends in flight in their order: where in its ring a window begins is of no
// consequence.
func (f *fingerprinter) window(buf []byte, v reflect.Value) []byte {
	ring, start, count := v.FieldByName("ring"), int(v.FieldByName("start").Int()), int(v.FieldByName("count").Int())
	buf = binary.AppendUvarint(buf, uint64(count))
	for i := range count {
		buf = f.value(buf, ring.Index((start+i)%ring.Len()))
	}
	return buf
}
