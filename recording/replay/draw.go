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

// Draw replays a recording like Run, and takes down what the node does for a picture. The other
// nodes are not watched: the picture has what this one has sent to them and got from them.
func Draw(records []recording.Record, rec *picture.Recorder) error {
	d := drawing{rec: rec}
	rec.Alone()
	lives := Lives(records)
	return Run(records, func(s *Step) error {
		if s.Life != d.life {
			d.begin(s, lives[s.Life-1], records)
		}
		d.step(s)
		return nil
	})
}

// drawnEntries is how many entries of the log that a life starts with are in the picture.
const drawnEntries = 500

// drawing turns the steps of a node into events of a picture.
type drawing struct {
	rec      *picture.Recorder
	id       uint64
	life     int
	conf     pb.ConfState
	last     uint64 // of the log that was handed out
	durable  uint64
	unsynced uint64 // the last index of the Ready in hand
	// writes are the messages to the append thread that it has not answered.
	writes []pb.Message
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
	d.id = s.Node.BasicStatus().ID
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
		d.written(&m)
	case m.From == raft.LocalApplyThread:
		d.rec.Event(d.id, picture.Apply, "state machine has applied")
	case m.From == d.id || m.From == raft.None:
		d.rec.Event(d.id, picture.Input, raft.DescribeMessage(m, nil))
	default:
		d.rec.Receive(m.From, &m)
	}
}

// written sends what has waited for the write that is acknowledged.
func (d *drawing) written(ack *pb.Message) {
	for len(d.writes) > 0 {
		w := d.writes[0]
		d.writes = d.writes[1:]
		found := false
		for i := range w.Responses {
			r := &w.Responses[i]
			found = found || r.Type == pb.MsgStorageAppendResp
			d.send(r)
		}
		if found {
			break
		}
	}
	if ack.Index > 0 {
		d.durable = min(ack.Index, d.last)
	}
}

func (d *drawing) send(m *pb.Message) {
	if m.To != d.id && !raft.IsLocalMsgTarget(m.To) {
		d.rec.Send(d.id, m)
	}
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
		if m.To == raft.LocalAppendThread {
			w := *m
			w.Responses = slices.Clone(m.Responses)
			d.writes = append(d.writes, w)
		}
		d.send(m)
	}
}

// confState is a configuration as it is stored.
func confState(c *tracker.Config) pb.ConfState {
	sorted := func(ids map[uint64]struct{}) []uint64 { return slices.Sorted(maps.Keys(ids)) }
	return pb.ConfState{
		Voters: sorted(c.Voters[0]), VotersOutgoing: sorted(c.Voters[1]), Learners: sorted(c.Learners), LearnersNext: sorted(c.LearnersNext),
		AutoLeave: c.AutoLeave,
	}
}
