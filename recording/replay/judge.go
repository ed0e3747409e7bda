package replay

import (
	"fmt"
	"slices"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/driver"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
	"github.com/ffd200af/raft/recording"
)

// Judge reports what a recorded node and its application have done to package property, which
// judges what can be judged of one node alone: its votes over all lives, what it promises before it
// is durable, and the order in which it appends, commits and applies. What was handed out and not
// acknowledged may not have been done, and is not reported. The zero value is ready.
type Judge struct {
	node    *property.Node
	witness property.Witness
	life    int
	// known: the life has a start, so what the disk had is known.
	known, async bool
	lent         *raft.Ready // until Advance
	threads      driver.Threads
	following    []pb.MessageType // responses of the last write to the node itself
}

// Run replays a recording like the function Run, and judges it. The error is the first
// *property.Violation, or one of Run.
func (j *Judge) Run(records []recording.Record) error {
	return Run(records, func(s *Step) error { return j.Step(records, s) })
}

// Step judges a step of a recording. The error is the first *property.Violation.
func (j *Judge) Step(records []recording.Record, s *Step) error {
	if s.Life != j.life {
		if err := j.begin(records, s); err != nil {
			return err
		}
	} else if j.known {
		j.input(s)
	}
	if j.known && s.Node.Err() == nil {
		j.node.Shows(stateOf(s.Node))
	}
	j.witness.Facts = nil // they concern other nodes
	if j.witness.Broken != nil {
		return j.witness.Broken
	}
	return nil
}

func stateOf(n *raft.RawNode) property.State {
	st := n.BasicStatus()
	return property.State{HardState: st.HardState, Lead: st.Lead, Applied: st.Applied, Role: property.Role(st.RaftState)}
}

// begin begins a life, with what the disk had then.
func (j *Judge) begin(records []recording.Record, s *Step) error {
	if j.known {
		j.node.Stops()
	}
	j.life, j.lent, j.threads, j.following = s.Life, nil, driver.Threads{}, nil
	j.known = s.Input.Kind == recording.Start && s.Node != nil
	if !j.known {
		return nil
	}
	c, err := Config(&s.Input)
	if err != nil {
		return err
	}
	j.async = c.AsyncStorageWrites
	life := Lives(records)[s.Life-1]
	d, err := diskOf(s, records[life.Begin:life.End])
	if err != nil {
		return err
	}
	if j.node == nil {
		j.node = property.NewAlone(c.ID, &j.witness)
	}
	if was := j.node.Hard; d.hard.Term < was.Term || d.hard.Term == was.Term && was.Vote != 0 && d.hard.Vote != was.Vote {
		j.witness.Broken = &property.Violation{
			Property: property.Durability, Node: j.node.ID,
			Detail: fmt.Sprintf("the disk has lost what it has synced: %s, durable was %s", raft.DescribeHardState(d.hard), raft.DescribeHardState(was)),
		}
	}
	log := property.NewView(d.first-1, d.term(d.first-1))
	for index := d.first; index <= d.last; index++ {
		log.Put(index, d.term(index))
	}
	j.node.Recovers(log, d.hard)
	j.node.Starts(stateOf(s.Node))
	return nil
}

// input reports what an input tells of the application, and of what was handed out earlier.
func (j *Judge) input(s *Step) {
	switch s.Input.Kind {
	case recording.Bootstrap:
		if s.Err == nil {
			j.node.Bootstraps(uint64(len(s.Input.Numbers)))
		}
	case recording.Ready:
		j.ready(s.Ready)
	case recording.Advance:
		if rd := j.lent; rd != nil {
			j.lent = nil
			j.wrote(&driver.Write{HardState: rd.HardState, Entries: rd.Entries, Snapshot: rd.Snapshot, Sync: rd.MustSync}, rd.Messages)
			j.applied(rd.CommittedEntries)
		}
	case recording.Step:
		var m pb.Message
		if m.Unmarshal(s.Input.Blob(0)) != nil {
			return
		}
		switch {
		case m.From == raft.LocalApplyThread && len(j.threads.ApplyWork) > 0:
			work := j.threads.NextApply()
			j.applied(work.Entries)
		case m.From == raft.LocalAppendThread || m.From == j.node.ID:
			j.acknowledged(m.Type)
		}
	}
}

// ready keeps what a Ready hands out. Arrays of messages may be used again.
func (j *Judge) ready(rd raft.Ready) {
	j.node.HandsOut(rd.Entries, &rd.Snapshot)
	if !j.async {
		rd.Messages = slices.Clone(rd.Messages)
		j.lent = &rd
		return
	}
	before := len(j.threads.AppendWork)
	j.threads.Queue(rd.Messages, rd.MustSync, j.sent)
	for i := before; i < len(j.threads.AppendWork); i++ {
		m := &j.threads.AppendWork[i]
		m.Responses = slices.Clone(m.Responses)
	}
}

// acknowledged: the node gets a response of its append thread, so all writes up to the one with
// that response are done. The other responses of that write follow.
func (j *Judge) acknowledged(t pb.MessageType) {
	for len(j.threads.AppendWork) > 0 && !slices.Contains(j.following, t) {
		m, w := j.threads.NextWrite()
		j.wrote(w, m.Responses)
		j.following = j.following[:0]
		for i := range m.Responses {
			if m.Responses[i].To == j.node.ID {
				j.following = append(j.following, m.Responses[i].Type)
			}
		}
	}
	if i := slices.Index(j.following, t); i >= 0 {
		j.following = slices.Delete(j.following, i, i+1)
	}
}

// wrote reports a write, and the messages that have waited for it.
func (j *Judge) wrote(w *driver.Write, messages []pb.Message) {
	j.node.Writes(w.HardState, w.Entries, &w.Snapshot, w.Sync)
	if !raft.IsEmptySnap(w.Snapshot) {
		j.node.Restores(&w.Snapshot)
	}
	j.sent(messages)
}

func (j *Judge) sent(messages []pb.Message) {
	for i := range messages {
		if m := &messages[i]; m.To != j.node.ID && !raft.IsLocalMsgTarget(m.To) {
			j.node.Sends(m)
		}
	}
}

func (j *Judge) applied(entries []pb.Entry) {
	for i := range entries {
		if e := &entries[i]; e.Index > j.node.Restored {
			j.node.Applies(e)
		}
	}
}
