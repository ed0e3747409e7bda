package sim

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/driver"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
)

// actionKind is what can be done to a world.
type actionKind uint8

const (
	doTick actionKind = iota
	doDeliver
	doReady
	doAppend
	doApply
	doCrash
	doCrashWriting
	doRestart
	doPropose
	doConfChange
	doAddServer
	doAwait
	doTransfer
	doStepDown
	doForget
	doCampaign
	doRead
	doLeaseRead
	doCompact
	doJoin
	doReadError
	doUnavailable
	doUnreachable
	doSnapStatus
	doLoseDisk
	doTake
	doCarryOut
	doAcknowledge
	doAcks
	doBackup
	doSkip
	doRepair
	actionKinds
)

func (k actionKind) String() string {
	names := [actionKinds]string{
		"tick", "deliver", "ready", "append", "apply", "crash", "crash-writing", "restart", "propose", "conf-change", "add-server", "await",
		"transfer", "step-down", "forget-leader", "campaign", "read", "lease-read", "compact", "join", "read-error", "unavailable",
		"unreachable", "snapshot-status", "lose-disk",
		"take-ready", "carry-out", "advance", "acknowledge", "backup", "skip-ticks", "repair",
	}
	if k < actionKinds {
		return names[k]
	}
	return "action?"
}

// action is one of the things that happen to a world. What n means depends on the kind.
type action struct {
	kind actionKind
	node uint64
	// deliver: the message's sender. transfer, unreachable, snapshot-status, add-server, await: the
	// other node.
	peer uint64
	// crash: how many pieces survive. compact: how many entries stay. read: its number.
	// snapshot-status: 1 if it failed. lose-disk: 1 to come back with an old copy. propose: how
	// many entries more; skip-ticks: how many.
	n    uint64
	key  messageKey // deliver
	data []byte     // propose; conf-change: the encoded change, a ConfChangeV2
}

// readContext is the context of a read, a word, which scripts use too; readNumber is its inverse,
// for the contexts of reads that were asked for.
func readContext(number uint64) []byte { return fmt.Appendf(nil, "r%07d", number) }

func readNumber(context []byte) uint64 {
	number, _ := strconv.ParseUint(strings.TrimPrefix(string(context), "r"), 10, 64)
	return number
}

// The actions. Each can be done to a node in any state: what makes no sense does nothing and
// reports false.

// up notes an action on a node, and reports whether the node is up. What is done to a node that is
// down is nothing.
func (w *world) up(n *node, a action) bool {
	w.begin()
	if n.rn == nil {
		return false
	}
	a.node = n.id
	w.note(a)
	w.draw(n, &a)
	return true
}

func (w *world) tick(n *node) {
	if w.up(n, action{kind: doTick}) {
		n.rn.Tick()
		w.observe(n)
	}
}

// deliver gives a message to its recipient. The message stays in flight until it is released.
func (w *world) deliver(f int32) bool {
	m := &w.flights[f].Message
	n := w.node(m.To)
	if w.recorder != nil {
		a := action{kind: doDeliver, peer: w.flights[f].sender, key: keyOf(m)}
		if !w.up(n, a) {
			return false
		}
	} else {
		w.begin()
	}
	if n.rn == nil {
		return false
	}
	n.Receives(m)
	err := n.rn.Step(*m)
	w.cfg.Picture.Refuse(n.id, err)
	w.refused(n, m, err)
	w.observe(n)
	return true
}

// ready processes a Ready; see handleReady.
func (w *world) ready(n *node) bool {
	return n.rn != nil && n.stage == idle && n.rn.HasReady() && w.up(n, action{kind: doReady}) && w.handleReady(n)
}

// take takes a Ready, of which the application does the rest in actions of their own; see
// takeReady.
func (w *world) take(n *node) bool {
	if n.rn == nil || n.stage != idle || !n.rn.HasReady() || !w.up(n, action{kind: doTake}) {
		return false
	}
	w.takeReady(n)
	return true
}

func (w *world) doCarryOut(n *node) {
	if n.stage == taken && w.up(n, action{kind: doCarryOut}) {
		w.carryOut(n)
	}
}

func (w *world) doAcknowledge(n *node) {
	if n.stage == carried && w.up(n, action{kind: doAcknowledge}) {
		w.acknowledge(n)
	}
}

func (w *world) doAcks(n *node) {
	if len(n.acks) > 0 && w.up(n, action{kind: doAcks}) {
		w.takeAcks(n)
		w.observe(n)
	}
}

func (w *world) doAppend(n *node) {
	if len(n.AppendWork) > 0 && w.up(n, action{kind: doAppend}) {
		w.perform(n, driver.AppendThread)
	}
}

func (w *world) doApply(n *node) {
	if len(n.ApplyWork) > 0 && w.up(n, action{kind: doApply}) {
		w.perform(n, driver.ApplyThread)
	}
}

// crash cuts a node's power. Up to keep pieces that were written and not synced survive.
func (w *world) crash(n *node, keep int) {
	if !w.up(n, action{kind: doCrash, n: uint64(keep)}) {
		return
	}
	w.stats.Crashes++
	n.stop()
	w.crashDisk(n, keep)
	w.loseMemory(n)
}

// crashWriting cuts a node's power while it performs its next write, of which up to keep pieces
// survive.
func (w *world) crashWriting(n *node, keep int) {
	if !w.up(n, action{kind: doCrashWriting, n: uint64(keep)}) {
		return
	}
	write := &driver.Write{}
	if len(n.AppendWork) > 0 {
		write = driver.WriteOf(&n.AppendWork[0], false)
	} else if !w.base.AsyncStorageWrites {
		if n.stage == idle && n.rn.HasReady() {
			if w.takeReady(n); n.rn == nil || w.failure != nil {
				return
			}
		}
		if rd := &n.batch; n.stage == taken {
			write = &driver.Write{HardState: rd.HardState, Entries: rd.Entries, Snapshot: rd.Snapshot}
		}
	}
	before := len(n.Unsynced)
	if (app{w, n}).Write(write) == nil {
		n.Writes(write.HardState, write.Entries, &write.Snapshot, false)
	}
	w.stats.Crashes++
	if keep > before && keep < len(n.Unsynced) {
		w.stats.TornWrites++
	}
	n.stop()
	w.crashDisk(n, keep)
	w.loseMemory(n)
}

// loseMemory brings the state machine back to what is on the disk.
func (w *world) loseMemory(n *node) {
	s, err := n.disk.Snapshot()
	if err != nil {
		w.failf(property.Durability, n, "the disk of node %d has no snapshot: %v", n.id, err)
		return
	}
	if w.cfg.DurableMachine && s.Metadata.Index <= n.rep.applied {
		return
	}
	// A snapshot that was stored before it was restored is restored now.
	n.Conf = s.Metadata.ConfState
	if err := n.rep.restore(&s); err != nil {
		w.failf(property.SameResults, n, "node %d cannot restore the snapshot at %d: %v", n.id, s.Metadata.Index, err)
	}
}

func (w *world) restart(n *node) bool {
	w.begin()
	if n.rn != nil || n.lost {
		return false
	}
	w.note(action{kind: doRestart, node: n.id})
	w.start(n)
	return n.rn != nil
}

// join adds a node with an empty disk.
func (w *world) join() *node {
	w.begin()
	w.note(action{kind: doJoin})
	n := w.newNode()
	w.start(n)
	w.stats.Joined++
	return n
}

// input does something to a node that is up, and returns the error of that.
func (w *world) input(n *node, a action, do func(rn *raft.RawNode) error) error {
	if !w.up(n, a) {
		return errDown
	}
	err := do(n.rn)
	w.cfg.Picture.Refuse(n.id, err)
	w.observe(n)
	return err
}

var errDown = fmt.Errorf("sim: the node is down")

// askReadIndex asks for a read and returns its number.
func (w *world) askReadIndex(n *node) uint64 {
	number := w.asked
	w.asked++
	w.stats.Reads++
	_ = w.input(n, action{kind: doRead, n: number}, func(rn *raft.RawNode) error {
		n.Asks(readContext(number))
		rn.ReadIndex(readContext(number))
		return nil
	})
	return number
}

// leaseRead asks a leader for a read from its lease.
func (w *world) leaseRead(n *node) (index uint64, ok bool) {
	_ = w.input(n, action{kind: doLeaseRead}, func(rn *raft.RawNode) error {
		index, ok = rn.LeaseRead()
		return nil
	})
	if ok {
		w.stats.LeaseReads++
		n.LeaseReads(index)
	}
	return index, ok
}

// compact takes a snapshot of what a node has applied, and drops the log before it but for retain
// entries.
func (w *world) compact(n *node, retain uint64) {
	if !w.up(n, action{kind: doCompact, n: retain}) {
		return
	}
	newest, err := n.disk.Snapshot()
	if err != nil || n.rep.applied <= newest.Metadata.Index {
		return
	}
	// With asynchronous writes the state machine may be ahead of what is durable, not of what it
	// has stored.
	if n.rep.applied > n.Durable.Last() {
		return
	}
	data, err := n.rep.snapshot()
	if err != nil {
		w.failf(property.SameResults, n, "node %d has no snapshot: %v", n.id, err)
		return
	}
	s := pb.Snapshot{Data: data, Metadata: pb.SnapshotMetadata{Index: n.rep.applied, Term: n.rep.term, ConfState: n.Conf}}
	n.Saves(&s)
	if err := n.disk.SaveSnapshot(s); err != nil {
		w.failf(property.Durability, n, "the disk of node %d does not take the snapshot at %d: %v", n.id, n.rep.applied, err)
		return
	}
	w.stats.Snapshots++
	if to := n.rep.applied - min(retain, n.rep.applied); to > n.Durable.Base {
		if err := n.disk.Compact(to); err != nil {
			w.failf(property.Durability, n, "the disk of node %d cannot be compacted to %d: %v", n.id, to, err)
			return
		}
		n.Compacts(to)
	}
}

const noLimit = ^uint64(0)
