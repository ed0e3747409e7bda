package sim

import (
	"bytes"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// checker is the observer of the whole run. It never forgets, and looks at what an event has changed only: each entry
// is looked at when a node gets it, when it is committed, and when it is applied.
type checker struct {
	// Every log begins behind this entry.
	first, firstTerm uint64
	// bootstrapped is the index of the last entry that all first members have begun with, if they have bootstrapped.
	bootstrapped uint64
	leaders      []uint64 // by term
	slots        []slot   // slots[i] is index first+1+i
	commit       uint64   // the largest index that any leader has committed
	commits      []commitMark
	// snapshots are the hashes of the snapshots that were taken, by index.
	snapshots map[uint64]uint64
	// configs are the configurations that changes have led to, by index.
	configs map[uint64]string
	// lastConfChange is the largest index at which a configuration change stands or stood in some log.
	lastConfChange uint64
}

// commitMark says that a leader of term has committed up to index; terms and indexes rise.
type commitMark struct{ term, index uint64 }

// slot is an index of the log with everything that ever stood there.
type slot struct {
	variant
	others    []variant // of other terms
	committed uint64    // the term of the entry that is committed; 0 if none is
	result    uint64    // the hash of what applying it has returned
	applied   bool
}

// variant is an entry, and the term of the one before it.
type variant struct {
	term, prev uint64
	typ        pb.EntryType
	data       []byte
}

func newChecker(first, term uint64) checker {
	return checker{first: first, firstTerm: term, commit: first, snapshots: map[uint64]uint64{}, configs: map[uint64]string{}}
}

func (c *checker) slot(index uint64) *slot {
	for uint64(len(c.slots)) < index-c.first {
		c.slots = append(c.slots, slot{})
	}
	return &c.slots[index-c.first-1]
}

// find returns the entry of a term, nil if it was never seen.
func (s *slot) find(term uint64) *variant {
	if s.term == term {
		return &s.variant
	}
	for i := range s.others {
		if s.others[i].term == term {
			return &s.others[i]
		}
	}
	return nil
}

func (s *slot) add(v variant) {
	if s.term == 0 {
		s.variant = v
		return
	}
	s.others = append(s.others, v)
}

// entry checks an entry that a node has got into its log, behind one of term prev.
func (w *world) checkEntry(n *node, e *pb.Entry, prev uint64) {
	s := w.check.slot(e.Index)
	v := s.find(e.Term)
	if v == nil {
		s.add(variant{term: e.Term, prev: prev, typ: e.Type, data: e.Data})
		if e.Type != pb.EntryNormal {
			w.check.lastConfChange = max(w.check.lastConfChange, e.Index)
		}
		return
	}
	if v.prev != prev {
		w.failf(LogMatching, n, "entry %d/%d follows term %d at node %d, and term %d elsewhere", e.Term, e.Index, prev, n.id, v.prev)
	}
	if v.typ != e.Type || !bytes.Equal(v.data, e.Data) {
		w.failf(LogMatching, n, "entry %d/%d is %q at node %d, and %q elsewhere", e.Term, e.Index, e.Data, n.id, v.data)
	}
}

// observe looks at a node after something was done to it: at its state, and how that has changed.
func (w *world) observe(n *node) {
	if n.rn == nil || w.quarantined(n) {
		return
	}
	if n.store.mustStop {
		w.failf(Healthy, n, "node %d goes on although its disk could not be read", n.id)
	}
	st := n.rn.BasicStatus()
	switch {
	case st.Term < n.term:
		w.failf(Monotony, n, "the term of node %d falls from %d to %d", n.id, n.term, st.Term)
	case st.Commit < n.commit:
		w.failf(Monotony, n, "the commit index of node %d falls from %d to %d", n.id, n.commit, st.Commit)
	case st.Applied < n.appliedSeen:
		w.failf(Monotony, n, "the applied index of node %d falls from %d to %d", n.id, n.appliedSeen, st.Applied)
	case st.Applied > st.Commit:
		w.failf(StateMachineSafety, n, "node %d has applied %d, and committed %d", n.id, st.Applied, st.Commit)
	case st.Term == n.term && n.vote != raft.None && st.Vote != n.vote:
		w.failf(OneVote, n, "the vote of node %d in term %d changes from %d to %d", n.id, st.Term, n.vote, st.Vote)
	}
	leads := st.RaftState == raft.StateLeader
	if leads && (!n.leads || st.Term != n.term) {
		w.checkNewLeader(n, st.Term)
	}
	// A leader that has waited for nothing but this to be committed steps down in the same step.
	led := leads || n.leads && st.Term == n.term
	// The library draws a timeout with every role but that of a follower, and with the leader of a term.
	redrawn := (st.Term != n.term || st.RaftState != n.role || st.Lead != n.lead) && (st.RaftState != raft.StateFollower || st.Lead != raft.None)
	n.term, n.vote, n.commit, n.appliedSeen, n.leads, n.lead, n.role = st.Term, st.Vote, st.Commit, st.Applied, leads, st.Lead, st.RaftState
	if redrawn {
		w.setTimeout(n)
	}
	if led {
		w.checkCommit(n, true)
	}
	if w.verifies {
		w.verify(n)
	}
}

func (w *world) verify(n *node) {
	if err := n.rn.Verify(); err != nil {
		w.failf(Invariants, n, "%v", err)
	}
}

// checkNewLeader checks what must hold when a node comes to lead.
func (w *world) checkNewLeader(n *node, term uint64) {
	c := &w.check
	w.stats.Elections++
	for uint64(len(c.leaders)) <= term {
		c.leaders = append(c.leaders, raft.None)
	}
	if other := c.leaders[term]; other != raft.None && other != n.id {
		w.failf(ElectionSafety, n, "term %d has the leaders %d and %d", term, other, n.id)
	}
	c.leaders[term] = n.id
	if n.grant.term == term && n.grant.to != n.id {
		w.failf(OneVote, n, "node %d leads term %d, in which it has voted for %d", n.id, term, n.grant.to)
	}
	for i := len(c.commits) - 1; i >= 0; i-- {
		if m := c.commits[i]; m.term < term {
			if want := c.committedTerm(m.index); !n.told.covers(m.index, want) {
				has, _ := n.told.term(m.index)
				w.failf(LeaderCompleteness, n, "node %d leads term %d without %d/%d, which was committed in term %d; its log ends at %d and has term %d there",
					n.id, term, want, m.index, m.term, n.told.last(), has)
			}
			break
		}
	}
}

// committedTerm is the term of a committed entry.
func (c *checker) committedTerm(index uint64) uint64 {
	if index <= c.first {
		return c.firstTerm
	}
	return c.slots[index-c.first-1].committed
}

// checkCommit checks what a node has committed since the last look, as the leader of its term or not.
func (w *world) checkCommit(n *node, led bool) {
	c := &w.check
	news := false
	for i := max(n.commitSeen, n.told.base) + 1; i <= n.commit; i++ {
		term, ok := n.told.term(i)
		if !ok {
			w.failf(CommitSafety, n, "node %d commits %d, its log ends at %d", n.id, i, n.told.last())
			return
		}
		s := c.slot(i)
		switch {
		case s.committed == term:
		case s.committed != 0:
			w.failf(StateMachineSafety, n, "node %d commits %d/%d, committed before is %d/%d", n.id, term, i, s.committed, i)
		case !led:
			w.failf(CommitSafety, n, "node %d commits %d/%d in term %d, which no leader has committed", n.id, term, i, n.term)
		default:
			s.committed, news = term, true
		}
	}
	n.commitSeen = n.commit
	if !news {
		return
	}
	c.commit = max(c.commit, n.commit)
	if k := len(c.commits); k > 0 && c.commits[k-1].term == n.term {
		c.commits[k-1].index = n.commit
	} else {
		c.commits = append(c.commits, commitMark{term: n.term, index: n.commit})
	}
	w.checkQuorum(n, n.commit)
	term, _ := n.told.term(n.commit)
	for _, other := range w.nodes {
		if other.leads && other.term > n.term && !other.told.covers(n.commit, term) {
			w.failf(LeaderCompleteness, other, "node %d leads term %d without %d/%d, which is committed now in term %d", other.id, other.term, term, n.commit, n.term)
		}
	}
}

// checkQuorum checks that what a leader commits is on the disks of a quorum of its configuration.
func (w *world) checkQuorum(n *node, index uint64) {
	term, _ := n.told.term(index)
	for _, voters := range [...][]uint64{n.conf.Voters, n.conf.VotersOutgoing} {
		have := 0
		for _, id := range voters {
			if w.has(id) && w.node(id).durable.covers(index, term) {
				have++
			}
		}
		if len(voters) > 0 && have <= len(voters)/2 {
			w.failf(CommitSafety, n, "node %d commits %d/%d in term %d, which is durable on %d of the voters %v", n.id, term, index, n.term, have, voters)
		}
	}
}

// checkReady takes in what a Ready adds to a node's log, before anything of it is done.
func (w *world) checkReady(n *node, entries []pb.Entry, snapshot *pb.Snapshot) {
	if !raft.IsEmptySnap(*snapshot) {
		w.checkSnapshot(n, snapshot)
		n.told.reset(snapshot.Metadata.Index, snapshot.Metadata.Term)
	}
	if len(entries) > 0 {
		at := entries[0].Index
		if at > n.told.last()+1 || at <= n.told.base {
			w.failf(LogMatching, n, "node %d adds %d to a log that spans %d to %d", n.id, at, n.told.base+1, n.told.last())
			return
		}
		if n.leads && n.toldInTerm == n.term && at <= n.told.last() {
			w.failf(LeaderAppendOnly, n, "node %d leads term %d and overwrites %d of %d", n.id, n.term, at, n.told.last())
		}
	}
	for i := range entries {
		e := &entries[i]
		prev, _ := n.told.term(e.Index - 1)
		w.checkEntry(n, e, prev)
		n.told.put(e.Index, e.Term)
	}
	if n.leads {
		n.toldInTerm = n.term
	}
	w.checkCommit(n, n.leads)
}

// checkSnapshot checks a snapshot that a node restores or has taken.
func (w *world) checkSnapshot(n *node, s *pb.Snapshot) {
	index, term := s.Metadata.Index, s.Metadata.Term
	if index > w.check.commit || term != w.check.committedTerm(index) {
		w.failf(StateMachineSafety, n, "node %d has a snapshot at %d/%d, committed is %d", n.id, term, index, w.check.commit)
		return
	}
	hash := hashBytes(s.Data)
	if other, seen := w.check.snapshots[index]; seen && other != hash {
		w.failf(SameResults, n, "node %d has another snapshot at %d than others: %q", n.id, index, s.Data)
	}
	w.check.snapshots[index] = hash
}

// checkConfig checks that a change leads to the same configuration everywhere.
func (w *world) checkConfig(n *node, index uint64, cs *pb.ConfState) {
	if index < w.check.bootstrapped {
		return // whoever has bootstrapped has all of them from the start, and others one after the other
	}
	got := raft.DescribeConfState(*cs)
	if other, seen := w.check.configs[index]; seen && other != got {
		w.failf(SameResults, n, "at %d node %d has the configuration %s, others have %s", index, n.id, got, other)
	}
	w.check.configs[index] = got
}

// checkApplied checks an entry that a replica is about to apply.
func (w *world) checkApplied(n *node, e *pb.Entry) {
	if e.Index != n.rep.applied+1 {
		w.failf(StateMachineSafety, n, "node %d applies %d after %d", n.id, e.Index, n.rep.applied)
		return
	}
	if e.Index > w.check.commit {
		w.failf(StateMachineSafety, n, "node %d applies %d/%d, committed is %d", n.id, e.Term, e.Index, w.check.commit)
		return
	}
	s := w.check.slot(e.Index)
	if v := s.find(s.committed); e.Term != s.committed || v == nil || v.typ != e.Type || !bytes.Equal(v.data, e.Data) {
		w.failf(StateMachineSafety, n, "node %d applies %d/%d %q, committed is term %d", n.id, e.Term, e.Index, e.Data, s.committed)
	}
}

// checkResult compares what a command has returned with what it has returned elsewhere.
func (w *world) checkResult(n *node, a *answer) {
	if a.index == 0 {
		return
	}
	hash := hashBytes(a.result)
	if a.err != nil {
		hash = hashBytes([]byte(a.err.Error())) + 1
	}
	s := w.check.slot(a.index)
	if s.applied && s.result != hash {
		w.failf(SameResults, n, "the result of %d at node %d differs from others: %q %v", a.index, n.id, a.result, a.err)
	}
	s.applied, s.result = true, hash
}
