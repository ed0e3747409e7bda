package raft

import (
	"encoding/binary"
	"slices"
	"sort"

	"github.com/ffd200af/raft/internal/fifo"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// Linearizable reads without a log entry (thesis §6.4): a read is answered with the
// commit index, once a quorum has confirmed, after the read was asked for, that this
// node still leads.
//
// Confirmation comes in rounds. A round is a broadcast of heartbeats with a number, which followers
// echo; it confirms every read that was queued before it was sent. Rounds are matched by number,
// not by the contexts that applications choose. So a context that is used twice does no harm.
//
//	asked            riding               confirmed
//	reads: | round 0 | round 7 | round 8 |  answered and gone
//	         waits for the next round, which waits for the term's first commit
//
// With leases (lease.go) every broadcast is a round, and reads may be answered at once.
//
// A read of this node that cannot be answered is dropped. Ready.DroppedReads reports its context. A
// program that ignores DroppedReads gets no answer, and has to ask again after a while.

// read is one read that waits.
type read struct {
	from    uint64 // who asked; this node itself for its own
	context []byte // the application's
	asked   []byte // on a follower: what the leader was asked with
	index   uint64 // the commit index when its round was sent
	round   uint64 // the round it rides on; 0 if none yet
}

// reads is the queue: of a leader, those to confirm, oldest first; of a follower, those
// that it has sent to the leader.
type reads struct {
	queue fifo.Queue[read]
	// most is Config.MaxPendingReads. One more read is dropped.
	most int
	// round is the number of the last broadcast in this term.
	round uint64
	// answers are to be handed out with the next Ready.
	answers []ReadState
	lent    []ReadState // with the application
	// dropped holds the contexts of this node's reads that cannot be answered, for the next
	// Ready.
	dropped [][]byte

	// contexts is where the contexts of rounds are written: they are handed out, so no
	// array is written twice.
	contexts []byte
	// nonce and asks make the questions of this follower differ, even if their contexts are equal,
	// see unique.
	nonce, asks uint64
	// askedAt is the tick at which a follower last asked the leader.
	askedAt uint64
}

// openReads returns the queue, which is made when it is first needed.
func (r *raft) openReads() *reads {
	if r.reads == nil {
		r.reads = &reads{most: defaultPendingReads, nonce: newNonce(r.seed, r.id, r.term, r.log.Committed(), r.log.LastIndex(), r.clock)}
	}
	return r.reads
}

// waiting is the number of reads in the queue.
func (rs *reads) waiting() int {
	if rs == nil {
		return 0
	}
	return rs.queue.Len()
}

// answered reports whether there are answers to hand out.
func (rs *reads) answered() bool { return rs != nil && len(rs.answers) > 0 }

// readIndex starts a read of this node, or of a peer that takes this node for the leader.
func (r *raft) readIndex(from uint64, context []byte) {
	if from == None {
		from = r.id
	}
	if from == r.id && r.reads.isQuestion(context) {
		// This node sent the read to a peer, and leads by now; the peer forwarded the read
		// to it. The read ended when the role changed, and the context is not the
		// application's.
		return
	}
	if !r.startRead(&read{from: from, context: context}) {
		r.logger.Debugf("%x drops a read of %x: %s, known leader %x (0 is none)", r.id, from, r.role, r.lead)
		r.dropRead(from, context)
	}
}

// startRead answers a read from the leader's lease, queues it on the leader, or sends it from a
// follower to the leader. It returns false for a read that has to be dropped.
func (r *raft) startRead(rd *read) bool {
	rs := r.openReads()
	switch {
	case rs.queue.Len() >= rs.most || len(rs.answers) >= rs.most:
		return false
	case r.role == StateLeader && r.limits.rare().leaseReads && r.hasLease():
		rd.index = r.log.Committed()
		r.answerRead(rd)
		return true
	case r.role == StateLeader:
	case r.role == StateFollower && r.lead != None && rd.from == r.id:
		rd.context, rd.asked = rs.unique(rd.context)
		r.askLeader(rd)
		if rs.queue.Len() == 0 {
			rs.askedAt, r.outbox.asks = r.clock, true
		}
	case r.role == StateFollower && r.lead != None && r.lead != rd.from:
		// A peer took this node for the leader. The leader answers the peer directly. Forwarding
		// ends, because each hop goes to the leader of a later term. A read is not forwarded to its
		// sender: a sender that leads now has dropped the read, and after a restart it would not
		// recognize its question.
		m := r.send(pb.MsgReadIndex, r.lead)
		m.Term, m.From = 0, rd.from
		m.Entries = []pb.Entry{{Data: rd.context}}
		return true
	default:
		return false
	}
	rs.queue.Push(*rd)
	return true
}

// dropRead ends a read without an answer. If a peer sent it, that peer asks again, or drops the
// read when its own leader changes. Beyond Config.MaxPendingReads contexts, nothing
// is reported.
func (r *raft) dropRead(from uint64, context []byte) {
	if rs := r.openReads(); from == r.id && len(rs.dropped) < rs.most {
		rs.dropped = append(rs.dropped, context)
	}
}

// unique returns a copy of the context, and the context followed by a suffix that no other read
// has. An answer that the network duplicates must not answer a later read with the same context.
// The caller may reuse its own slice afterwards.
func (rs *reads) unique(context []byte) (own, asked []byte) {
	rs.asks++
	n := len(context)
	own = append(append(make([]byte, 0, 2*n+16), context...), context...)
	own = binary.BigEndian.AppendUint64(own, rs.nonce)
	own = binary.BigEndian.AppendUint64(own, rs.asks)
	return own[:n:n], own[n:]
}

// newNonce mixes what is likely to differ between two lives of a node.
func newNonce(parts ...uint64) uint64 {
	var g generator
	for _, part := range parts {
		g = generator(g.next() ^ part)
	}
	return g.next()
}

// isQuestion reports whether this node made the context for a read that it sent to another node,
// see unique.
func (rs *reads) isQuestion(context []byte) bool {
	if rs == nil || len(context) < 16 {
		return false
	}
	return binary.BigEndian.Uint64(context[len(context)-16:]) == rs.nonce
}

func (r *raft) askLeader(rd *read) {
	m := r.send(pb.MsgReadIndex, r.lead)
	m.Term = 0 // an input belongs to no term
	m.Entries = []pb.Entry{{Data: rd.asked}}
}

// tickReads lets a follower ask again, once in an election timeout, if reads still wait: a question
// or its answer may be lost. The newest question is enough, see takeReadAnswer. An answer to an
// earlier copy of the question will do as well.
func (r *raft) tickReads() {
	// While the application has not taken the last question, another one is of no use.
	if r.role != StateFollower || r.outbox.asks || r.clock-r.reads.askedAt < uint64(r.limits.electionTicks()) {
		return
	}
	r.reads.askedAt = r.clock
	r.askLeader(r.reads.queue.At(r.reads.queue.Len() - 1))
	r.outbox.asks = true
}

// readRoundDue reports whether there are reads that the next round is to confirm. Before the
// leader has committed in its term it does not know what is committed (thesis §6.4).
func (r *raft) readRoundDue() bool {
	n := r.reads.waiting()
	return n > 0 && r.role == StateLeader && r.reads.queue.At(n-1).round == 0 && r.log.Committed() >= r.termStart
}

// startRound begins a round, and returns the context that its heartbeats carry; nil if nobody needs
// it. All reads without a round ride on it. The others keep their round: a later round confirms
// them as well, if heartbeats were lost.
func (r *raft) startRound() []byte {
	riding := r.reads.waiting() > 0 && r.log.Committed() >= r.termStart
	if !riding && !r.leases() {
		return nil
	}
	rs := r.openReads()
	rs.round++
	r.members.Echo(r.id, rs.round) // the leader echoes itself
	for i := rs.queue.Len() - 1; riding && i >= 0 && rs.queue.At(i).round == 0; i-- {
		rs.queue.At(i).round = rs.round
		rs.queue.At(i).index = r.log.Committed()
	}
	r.noteSentRound(rs.round)
	if cap(rs.contexts)-len(rs.contexts) < 8 {
		rs.contexts = make([]byte, 0, contextsBytes)
	}
	n := len(rs.contexts)
	rs.contexts = binary.BigEndian.AppendUint64(rs.contexts, rs.round)
	return rs.contexts[n : n+8 : n+8]
}

// contextsBytes is the size of an array of contexts, for 64 rounds.
const contextsBytes = 512

// echoedRound takes a follower's echo, answers what a quorum has confirmed, and extends the
// lease.
func (r *raft) echoedRound(from uint64, context []byte) {
	if len(context) != 8 || r.reads == nil || r.reads.waiting() == 0 && !r.leases() {
		return
	}
	round := binary.BigEndian.Uint64(context)
	if round > r.reads.round {
		return // this leader has not sent it
	}
	r.members.Echo(from, round)
	confirmed := r.members.Confirmed()
	r.extendLease(confirmed)
	r.answerReads(confirmed)
}

// reconfirmReads answers the reads that the echoes so far confirm in the active configuration.
func (r *raft) reconfirmReads() {
	if r.reads.waiting() > 0 {
		r.answerReads(r.members.Confirmed())
	}
}

// answerReads answers the reads whose round is confirmed.
func (r *raft) answerReads(confirmed uint64) {
	q := &r.reads.queue
	n := 0
	for n < q.Len() && q.At(n).round != 0 && q.At(n).round <= confirmed {
		r.answerRead(q.At(n))
		n++
	}
	q.Pop(n)
}

func (r *raft) answerRead(rd *read) {
	if rd.from == r.id {
		r.answer(ReadState{Index: rd.index, RequestCtx: rd.context})
		return
	}
	m := r.send(pb.MsgReadIndexResp, rd.from)
	m.Index = rd.index
	m.Entries = []pb.Entry{{Data: rd.context}}
	r.tellDeferred(rd.from)
}

// tellDeferred sends a follower the commit index that Config.DeferCommit keeps back, because a read
// waits there until it is applied.
func (r *raft) tellDeferred(to uint64) {
	i := r.members.Find(to)
	if i < 0 || !r.limits.defersCommit() {
		return
	}
	if pr := r.members.Progress(i); pr.State == tracker.StateReplicate && pr.CanBumpCommit(r.log.Committed()) {
		r.members.Change(i).Ping()
	}
}

// answer hands an answer out with the next Ready.
func (r *raft) answer(rs ReadState) {
	reads := r.openReads()
	reads.answers = append(reads.answers, rs)
}

// takeReadAnswer is a follower's receipt of an answer to a read that it has sent. It answers the
// earlier reads too: they were asked for before the leader could confirm that it leads. Any other
// answer is ignored.
func (r *raft) takeReadAnswer(from, index uint64, context []byte) {
	if from != r.lead || r.reads == nil {
		return
	}
	q := &r.reads.queue
	number := askNumber(context)
	i := sort.Search(q.Len(), func(i int) bool { return askNumber(q.At(i).asked) >= number })
	if i < q.Len() && string(q.At(i).asked) == string(context) {
		for j := range i + 1 {
			r.answer(ReadState{Index: index, RequestCtx: q.At(j).context})
		}
		q.Pop(i + 1)
	}
}

// askNumber returns the number that unique has given to a question. Numbers rise along the queue.
func askNumber(asked []byte) uint64 {
	if len(asked) < 16 {
		return 0
	}
	return binary.BigEndian.Uint64(asked[len(asked)-8:])
}

// dropReads ends all reads without an answer. It is called when the role, the term or the known
// leader changes: the leader that was to answer them is gone. A peer drops its own read when it
// sees the new term.
func (r *raft) dropReads() {
	if r.reads == nil {
		return
	}
	q := &r.reads.queue
	for i := range q.Len() {
		r.dropRead(q.At(i).from, q.At(i).context)
	}
	q.Pop(q.Len())
	r.reads.round = 0
}

// takeDropped returns the contexts of dropped reads, and forgets them.
func (rs *reads) takeDropped() [][]byte {
	if rs == nil {
		return nil
	}
	dropped := rs.dropped
	rs.dropped = nil
	return dropped
}

// take returns the answers in a new array or, with reuse, in the node's own, which has to be
// returned before the next call.
func (rs *reads) take(reuse bool) []ReadState {
	if !reuse {
		answers := append(make([]ReadState, 0, len(rs.answers)), rs.answers...)
		clear(rs.answers)
		rs.answers = fifo.Emptied(rs.answers)
		return answers
	}
	rs.answers, rs.lent = rs.lent[:0], rs.answers
	return slices.Clip(rs.lent)
}

// returned takes the lent array back.
func (rs *reads) returned() {
	if rs == nil || len(rs.lent) == 0 {
		return
	}
	clear(rs.lent)
	rs.lent = fifo.Emptied(rs.lent)
}
