// Package driver does what a node asks its application for: it writes, sends and applies in the
// order that the library needs, and reports each of these to the node's record. The test harnesses
// share it. They differ in what surrounds a node, which is a Host.
package driver

import (
	"fmt"

	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
)

// Host is what surrounds a node: its disk, its state machine, and the network.
type Host interface {
	// Write writes to the disk, in the order snapshot, entries, hard state.
	Write(w *Write) error
	// Restore makes a snapshot that is on the disk the state of the state machine.
	Restore(s *pb.Snapshot) error
	// Send takes messages that leave the node.
	Send(messages []pb.Message)
	// ApplyConfChange is the method of RawNode.
	ApplyConfChange(cc pb.ConfChangeI) *pb.ConfState
	// Apply gives a committed entry to the state machine. If the entry holds a configuration
	// change, that is cc, and has led to cs.
	Apply(e *pb.Entry, cc pb.ConfChangeI, cs *pb.ConfState) error
	// Acknowledge gives the node a response of a thread.
	Acknowledge(thread int, response pb.Message)
}

// Driver drives one node.
type Driver struct {
	Host
	Node *property.Node // the node's record; nil takes no reports
}

// Persist writes, and restores the snapshot that was written.
func (d *Driver) Persist(w *Write) error {
	if err := d.Write(w); err != nil {
		return err
	}
	if d.Node != nil {
		d.Node.Writes(w.HardState, w.Entries, &w.Snapshot, w.Sync)
	}
	if w.Snapshot.Metadata.Index == 0 {
		return nil
	}
	if d.Node != nil {
		d.Node.Restores(&w.Snapshot)
	}
	return d.Restore(&w.Snapshot)
}

// Send sends messages. What they promise is durable.
func (d *Driver) Send(messages []pb.Message) {
	if d.Node != nil {
		for i := range messages {
			d.Node.Sends(&messages[i])
		}
	}
	d.Host.Send(messages)
}

// Apply applies committed entries.
func (d *Driver) Apply(entries []pb.Entry) error {
	for i := range entries {
		e := &entries[i]
		if d.Node != nil {
			if e.Index <= d.Node.Restored {
				continue // it was with the apply thread when a snapshot that covers it arrived
			}
			d.Node.Applies(e)
		}
		cc, err := Change(e)
		if err != nil {
			return err
		}
		var cs *pb.ConfState
		if cc != nil {
			cs = d.ApplyConfChange(cc)
			if d.Node != nil {
				d.Node.Configures(e.Index, cs)
			}
		}
		if err := d.Host.Apply(e, cc, cs); err != nil {
			return err
		}
	}
	return nil
}

// Change returns the configuration change that an entry holds, nil if it holds none.
func Change(e *pb.Entry) (pb.ConfChangeI, error) {
	var v1 pb.ConfChange
	var v2 pb.ConfChangeV2
	var cc pb.ConfChangeI
	var err error
	switch e.Type {
	case pb.EntryConfChange:
		err = v1.Unmarshal(e.Data)
		cc = v1
	case pb.EntryConfChangeV2:
		err = v2.Unmarshal(e.Data)
		cc = v2
	}
	if err != nil {
		return nil, fmt.Errorf("entry %d/%d is no configuration change: %w", e.Term, e.Index, err)
	}
	return cc, nil
}
