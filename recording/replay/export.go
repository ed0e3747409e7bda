package replay

import (
	"fmt"
	"io"
	"strings"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/recording"
)

// Export writes a recording as a script of package rafttest, with the commands and without what they print, which
// raftscript -rewrite fills in. Every message is given to the node by hand; what the node sends goes nowhere.
//
// A script cannot say everything: a log that the node started with, inputs between Ready and Advance, reads of the storage that
// failed. Where that is so a comment says it, and what follows may differ from the recording.
func Export(records []recording.Record, life Life, out io.Writer) error {
	e := exporter{out: out}
	err := RunLife(records, life, func(s *Step) error {
		e.step(s)
		return e.err
	})
	e.flushTicks()
	if err == nil {
		err = e.err
	}
	return err
}

type exporter struct {
	out io.Writer
	err error
	id  uint64
	// ticks are counted and written together.
	ticks int
	async bool
	// taken: the application has a Ready, which the script handles where it was advanced.
	taken bool
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
		e.command("tick %d %d", e.id, n)
	}
}

// step writes an input.
func (e *exporter) step(s *Step) {
	for i := range s.Answers {
		if a := &s.Answers[i]; a.Number(0) != 0 && s.Input.Kind != recording.Start {
			e.comment("Here the storage failed: %s", Describe(a))
		}
	}
	in := &s.Input
	if e.taken && in.Kind != recording.Advance && in.Kind != recording.ApplyConfChange && in.Kind != recording.Tick {
		e.comment("The application had a Ready in hand when this came.")
	}
	switch in.Kind {
	case recording.Start:
		e.start(s)
	case recording.Tick:
		e.ticks++
	case recording.Ready:
		if e.taken = !e.async; e.async {
			e.command("process-ready %d", e.id)
		}
	case recording.Advance:
		if e.taken {
			e.command("process-ready %d", e.id)
		}
		e.taken = false
	case recording.ApplyConfChange: // process-ready and process-apply-thread do that
	case recording.Step:
		e.message(in.Blob(0))
	default:
		e.ask(in)
	}
}

// start makes a cluster of as many nodes as it takes for this one to have its id. The others do nothing.
func (e *exporter) start(s *Step) {
	c := Config(&s.Input)
	e.id, e.async = c.ID, c.AsyncStorageWrites
	var hs pb.HardState
	var cs pb.ConfState
	first, last := uint64(1), uint64(0)
	for i := range s.Answers {
		switch a := &s.Answers[i]; a.Kind {
		case recording.InitialState:
			e.err = firstOf(hs.Unmarshal(a.Blob(1)), cs.Unmarshal(a.Blob(2)))
		case recording.FirstIndex:
			first = a.Number(1)
		case recording.LastIndex:
			last = a.Number(1)
		}
	}
	e.comment("Exported from the recording of node %d, life %d.", c.ID, s.Life)
	e.command("log-level error")
	args := fmt.Sprintf("add-nodes %d%s", c.ID, configArgs(c))
	if first > 1 {
		args += fmt.Sprintf(" index=%d", first-1)
	}
	e.command("%s", args+confStateArgs(&cs))
	if last >= first {
		e.comment("The node started with the entries %d to %d, which are not in the recording.", first, last)
	}
	if !raft.IsEmptyHardState(hs) || c.Applied >= first {
		e.command("crash %d", c.ID)
		e.command("force-disk %d term=%d vote=%d commit=%d last=%d", c.ID, hs.Term, hs.Vote, min(hs.Commit, first-1), first-1)
		e.command("restart %d applied=%d", c.ID, min(c.Applied, first-1))
	}
}

// configArgs renders what a script can say of a configuration.
func configArgs(c *raft.Config) string {
	out := fmt.Sprintf(" election-tick=%d heartbeat-tick=%d seed=%d inflight=%d max-size-per-msg=%d max-committed-size-per-ready=%d max-uncommitted=%d",
		c.ElectionTick, c.HeartbeatTick, c.Seed, c.MaxInflightMsgs, c.MaxSizePerMsg, c.MaxCommittedSizePerReady, c.MaxUncommittedEntriesSize)
	for _, o := range []struct {
		on   bool
		text string
	}{
		{c.AsyncStorageWrites, "async-storage-writes=true"}, {c.PreVote, "prevote=true"}, {c.CheckQuorum, "checkquorum=true"},
		{c.ReadOnlyOption == raft.ReadOnlyLeaseBased, "read-only=lease-based"}, {c.DisableConfChangeValidation, "disable-conf-change-validation=true"},
		{c.LeaseDriftTicks > 0, fmt.Sprintf("lease-drift=%d", c.LeaseDriftTicks)},
	} {
		if o.on {
			out += " " + o.text
		}
	}
	return out
}

func confStateArgs(cs *pb.ConfState) string {
	args := ""
	for _, list := range []struct {
		name string
		ids  []uint64
	}{
		{"voters", cs.Voters}, {"learners", cs.Learners}, {"voters-outgoing", cs.VotersOutgoing}, {"learners-next", cs.LearnersNext},
	} {
		if len(list.ids) > 0 {
			args += fmt.Sprintf(" %s=(%s)", list.name, strings.Trim(strings.ReplaceAll(fmt.Sprint(list.ids), " ", ","), "[]"))
		}
	}
	return args
}

// message gives a message to the node by hand, or lets a storage thread do its work and answer.
func (e *exporter) message(data []byte) {
	var m pb.Message
	if e.err = m.Unmarshal(data); e.err != nil {
		return
	}
	switch m.From {
	case raft.LocalAppendThread:
		e.command("process-append-thread %d", e.id)
		e.command("deliver-msgs %d type=%s", e.id, m.Type)
		return
	case raft.LocalApplyThread:
		e.command("process-apply-thread %d", e.id)
		e.command("deliver-msgs %d type=%s", e.id, m.Type)
		return
	}
	args := fmt.Sprintf("step type=%s from=%d to=%d at=%d", m.Type, m.From, m.To, e.id)
	for _, field := range []struct {
		name  string
		value uint64
	}{
		{"term", m.Term}, {"index", m.Index}, {"logterm", m.LogTerm}, {"commit", m.Commit}, {"vote", m.Vote}, {"hint", m.RejectHint},
	} {
		if field.value != 0 {
			args += fmt.Sprintf(" %s=%d", field.name, field.value)
		}
	}
	if m.Reject {
		args += " reject=true"
	}
	if len(m.Context) > 0 {
		args += fmt.Sprintf(" context-hex=%x", m.Context)
	}
	if s := m.Snapshot; s != nil {
		args += fmt.Sprintf(" snapshot=%d/%d%s", s.Metadata.Term, s.Metadata.Index, confStateArgs(&s.Metadata.ConfState))
	}
	for i := range m.Entries {
		args += "\n" + raft.DescribeEntry(m.Entries[i], nil)
	}
	e.command("%s", args)
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
	case recording.AddServer:
		e.command("add-server %d %d", e.id, id)
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
