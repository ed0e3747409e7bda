package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest"
	"github.com/ffd200af/raft/rafttest/property"
)

// scriptWriter turns actions into commands of package rafttest, while it repeats them in a world of
// its own: a command says what a message is like and what is on a disk.
type scriptWriter struct {
	w    *world
	base *raft.Config
	out  strings.Builder
	// ticking is the node whose ticks are being counted.
	ticking, ticks uint64
	// texts are what stands in the script for the data of proposals.
	texts map[string]string
	// options are those that each node has in the script.
	options []raft.Config
	// bootstrap is the option of a restart that bootstraps.
	bootstrap string
}

// script writes down actions that lead to a failure, but for the comment at the top.
func (sh *shrinker) script(actions []action) string {
	w, err := newWorld(&sh.cfg, sh.sim.w.base, sh.cfg.Nodes, nil)
	if err != nil {
		return ""
	}
	w.keep = true
	sw := scriptWriter{w: w, base: &sh.sim.w.base, texts: map[string]string{}}
	sw.command("log-level error")
	sw.firstMembers()
	for i := range actions {
		sw.action(&actions[i])
	}
	sw.flushTicks()
	sw.command("check")
	return sw.out.String()
}

// firstMembers writes how the cluster begins.
func (sw *scriptWriter) firstMembers() {
	var ids []uint64
	for _, n := range sw.w.nodes {
		ids = append(ids, n.id)
	}
	voters := rafttest.IDs(ids)
	if len(sw.w.peers) > 0 {
		sw.bootstrap = " bootstrap=" + voters
		sw.command("add-nodes %d%s", len(ids), sw.config())
	} else {
		sw.command("add-nodes %d voters=%s index=%d%s", len(ids), voters, firstIndex, sw.config())
	}
	for _, n := range sw.w.nodes {
		sw.options = append(sw.options, *sw.base)
		if changed := sw.bootstrapping(n) + sw.changed(n); changed != "" {
			sw.command("restart %d%s", n.id, changed)
		}
	}
}

// bootstrapping is the option of a node that bootstraps when it starts.
func (sw *scriptWriter) bootstrapping(n *node) string {
	if !sw.w.bootstraps(n) {
		return ""
	}
	return sw.bootstrap
}

// command writes a command without expectations; they are filled in by whoever replays it
// (raftscript -rewrite).
func (sw *scriptWriter) command(format string, args ...any) {
	fmt.Fprintf(&sw.out, format+"\n----\n\n", args...)
}

// config renders what differs from the defaults of scripts.
func (sw *scriptWriter) config() string {
	usual := rafttest.DefaultConfig()
	return " saved-snapshots=true" + rafttest.ConfigOptions(&usual, sw.base)
}

// changed renders what a node has other options for than in its last life.
func (sw *scriptWriter) changed(n *node) string {
	before := &sw.options[n.id-1]
	out := rafttest.ConfigOptions(before, &n.options)
	*before = n.options
	return out
}

func (sw *scriptWriter) flushTicks() {
	if sw.ticks > 0 {
		sw.command("tick %d %d", sw.ticking, sw.ticks)
	}
	sw.ticks = 0
}

// action repeats an action, and writes what does the same in a script.
func (sw *scriptWriter) action(a *action) {
	if a.kind != doTick || a.node != sw.ticking {
		sw.flushTicks()
	}
	if a.kind == doJoin {
		sw.command("add-nodes 1%s", sw.config())
		sw.do(a)
		sw.options = append(sw.options, *sw.base)
		if n := sw.w.nodes[len(sw.w.nodes)-1]; n.rn != nil {
			if changed := sw.changed(n); changed != "" {
				sw.command("restart %d%s", n.id, changed)
			}
		}
		return
	}
	if !sw.w.has(a.node) {
		return
	}
	n := sw.w.node(a.node)
	before := sw.look(n)
	sw.do(a)
	if a.kind == doTick {
		sw.ticking = a.node
		sw.ticks++
	} else {
		sw.write(n, a, &before)
	}
	if before.up && n.rn == nil && a.kind != doCrash && a.kind != doCrashWriting {
		sw.flushTicks()
		sw.command("crash %d", n.id)
	}
}

// nodeBefore is a node before an action, as far as a script has to know.
type nodeBefore struct {
	up       bool
	work     int // of its threads
	log      property.View
	hard     pb.HardState
	snapshot uint64 // the index of the last one
	base     uint64
}

func (sw *scriptWriter) look(n *node) nodeBefore {
	sw.w.delivered = nil
	b := nodeBefore{up: n.rn != nil, work: len(n.AppendWork) + len(n.ApplyWork), base: n.Durable.Base}
	b.log, b.hard = written(n)
	if s, err := n.disk.Snapshot(); err == nil {
		b.snapshot = s.Metadata.Index
	}
	return b
}

// write writes an action that was just done.
func (sw *scriptWriter) write(n *node, a *action, before *nodeBefore) {
	unsynced, later := "", ""
	if sw.w.unsynced {
		unsynced = " unsynced=true"
	}
	if sw.w.cfg.Faults.ApplyLate && !sw.base.AsyncStorageWrites {
		later = " apply-later=true"
	}
	switch a.kind {
	case doDeliver:
		sw.deliver()
	case doReady:
		sw.command("process-ready %d%s%s", n.id, unsynced, later)
	case doTake:
		if sw.base.AsyncStorageWrites {
			sw.command("process-ready %d", n.id)
			return
		}
		sw.command("take-ready %d", n.id)
	case doCarryOut:
		sw.command("carry-out %d%s%s", n.id, unsynced, later)
	case doAcknowledge:
		sw.command("advance %d", n.id)
	case doAcks:
		sw.command("deliver-msgs %d local=true", n.id)
	case doRepair:
		if before.up {
			sw.command("fail-read %d never=true", n.id)
		}
	case doAppend, doApply:
		if before.work > len(n.AppendWork)+len(n.ApplyWork) {
			sw.command("process-%s-thread %d%s", a.kind, n.id, unsynced)
			if sw.base.AsyncStorageWrites && !sw.w.cfg.Faults.Concurrent {
				sw.command("deliver-msgs %d local=true", n.id)
			}
		}
	case doCrash, doCrashWriting:
		if before.up {
			sw.crash(n, a, before)
		}
	case doRestart:
		if !before.up && !n.lost {
			sw.command("restart %d applied=%d%s%s", n.id, n.rep.applied, sw.bootstrapping(n), sw.changed(n))
		}
	case doCompact:
		sw.compact(n, before)
	case doReadError:
		if before.up {
			sw.command("fail-read %d", n.id)
		}
	case doUnavailable:
		if before.up {
			sw.command("fail-read %d moment=true", n.id)
		}
	case doLoseDisk:
		sw.forceDisk(n, &n.Durable)
	default:
		sw.ask(n, a)
	}
}

// do repeats an action. One that ends in a panic is written down all the same.
func (sw *scriptWriter) do(a *action) { sw.w.guard(func() { sw.w.do(a) }) }

// written is what a node's disk would have without a loss of power.
func written(n *node) (property.View, pb.HardState) {
	log, hard := property.View{}, n.Hard
	log.CopyFrom(&n.Durable)
	for i := range n.Unsynced {
		n.Unsynced[i].Onto(&log, &hard)
	}
	return log, hard
}

// deliver picks the message out of those that were ever sent, which all stay in flight. One that
// was never sent like this is given by hand.
func (sw *scriptWriter) deliver() {
	f := sw.w.delivered
	if f == nil {
		return
	}
	if !f.tampered {
		sw.command("%s", rafttest.DeliverCommand(&f.Message))
		return
	}
	m := f.Message
	m.Entries = slices.Clone(m.Entries)
	for i := range m.Entries {
		if text := sw.texts[string(m.Entries[i].Data)]; text != "" {
			m.Entries[i].Data = []byte(text)
		}
	}
	sw.command("%s", rafttest.StepCommand(&m, m.To))
}

func (sw *scriptWriter) compact(n *node, before *nodeBefore) {
	if s, err := n.disk.Snapshot(); err == nil && s.Metadata.Index != before.snapshot {
		sw.command("save-snapshot %d", n.id)
	}
	if n.Durable.Base != before.base {
		sw.command("compact %d %d", n.id, n.Durable.Base)
	}
}

// crash writes a crash, and puts the disk into the state in which it was left.
func (sw *scriptWriter) crash(n *node, a *action, before *nodeBefore) {
	lost := n.Hard != before.hard || !slices.Equal(n.Durable.Terms, before.log.Terms) || n.Durable.Base != before.log.Base
	writing := ""
	if a.kind == doCrashWriting && lost && a.n > 0 {
		writing = " writing=true"
	}
	sw.command("crash %d%s", n.id, writing)
	if lost {
		sw.forceDisk(n, &before.log)
	}
}

// forceDisk brings a disk that has log to what the node's disk has.
func (sw *scriptWriter) forceDisk(n *node, log *property.View) {
	last := n.Durable.Base
	for last < n.Durable.Last() {
		term, _ := n.Durable.Term(last + 1)
		if has, ok := log.Term(last + 1); !ok || has != term {
			break
		}
		last++
	}
	var again []string
	for i := last + 1; i <= n.Durable.Last(); i++ {
		again = append(again, "\n"+sw.entry(n, i))
	}
	sw.command("force-disk %d term=%d vote=%d commit=%d last=%d%s", n.id, n.Hard.Term, n.Hard.Vote, n.Hard.Commit, last, strings.Join(again, ""))
}

// entry renders the entry at an index of a node's disk, with the data that it has in the script.
func (sw *scriptWriter) entry(n *node, index uint64) string {
	term, _ := n.Durable.Term(index)
	e, _ := sw.w.o.Entry(term, index)
	if text := sw.texts[string(e.Data)]; text != "" {
		e.Data = []byte(text)
	}
	return rafttest.EntryLine(&e)
}

// text is what stands for the data of a proposal: printable and of the same length, because sizes
// decide how entries are batched.
func (sw *scriptWriter) text(data []byte) string {
	text := sw.texts[string(data)]
	if text == "" {
		text = fmt.Sprintf("p%d", len(sw.texts)+1)
		text += strings.Repeat(".", max(0, len(data)-len(text)))
		sw.texts[string(data)] = text
	}
	return text
}

func (sw *scriptWriter) propose(n *node, a *action) {
	if a.n == 0 {
		sw.command("propose %d %s", n.id, sw.text(a.data))
		return
	}
	m := proposal(n.id, a.data, a.n)
	for i := range m.Entries {
		if data := m.Entries[i].Data; len(data) > 0 {
			m.Entries[i].Data = []byte(sw.text(data))
		}
	}
	sw.command("%s", rafttest.StepCommand(&m, m.To))
}

// ask writes what a client or an operator asks for.
func (sw *scriptWriter) ask(n *node, a *action) {
	switch a.kind {
	case doPropose:
		sw.propose(n, a)
	case doSkip:
		sw.command("tick %d %d skipped=true", n.id, a.n)
	case doConfChange:
		var cc pb.ConfChangeV2
		if cc.Unmarshal(a.data) == nil {
			transition := []string{"auto", "implicit", "explicit"}[cc.Transition]
			sw.command("propose-conf-change %d transition=%s\n%s", n.id, transition, pb.ConfChangesToString(cc.Changes))
		}
	case doAddServer:
		sw.command("add-server %d %d", n.id, a.peer)
	case doTransfer:
		sw.command("transfer-leadership from=%d to=%d", n.id, a.peer)
	case doStepDown, doForget, doCampaign, doLeaseRead:
		sw.command("%s %d", a.kind, n.id)
	case doAwait:
		sw.command("await-catch-up %d %d", n.id, a.peer)
	case doRead:
		sw.command("read-index %d %s", n.id, readContext(sw.w.asked-1))
	case doUnreachable:
		sw.command("report-unreachable %d %d", n.id, a.peer)
	case doSnapStatus:
		sw.command("report-snapshot %d %d failed=%t", n.id, a.peer, a.n == 1)
	}
}
