package raft

import (
	"slices"

	"github.com/ffd200af/raft/internal/fifo"
	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// outbox collects messages in place. The application gets the array, or a part of it.
//
// Without Config.ReuseMemory, the application keeps for ever what it gets. Small batches come from
// one block, each part of which is handed out once:
//
//	block:  | handed out | handed out | filling | free |
//
// An idle node has no block. With ReuseMemory, the application returns the array. A message that is
// sent before that needs a second array.
type outbox struct {
	filling []pb.Message // slots beyond its length are zero
	// lent is the array that the application has. After returned it is spare. It is nil until the
	// first take with reuse.
	lent  *[]pb.Message
	room  uint32 // the size of the last batch without reuse
	taken uint8  // how many messages were taken since the last rest, up to blockMessages
	beats uint8  // rounds of heartbeats in filling
	asks  bool   // filling holds a question that serves all reads that wait
	cut   bool   // a part of the block that filling is in was handed out
}

// blockMessages is the number of messages in a block, of 4 KiB. A program that keeps one message
// keeps a block in memory, at most.
const blockMessages = 25

func (o *outbox) empty() bool { return len(o.filling) == 0 }

// next returns a zero message at the end of the box, to be filled in. The pointer
// is valid until the next call.
func (o *outbox) next() *pb.Message {
	n := len(o.filling)
	if n == cap(o.filling) {
		o.grow()
	}
	o.filling = o.filling[:n+1]
	return &o.filling[n]
}

// grow moves the messages to an array with more room: for a batch like the last one, and on a busy
// node for more of them.
func (o *outbox) grow() {
	size := max(int(o.room), int(o.taken), 2*len(o.filling), 1)
	array := make([]pb.Message, len(o.filling), size)
	if len(o.filling) > 0 {
		copy(array, o.filling)
		clear(o.filling)
	}
	o.filling, o.cut = array, false
}

// drain moves the messages to the end of array.
func (o *outbox) drain(array []pb.Message) []pb.Message {
	array = append(array, o.filling...)
	clear(o.filling)
	o.filling, o.beats, o.asks = o.filling[:0], 0, false
	return array
}

// take hands the messages out. With reuse, the application has to give their array back before the
// next call. Without reuse, they belong to the application. The slice has no spare capacity, so the
// application cannot write to slots that are used later: they stay zero.
func (o *outbox) take(reuse bool) []pb.Message {
	messages := slices.Clip(o.filling)
	if reuse {
		if o.lent == nil {
			o.lent = new([]pb.Message)
		}
		o.filling, *o.lent = (*o.lent)[:0], o.filling
	} else {
		messages = o.cutOff(messages)
	}
	o.beats, o.asks = 0, false
	return messages
}

// cutOff hands out the messages, which are all of filling, for ever. A program that keeps them
// keeps little else: they share neither a large array nor a block with messages that hold much.
func (o *outbox) cutOff(messages []pb.Message) []pb.Message {
	n := len(messages)
	o.room, o.taken = uint32(n), uint8(min(int(o.taken)+n, blockMessages))
	if n == cap(o.filling) && !o.cut {
		o.filling = nil // it has no other part
		return messages
	}
	alone := cap(o.filling) > blockMessages || holdMuch(messages)
	switch {
	case alone && (o.cut || n <= cap(o.filling)/2):
		messages = append(make([]pb.Message, 0, n), messages...)
		clear(o.filling)
		o.filling = o.filling[:0]
	case alone || n == cap(o.filling):
		o.filling = nil
	default:
		o.filling, o.cut = o.filling[n:n], true
	}
	return messages
}

// holdMuch reports whether a message holds more memory than a block of small ones should.
func holdMuch(messages []pb.Message) bool {
	const entries, bytes = 4, 1 << 10
	for i := range messages {
		m := &messages[i]
		if m.Snapshot != nil || len(m.Entries) > entries || raftlog.PayloadBytes(m.Entries) > bytes {
			return true
		}
	}
	return false
}

// mayRest reports whether rest would drop anything.
func (o *outbox) mayRest() bool { return o.lent == nil && o.empty() && cap(o.filling) > 0 }

// rest drops a block that is not in use. It is called at each tick.
func (o *outbox) rest() {
	if o.taken = 0; o.mayRest() {
		o.filling = nil
	}
}

// returned takes the lent array back, and clears it, so that the garbage collector can free what
// its messages refer to.
func (o *outbox) returned() {
	if o.lent == nil || len(*o.lent) == 0 {
		return
	}
	clear(*o.lent)
	*o.lent = (*o.lent)[:0]
	if cap(o.filling) == 0 {
		o.filling, *o.lent = *o.lent, nil
	}
}

// free drops the arrays that wait for reuse.
func (o *outbox) free() {
	if o.empty() {
		o.filling, o.lent = nil, nil
	}
}

// responsePool keeps the arrays that carry the responses of storage messages. Each message carries
// one, and its acknowledgement returns it; acknowledgements arrive in order. An array is reused one
// acknowledgement later, so that a thread may step the last response before it sends the others.
type responsePool struct {
	out     fifo.Queue[[]pb.Message]
	resting []pb.Message
	free    [][]pb.Message
}

// take returns an empty array for n responses.
func (p *responsePool) take(n int) []pb.Message {
	if last := len(p.free) - 1; last >= 0 && cap(p.free[last]) >= n {
		array := p.free[last]
		p.free = p.free[:last]
		return array
	}
	return make([]pb.Message, 0, n)
}

// lend notes that the application has the array, and returns the array.
func (p *responsePool) lend(array []pb.Message) []pb.Message {
	p.out.Push(array)
	return array
}

// acknowledged takes back the array of the oldest message.
func (p *responsePool) acknowledged() {
	if p == nil || p.out.Len() == 0 {
		return
	}
	if p.resting != nil && len(p.free) < maxFreeArrays {
		clear(p.resting)
		p.free = append(p.free, p.resting[:0])
	}
	p.resting = *p.out.At(0)
	own := &p.resting[len(p.resting)-1] // the acknowledgement that is being stepped
	own.Snapshot, own.Entries = nil, nil
	p.out.Pop(1)
}

// maxFreeArrays bounds the arrays that a responsePool keeps for later messages.
const maxFreeArrays = 8

// asyncWrites is the state of asynchronous storage writes.
type asyncWrites struct {
	// gated holds the responses that must wait for the next storage write. Without pools, the
	// arrays of Responses are parts of its arrays.
	gated outbox
	// The pools hold the arrays of Responses; they are nil without Config.ReuseMemory.
	appendResponses *responsePool
	applyResponses  *responsePool
	// applyingBytes are the encoded bytes that are with the apply thread.
	applyingBytes uint64
	// durableTerm is the term in the durable hard state.
	durableTerm uint64
	// context and learners are the arguments of requestVotes once the candidate's own vote is
	// durable.
	context  string
	learners bool
	// applyFull: a batch was cut for its size. The next one waits for an acknowledgement.
	applyFull bool
}

func newAsyncWrites(reuse bool) *asyncWrites {
	if !reuse {
		return &asyncWrites{}
	}
	return &asyncWrites{appendResponses: &responsePool{}, applyResponses: &responsePool{}}
}

// mayRest reports whether rest would drop anything.
func (a *asyncWrites) mayRest() bool {
	return a != nil && a.appendResponses == nil && a.gated.mayRest()
}

// rest drops memory that is not in use. It is called at each tick.
func (a *asyncWrites) rest() {
	if a != nil && a.appendResponses == nil {
		a.gated.rest()
	}
}

// hasGated reports whether a response waits for the next storage write.
func (a *asyncWrites) hasGated() bool { return a != nil && !a.gated.empty() }

// echoWaits reports whether a heartbeat response waits until the term is durable.
func (a *asyncWrites) echoWaits(term uint64) bool {
	return a.durableTerm < term && slices.ContainsFunc(a.gated.filling, func(m pb.Message) bool { return m.Type == pb.MsgHeartbeatResp })
}

// send returns a message to the peer, to be filled in, which goes out with the next Ready.
func (r *raft) send(t pb.MessageType, to uint64) *pb.Message {
	m := r.outbox.next()
	m.Type, m.From, m.To, m.Term = t, r.id, to, r.term
	return m
}

// sendOnceDurable returns a message like send does, for a response that promises something about
// this node's term, vote or log. The response leaves the node only when that is durable. Without
// asynchronous storage writes, everything in a Ready waits for the write, and one outbox serves
// both.
func (r *raft) sendOnceDurable(t pb.MessageType, to uint64) *pb.Message {
	if r.async == nil {
		return r.send(t, to)
	}
	m := r.async.gated.next()
	m.Type, m.From, m.To, m.Term = t, r.id, to, r.term
	return m
}

// sendOnceTermDurable returns a message like send does if this node's term is durable, and like
// sendOnceDurable does otherwise. It serves signs of life: they promise nothing about the log, so
// they do not wait for writes to it. They may promise a lease. The promise survives a crash,
// because a node that restarts in a term stays silent first, see lease.go.
func (r *raft) sendOnceTermDurable(t pb.MessageType, to uint64) *pb.Message {
	if r.async == nil || r.async.durableTerm == r.term {
		return r.send(t, to)
	}
	return r.sendOnceDurable(t, to)
}
