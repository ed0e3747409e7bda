package sim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// scriptWriter turns actions into commands of package rafttest, while it repeats them in a world of its own: a command
// says what a message is like and what is on a disk.
type scriptWriter struct {
	w    *world
	base *raft.Config
	out  strings.Builder
	// ticking is the node whose ticks are being counted.
	ticking, ticks uint64
	// texts are what stands in the script for the data of proposals.
	texts map[string]string
}

// script writes down actions that lead to a failure. Commands that rafttest has no use for, such as reads of a disk that
// fail for the moment, are left out.
func (sh *shrinker) script(actions []action, f *Failure) string {
	w, err := newWorld(&sh.cfg, sh.sim.w.base, sh.cfg.Nodes)
	if err != nil {
		return ""
	}
	w.keep = true
	sw := scriptWriter{w: w, base: &sh.sim.w.base, texts: map[string]string{}}
	fmt.Fprintf(&sw.out, "# A run of the simulator (package sim), made small.\n# Broken: %s. %s.\n", f.Property, f.Detail)
	sw.command("log-level error")
	var voters []string
	for i := range sh.cfg.Nodes {
		voters = append(voters, fmt.Sprint(i+1))
	}
	sw.command("add-nodes %d voters=(%s) index=%d%s", sh.cfg.Nodes, strings.Join(voters, ","), firstIndex, sw.config())
	for i := range actions {
		sw.action(&actions[i])
	}
	sw.flushTicks()
	sw.command("check")
	return sw.out.String()
}

// command writes a command without expectations; they are filled in by whoever replays it (raftscript -rewrite).
func (sw *scriptWriter) command(format string, args ...any) {
	fmt.Fprintf(&sw.out, format+"\n----\n\n", args...)
}

// config renders what differs from the defaults of scripts.
func (sw *scriptWriter) config() string {
	c := sw.base
	out := fmt.Sprintf(" saved-snapshots=true election-tick=%d heartbeat-tick=%d seed=%d inflight=%d max-size-per-msg=%d max-committed-size-per-ready=%d",
		c.ElectionTick, c.HeartbeatTick, c.Seed, c.MaxInflightMsgs, c.MaxSizePerMsg, c.MaxCommittedSizePerReady)
	for _, o := range []struct {
		on   bool
		text string
	}{
		{c.AsyncStorageWrites, "async-storage-writes=true"}, {c.PreVote, "prevote=true"}, {c.CheckQuorum, "checkquorum=true"},
		{c.ReadOnlyOption == raft.ReadOnlyLeaseBased, "read-only=lease-based"},
		{c.LeaseDriftTicks > 0, fmt.Sprintf("lease-drift=%d", c.LeaseDriftTicks)},
		{c.MaxUncommittedEntriesSize > 0, fmt.Sprintf("max-uncommitted=%d", c.MaxUncommittedEntriesSize)},
	} {
		if o.on {
			out += " " + o.text
		}
	}
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
	if a.kind == doTick && a.node == sw.ticking {
		sw.ticks++
		sw.do(a)
		return
	}
	sw.flushTicks()
	if a.kind == doJoin {
		sw.command("add-nodes 1%s", sw.config())
		sw.do(a)
		return
	}
	if !sw.w.has(a.node) {
		return
	}
	n := sw.w.node(a.node)
	wasUp, work := n.rn != nil, len(n.appendWork)+len(n.applyWork)
	log, hard := written(n)
	sw.w.delivered = nil
	sw.do(a)
	switch a.kind {
	case doTick:
		sw.ticking, sw.ticks = a.node, 1
	case doDeliver:
		sw.deliver(n)
	case doReady:
		sw.command("process-ready %d", n.id)
	case doAppend, doApply:
		if work > len(n.appendWork)+len(n.applyWork) {
			sw.command("process-%s-thread %d", a.kind, n.id)
			sw.command("deliver-msgs %d local=true", n.id)
		}
	case doCrash, doCrashWriting:
		if wasUp {
			sw.crash(n, a, &log, hard, work)
		}
		return
	case doRestart:
		if n.rn != nil && !wasUp {
			sw.command("restart %d applied=%d", n.id, n.rep.applied)
		}
	default:
		sw.ask(n, a)
	}
	if wasUp && n.rn == nil {
		sw.flushTicks()
		sw.command("crash %d", n.id)
	}
}

// do repeats an action. One that ends in a panic is written down all the same.
func (sw *scriptWriter) do(a *action) { sw.w.guard(func() { sw.w.do(a) }) }

// written is what a node's disk would have without a loss of power.
func written(n *node) (logView, pb.HardState) {
	log, hard := logView{}, n.hard
	log.copyFrom(&n.durable)
	for i := range n.unsynced {
		n.unsynced[i].onto(&log, &hard)
	}
	return log, hard
}

// deliver picks the message out of those that were ever sent, which all stay in flight.
func (sw *scriptWriter) deliver(n *node) {
	m := sw.w.delivered
	if m == nil {
		return
	}
	out := fmt.Sprintf("deliver-msgs %d from=%d type=%s term=%d index=%d logterm=%d commit=%d", n.id, m.From, m.Type, m.Term, m.Index, m.LogTerm, m.Commit)
	if m.Reject {
		out += " reject=true"
	}
	sw.command("%s newest=true keep=true", out)
}

// crash writes a crash, and puts the disk into the state in which it was left.
func (sw *scriptWriter) crash(n *node, a *action, log *logView, hard pb.HardState, work int) {
	wrote := n.hard != hard || !slices.Equal(n.durable.terms, log.terms)
	if a.kind == doCrashWriting && wrote && a.n > 0 {
		if sw.base.AsyncStorageWrites && work > 0 {
			sw.command("process-append-thread %d", n.id)
		} else {
			sw.command("process-ready %d", n.id)
		}
	}
	sw.command("crash %d", n.id)
	if wrote {
		sw.forceDisk(n, log)
	}
}

// forceDisk brings a disk that has log to what the node's disk has.
func (sw *scriptWriter) forceDisk(n *node, log *logView) {
	last := n.durable.base
	for last < n.durable.last() {
		term, _ := n.durable.term(last + 1)
		if has, ok := log.term(last + 1); !ok || has != term {
			break
		}
		last++
	}
	var again []string
	for i := last + 1; i <= n.durable.last(); i++ {
		again = append(again, "\n"+sw.entry(n, i))
	}
	sw.command("force-disk %d term=%d vote=%d commit=%d last=%d%s", n.id, n.hard.Term, n.hard.Vote, n.hard.Commit, last, strings.Join(again, ""))
}

// entry renders the entry at an index of a node's disk, with the data that it has in the script.
func (sw *scriptWriter) entry(n *node, index uint64) string {
	term, _ := n.durable.term(index)
	e := pb.Entry{Index: index, Term: term}
	if v := sw.w.check.slot(index).find(term); v != nil {
		e.Type, e.Data = v.typ, v.data
	}
	return raft.DescribeEntry(e, func(data []byte) string { return strconv.Quote(sw.texts[string(data)]) })
}

// text is what stands for the data of a proposal: printable and of the same length, because sizes decide how entries
// are batched.
func (sw *scriptWriter) text(data []byte) string {
	text := sw.texts[string(data)]
	if text == "" {
		text = fmt.Sprintf("p%d", len(sw.texts)+1)
		text += strings.Repeat(".", max(0, len(data)-len(text)))
		sw.texts[string(data)] = text
	}
	return text
}

// ask writes what a client or an operator asks for.
func (sw *scriptWriter) ask(n *node, a *action) {
	switch a.kind {
	case doPropose:
		sw.command("propose %d %s", n.id, sw.text(a.data))
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
	case doRead:
		sw.command("read-index %d r%d", n.id, a.n)
	case doCompact:
		sw.command("save-snapshot %d", n.id)
		sw.command("compact %d %d", n.id, n.durable.base)
	case doUnreachable:
		sw.command("report-unreachable %d %d", n.id, a.peer)
	case doSnapStatus:
		sw.command("report-snapshot %d %d failed=%t", n.id, a.peer, a.n == 1)
	case doLoseDisk:
		sw.forceDisk(n, &n.durable)
	}
}
