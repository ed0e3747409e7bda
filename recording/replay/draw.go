package replay

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/picture"
	"github.com/ffd200af/raft/recording"
	"github.com/ffd200af/raft/tracker"
)

// Source is the recording of a node for a picture.
type Source struct {
	// Group is the Raft group of the node, 0 if there is one group.
	Group   uint64
	Records []recording.Record
}

// Draw replays recordings like Run, and takes down what their nodes do for a picture. Nodes without
// a recording are not watched: the picture has what was sent to them and what came from them.
//
// Recordings have no common clock. A message arrives after it was sent; equal messages arrive in
// the order in which they were sent. Other than that, the node with the fewest ticks goes next.
func Draw(rec *picture.Recorder, sources ...Source) error {
	m := merge{rec: rec, total: map[messageKey]int{}, given: map[messageKey]int{}, left: map[messageKey]int{}, taken: map[messageKey]int{}}
	if len(sources) > 1 {
		for i := range sources {
			if err := m.count(&sources[i]); err != nil {
				return err
			}
		}
	}
	return m.draw(sources)
}

// drawnEntries is how many entries of the log that a life starts with are in the picture.
const drawnEntries = 500

// drawing turns the steps of a node into events of a picture.
type drawing struct {
	rec *picture.Recorder
	// give is called with each message for another node when the node gives it to its program, and
	// send when it leaves.
	give, send func(*pb.Message)

	id       uint64
	life     int
	conf     pb.ConfState
	last     uint64 // of the log that was handed out
	durable  uint64
	unsynced uint64 // the last index of the Ready in hand
	// writes are the messages to the append thread that have not ended.
	writes []pb.Message
}

// take takes down a step, and before the first one of a life that it begins.
func (d *drawing) take(s *Step, lives []Life, records []recording.Record) {
	if s.Node != nil {
		d.id = s.Node.BasicStatus().ID
	}
	if s.Life != d.life {
		d.begin(s, lives[s.Life-1], records)
	}
	d.step(s)
}

// begin begins a life, with the log that the disk had then.
func (d *drawing) begin(s *Step, life Life, records []recording.Record) {
	if d.life > 0 {
		d.rec.Event(d.id, picture.Crash, "ends")
		d.rec.Status(d.id, picture.Status{Role: picture.Down})
	}
	d.life, d.writes = s.Life, nil
	if s.Node == nil {
		return
	}
	d.rec.Event(d.id, picture.Start, fmt.Sprintf("life %d starts", s.Life))
	disk, err := diskOf(s, records[life.Begin:life.End])
	if err != nil || s.Input.Kind != recording.Start {
		return // the log before a checkpoint is not known
	}
	d.last, d.durable = disk.last, disk.last
	var entries []pb.Entry
	first := max(disk.first, disk.last+1-min(disk.last, drawnEntries))
	for index := first; index <= disk.last; index++ {
		e := disk.entries[index]
		e.Index, e.Term = index, disk.term(index)
		entries = append(entries, e)
	}
	d.rec.Log(d.id, first, disk.term(first-1), entries)
}

// step takes down an input and its outputs.
func (d *drawing) step(s *Step) {
	if s.Node == nil {
		return
	}
	switch s.Input.Kind {
	case recording.Start, recording.Checkpoint:
	case recording.Tick, recording.TickQuiesced:
		d.rec.Event(d.id, picture.Tick, "tick")
	case recording.Step:
		d.message(s.Input.Blob(0))
	case recording.Ready:
		d.ready(&s.Ready)
	case recording.Advance:
		d.rec.Event(d.id, picture.Ready, "advances")
		d.durable = d.unsynced
	default:
		d.rec.Event(d.id, picture.Input, Describe(&s.Input))
	}
	d.rec.Refuse(d.id, s.Err)
	st := s.Node.BasicStatus()
	config := s.Node.Status().Config
	d.conf = confState(&config)
	d.rec.Status(d.id, picture.StatusOf(&st, &d.conf, d.durable, s.Node.Err() != nil))
}

func (d *drawing) message(data []byte) {
	var m pb.Message
	if m.Unmarshal(data) != nil {
		return
	}
	switch {
	case m.From == raft.LocalAppendThread:
		d.rec.Event(d.id, picture.Write, "disk has written")
		d.acknowledged(&m)
		if m.Index > 0 {
			d.durable = min(m.Index, d.last)
		}
	case m.From == raft.LocalApplyThread:
		d.rec.Event(d.id, picture.Apply, "state machine has applied")
	case m.From == d.id || m.From == raft.None:
		d.rec.Event(d.id, picture.Input, raft.DescribeMessage(m, nil))
		d.acknowledged(&m)
	default:
		d.rec.Receive(m.From, &m)
	}
}

// acknowledged sends what has waited for the write that m acknowledges, and for earlier writes.
func (d *drawing) acknowledged(m *pb.Message) {
	same := func(r pb.Message) bool {
		return r.From == m.From && r.To == m.To && r.Type == m.Type && r.Term == m.Term && r.Index == m.Index
	}
	last := slices.IndexFunc(d.writes, func(w pb.Message) bool { return slices.ContainsFunc(w.Responses, same) })
	for i := 0; i <= last; i++ {
		d.pop()
	}
	d.endUnacknowledged()
}

// endUnacknowledged sends what has waited for writes without an acknowledgement. They end at once.
func (d *drawing) endUnacknowledged() {
	toItself := func(r pb.Message) bool { return r.To == d.id }
	for len(d.writes) > 0 && !slices.ContainsFunc(d.writes[0].Responses, toItself) {
		if len(d.writes[0].Responses) > 0 {
			d.rec.Event(d.id, picture.Write, "disk has written")
		}
		d.pop()
	}
}

// pop sends what has waited for the first write.
func (d *drawing) pop() {
	for i := range d.writes[0].Responses {
		d.leave(&d.writes[0].Responses[i])
	}
	d.writes = d.writes[1:]
}

func (d *drawing) leave(m *pb.Message) {
	if d.isForOthers(m) {
		d.send(m)
	}
}

func (d *drawing) isForOthers(m *pb.Message) bool {
	return m.To != d.id && !raft.IsLocalMsgTarget(m.To)
}

func (d *drawing) ready(rd *raft.Ready) {
	d.rec.Event(d.id, picture.Ready, "")
	d.rec.HandOut(d.id, rd)
	if n := len(rd.Entries); n > 0 {
		d.last = rd.Entries[n-1].Index
		d.durable = min(d.durable, rd.Entries[0].Index-1)
	} else if !raft.IsEmptySnap(rd.Snapshot) {
		d.last = rd.Snapshot.Metadata.Index
	}
	d.unsynced = d.last
	d.rec.Apply(d.id, rd.CommittedEntries)
	for i := range rd.Messages {
		m := &rd.Messages[i]
		if d.isForOthers(m) {
			d.give(m)
		}
		for j := range m.Responses {
			if d.isForOthers(&m.Responses[j]) {
				d.give(&m.Responses[j])
			}
		}
		if m.To == raft.LocalAppendThread {
			w := *m
			w.Responses = slices.Clone(m.Responses)
			d.writes = append(d.writes, w)
		}
		d.leave(m)
	}
	d.endUnacknowledged()
}

// confState is a configuration as it is stored.
func confState(c *tracker.Config) pb.ConfState {
	sorted := func(ids map[uint64]struct{}) []uint64 { return slices.Sorted(maps.Keys(ids)) }
	return pb.ConfState{
		Voters: sorted(c.Voters[0]), VotersOutgoing: sorted(c.Voters[1]), Learners: sorted(c.Learners), LearnersNext: sorted(c.LearnersNext),
		AutoLeave: c.AutoLeave,
	}
}
