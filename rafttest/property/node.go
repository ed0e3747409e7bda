package property

import (
	"cmp"
	"encoding/binary"
	"slices"

	pb "github.com/ffd200af/raft/raftpb"
)

// Node is the record of one node. Its methods are the reports. Fields are read by drivers, which
// set none but Conf, where a state machine goes back to an earlier configuration.
type Node struct {
	ID uint64
	// State is what the node showed last, in this life or the one before.
	State
	// Up: the node has started and has not stopped.
	Up bool
	// Log is the log that the node has handed out in this life.
	Log View
	// Durable and Hard are what the disk keeps for certain, and Unsynced what it may keep besides.
	Durable  View
	Hard     pb.HardState
	Unsynced []Piece
	// Conf is the configuration that is applied. Machine is the index that the state machine stands
	// at, and Restored the index of the last snapshot that it got in this life.
	Conf              pb.ConfState
	Machine, Restored uint64

	// grants are the votes that have left the node, by rising term. They bind all later lives.
	grants []grant
	// reads are the reads that the node has not answered: what was committed when each was
	// requested.
	reads map[string][]uint64

	checkedCommit uint64 // what is committed up to here was looked at
	ledHandingOut uint64 // the last term in which the node has handed out entries as its leader

	court court
	watch func(*Event)
}

// Leads reports whether the node leads.
func (n *Node) Leads() bool { return n.Role == Leader }

// grant is a vote.
type grant struct{ term, to uint64 }

// court judges what a node does where that concerns other nodes.
type court interface {
	// fail takes a violation by the node itself.
	fail(n *Node, p Name, format string, args ...any)
	// elected: the node leads from now on, in n.Term.
	elected(n *Node)
	// commits: the node has committed from an index to n.Commit, as a leader of n.Term or not.
	commits(n *Node, from uint64, leads bool)
	// adds: the node has an entry in its log, after one of term prev if that is known.
	adds(n *Node, e *pb.Entry, prev uint64, known bool)
	// applies, configures, snapshot: what the state machine is told, or stands for.
	applies(n *Node, e *pb.Entry)
	configures(n *Node, index uint64)
	snapshot(n *Node, s *pb.Snapshot)
	// committed is what is committed now.
	committed() uint64
	// lenient: reads may be answered that were not reported.
	lenient() bool
}

// tell gives a report to whoever watches.
func (n *Node) tell(e Event) {
	if n.watch != nil {
		event := e // e itself need not escape to the heap
		event.Node = n.ID
		n.watch(&event)
	}
}

func (n *Node) fail(p Name, format string, args ...any) { n.court.fail(n, p, format, args...) }

// Clone returns a copy of the record that takes no reports.
func (n *Node) Clone() *Node {
	c := *n
	c.Log.Terms, c.Durable.Terms = slices.Clone(n.Log.Terms), slices.Clone(n.Durable.Terms)
	c.court, c.watch, c.reads = nil, nil, nil
	return &c
}

// Remembers makes the votes of an earlier record of the node those of this one: they bind all
// lives.
func (n *Node) Remembers(earlier *Node) { n.grants = slices.Clip(earlier.grants) }

// AppendVotes appends a key to buf that records have in common whose nodes have cast equal votes.
func (n *Node) AppendVotes(buf []byte) []byte {
	for _, g := range n.grants {
		buf = binary.AppendUvarint(binary.AppendUvarint(buf, g.term), g.to)
	}
	return buf
}

// AppendKey appends a key to buf that only records share which a Past judges alike.
func (n *Node) AppendKey(buf []byte) []byte {
	for _, x := range [...]uint64{n.ID, n.Term, n.Commit, uint64(n.Role), n.Log.Base, uint64(len(n.Log.Terms)), n.Durable.Base, uint64(len(n.Durable.Terms))} {
		buf = binary.AppendUvarint(buf, x)
	}
	for _, list := range [...][]uint64{n.Log.Terms, n.Durable.Terms, n.Conf.Voters, {0}, n.Conf.VotersOutgoing} {
		for _, x := range list {
			buf = binary.AppendUvarint(buf, x)
		}
	}
	return buf
}

// Starts begins a life, from what is durable.
func (n *Node) Starts(s State) {
	if s.Term < n.Hard.Term || s.Commit < n.Hard.Commit {
		n.fail(Monotonicity, "node %d starts in term %d with commit index %d, durable are %d and %d", n.ID, s.Term, s.Commit, n.Hard.Term, n.Hard.Commit)
	}
	n.State, n.Up = s, true
	n.Log.CopyFrom(&n.Durable)
	n.checkedCommit, n.ledHandingOut = n.Log.Base, 0
	n.Machine, n.Restored = s.Applied, 0
	clear(n.reads)
	n.tell(Event{Kind: Started, State: s})
	n.commitsUpTo(false)
}

// Stops ends a life. What was not durable may be gone, see Recovers.
func (n *Node) Stops() {
	n.Up, n.Role, n.Lead = false, Follower, 0
	n.tell(Event{Kind: Stopped})
}

// Bootstraps: the node's log begins with the first configuration, up to an index, which counts as
// handed out.
func (n *Node) Bootstraps(last uint64) {
	for i := n.Log.Last() + 1; i <= last; i++ {
		n.Log.Put(i, 1)
	}
}

// Shows reports the state of a node after something was done to it.
func (n *Node) Shows(s State) {
	was := n.State
	if s == was {
		return
	}
	switch {
	case s.Term < was.Term:
		n.fail(Monotonicity, "the term of node %d falls from %d to %d", n.ID, was.Term, s.Term)
	case s.Commit < was.Commit:
		n.fail(Monotonicity, "the commit index of node %d falls from %d to %d", n.ID, was.Commit, s.Commit)
	case s.Applied < was.Applied:
		n.fail(Monotonicity, "the applied index of node %d falls from %d to %d", n.ID, was.Applied, s.Applied)
	case s.Applied > s.Commit:
		n.fail(StateMachineSafety, "node %d has applied %d, and committed %d", n.ID, s.Applied, s.Commit)
	case s.Term == was.Term && was.Vote != 0 && s.Vote != was.Vote:
		n.fail(OneVote, "the vote of node %d in term %d changes from %d to %d", n.ID, s.Term, was.Vote, s.Vote)
	}
	n.State = s
	n.tell(Event{Kind: Changed, State: s})
	led := was.Role == Leader && was.Term == s.Term
	if s.Role == Leader && !led {
		n.checkVote(s.Term, n.ID)
		if n.Hard.Term < s.Term || n.Hard.Term == s.Term && n.Hard.Vote != n.ID {
			n.fail(Promise, "node %d leads term %d, durable is a vote for %d in term %d", n.ID, s.Term, n.Hard.Vote, n.Hard.Term)
		}
		n.court.elected(n)
	}
	// A leader may step down in the step in which it commits.
	if s.Role == Leader || led {
		n.commitsUpTo(true)
	}
}

// commitsUpTo has the entries judged that the node has committed since it was last asked. Those
// that others told it of may be in a part of the log that it has not handed out yet.
func (n *Node) commitsUpTo(leads bool) {
	if from := max(n.checkedCommit, n.Log.Base) + 1; from <= n.Commit {
		n.court.commits(n, from, leads)
	}
	n.checkedCommit = n.Commit
}

// checkVote: a node votes once a term, over all its lives. A candidate's vote for itself counts
// when the candidate leads: a vote that was lost before it was durable was none.
func (n *Node) checkVote(term, to uint64) {
	for i := len(n.grants) - 1; i >= 0 && n.grants[i].term >= term; i-- {
		if g := n.grants[i]; g.term == term {
			if g.to != to {
				n.fail(OneVote, "node %d votes for %d and %d in term %d", n.ID, g.to, to, term)
			}
			return
		}
	}
	n.grants = append(n.grants[:len(n.grants):len(n.grants)], grant{term, to})
	slices.SortFunc(n.grants, func(a, b grant) int { return cmp.Compare(a.term, b.term) })
}

// HandsOut reports what a Ready adds to the node's log, before anything is done with the Ready.
func (n *Node) HandsOut(entries []pb.Entry, snapshot *pb.Snapshot) {
	if len(entries) > 0 || snapshot.Metadata.Index != 0 {
		n.tell(Event{Kind: HandedOut, Entries: entries, Snapshot: snapshot})
	}
	if id := &snapshot.Metadata; id.Index != 0 {
		n.court.snapshot(n, snapshot)
		n.Log.Reset(id.Index, id.Term)
	}
	if len(entries) > 0 {
		at := entries[0].Index
		if at > n.Log.Last()+1 || at <= n.Log.Base {
			n.fail(LogMatching, "node %d adds %d to a log that spans %d to %d", n.ID, at, n.Log.Base+1, n.Log.Last())
			return
		}
		if n.Role == Leader && n.ledHandingOut == n.Term && at <= n.Log.Last() {
			n.fail(LeaderAppendOnly, "node %d leads term %d and overwrites %d of %d", n.ID, n.Term, at, n.Log.Last())
		}
	}
	for i := range entries {
		e := &entries[i]
		prev, known := n.Log.Term(e.Index - 1)
		n.court.adds(n, e, prev, known)
		n.Log.Put(e.Index, e.Term)
	}
	if n.Role == Leader {
		n.ledHandingOut = n.Term
	}
	n.commitsUpTo(n.Role == Leader)
}

// Writes reports a write. Without sync it is not durable until a later write is.
func (n *Node) Writes(hs pb.HardState, entries []pb.Entry, snapshot *pb.Snapshot, sync bool) {
	n.tell(Event{Kind: Wrote, HardState: hs, Entries: entries, Snapshot: snapshot, Sync: sync})
	n.Unsynced = AppendPieces(n.Unsynced, hs, entries, snapshot, sync)
	if !sync {
		return
	}
	for i := range n.Unsynced {
		n.Unsynced[i].Onto(&n.Durable, &n.Hard)
	}
	n.Unsynced = n.Unsynced[:0]
}

// Compacts reports that the disk has dropped its log up to and including an index.
func (n *Node) Compacts(index uint64) {
	n.Durable.Compact(index)
	n.tell(Event{Kind: Compacted, Index: index})
}

// Recovers reports what a disk holds after a crash, of a node that is down. Which of the unsynced
// writes that includes is not checked; see Keeps.
func (n *Node) Recovers(log View, hs pb.HardState) {
	n.Durable.CopyFrom(&log)
	n.Hard, n.Unsynced = hs, n.Unsynced[:0]
	n.tell(Event{Kind: Recovered, HardState: hs, Index: log.Last()})
}

// Keeps finds out which pieces of unsynced writes a crash has left on the disk, in their order: as
// few as holds allows, unless more make no difference. holds reports whether the disk holds a log
// and a hard state. It is false if the disk holds none of the possible ones.
func (n *Node) Keeps(holds func(*View, pb.HardState) bool) bool {
	rest := n.Unsynced
	for !holds(&n.Durable, n.Hard) || n.keepsMore(rest, holds) {
		if len(rest) == 0 {
			return false
		}
		rest[0].Onto(&n.Durable, &n.Hard)
		rest = rest[1:]
	}
	n.Recovers(n.Durable, n.Hard)
	return true
}

// keepsMore reports whether the disk also holds what follows from further pieces. These are there,
// then, and have changed what holds does not look at.
func (n *Node) keepsMore(rest []Piece, holds func(*View, pb.HardState) bool) bool {
	var v View
	v.CopyFrom(&n.Durable)
	hs := n.Hard
	for i := range rest {
		rest[i].Onto(&v, &hs)
		if holds(&v, hs) {
			return true
		}
	}
	return false
}

// Sends reports a message that leaves for another node. What it promises has to be durable.
func (n *Node) Sends(m *pb.Message) {
	n.tell(Event{Kind: Sent, Message: m})
	switch m.Type {
	case pb.MsgVote:
		// The votes are for this log. Until the term is durable, a later life may ask for votes in
		// it again, and get this one.
		if m.Term > n.Hard.Term && !n.Durable.Covers(m.Index, m.LogTerm) {
			n.fail(Promise, "node %d asks for votes for a log up to %d/%d, durable is %d", n.ID, m.LogTerm, m.Index, n.Durable.Last())
		}
		return
	case pb.MsgAppResp, pb.MsgVoteResp, pb.MsgHeartbeatResp:
	default:
		return
	}
	if m.Term > n.Hard.Term {
		n.fail(Promise, "node %d sends %s in term %d, durable is term %d", n.ID, m.Type, m.Term, n.Hard.Term)
	}
	switch {
	case m.Reject:
	case m.Type == pb.MsgAppResp:
		// Whether the entry at this index is the leader's shows when the leader commits it. When a
		// later term is durable, the leader of this term cannot commit any more, and what it sent
		// may have been replaced.
		if m.Term >= n.Hard.Term && m.Index > n.Durable.Last() {
			n.fail(Promise, "node %d acknowledges %d to %d, durable is %d", n.ID, m.Index, m.To, n.Durable.Last())
		}
	case m.Type == pb.MsgVoteResp:
		if n.Hard.Term == m.Term && n.Hard.Vote != m.To {
			n.fail(Promise, "node %d votes for %d in term %d, durable is a vote for %d", n.ID, m.To, m.Term, n.Hard.Vote)
		}
		n.checkVote(m.Term, m.To)
	}
}

// Receives reports a message that reaches the node, and Misses one that does not.
func (n *Node) Receives(m *pb.Message) {
	n.tell(Event{Kind: Received, Message: m})
}

func (n *Node) Misses(m *pb.Message) {
	n.tell(Event{Kind: Lost, Message: m})
}

// Applies reports an entry that the state machine is about to apply. Entries that were with the
// application when a snapshot that covers them arrived are skipped, and not reported; see Restored.
func (n *Node) Applies(e *pb.Entry) {
	if n.watch != nil {
		n.tell(Event{Kind: Applied, Entries: []pb.Entry{*e}})
	}
	if e.Index != n.Machine+1 {
		n.fail(StateMachineSafety, "node %d applies %d after %d", n.ID, e.Index, n.Machine)
	}
	if term, ok := n.Log.Term(e.Index); ok && term != e.Term {
		n.fail(StateMachineSafety, "node %d applies %d/%d, its log has term %d there", n.ID, e.Term, e.Index, term)
	}
	n.Machine = e.Index
	n.court.applies(n, e)
}

// Configures reports the configuration that a change has led to, which stands at an index.
func (n *Node) Configures(index uint64, cs *pb.ConfState) {
	n.Conf = *cs
	n.tell(Event{Kind: Configured, Index: index, Conf: cs})
	n.court.configures(n, index)
}

// Restores reports a snapshot from a leader that becomes the state of the state machine.
func (n *Node) Restores(s *pb.Snapshot) {
	n.tell(Event{Kind: Restored, Snapshot: s})
	id := &s.Metadata
	if id.Index <= n.Machine {
		n.fail(StateMachineSafety, "node %d restores the snapshot at %d, and has applied %d", n.ID, id.Index, n.Machine)
		return
	}
	n.Conf, n.Machine, n.Restored = id.ConfState, id.Index, id.Index
}

// Saves reports a snapshot of the state machine.
func (n *Node) Saves(s *pb.Snapshot) {
	n.tell(Event{Kind: Saved, Snapshot: s})
	n.court.snapshot(n, s)
}
