package recording

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ffd200af/raft/internal/input"
)

// Kind says what a record is. In brackets are its numbers, and its blobs after a semicolon.
type Kind byte

// The inputs of a node, named as the methods of raft.RawNode; those that are messages are a Step. A
// record is written before the input has any effect.
const (
	// Start: [options], the Config with its zero values filled in, see the section on options. The
	// seed is the one that is used, never 0.
	Start             Kind = 1
	Tick              Kind = 2
	TickQuiesced      Kind = 3
	SkipTicks         Kind = 4 // [ticks]: time that passed unseen, through a Node whose goroutine was busy
	Step              Kind = 5 // [; message]
	Propose           Kind = 6 // [; data]
	ApplyConfChange   Kind = 7 // [; change, as ConfChangeV2]
	Campaign          Kind = 8
	AddServer         Kind = 9  // [id; context]
	AwaitCatchUp      Kind = 10 // [id]
	StepDown          Kind = 11
	ReadIndex         Kind = 12 // [; context]
	Ready             Kind = 13
	Advance           Kind = 14
	ReportUnreachable Kind = 15 // [id]
	ReportSnapshot    Kind = 16 // [id, status]
	Bootstrap         Kind = 17 // [ids of the peers; their contexts]
	SetTimeout        Kind = 18 // [ticks]
	StorageAvailable  Kind = 19
	TickN             Kind = 20 // [ticks]
	TickAsleep        Kind = 21 // [ticks; on a leader, what was answered for each other member: arrived, sent]
)

// What the node was answered and what it did, in the middle of an input. Errors are a number, see
// ErrorCode, and a blob with the text of those without a meaning.
const (
	InitialState Kind = 32 // [error; text, hard state, conf state]
	FirstIndex   Kind = 33 // [error, index; text]
	LastIndex    Kind = 34 // [error, index; text]
	Term         Kind = 35 // [error, index, term; text]
	Entries      Kind = 36 // [error, low, high, max size; text, entries]
	Snapshot     Kind = 37 // [error; text, snapshot]
	// Batch: [fingerprint] of the Ready that was handed out.
	Batch Kind = 48
	// Lost: [records], the records before this place that a Ring did not keep; 0 for what was cut,
	// or damaged.
	Lost Kind = 49
	// Checkpoint: [shape, FNV-64a of the state; state] of the node, for a Checkpointer. The state
	// is in an encoding that only a library understands whose node is built alike, which is what
	// the shape says.
	Checkpoint Kind = 50
)

func (k Kind) String() string {
	names := [...]string{
		Start: "Start", Tick: "Tick", TickQuiesced: "TickQuiesced", SkipTicks: "SkipTicks", Step: "Step", Propose: "Propose",
		ApplyConfChange: "ApplyConfChange", Campaign: "Campaign", AddServer: "AddServer",
		AwaitCatchUp: "AwaitCatchUp", StepDown: "StepDown",
		ReadIndex: "ReadIndex", Ready: "Ready", Advance: "Advance", ReportUnreachable: "ReportUnreachable",
		ReportSnapshot: "ReportSnapshot", Bootstrap: "Bootstrap", SetTimeout: "SetTimeout", StorageAvailable: "StorageAvailable",
		TickN: "TickN", TickAsleep: "TickAsleep",
		InitialState: "Storage.InitialState", FirstIndex: "Storage.FirstIndex", LastIndex: "Storage.LastIndex", Term: "Storage.Term",
		Entries: "Storage.Entries", Snapshot: "Storage.Snapshot", Batch: "Batch", Lost: "Lost", Checkpoint: "Checkpoint",
	}
	if int(k) < len(names) && names[k] != "" {
		return names[k]
	}
	return fmt.Sprintf("Kind(%d)", byte(k))
}

// ErrorCode is how a Storage's error is recorded: by the sentinel of package raft that it matches.
type ErrorCode uint64

const (
	ErrorNone ErrorCode = iota
	ErrorCompacted
	ErrorUnavailable
	ErrorSnapshotTemporarilyUnavailable
	// ErrorOther is any other error; its text follows.
	ErrorOther
)

// IsInput reports whether a record of this kind is something that was done to the node.
func (k Kind) IsInput() bool { return k < InitialState }

// Record is an element of a recording. Numbers and Blobs mean what the Kind says.
type Record struct {
	Kind    Kind
	Numbers []uint64
	Blobs   [][]byte
}

// Number returns a number, 0 if there are not so many.
func (r *Record) Number(i int) uint64 {
	if i >= len(r.Numbers) {
		return 0
	}
	return r.Numbers[i]
}

// Blob returns a blob, nil if there are not so many.
func (r *Record) Blob(i int) []byte {
	if i >= len(r.Blobs) {
		return nil
	}
	return r.Blobs[i]
}

// ErrFormat is matched by the errors about bytes that are no recording, or of an unknown version.
// ErrDamaged matches it too: it is about a recording that is damaged from some place on.
var (
	ErrFormat  = errors.New("recording: bad format")
	ErrDamaged = fmt.Errorf("%w: damaged", ErrFormat)
)

// append adds the encoded record, without its length and checksum, to buf. Counts of nothing are
// left out at the end.
func (r *Record) append(buf []byte) []byte {
	buf = append(buf, byte(r.Kind))
	if len(r.Numbers)+len(r.Blobs) == 0 {
		return buf
	}
	buf = binary.AppendUvarint(buf, uint64(len(r.Numbers)))
	for _, n := range r.Numbers {
		buf = binary.AppendUvarint(buf, n)
	}
	if len(r.Blobs) == 0 {
		return buf
	}
	buf = binary.AppendUvarint(buf, uint64(len(r.Blobs)))
	for _, b := range r.Blobs {
		if b == nil {
			buf = append(buf, 0)
			continue
		}
		buf = binary.AppendUvarint(buf, uint64(len(b))+1)
		buf = append(buf, b...)
	}
	return buf
}

// decode reads a record from all of data, which its blobs then share.
func decode(data []byte) (Record, error) {
	if len(data) == 0 {
		return Record{}, fmt.Errorf("%w: an empty record", ErrDamaged)
	}
	d := input.Reader{Data: data[1:]}
	r := Record{Kind: Kind(data[0])}
	for n := countOf(&d); n > 0; n-- {
		r.Numbers = append(r.Numbers, d.Uvarint())
	}
	for n := countOf(&d); n > 0; n-- {
		r.Blobs = append(r.Blobs, blobOf(&d))
	}
	if !d.Done() {
		return Record{}, fmt.Errorf("%w: a %s of %d bytes does not add up", ErrDamaged, r.Kind, len(data))
	}
	return r, nil
}

// countOf reads a number of things that take a byte at least; none where the record ends before it.
func countOf(d *input.Reader) int {
	if len(d.Data) == 0 {
		return 0
	}
	return d.Count(1)
}

// blobOf reads bytes after their number and one more; 0 stands for nil.
func blobOf(d *input.Reader) []byte {
	n := d.Uvarint()
	if n == 0 {
		return nil
	}
	return d.Bytes(n - 1)
}
