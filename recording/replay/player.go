// Package replay does again what a recording (package recording) says that a node did, without its
// application, storage and network, and compares to the byte: what the node asked of its storage,
// and what it handed out.
package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/options"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/recording"
)

// Step is an input that was done again.
type Step struct {
	// Life is the number of the life, see Life.
	Life int
	// Number is the place of the input's record in the recording, from 0. The first of a life is
	// its start, or a checkpoint.
	Number int
	Input  recording.Record
	// Answers are what the storage answered meanwhile, as recorded.
	Answers []recording.Record
	// Node is as the input left it; nil if it did not start.
	Node *raft.RawNode
	// Ready is what an input of kind Ready handed out, and Err what the input returned.
	Ready raft.Ready
	Err   error
}

// Divergence is the first place at which the node did something else than the recording says. The
// library that made the recording was another version, or there is a bug in one of them, or
// somebody has changed the recording.
type Divergence struct {
	Number int
	// Want is what is recorded there, Got what happened: nil if nothing did.
	Want recording.Record
	Got  *recording.Record
}

func (d *Divergence) Error() string {
	got := "nothing more happens"
	if d.Got != nil {
		got = fmt.Sprintf("%s %x comes", d.Got.Kind, d.Got.Numbers)
	}
	return fmt.Sprintf("replay: record %d is %s %x, and %s", d.Number, d.Want.Kind, d.Want.Numbers, got)
}

var (
	// ErrIncomplete says that neither the start of a life nor a checkpoint is there: it is from a
	// Ring that is too small for the state of the node.
	ErrIncomplete = errors.New("replay: the recording has neither the start of the node nor a checkpoint")
	// ErrEnd is what the storage of a replayed node answers where the recording has ended.
	ErrEnd = errors.New("replay: the recording ends here")
	// ErrUnknownOption says that a newer version of the library has made the recording: the
	// node was started with an option that this version does not know.
	ErrUnknownOption = errors.New("replay: the node was started with an option that this version of the library does not know")
)

// player drives a node by the records. It is the node's storage, and takes down its recording.
type player struct {
	records  []recording.Record
	at       int // the record that comes next
	node     *raft.RawNode
	diverged *Divergence
	trace    raft.TraceLogger // nil unless somebody wants a trace
	// quiet: the node is made to be restored, and what it writes means nothing. restored: it came
	// from a checkpoint.
	quiet, restored bool
}

// step repeats what the next record says.
func (p *player) step(s *Step) (err error) {
	defer p.caught(&err)
	switch {
	case s.Input.Kind == recording.Checkpoint:
		p.at++
		return p.restore(&s.Input)
	case s.Input.Kind == recording.Start:
		c, err := Config(&s.Input)
		if err != nil {
			return err
		}
		c.Storage, c.Recording, c.Logger, c.TraceLogger = p, p, raft.DiscardLogger, p.trace
		p.node, s.Err = raft.NewRawNode(c)
	case s.Input.Kind.IsInput():
		p.do(s)
	}
	if p.diverged != nil {
		return p.diverged
	}
	if p.at == s.Number {
		if p.node == nil || p.node.Err() == nil {
			return &Divergence{Number: p.at, Want: s.Input} // the node has not even noticed it
		}
		p.at++ // earlier versions recorded what a quarantined node was given, which had no effect
	}
	return nil
}

// Write takes what the node records, and compares. What comes after the last record was not
// written any more.
func (p *player) Write(frame []byte) (int, error) {
	if string(frame) == recording.Header || p.quiet || p.diverged != nil {
		return len(frame), nil
	}
	if p.at < len(p.records) && !bytes.Equal(frame, recording.Encode(&p.records[p.at])) {
		d := Divergence{Number: p.at, Want: p.records[p.at]}
		if got, err := recording.NewReader(io.MultiReader(bytes.NewReader([]byte(recording.Header)), bytes.NewReader(frame))).Next(); err == nil {
			d.Got = &got
		}
		p.diverged = &d
	}
	p.at++
	return len(frame), nil
}

// do repeats an input of a node that was started.
func (p *player) do(s *Step) {
	in, n := &s.Input, p.node
	if n == nil {
		return // it did not start, and nothing can follow
	}
	switch in.Kind {
	case recording.Tick:
		n.Tick()
	case recording.TickN:
		n.TickN(in.Number(0))
	case recording.TickAsleep:
		next := 1
		n.TickAsleep(in.Number(0), func(uint64) (arrived, sent uint64) {
			arrived, sent = in.Number(next), in.Number(next+1)
			next += 2
			return arrived, sent
		})
	case recording.TickQuiesced:
		n.TickQuiesced()
	case recording.SkipTicks:
		n.SkipTicks(in.Number(0))
	case recording.Step:
		var m pb.Message
		if s.Err = m.Unmarshal(in.Blob(0)); s.Err == nil {
			s.Err = n.Step(m)
		}
	case recording.Propose:
		s.Err = n.Propose(in.Blob(0))
	case recording.ApplyConfChange:
		var cc pb.ConfChangeV2
		if s.Err = cc.Unmarshal(in.Blob(0)); s.Err == nil {
			n.ApplyConfChange(cc)
		}
	case recording.Ready:
		s.Ready = n.Ready()
	case recording.Advance:
		n.Advance(raft.Ready{})
	default:
		p.operate(s)
	}
}

// operate repeats what operators and clients ask for.
func (p *player) operate(s *Step) {
	in, n := &s.Input, p.node
	id := in.Number(0)
	switch in.Kind {
	case recording.Campaign:
		s.Err = n.Campaign()
	case recording.AddServer:
		s.Err = n.AddServer(id, in.Blob(0))
	case recording.AwaitCatchUp:
		s.Err = n.AwaitCatchUp(id)
	case recording.StepDown:
		s.Err = n.StepDown()
	case recording.StorageAvailable:
		n.StorageAvailable()
	case recording.ReadIndex:
		n.ReadIndex(in.Blob(0))
	case recording.ReportUnreachable:
		n.ReportUnreachable(id)
	case recording.ReportSnapshot:
		n.ReportSnapshot(id, raft.SnapshotStatus(in.Number(1)))
	case recording.SetTimeout:
		s.Err = n.SetRandomizedElectionTimeout(int(id))
	case recording.Bootstrap:
		var peers []raft.Peer
		for i, id := range in.Numbers {
			peers = append(peers, raft.Peer{ID: id, Context: in.Blob(i)})
		}
		s.Err = n.Bootstrap(peers)
	}
}

// Config returns the configuration that a Start record holds, without Storage, Logger and
// Recording. The error is ErrUnknownOption or nil; the Config holds the known options in either
// case.
func Config(start *recording.Record) (*raft.Config, error) {
	c := &raft.Config{}
	if !options.Decode(c, start.Numbers) {
		return c, ErrUnknownOption
	}
	return c, nil
}
