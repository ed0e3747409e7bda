// Package checkpoint writes down the whole state of a value that holds no maps, functions or
// channels, unexported fields included, and makes a value have that state again. The flight
// recorder (package recording) keeps states of a node with it, from which a recording is replayed
// when its beginning is gone.
//
// It works by reflection: what is added to a node later is in its state from the first day. What
// must not be written down, because it is the node's surroundings or memory to be used again, is
// named in the table rules.
package checkpoint

// rule says what is done with a field that is not written down as it stands.
type rule uint8

const (
	plain rule = iota
	// surroundings belong to the process, and are not touched.
	surroundings
	// spare is memory to be used again. It is not touched: what a new node has there, nothing, does
	// as well.
	spare
	// neverSet: a value that has it cannot be written down.
	neverSet
	// swapped with spare memory: an empty slice is as good as none.
	swapped
	// derived from the rest when it is missing. It is not touched.
	derived
	// withCapacity: a slice whose capacity decides when its elements move.
	withCapacity
)

// rules are the fields with a rule, as type and field.
var rules = map[string]rule{
	"raft.logger":        surroundings,
	"raft.record":        surroundings,
	"raft.trace":         surroundings,
	"Log.storage":        surroundings,
	"RawNode.verified":   surroundings, // what a test has seen last
	"raft.broken":        neverSet,     // a node that has stopped does nothing any more
	"entryChunk.entries": withCapacity, // when it is full, entries begin to be read from Storage
	"outbox.room":        surroundings, // how large arrays are
	"outbox.taken":       surroundings,
	"outbox.cut":         surroundings,
	"outbox.lent":        spare,
	"reads.lent":         spare,
	"reads.contexts":     spare,
	"responsePool.out":   spare, // goes back to be used again, with whatever it holds
	"responsePool.free":  spare,

	"responsePool.resting": spare,
	"tracking.appends":     derived,
	"tracking.looked":      derived,
	"outbox.filling":       swapped,
	"reads.answers":        swapped,
	"Queue.list":           swapped,
}
