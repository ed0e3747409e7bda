package driver

import (
	"slices"

	pb "github.com/ffd200af/raft/raftpb"
)

// Write is what a node asks its disk for. What is empty is left out.
type Write struct {
	HardState pb.HardState
	Entries   []pb.Entry
	Snapshot  pb.Snapshot
	Sync      bool // with it, this and all earlier writes are durable when it is done
}

// Store is a log and a hard state that are durable at once, as raft.MemoryStorage is.
type Store interface {
	ApplySnapshot(pb.Snapshot) error
	Append([]pb.Entry) error
	SetHardState(pb.HardState) error
}

// Onto writes to a store.
func (w *Write) Onto(s Store) error {
	if w.Snapshot.Metadata.Index != 0 {
		if err := s.ApplySnapshot(w.Snapshot); err != nil {
			return err
		}
	}
	if err := s.Append(w.Entries); err != nil || w.HardState == (pb.HardState{}) {
		return err
	}
	return s.SetHardState(w.HardState)
}

// WriteOf returns the write that a storage message asks for.
func WriteOf(m *pb.Message, sync bool) *Write {
	w := &Write{HardState: pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}, Entries: m.Entries, Sync: sync}
	if m.Snapshot != nil {
		w.Snapshot = *m.Snapshot
	}
	return w
}

// With asynchronous storage writes a node has two threads. Each performs its messages in order.
const (
	AppendThread = iota
	ApplyThread
	AllThreads // their number
)

// Threads has the storage messages that the threads have not performed yet, oldest first.
type Threads struct {
	AppendWork, ApplyWork []pb.Message

	syncs []bool // whether each message of AppendWork has to be synced
}

// Queue takes the storage messages of a Ready, with its MustSync, and sends the others one by one.
func (t *Threads) Queue(messages []pb.Message, mustSync bool, send func([]pb.Message)) {
	for i := range messages {
		switch m := &messages[i]; m.Type {
		case pb.MsgStorageAppend:
			t.AppendWork, t.syncs = append(t.AppendWork, *m), append(t.syncs, mustSync)
		case pb.MsgStorageApply:
			t.ApplyWork = append(t.ApplyWork, *m)
		default:
			send(messages[i : i+1])
		}
	}
}

// NextWrite takes the oldest message of the append thread, and the write that it asks for.
func (t *Threads) NextWrite() (pb.Message, *Write) {
	m, sync := t.AppendWork[0], true
	t.AppendWork = slices.Delete(t.AppendWork, 0, 1)
	if len(t.syncs) > 0 { // otherwise a program has put the message there
		sync = t.syncs[0]
		t.syncs = slices.Delete(t.syncs, 0, 1)
	}
	return m, WriteOf(&m, sync)
}

// NextApply takes the oldest message of the apply thread.
func (t *Threads) NextApply() pb.Message {
	m := t.ApplyWork[0]
	t.ApplyWork = slices.Delete(t.ApplyWork, 0, 1)
	return m
}

// Perform does the oldest work of a thread, and responds.
func (d *Driver) Perform(id uint64, t *Threads, thread int) error {
	var m pb.Message
	var err error
	if thread == AppendThread {
		var w *Write
		m, w = t.NextWrite()
		err = d.Persist(w)
	} else {
		m = t.NextApply()
		err = d.Apply(m.Entries)
	}
	if err != nil {
		return err
	}
	d.Respond(id, thread, m.Responses)
	return nil
}

// Respond hands out what has waited for a thread of a node: what is for others first, and then what
// is for the node itself.
func (d *Driver) Respond(id uint64, thread int, responses []pb.Message) {
	for i := range responses {
		if responses[i].To != id {
			d.Send(responses[i : i+1])
		}
	}
	for i := range responses {
		if responses[i].To == id {
			d.Acknowledge(thread, responses[i])
		}
	}
}
