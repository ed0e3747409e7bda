package rafttest

import (
	"bytes"
	"errors"
	"math"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
)

// observes reports violations to the check, each once.
func (env *InteractionEnv) observes() {
	env.observer.Watch = env.Options.Watch
	if p := env.Options.Picture; p != nil {
		env.observer.Watch = func(e *property.Event) {
			p.Watch(e)
			if env.Options.Watch != nil {
				env.Options.Watch(e)
			}
		}
	}
	env.observer.Lenient = true // who uses a Node without its environment asks for reads, too
	env.observer.Report = func(v property.Violation) {
		for _, known := range env.broken {
			if known.Error() == v.Error() {
				return
			}
		}
		env.broken = append(env.broken, &v)
	}
}

// starts begins a life of a node.
func (env *InteractionEnv) starts(idx int) {
	n := &env.Nodes[idx]
	if n.rec == nil {
		n.rec = env.observer.Node(n.id())
	}
	n.onDisk()
	env.observer.Believed = max(env.observer.Believed, n.rec.Durable.Base)
	n.rec.Starts(n.state())
	n.rec.Machine, n.rec.Conf = n.machine().Metadata.Index, n.machine().Metadata.ConfState
	env.drawLog(n.id(), n)
	env.observe(idx)
}

// state is what a node that is up shows of itself.
func (n *Node) state() property.State {
	st := n.BasicStatus()
	return property.State{HardState: st.HardState, Lead: st.Lead, Applied: st.Applied, Role: property.Role(st.RaftState)}
}

// observe looks at a node after something was done to it.
func (env *InteractionEnv) observe(idx int) {
	n := &env.Nodes[idx]
	defer env.drawStatus(n)
	if n.Err() != nil {
		return
	}
	n.rec.Shows(n.state())
	if err := n.Verify(); err != nil {
		env.observer.Fail(n.rec, property.Invariants, "node %d: %v", n.id(), err)
	}
}

// gives gives a message of a node to another. That is no reason to give up, nor is the message
// impossible.
func (env *InteractionEnv) gives(n *Node, m *pb.Message) error {
	var err error
	n.rec.Receives(m)
	env.watchHealth(n, func() { err = n.Step(*m) })
	env.Options.Picture.Refuse(n.id(), err)
	for _, never := range [...]error{raft.ErrMalformed, raft.ErrOutOfRange, raft.ErrWrongRecipient, raft.ErrBeyondLog, raft.ErrSecondLeader} {
		// send-snapshot sends in the name of nodes that do not lead.
		if errors.Is(err, never) && (never != raft.ErrSecondLeader || env.observer.Leader(m.Term) == m.From) {
			env.observer.Fail(n.rec, property.Healthy, "node %d refuses a message of another: %v", n.id(), err)
		}
	}
	return err
}

// watchHealth notes a node that gives up.
func (env *InteractionEnv) watchHealth(n *Node, do func()) {
	was := n.Err()
	do()
	err := n.Err()
	excused := n.excused || n.reads != nil && n.reads.Failed && errors.Is(err, raft.ErrStorage)
	if was == nil && err != nil && !excused {
		env.observer.Fail(n.rec, property.Healthy, "node %d is quarantined: %v", n.id(), err)
	}
}

// takeReads takes the reads that are answered and those that are dropped.
func (n *Node) takeReads(rd *raft.Ready) {
	for i := range rd.ReadStates {
		n.rec.Answers(rd.ReadStates[i].RequestCtx, rd.ReadStates[i].Index)
	}
	for _, context := range rd.DroppedReads {
		n.rec.DropsRead(context)
	}
}

// onDisk takes all that is stored for durable.
func (n *Node) onDisk() {
	hs, _, err := n.InitialState()
	if err != nil {
		hs = n.rec.Hard
	}
	log, _ := property.ViewOf(n.Storage)
	n.rec.Recovers(log, hs)
}

// loses notes that what was durable on a disk may not be there any more.
func (n *Node) loses() {
	before := n.rec.Clone()
	n.onDisk()
	for i := before.Durable.Base; i <= before.Durable.Last(); i++ {
		if term, _ := before.Durable.Term(i); !n.rec.Durable.Covers(i, term) {
			n.excused = true
		}
	}
	hs, was := n.rec.Hard, before.Hard
	if hs.Term < was.Term || hs.Term == was.Term && was.Vote != raft.None && hs.Vote != was.Vote {
		n.excused = true
	}
}

// handleCheck prints which safety properties are broken:
//
//	check
func handleCheck(env *InteractionEnv, a *args) error {
	if err := a.done(); err != nil {
		return err
	}
	return env.Check()
}

// Check returns the safety properties that the cluster has broken since it was set up, nil if none:
// those of package property up to property.Healthy. Each is checked over all nodes, crashed ones
// included.
//
// Messages that a script has made up (step) are believed. They may break properties all the same,
// with one exception: nodes may commit what a leader that does not exist here says is committed.
func (env *InteractionEnv) Check() error {
	for i := range env.Nodes {
		n := &env.Nodes[i]
		log, err := storedLog(n)
		if err != nil {
			return err
		}
		env.observer.Holds(n.rec, log)
		for j := range n.History {
			env.observer.Stands(n.rec, n.History[j].Metadata.Index, n.History[j].Data)
		}
	}
	return errors.Join(env.broken...)
}

// sameEntry reports whether two entries are equal.
func sameEntry(a, b *pb.Entry) bool {
	return a.Index == b.Index && a.Term == b.Term && a.Type == b.Type && bytes.Equal(a.Data, b.Data)
}

func storedLog(s raft.Storage) ([]pb.Entry, error) {
	first, err := s.FirstIndex()
	if err != nil {
		return nil, err
	}
	last, err := s.LastIndex()
	if err != nil || last < first {
		return nil, err
	}
	return s.Entries(first, last+1, math.MaxUint64)
}
