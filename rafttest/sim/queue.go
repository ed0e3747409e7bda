package sim

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
	seq  uint32 // the order in which events were scheduled, among those of one moment
	life uint32 // the life of the node that it is for: a node that was started again is another one
	arg  int32
	node int16 // position of a node, or -1
	kind eventKind
	sub  uint8
}

func (e *event) before(o *event) bool { return e.at < o.at || e.at == o.at && e.seq < o.seq }

// queue is a binary heap of events, the earliest first. Events of one moment keep their order, so
// that a run does not depend on the shape of the heap.
type queue struct {
	heap []event
	seq  uint32
}

func (q *queue) push(e event) {
	q.seq++
	e.seq = q.seq
	q.heap = append(q.heap, e)
	h := q.heap
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !e.before(&h[parent]) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = e
}

// pop removes the earliest event; false if there is none.
func (q *queue) pop() (event, bool) {
	if len(q.heap) == 0 {
		return event{}, false
	}
	h := q.heap
	first := h[0]
	n := len(h) - 1
	moved := h[n]
	q.heap = h[:n]
	h = q.heap
	i := 0
	for {
		child := 2*i + 1
		if child >= n {
			break
		}
		if child+1 < n && h[child+1].before(&h[child]) {
			child++
		}
		if !h[child].before(&moved) {
			break
		}
		h[i] = h[child]
		i = child
	}
	if n > 0 {
		h[i] = moved
	}
	return first, true
}
