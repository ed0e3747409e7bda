package sim

import (
	"slices"
	"sort"
)

// eventKind is what is due at a moment of virtual time.
type eventKind uint8

const (
	evTick    eventKind = iota // a node's clock ticks
	evDeliver                  // a message arrives
	evReady                    // a node gets round to its Ready
	evUnblock                  // a node's write is done, or its pause is over
	evAppend                   // a node's append thread is done with a write
	evApply                    // a node's apply thread is done with a batch
	evClient                   // a client does something
	evReport                   // a node learns what became of a message
	evFault                    // something goes wrong
	evMend                     // something is over
	evAdmin                    // an operator does something
	evRestart                  // a node comes back
	evStage                    // an application is done with the next stage of a Ready
	evAcks                     // a node is told what its threads have done
	eventKinds
)

func (k eventKind) String() string {
	names := [eventKinds]string{"tick", "deliver", "ready", "unblock", "append", "apply", "client", "report", "fault", "mend", "admin", "restart", "stage", "acks"}
	if k < eventKinds {
		return names[k]
	}
	return "event?"
}

// event is an entry of the queue.
type event struct {
	at   uint64 // virtual time, in microseconds
	op   uint32 // the operation that a client asks for
	life uint32 // the life of the node that it is for: a node that was started again is another one
	arg  int32
	node int16 // position of a node, or -1
	kind eventKind
	sub  uint8
}

// queue has the events that are due, the latest first. Events of one moment keep their order.
type queue struct{ list []event }

func (q *queue) push(e event) {
	at := sort.Search(len(q.list), func(i int) bool { return q.list[i].at <= e.at })
	q.list = slices.Insert(q.list, at, e)
}

// pop removes the earliest event; false if there is none.
func (q *queue) pop() (event, bool) {
	if len(q.list) == 0 {
		return event{}, false
	}
	last := len(q.list) - 1
	e := q.list[last]
	q.list = q.list[:last]
	return e, true
}

// due reports whether there is an event that comes no later than a moment.
func (q *queue) due(moment uint64) bool {
	return len(q.list) > 0 && q.list[len(q.list)-1].at <= moment
}
