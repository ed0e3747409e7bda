package sim

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ffd200af/raft/rafttest/property"
	"github.com/ffd200af/raft/session"
)

// client has one operation at a time, and repeats it at other nodes until it has an answer.
type client struct {
	number  uint32 // in tags
	id      int    // in the history; another one after an operation without an answer
	session uint64 // 0 if none is open
	seq     uint64

	kind  clientOp
	op    uint32 // of the operation under way
	input []byte
	call  int64
	tries int
	token int32  // of the timeout that counts
	asked uint64 // the nodes that have the command, a bit for each id
	// recovered: it has finished an operation since the faults ended.
	recovered bool
}

type clientOp uint8

const (
	opNone clientOp = iota
	opRegister
	opWrite
	opRead
)

// readOwner is the client that has asked for a read, and its operation then.
type readOwner struct {
	client int
	op     uint32
}

// pendingRead is a read that waits for the replica to apply up to index.
type pendingRead struct {
	readOwner
	index uint64
}

// What a client's event is about.
const (
	clientNext uint8 = iota
	clientTimeout
	clientServe // at a host that was blocked
)

const (
	maxTries     = 12
	opTimeout    = 15 // ticks until a client tries again
	thinkTime    = 3  // ticks between operations
	failureDelay = 2  // ticks until a refused client tries again
)

func (s *simulation) addClient() {
	c := client{number: uint32(len(s.clients)) + 1, id: len(s.clients)}
	s.clients = append(s.clients, c)
	s.wake(len(s.clients)-1, thinkTime, clientNext)
}

// wake schedules a client's next move; earlier ones do not count any more.
func (s *simulation) wake(i int, mean int, sub uint8) {
	c := &s.clients[i]
	c.token++
	s.q.push(event{at: s.now + s.r.around(ticks(mean)), node: -1, kind: evClient, sub: sub, life: uint32(i), arg: c.token})
}

func (s *simulation) clientEvent(e *event) {
	i := int(e.life)
	c := &s.clients[i]
	if e.arg != c.token || s.quiet {
		return
	}
	if e.sub == clientNext {
		s.begin(i)
	} else if c.tries >= maxTries {
		s.giveUp(i)
		return
	}
	s.try(i)
}

// begin starts another operation.
func (s *simulation) begin(i int) {
	c := &s.clients[i]
	c.op++
	c.tries, c.asked = 0, 0
	switch {
	case c.session == 0:
		c.kind, c.input = opRegister, nil
		return // not in the history
	case s.r.chance(0.4):
		c.kind = opRead
		c.input = s.cfg.Query(s.r.below, s.opNumber(i))
	default:
		c.kind = opWrite
		c.seq++
		c.input = s.cfg.Command(s.r.below, s.opNumber(i))
	}
	s.stamp++
	c.call = s.stamp
}

// opNumber is another number for each operation of the run.
func (s *simulation) opNumber(i int) uint32 {
	c := &s.clients[i]
	return c.op*uint32(len(s.clients)) + uint32(i)
}

// try sends a client's operation to a node: mostly to the leader, sometimes to any.
func (s *simulation) try(i int) {
	c := &s.clients[i]
	c.tries++
	s.wake(i, opTimeout, clientTimeout)
	h := s.hosts[s.r.below(len(s.hosts))]
	if lead := s.leader(); lead != nil && s.r.chance(0.6) {
		h = lead
	}
	if h.rn == nil {
		return
	}
	e := event{at: s.now, life: h.life, node: int16(h.id - 1), kind: evClient, sub: clientServe, arg: int32(i)}
	e.op = c.op
	if h.blocked {
		h.waiting = append(h.waiting, e)
		return
	}
	s.serve(h, &e)
}

// serve is a node's receipt of what a client asks for.
func (s *simulation) serve(h *host, e *event) {
	i := int(e.arg)
	c := &s.clients[i]
	if c.op != e.op || c.kind == opNone {
		return
	}
	if c.kind == opRead {
		s.serveRead(h, i)
		s.after(h)
		return
	}
	header := session.Header{Kind: session.Register, Time: s.now}
	if c.kind == opWrite {
		header = session.Header{Kind: session.Execute, Time: s.now, Session: c.session, Sequence: c.seq, Awaiting: c.seq}
	}
	data := header.Append(make([]byte, 0, 32+len(c.input)))
	data = tag{client: c.number, op: c.op}.append(data)
	data = append(data, c.input...)
	if err := s.w.ask(h.node, action{kind: doPropose, data: data, n: s.more()}); err != nil {
		s.wake(i, failureDelay, clientTimeout)
	} else {
		c.asked |= 1 << (h.id - 1)
	}
	s.after(h)
}

// more is how many entries come with a command in the same proposal.
func (s *simulation) more() uint64 {
	if s.faults.Batches && s.r.chance(0.1) {
		return uint64(s.r.between(1, 20))
	}
	return 0
}

func (s *simulation) serveRead(h *host, i int) {
	owner := readOwner{client: i, op: s.clients[i].op}
	if h.Leads() && s.r.chance(0.5) {
		if index, ok := s.w.leaseRead(h.node); ok {
			h.reads = append(h.reads, pendingRead{readOwner: owner, index: index})
			return
		}
	}
	s.w.askReadIndex(h.node)
	s.owners = append(s.owners, owner)
}

// readAnswers takes the indexes that a host's node has found for reads.
func (s *simulation) readAnswers(h *host) {
	for _, a := range s.w.reads {
		owner := s.owners[a.number]
		if owner.client == lastReader {
			h.lastRead = noRead
		}
		if owner.client < 0 {
			continue // it was asked for the sake of the check
		}
		c := &s.clients[owner.client]
		switch {
		case c.op != owner.op || c.kind != opRead:
		case a.dropped:
			s.wake(owner.client, failureDelay, clientTimeout)
		default:
			h.reads = append(h.reads, pendingRead{readOwner: owner, index: a.index})
		}
	}
}

// serveReads answers the reads up to whose index the replica has applied.
func (s *simulation) serveReads(h *host) {
	rest := h.reads[:0]
	for _, p := range h.reads {
		c := &s.clients[p.client]
		switch {
		case c.op != p.op || c.kind != opRead:
		case p.index > h.rep.applied:
			rest = append(rest, p)
		default:
			s.finish(p.client, h.rep.machine.Read(c.input))
		}
	}
	h.reads = rest
}

// answered passes the results of applied commands to the clients that wait for them, at the nodes
// where they do.
func (s *simulation) answered() {
	for k := range s.w.answers {
		a := &s.w.answers[k]
		i := int(a.tag.client) - 1
		if i < 0 || i >= len(s.clients) {
			continue
		}
		c := &s.clients[i]
		if c.op != a.tag.op || c.asked>>(a.node.id-1)&1 == 0 || c.kind != opRegister && c.kind != opWrite {
			continue
		}
		switch {
		case a.err == nil && c.kind == opRegister:
			c.session, c.seq = a.index, 0
			s.finish(i, nil)
		case a.err == nil:
			s.finish(i, a.result)
		case c.kind == opWrite && errors.Is(a.err, session.ErrExpired):
			s.giveUp(i)
		default:
			s.w.failf(property.SameResults, a.node, "the session of client %d answers %v", c.number, a.err)
		}
	}
}

// finish ends an operation with its answer.
func (s *simulation) finish(i int, output []byte) {
	c := &s.clients[i]
	if c.kind == opWrite {
		s.w.stats.Commands++
	}
	if c.kind != opRegister {
		c.recovered = true
		s.stamp++
		s.remember(c, Operation{Output: append([]byte(nil), output...), Return: s.stamp})
	}
	c.kind = opNone
	s.wake(i, thinkTime, clientNext)
}

// giveUp ends an operation without an answer. Whether a command was carried out is not known then,
// and the session cannot be used further; a read has changed nothing.
func (s *simulation) giveUp(i int) {
	c := &s.clients[i]
	if c.kind == opWrite {
		s.remember(c, Operation{Unknown: true})
		c.session = 0
	}
	if c.kind != opRegister {
		c.id += len(s.clients)
	}
	c.kind = opNone
	s.wake(i, thinkTime, clientNext)
}

// forgetPending ends the run for the clients: commands under way have no answer.
func (s *simulation) forgetPending() {
	for i := range s.clients {
		if c := &s.clients[i]; c.kind == opWrite {
			s.remember(c, Operation{Unknown: true})
		}
	}
}

func (s *simulation) remember(c *client, o Operation) {
	if !s.cfg.KeepHistory {
		return
	}
	o.Client, o.ReadOnly, o.Input, o.Call = c.id, c.kind == opRead, c.input, c.call
	s.history = append(s.history, o)
}

// kvKeys is how many keys the default workload has: few, so that clients meet.
const kvKeys = 3

// KVCommand is Config.Command for a KV.
func KVCommand(n func(int) int, op uint32) []byte {
	verb := "append"
	if n(4) == 0 {
		verb = "put"
	}
	return fmt.Appendf(nil, "%s k%d %d;", verb, n(kvKeys), op)
}

// KVQuery is Config.Query for a KV.
func KVQuery(n func(int) int, _ uint32) []byte { return fmt.Appendf(nil, "get k%d", n(kvKeys)) }

// KVStep is the sequential meaning of an operation on one key of a KV, for checkers of
// linearizability: given the key's value, it reports whether input may have returned output, and
// the value afterwards.
func KVStep(value string, input, output string) (ok bool, after string) {
	verb, rest, _ := strings.Cut(input, " ")
	_, argument, _ := strings.Cut(rest, " ")
	switch verb {
	case "put":
		value = argument
	case "append":
		value += argument
	}
	return output == value, value
}
