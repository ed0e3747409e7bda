package raft

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	pb "github.com/ffd200af/raft/raftpb"
)

// Node is a RawNode behind channels, with a goroutine of its own: its methods may be
// called from any goroutine. The application receives from Ready, does the work of the batch,
// and calls Advance.
//
// Once the node is stopped, methods return ErrStopped; once it is quarantined, they
// return the QuarantineError, and Ready delivers nothing more.
type Node interface {
	// Tick advances the clock by one tick. It never blocks: of ticks that the node cannot
	// keep up with, elections and heartbeats see nothing.
	Tick()
	// Campaign starts an election now.
	Campaign(ctx context.Context) error
	// Propose asks to append data, which the node keeps. It waits until there is a leader and
	// until the proposal is appended or sent to it, or ctx is done. An error matching ErrProposalDropped
	// means that it was not.
	Propose(ctx context.Context, data []byte) error
	// ProposeConfChange gives the node a configuration change to propose, when there is a
	// leader. As in v3.6, nil means that the node received the change, not that it was
	// appended. Operator.CheckConfChange reports beforehand whether it would be.
	ProposeConfChange(ctx context.Context, cc pb.ConfChangeI) error
	// Step gives the node a message from a peer, with everything that the message points to. It
	// returns when the node has received the message; the node may read it later. A message
	// that is malformed is logged at Warning, at most once in an election timeout, and dropped.
	// Messages of local types are ignored.
	Step(ctx context.Context, msg pb.Message) error
	// Ready returns the channel of batches. Each has to be followed by Advance. With
	// asynchronous storage writes there is no Advance: the next batch may be made while the
	// application works on this one. So Config.ReuseMemory has no effect then.
	Ready() <-chan Ready
	// Advance says that the batch received last is done, as RawNode.Advance does.
	Advance()
	// ApplyConfChange makes a committed configuration change active, as
	// RawNode.ApplyConfChange does. The ConfState is empty once the node is stopped.
	ApplyConfChange(cc pb.ConfChangeI) *pb.ConfState
	// TransferLeadership asks to hand the leadership from lead to transferee.
	TransferLeadership(ctx context.Context, lead, transferee uint64)
	// ForgetLeader makes a follower forget its leader, so that it may vote.
	ForgetLeader(ctx context.Context) error
	// ReadIndex asks for a read state with the given context.
	ReadIndex(ctx context.Context, rctx []byte) error
	// Status returns the node's state; it is empty once the node is stopped.
	Status() Status
	// ReportUnreachable and ReportSnapshot are as those of RawNode.
	ReportUnreachable(id uint64)
	ReportSnapshot(id uint64, status SnapshotStatus)
	// Stop ends the node's goroutine and waits for that. It may be called more than once.
	Stop()
}

// StartNode starts a node with an empty Storage and gives it its first configuration, see
// RawNode.Bootstrap. With a Storage that is not empty it is RestartNode, and a warning is logged. If the node cannot
// start, for instance because config cannot be used or there are no peers, the
// error is logged, and the node that is returned is one that is stopped for that reason: its
// methods return the error. NewNode returns it at once.
func StartNode(c *Config, peers []Peer) Node {
	rn, err := nodeCore(c)
	if err != nil {
		return stoppedNode(c, err)
	}
	switch err := rn.Bootstrap(peers); {
	case errors.Is(err, ErrBootstrapNotEmpty):
		rn.raft.logger.Warningf("%x starts with what it has: %v", c.ID, err)
	case err != nil:
		return stoppedNode(c, err)
	}
	return startNode(rn)
}

// RestartNode starts a node from what its Storage holds. Failures are as with StartNode.
func RestartNode(c *Config) Node {
	n, err := NewNode(c, nil)
	if err != nil {
		return stoppedNode(c, err)
	}
	return n
}

// NewNode starts a node, and bootstraps it if peers are given. ErrBootstrapNotEmpty is an error here.
func NewNode(c *Config, peers []Peer) (Node, error) {
	rn, err := nodeCore(c)
	if err != nil {
		return nil, err
	}
	if len(peers) > 0 {
		if err := rn.Bootstrap(peers); err != nil {
			return nil, err
		}
	}
	return startNode(rn), nil
}

// nodeCore returns the RawNode of a Node. With asynchronous storage writes there is no Advance to
// wait for. The next Ready is made while the application still reads the last one, so no array is
// reused.
func nodeCore(c *Config) (*RawNode, error) {
	own := *c
	own.ReuseMemory = c.ReuseMemory && !c.AsyncStorageWrites
	return NewRawNode(&own)
}

func startNode(rn *RawNode) *node {
	n := newNode()
	go n.run(rn)
	return n
}

// stoppedNode logs err and returns a node that is stopped for that reason.
func stoppedNode(c *Config, err error) *node {
	if c.Logger != nil {
		c.Logger.Errorf("node does not start: %v", err)
	} else {
		defaultLogger().Errorf("node does not start: %v", err)
	}
	n := newNode()
	n.err = err
	close(n.done)
	return n
}

// maxTicksWaiting is the number of ticks that may wait for a busy node.
const maxTicksWaiting = 128

// node passes calls to the goroutine that owns the RawNode. All of its logic is there.
type node struct {
	ticks chan struct{}
	calls chan request
	// proposals are calls that wait for a leader.
	proposals chan request
	ready     chan Ready
	advance   chan struct{}

	stop     chan struct{}
	stopOnce sync.Once
	done     chan struct{}
	err      error // why the node ended by itself; written before done is closed

	// missed counts ticks that found no room in ticks.
	missed atomic.Uint64
	// waiters wait for news of servers. The goroutine owns them.
	waiters []waiter
	// refusals logs refused messages. The node's goroutine owns it.
	refusals refusals
	// results are channels that carried the result of a call, to be used again.
	results sync.Pool
}

// request is a call for the goroutine.
type request struct {
	call   func(*RawNode) error
	result chan error // has room for one; nil if nobody waits for it
}

func (q request) serve(rn *RawNode) {
	err := q.call(rn)
	if q.result != nil {
		q.result <- err
	}
}

func newNode() *node {
	return &node{
		ticks: make(chan struct{}, maxTicksWaiting),
		calls: make(chan request), proposals: make(chan request),
		ready: make(chan Ready), advance: make(chan struct{}),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
}

// run owns the RawNode until it is stopped or quarantined.
func (n *node) run(rn *RawNode) {
	defer close(n.done)
	var batch Ready // to be delivered
	waiting := false
	for {
		if n.err = rn.Err(); n.err != nil {
			return
		}
		if !waiting && rn.HasReady() {
			batch, waiting = rn.Ready(), true
			n.tellWaiters(rn, batch.CatchUps)
			continue // taking the batch may have failed
		}
		var ready chan<- Ready
		if waiting {
			ready = n.ready
		}
		var proposals <-chan request
		if rn.raft.lead != None {
			proposals = n.proposals
		}
		select {
		case <-n.ticks:
			rn.Tick()
			n.makeUpTicks(rn)
		case q := <-n.calls:
			q.serve(rn)
			serveWaiting(rn, n.calls, func() bool { return true })
		case q := <-proposals:
			q.serve(rn)
			serveWaiting(rn, n.proposals, func() bool { return rn.raft.lead != None })
		case ready <- batch:
			batch, waiting = Ready{}, false
		case <-n.advance:
			if !waiting { // otherwise nobody has the batch yet
				rn.Advance(Ready{})
			}
		case <-n.stop:
			return
		}
	}
}

// mostTogether is how many calls are served before anything else has its turn.
const mostTogether = 64

// serveWaiting serves the calls that wait by now, so that they share a batch, while it may.
func serveWaiting(rn *RawNode, calls <-chan request, may func() bool) {
	for i := 0; i < mostTogether && may(); i++ {
		select {
		case q := <-calls:
			q.serve(rn)
		default:
			return
		}
	}
}

// ended returns why there is no goroutine any more. It is called after done is closed.
func (n *node) ended() error {
	if n.err != nil {
		return n.err
	}
	return ErrStopped
}

// do hands a call to the goroutine through one of its channels. wait says whether to wait for
// the call's result; without that, nil means that the goroutine has the call.
func (n *node) do(ctx context.Context, through chan<- request, wait bool, call func(*RawNode) error) error {
	var result chan error
	if wait {
		result = n.resultChannel()
	}
	select {
	case through <- request{call, result}:
	case <-ctx.Done():
		return ctx.Err()
	case <-n.done:
		return n.ended()
	}
	if !wait {
		return nil
	}
	select {
	case err := <-result:
		n.results.Put(result) // it is empty, and nobody else has it any more
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-n.done:
		return n.ended()
	}
}

func (n *node) resultChannel() chan error {
	if result, ok := n.results.Get().(chan error); ok {
		return result
	}
	return make(chan error, 1)
}

// tell is do for calls that cannot fail or be cancelled.
func (n *node) tell(call func(*RawNode)) {
	_ = n.do(context.Background(), n.calls, false, func(rn *RawNode) error { call(rn); return nil })
}

func (n *node) Tick() {
	select {
	case n.ticks <- struct{}{}:
	default:
		n.missed.Add(1)
	}
}

// makeUpTicks lets the node's clock make up for the ticks that were dropped.
func (n *node) makeUpTicks(rn *RawNode) {
	rn.SkipTicks(n.missed.Swap(0))
}

// drainTicks handles all ticks that wait.
func (n *node) drainTicks(rn *RawNode) {
	for {
		select {
		case <-n.ticks:
			rn.Tick()
		default:
			n.makeUpTicks(rn)
			return
		}
	}
}

func (n *node) Campaign(ctx context.Context) error {
	return n.do(ctx, n.calls, true, (*RawNode).Campaign)
}

func (n *node) Propose(ctx context.Context, data []byte) error {
	return n.do(ctx, n.proposals, true, func(rn *RawNode) error { return rn.Propose(data) })
}

func (n *node) ProposeConfChange(ctx context.Context, cc pb.ConfChangeI) error {
	typ, data, err := pb.MarshalConfChange(cc) // here: cc is the caller's
	if err != nil {
		return err
	}
	return n.do(ctx, n.proposals, false, func(rn *RawNode) error {
		if err := rn.proposeConfChange(typ, data); err != nil {
			rn.raft.logger.Warningf("%x does not propose a configuration change: %v", rn.raft.id, err)
		}
		return nil
	})
}

func (n *node) Step(ctx context.Context, m pb.Message) error {
	if IsLocalMsg(m.Type) && !IsLocalMsgTarget(m.From) {
		return nil
	}
	through := n.calls
	if m.Type == pb.MsgProp {
		through = n.proposals
	}
	return n.do(ctx, through, false, n.step(m))
}

// step is the call that steps a message. Where promises count ticks, those that were due before the message come before it.
func (n *node) step(m pb.Message) func(*RawNode) error {
	return func(rn *RawNode) error {
		if rn.raft.leases() {
			n.drainTicks(rn)
		}
		n.refusals.report(rn, rn.Step(m))
		return nil // Node.Step does not wait
	}
}

// refusals logs the messages that a Node refuses, because Node.Step cannot return the error. It
// writes at most one line in an election timeout.
type refusals struct {
	quietUntil uint64 // on the node's clock
	silent     int    // messages refused since the last line
}

func (rs *refusals) report(rn *RawNode, err error) {
	if !errors.Is(err, ErrInvalidMessage) {
		return
	}
	clock := rn.raft.clock
	if clock < rs.quietUntil {
		rs.silent++
		return
	}
	rn.raft.logger.Warningf("%x refuses a message: %v (%d more before)", rn.raft.id, err, rs.silent)
	rs.silent, rs.quietUntil = 0, clock+uint64(rn.raft.limits.electionTicks())
}

func (n *node) Ready() <-chan Ready { return n.ready }

func (n *node) Advance() {
	select {
	case n.advance <- struct{}{}:
	case <-n.done:
	}
}

func (n *node) ApplyConfChange(cc pb.ConfChangeI) *pb.ConfState {
	cs, v2 := &pb.ConfState{}, cc.AsV2()
	_ = n.do(context.Background(), n.calls, true, func(rn *RawNode) error {
		cs = rn.ApplyConfChange(v2)
		return nil
	})
	return cs
}

// input is a message to the node itself.
func (n *node) input(ctx context.Context, m pb.Message) error {
	return n.do(ctx, n.calls, true, func(rn *RawNode) error {
		m.To = rn.raft.id
		return rn.Step(m)
	})
}

func (n *node) TransferLeadership(ctx context.Context, _, transferee uint64) {
	_ = n.input(ctx, pb.Message{Type: pb.MsgTransferLeader, From: transferee})
}

func (n *node) ForgetLeader(ctx context.Context) error {
	return n.input(ctx, pb.Message{Type: pb.MsgForgetLeader})
}

func (n *node) ReadIndex(ctx context.Context, rctx []byte) error {
	return n.do(ctx, n.calls, true, func(rn *RawNode) error {
		n.drainTicks(rn) // the lease is as old as the clock says now
		return rn.Step(pb.Message{Type: pb.MsgReadIndex, To: rn.raft.id, Entries: []pb.Entry{{Data: rctx}}})
	})
}

func (n *node) Status() Status {
	var s Status
	_ = n.do(context.Background(), n.calls, true, func(rn *RawNode) error {
		s = rn.Status()
		return nil
	})
	return s
}

func (n *node) ReportUnreachable(id uint64) {
	n.tell(func(rn *RawNode) { rn.ReportUnreachable(id) })
}

func (n *node) ReportSnapshot(id uint64, status SnapshotStatus) {
	n.tell(func(rn *RawNode) { rn.ReportSnapshot(id, status) })
}

func (n *node) Stop() {
	n.stopOnce.Do(func() { close(n.stop) })
	<-n.done
}
