package raft

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	pb "github.com/ffd200af/raft/raftpb"
)

// Node is a RawNode for many goroutines: its methods may be called from any. The application
// receives from Ready, does the work of the batch, and calls Advance. A Node has a goroutine of its
// own. It uses the Storage and the Logger from one goroutine at a time, which may be one that calls
// a method.
//
// Once the node is stopped, methods return ErrStopped; once it is quarantined, they
// return the QuarantineError, and Ready delivers nothing more.
type Node interface {
	// Tick advances the clock by one tick. It never blocks: of ticks that the node cannot
	// keep up with, elections and heartbeats see nothing.
	Tick()
	// Campaign starts an election now.
	Campaign(ctx context.Context) error
	// Propose asks to append data, which the node keeps. It waits until there is a leader and until
	// the proposal is appended or sent to it, or ctx is done. An error matching ErrProposalDropped
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
// RawNode.Bootstrap. With a Storage that is not empty it is RestartNode, and a warning is logged.
// If the node cannot start, for instance because config cannot be used or there are no peers, the
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

// NewNode starts a node, and bootstraps it if peers are given. ErrBootstrapNotEmpty is an error
// here.
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
	n.calls.rn = rn
	if rn.raft.async != nil {
		n.ready = make(chan Ready)
	}
	go n.work()
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
	n.calls.err = err
	close(n.calls.done)
	return n
}

// maxTicksWaiting is the number of ticks that may wait for a busy node.
const maxTicksWaiting = 128

// manyProposals is how many proposals come between two batches before proposers give up the
// processor after each. Proposers that never wait would keep it from the application for long.
const manyProposals = 128

// node is a RawNode for many goroutines. A goroutine of its own makes batches and counts ticks.
type node struct {
	calls calls
	ticks chan struct{}
	// ready has room for the batch that the application has not taken yet. With asynchronous
	// storage writes it has none: the next batch is made when the application has taken the last
	// one.
	ready    chan Ready
	stop     chan struct{}
	stopOnce sync.Once

	// missed counts ticks that found no room in ticks.
	missed atomic.Uint64
	// proposals counts those since the last batch.
	proposals atomic.Int32

	// Whoever uses the RawNode owns the rest.

	// waiters wait for news of servers.
	waiters []waiter
	// refusals logs refused messages.
	refusals refusals
}

func newNode() *node {
	n := &node{ticks: make(chan struct{}, maxTicksWaiting), ready: make(chan Ready, 1), stop: make(chan struct{})}
	n.calls = calls{due: n.tickBefore, wake: make(chan struct{}, 1), done: make(chan struct{})}
	return n
}

// work is the node's goroutine. It ends when the node is stopped or quarantined.
func (n *node) work() {
	c := &n.calls
	defer close(c.done)
	var batch Ready
	var ready chan<- Ready // where batch goes when there is room
	c.owner.Lock()
	for rn := c.rn; c.rn != nil; {
		c.serve()
		if ready == nil && rn.HasReady() {
			batch, ready = rn.Ready(), n.ready
			n.proposals.Store(0)
			n.tellWaiters(rn, batch.CatchUps)
		}
		if c.err = rn.Err(); c.err != nil {
			c.rn = nil
			break
		}
		if ready != nil && cap(ready) > 0 { // a batch before this one was taken and advanced
			ready <- batch
			batch, ready = Ready{}, nil
		}
		c.asleep = ready == nil
		c.release()
		select {
		case <-c.wake:
			c.owner.Lock()
		case <-n.ticks:
			c.owner.Lock()
			rn.Tick()
			n.makeUpTicks(rn)
		case ready <- batch:
			c.owner.Lock()
			batch, ready = Ready{}, nil
		case <-n.stop:
			c.owner.Lock()
			c.rn = nil
		}
	}
	select {
	case <-n.ready: // a node that has ended delivers nothing
	default:
	}
	c.owner.Unlock()
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
	for n.takeTick(rn) {
	}
	n.makeUpTicks(rn)
}

// takeTick handles a tick, if one waits.
func (n *node) takeTick(rn *RawNode) bool {
	select {
	case <-n.ticks:
		rn.Tick()
		return true
	default:
		return false
	}
}

// tickBefore handles ticks before a call, which does not leave them to the node's goroutine: many
// calls could come first. Leases, and promises to leaders, must end before a call that comes after
// these ticks. Otherwise the calls may have brought what the ticks would miss.
func (n *node) tickBefore(rn *RawNode) {
	if rn.raft.leases() {
		n.drainTicks(rn)
	} else {
		n.takeTick(rn)
	}
}

// tell is do for calls that cannot fail or be cancelled.
func (n *node) tell(call func(*RawNode)) {
	_ = n.calls.do(context.Background(), false, func(rn *RawNode) error { call(rn); return nil })
}

func (n *node) Campaign(ctx context.Context) error {
	return n.calls.do(ctx, false, (*RawNode).Campaign)
}

func (n *node) Propose(ctx context.Context, data []byte) error {
	err := n.calls.do(ctx, true, func(rn *RawNode) error {
		n.proposals.Add(1)
		return rn.Propose(data)
	})
	if n.proposals.Load() > manyProposals {
		runtime.Gosched()
	}
	return err
}

func (n *node) ProposeConfChange(ctx context.Context, cc pb.ConfChangeI) error {
	typ, data, err := pb.MarshalConfChange(cc) // here: cc is the caller's
	if err != nil {
		return err
	}
	return n.calls.do(ctx, true, func(rn *RawNode) error {
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
	switch m.Type {
	case pb.MsgProp:
		return n.calls.do(ctx, true, n.step(m))
	case pb.MsgAppResp, pb.MsgHeartbeat, pb.MsgHeartbeatResp, pb.MsgReadIndex, pb.MsgReadIndexResp:
		return n.calls.do(ctx, false, n.step(m))
	}
	// The node may read from Storage. The caller may hold a lock that the Storage takes: Step
	// returns before the message is handled.
	return n.calls.leave(ctx, n.step(m))
}

// step is the call that steps a message.
func (n *node) step(m pb.Message) func(*RawNode) error {
	return func(rn *RawNode) error {
		n.refusals.report(rn, rn.Step(m))
		return nil
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
	n.tell(func(rn *RawNode) {
		if len(n.ready) == 0 { // otherwise the application does not have the batch yet
			rn.Advance(Ready{})
		}
	})
}

func (n *node) ApplyConfChange(cc pb.ConfChangeI) *pb.ConfState {
	cs, v2 := &pb.ConfState{}, cc.AsV2()
	_ = n.calls.do(context.Background(), false, func(rn *RawNode) error {
		cs = rn.ApplyConfChange(v2)
		return nil
	})
	return cs
}

// input is a message to the node itself.
func (n *node) input(ctx context.Context, m pb.Message) error {
	return n.calls.do(ctx, false, func(rn *RawNode) error {
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
	return n.calls.do(ctx, false, func(rn *RawNode) error {
		return rn.Step(pb.Message{Type: pb.MsgReadIndex, To: rn.raft.id, Entries: []pb.Entry{{Data: rctx}}})
	})
}

func (n *node) Status() Status {
	var s Status
	_ = n.calls.do(context.Background(), false, func(rn *RawNode) error {
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
	<-n.calls.done
}
