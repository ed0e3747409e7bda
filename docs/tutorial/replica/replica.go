// Package replica runs one replica of a counter: a node, its disk, its network, and the loop that
// joins them.
package replica

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"time"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/docs/tutorial/disk"
	"github.com/ffd200af/raft/raftpb"
)

// tickTime is the length of a tick. An election timeout is 10 to 20 ticks.
const tickTime = 20 * time.Millisecond

// Options are what a replica starts with.
type Options struct {
	ID       uint64
	File     string            // of its disk
	Listener net.Listener      // for messages of other replicas
	Peers    map[uint64]string // addresses of replicas that are known from the start
	First    []raft.Peer       // the first members; empty for a replica that joins later
}

// Replica is a replica that runs.
type Replica struct {
	calls    chan func(*state)
	incoming chan raftpb.Message
	network  *network
	stopped  context.Context
	stop     context.CancelCauseFunc // with the reason
	ended    chan struct{}

	client uint64        // this replica as a client of the cluster
	number uint64        // of its last command; belongs to whoever holds adding
	adding chan struct{} // held by the Add that is under way
}

// state belongs to the loop.
type state struct {
	node    *raft.RawNode
	disk    *disk.Disk
	network *network
	machine machine
	waiting waiting
}

// Start starts a replica. After a restart it finds its state in its file.
func Start(o Options) (*Replica, error) {
	d, err := disk.Open(o.File)
	if err != nil {
		return nil, err
	}
	node, err := newNode(o, d)
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	r := &Replica{
		calls: make(chan func(*state)), incoming: make(chan raftpb.Message, 1000),
		adding: make(chan struct{}, 1), ended: make(chan struct{}), client: rand.Uint64(),
	}
	r.stopped, r.stop = context.WithCancelCause(context.Background())
	r.network = newNetwork(o.Listener, o.Peers, r.incoming, r.unreachable)
	s := &state{
		node: node, disk: d, network: r.network,
		machine: machine{done: map[uint64]uint64{}}, waiting: newWaiting(),
	}
	go func() {
		defer close(r.ended)
		r.stop(r.run(s))
		r.network.close()
		_ = d.Close()
	}()
	return r, nil
}

// newNode makes the node of a replica. config.Applied is 0, because the counter begins at 0 with
// each start, so all entries are to be applied again.
func newNode(o Options, d *disk.Disk) (*raft.RawNode, error) {
	config := raft.DefaultConfig(o.ID, d)
	config.Logger = raft.DiscardLogger
	node, err := raft.NewRawNode(config)
	if err != nil {
		return nil, err
	}
	stored, _, err := d.InitialState()
	if err != nil {
		return nil, err
	}
	if stored.Commit == 0 && len(o.First) > 0 {
		return node, node.Bootstrap(o.First)
	}
	return node, nil
}

// run is the loop. Only this goroutine touches the node.
func (r *Replica) run(s *state) error {
	ticker := time.NewTicker(tickTime)
	defer ticker.Stop()
	for {
		select {
		case <-r.stopped.Done():
			return nil
		case <-ticker.C:
			s.node.Tick()
		case m := <-r.incoming:
			_ = s.node.Step(m) // a message that is refused changes nothing
		case call := <-r.calls:
			call(s)
		}
		for s.node.HasReady() {
			rd := s.node.Ready()
			if err := s.disk.Save(rd); err != nil { // 1. persist
				return err
			}
			s.network.send(rd.Messages) // 2. send
			s.apply(rd)                 // 3. apply
			s.node.Advance(rd)          // 4. done
		}
		if err := s.node.Err(); err != nil {
			return err
		}
	}
}

// apply executes committed entries, and answers those who wait for them.
func (s *state) apply(rd raft.Ready) {
	for _, entry := range rd.CommittedEntries {
		switch {
		case entry.Type == raftpb.EntryConfChange:
			s.applyChange(entry.Data)
		case len(entry.Data) > 0: // a new leader's first entry has no data
			if c, ok := decode(entry.Data); ok {
				s.machine.execute(c)
				s.waiting.executed(c, s.machine.counter)
			}
		}
		s.machine.applied = entry.Index
	}
	s.waiting.answer(rd, s.machine)
}

// applyChange makes a configuration change active. Its context is the address of the replica.
func (s *state) applyChange(data []byte) {
	var change raftpb.ConfChange
	if change.Unmarshal(data) != nil {
		change = raftpb.ConfChange{} // changes nothing, but has to be applied all the same
	}
	if len(change.Context) > 0 {
		s.network.add(change.NodeID, string(change.Context))
	}
	s.node.ApplyConfChange(change)
}

// do calls f in the loop.
func (r *Replica) do(ctx context.Context, f func(*state)) error {
	done := make(chan struct{})
	select {
	case r.calls <- func(s *state) { f(s); close(done) }:
		<-done
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-r.stopped.Done():
		return context.Cause(r.stopped)
	}
}

// unreachable reports to the node that a message to a peer was lost.
func (r *Replica) unreachable(id uint64) {
	_ = r.do(context.Background(), func(s *state) { s.node.ReportUnreachable(id) })
}

var errStopped = errors.New("replica: stopped")

// Stop stops the replica. If it had stopped before, Stop returns the reason.
func (r *Replica) Stop() error {
	r.stop(errStopped)
	<-r.ended
	if err := context.Cause(r.stopped); !errors.Is(err, errStopped) {
		return err
	}
	return nil
}

// Cut cuts the replica off from the others, or connects it again.
func (r *Replica) Cut(off bool) { r.network.cut.Store(off) }
