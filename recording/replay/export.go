package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest"
	"github.com/ffd200af/raft/recording"
)

// maxID is the largest id that a node of a script can have.
const maxID = 64

// ErrNoScript says that a life cannot be exported: it has lost its start, or the node has an id
// larger than 64.
var ErrNoScript = errors.New("replay: a script cannot say this")

// Export writes a life of a recording as a script of package rafttest, with the commands and
// without what they print, which raftscript -rewrite fills in. Every message is given to the node
// by hand; what the node sends goes nowhere.
//
// A script cannot express everything: failed reads of the storage, the application's own snapshots,
// entries that it refused to apply. A comment marks each such place. Export runs the script, and
// the last comment says whether it brings the node to the state at the end of the recording. The
// error is ErrDamaged if the script ends where the life is damaged.
func Export(records []recording.Record, life Life, out io.Writer) error {
	switch {
	case life.Begin >= life.End || records[life.Begin].Kind != recording.Start:
		return fmt.Errorf("%w: the start of life %d is lost", ErrNoScript, life.Number)
	case records[life.Begin].Number(0) > maxID:
		return fmt.Errorf("%w: the node has the id %d, and scripts know %d nodes", ErrNoScript, records[life.Begin].Number(0), maxID)
	}
	var script bytes.Buffer
	e := exporter{out: &script, life: records[life.Begin:life.End], begin: life.Begin}
	var last *raft.RawNode
	err := RunLife(records, life, func(s *Step) error {
		last = s.Node
		e.step(s)
		return e.err
	})
	e.flushTicks()
	damaged := errors.Is(err, ErrDamaged)
	if damaged {
		e.comment("Here the recording is cut or damaged, and the life may have gone on.")
		err = nil
	}
	if err == nil {
		err = e.err
	}
	if err == nil {
		e.comment("%s", ending(script.Bytes(), e.id, last))
		err = e.err
	}
	if _, failed := out.Write(script.Bytes()); err == nil {
		err = failed
	}
	if err == nil && damaged {
		err = ErrDamaged
	}
	return err
}

type exporter struct {
	out   io.Writer
	err   error
	id    uint64
	life  []recording.Record
	begin int // where life begins in the recording
	// ticks are counted and written together; how is what they are.
	ticks int
	how   string
	async bool
	// taken: the application has a Ready, which the script handles where it was advanced.
	taken bool
	// due is how many calls of ApplyConfChange the last Ready asks for that were not made yet.
	due int
	// applies: it has entries to apply.
	applies bool
	// later has the same number for each batch of entries that is applied after Advance.
	later []int
	// writes has a value for each message that waits for the append thread: whether the message
	// has an acknowledgement.
	writes []bool
}

// note remembers the messages of a batch to the append thread.
func (e *exporter) note(rd *raft.Ready) {
	for i := range rd.Messages {
		if m := &rd.Messages[i]; m.To == raft.LocalAppendThread {
			e.writes = append(e.writes, slices.ContainsFunc(m.Responses, func(r pb.Message) bool { return r.Type == pb.MsgStorageAppendResp }))
		}
	}
}

// acknowledged lets the append thread work up to the write that was acknowledged.
func (e *exporter) acknowledged() {
	for len(e.writes) > 0 {
		last := e.writes[0]
		e.writes = e.writes[1:]
		e.command("process-append-thread %d", e.id)
		if last {
			return
		}
	}
}

func (e *exporter) write(text string) {
	if e.err == nil {
		_, e.err = io.WriteString(e.out, text)
	}
}

func (e *exporter) command(format string, args ...any) {
	e.flushTicks()
	e.write(fmt.Sprintf(format, args...) + "\n----\n\n")
}

func (e *exporter) comment(format string, args ...any) {
	e.flushTicks()
	e.write("# " + fmt.Sprintf(format, args...) + "\n")
}

func (e *exporter) flushTicks() {
	if n := e.ticks; n > 0 {
		e.ticks = 0
		e.command("tick %d %d%s", e.id, n, e.how)
	}
}

func (e *exporter) tick(n int, how string) {
	if how != e.how || e.ticks+n > 1000 {
		e.flushTicks()
	}
	e.ticks, e.how = e.ticks+n, how
}

// step writes an input.
func (e *exporter) step(s *Step) {
	for i := range s.Answers {
		if a := &s.Answers[i]; a.Number(0) != 0 && s.Input.Kind != recording.Start {
			e.comment("Here the storage failed: %s", Describe(a))
		}
	}
	in := &s.Input
	switch in.Kind {
	case recording.Start:
		e.start(s)
	case recording.Tick:
		e.tick(1, "")
	case recording.TickN:
		for n := min(in.Number(0), 10_000); n > 0; { // more than a script would show
			some := min(n, 1000)
			e.tick(int(some), "")
			n -= some
		}
	case recording.TickQuiesced:
		e.tick(1, " quiesced=true")
	case recording.Ready:
		e.note(&s.Ready)
		e.due, e.applies = changes(s.Ready.CommittedEntries), len(s.Ready.CommittedEntries) > 0
		if e.async || len(e.later) == 0 && e.advancedNext(s.Number) {
			e.command("process-ready %d", e.id)
		} else {
			e.command("take-ready %d", e.id)
			e.taken = true
		}
	case recording.Advance:
		if e.taken {
			e.advance()
		}
		e.taken = false
	case recording.ApplyConfChange: // process-ready and process-apply-thread do that
		e.applyConfChange()
	case recording.Step:
		e.message(in.Blob(0))
	default:
		e.ask(in)
	}
}

// advancedNext reports whether nothing comes between the Ready in a record and its Advance but all
// calls of ApplyConfChange that are due.
func (e *exporter) advancedNext(number int) bool {
	calls := 0
	for i := number - e.begin + 1; i < len(e.life); i++ {
		switch k := e.life[i].Kind; {
		case k == recording.Advance:
			return calls >= e.due
		case k == recording.ApplyConfChange:
			calls++
		case k.IsInput():
			return false
		}
	}
	return false
}

// advance handles the Ready in hand. Its entries are applied later if calls of ApplyConfChange are
// due.
func (e *exporter) advance() {
	if e.due > 0 || len(e.later) > 0 {
		e.command("carry-out %d apply-later=true", e.id)
		if e.applies {
			e.later = append(e.later, e.due)
		}
	}
	e.command("advance %d", e.id)
}

// applyConfChange counts a call. The last one that is due for a batch has the batch applied, and
// the batches after it that have no change.
func (e *exporter) applyConfChange() {
	if len(e.later) == 0 {
		e.due--
		return
	}
	e.later[0]--
	for len(e.later) > 0 && e.later[0] <= 0 {
		e.later = e.later[1:]
		e.command("process-apply-thread %d", e.id)
	}
}

// changes counts the configuration changes among entries.
func changes(entries []pb.Entry) (n int) {
	for i := range entries {
		if entries[i].Type != pb.EntryNormal {
			n++
		}
	}
	return n
}

// start makes a cluster of as many nodes as it takes for this one to have its id. The others do
// nothing. Then it puts the disk in place that the node was started with.
func (e *exporter) start(s *Step) {
	c, err := Config(&s.Input)
	if err != nil {
		e.err = err
		return
	}
	usual := rafttest.DefaultConfig()
	e.id, e.async = c.ID, c.AsyncStorageWrites
	d, err := diskOf(s, e.life)
	if err != nil {
		e.err = err
		return
	}
	e.comment("Exported from the recording of node %d, life %d.", c.ID, s.Life)
	e.command("log-level error")
	e.command("add-nodes %d%s", c.ID, rafttest.ConfigOptions(&usual, c))
	if d.isNew() {
		return
	}
	e.command("crash %d", c.ID)
	if unread := d.last + 1 - d.first - uint64(len(d.entries)); unread > 0 {
		e.comment("%d of the entries %d to %d were not read in this life, and have no data here.", unread, d.first, d.last)
	}
	e.command("force-disk %d term=%d vote=%d commit=%d begin=%d/%d applied=%d%s%s", c.ID, d.hard.Term, d.hard.Vote, d.hard.Commit,
		d.term(d.first-1), d.first-1, max(c.Applied, d.first-1), rafttest.ConfStateArgs(&d.conf), d.lines())
	e.command("restart %d", c.ID)
}

// message gives a message to the node by hand, or lets a storage thread do its work and answer.
func (e *exporter) message(data []byte) {
	var m pb.Message
	if e.err = m.Unmarshal(data); e.err != nil {
		return
	}
	switch m.From {
	case raft.LocalAppendThread:
		e.acknowledged()
		e.command("deliver-msgs %d type=%s", e.id, m.Type)
		return
	case raft.LocalApplyThread:
		e.command("process-apply-thread %d", e.id)
		e.command("deliver-msgs %d type=%s", e.id, m.Type)
		return
	}
	if s := m.Snapshot; s != nil { // its data may be any bytes
		m.Snapshot = &pb.Snapshot{Metadata: s.Metadata}
	}
	e.command("%s", rafttest.StepCommand(&m, e.id))
}

// ask writes what a client or an operator has asked for.
func (e *exporter) ask(in *recording.Record) {
	id := in.Number(0)
	switch in.Kind {
	case recording.Propose:
		e.command("step type=MsgProp from=%d to=%d\n0/0 %q", e.id, e.id, in.Blob(0))
	case recording.Campaign:
		e.command("campaign %d", e.id)
	case recording.StepDown:
		e.command("step-down %d", e.id)
	case recording.StorageAvailable:
		e.command("storage-available %d", e.id)
	case recording.AddServer:
		e.command("add-server %d %d", e.id, id)
	case recording.AwaitCatchUp:
		e.command("await-catch-up %d %d", e.id, id)
	case recording.SkipTicks:
		e.command("tick %d %d skipped=true", e.id, min(id, 10_000))
	case recording.TickAsleep:
		e.command("tick %d %d asleep=true", e.id, min(id, 10_000))
	case recording.Bootstrap:
		e.command("restart %d bootstrap=%s", e.id, rafttest.IDs(in.Numbers))
	case recording.ReadIndex:
		e.command("step type=MsgReadIndex from=%d to=%d\n0/0 %q", e.id, e.id, in.Blob(0))
	case recording.ReportUnreachable:
		e.command("report-unreachable %d %d", e.id, id)
	case recording.ReportSnapshot:
		e.command("report-snapshot %d %d failed=%t", e.id, id, raft.SnapshotStatus(in.Number(1)) == raft.SnapshotFailure)
	case recording.SetTimeout:
		e.command("set-randomized-election-timeout %d timeout=%d", e.id, id)
	default:
		e.comment("A script cannot say this: %s", Describe(in))
	}
}
