package rafttest

import (
	"errors"
	"slices"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// seen is what the check remembers of a node.
type seen struct {
	// told is the log that the node has handed out, durable what its disk has of it for certain, and hard the hard state there.
	told, durable logView
	hard          pb.HardState
	// grant is the last vote that has left the node, and binds all later lives.
	grant grant
	// excused: the disk has lost what was durable, and the node may give up.
	excused bool

	// Of this life, as of the last look.
	term, vote, commit, applied uint64
	leads                       bool
	commitSeen                  uint64 // up to where what it has committed was looked at
	toldInTerm                  uint64 // the term in which it has last led and handed out
	restored                    uint64 // the index of the last snapshot
	syncWork                    []bool // whether each message of AppendWork has to be synced
}

// commitMark says that a leader of term has committed up to index.
type commitMark struct{ term, index uint64 }

// starts begins a life of a node.
func (env *InteractionEnv) starts(idx int) {
	n := &env.Nodes[idx]
	st := n.BasicStatus()
	n.onDisk()
	if st.Term < n.seen.hard.Term {
		env.observed.add("monotony: node %d starts in term %d, durable is term %d", n.id(), st.Term, n.seen.hard.Term)
	}
	told := viewOf(n.Storage)
	n.seen = seen{
		told: told, durable: n.seen.durable, hard: n.seen.hard, grant: n.seen.grant, excused: n.seen.excused,
		term: st.Term, vote: st.Vote, commit: st.Commit, applied: st.Applied, commitSeen: told.base,
	}
	env.observed.forgetsReads(n.id())
	env.checkCommit(n, false)
	env.observe(idx)
}

// bootstraps notes that a node has got the first configuration, which ends at an index and is committed.
func (env *InteractionEnv) bootstraps(idx int, end uint64) {
	o, s := &env.observed, &env.Nodes[idx].seen
	for i := uint64(1); i <= end; i++ {
		if i > s.told.last() {
			s.told.put(i, 1)
		}
		if o.committed[i] == 0 {
			o.committed[i] = 1
		}
	}
	if o.commit == 0 {
		o.commit, o.commits = end, append(o.commits, commitMark{term: 1, index: end})
	}
	env.observe(idx)
}

// observe looks at a node after something was done to it: at its state, and how that has changed.
func (env *InteractionEnv) observe(idx int) {
	n := &env.Nodes[idx]
	if n.Err() != nil {
		return
	}
	o, s, st := &env.observed, &n.seen, n.BasicStatus()
	switch {
	case st.Term < s.term:
		o.add("monotony: the term of node %d falls from %d to %d", n.id(), s.term, st.Term)
	case st.Commit < s.commit:
		o.add("monotony: the commit index of node %d falls from %d to %d", n.id(), s.commit, st.Commit)
	case st.Applied < s.applied:
		o.add("monotony: the applied index of node %d falls from %d to %d", n.id(), s.applied, st.Applied)
	case st.Term == s.term && s.vote != raft.None && st.Vote != s.vote:
		o.add("one vote a term: the vote of node %d in term %d changes from %d to %d", n.id(), st.Term, s.vote, st.Vote)
	}
	leads := st.RaftState == raft.StateLeader
	if leads && (!s.leads || st.Term != s.term) {
		o.leads(n.id(), st.Term)
		o.elected(n, st.Term)
	}
	// A leader may step down in the step in which it commits.
	led := leads || s.leads && st.Term == s.term
	s.term, s.vote, s.commit, s.applied, s.leads = st.Term, st.Vote, st.Commit, st.Applied, leads
	if led {
		env.checkCommit(n, true)
	}
	if err := n.Verify(); err != nil {
		o.add("invariants: node %d: %w", n.id(), err)
	}
}

// elected checks what must hold when a node comes to lead.
func (o *observed) elected(n *Node, term uint64) {
	if g := n.seen.grant; g.term == term && g.to != n.id() {
		o.add("one vote a term: node %d leads term %d, in which it has voted for %d", n.id(), term, g.to)
	}
	for _, m := range slices.Backward(o.commits) {
		if m.term >= term {
			continue
		}
		if want := o.committed[m.index]; !n.seen.told.covers(m.index, want) {
			o.add("leader completeness: node %d leads term %d without %d/%d, which was committed in term %d", n.id(), term, want, m.index, m.term)
		}
		return
	}
}

// handsOut takes in what a Ready adds to a node's log, before anything of it is done.
func (env *InteractionEnv) handsOut(n *Node, entries []pb.Entry, snapshot *pb.Snapshot) {
	s, o := &n.seen, &env.observed
	if !raft.IsEmptySnap(*snapshot) {
		id := snapshot.Metadata
		if want, known := o.committed[id.Index]; known && want != id.Term || id.Index > max(o.commit, o.believed) && o.commit > 0 {
			o.add("state machine safety: node %d gets a snapshot at %d/%d, committed is %d/%d", n.id(), id.Term, id.Index, want, o.commit)
		}
		s.told = logView{base: id.Index, terms: []uint64{id.Term}}
	}
	if len(entries) > 0 && s.leads && s.toldInTerm == s.term && entries[0].Index <= s.told.last() {
		o.add("leader append-only: node %d leads term %d and overwrites %d of %d", n.id(), s.term, entries[0].Index, s.told.last())
	}
	for i := range entries {
		e := &entries[i]
		o.writes(n, e)
		s.told.put(e.Index, e.Term)
	}
	if s.leads {
		s.toldInTerm = s.term
	}
	env.checkCommit(n, s.leads)
}

// checkCommit looks at what a node has committed since the last look, as the leader of its term or not.
func (env *InteractionEnv) checkCommit(n *Node, led bool) {
	s, o := &n.seen, &env.observed
	news := false
	for i := max(s.commitSeen, s.told.base) + 1; i <= s.commit; i++ {
		term, ok := s.told.term(i)
		if !ok {
			o.add("commit safety: node %d commits %d, its log ends at %d", n.id(), i, s.told.last())
			return
		}
		switch was := o.committed[i]; {
		case was == term:
		case was != 0:
			o.add("state machine safety: node %d commits %d/%d, committed before is %d/%d", n.id(), term, i, was, i)
		case !led && i <= o.believed:
		case !led:
			o.add("commit safety: node %d commits %d/%d in term %d, which no leader has committed", n.id(), term, i, s.term)
		default:
			o.committed[i], news = term, true
		}
	}
	s.commitSeen = s.commit
	if !news {
		return
	}
	o.commit = max(o.commit, s.commit)
	o.commits = append(o.commits, commitMark{term: s.term, index: s.commit})
	env.checkQuorum(n, s.commit)
	term, _ := s.told.term(s.commit)
	for i := range env.Nodes {
		if other := &env.Nodes[i]; other.seen.leads && other.seen.term > s.term && !other.seen.told.covers(s.commit, term) {
			o.add("leader completeness: node %d leads term %d without %d/%d, which is committed now in term %d", other.id(), other.seen.term, term, s.commit, s.term)
		}
	}
}

// checkQuorum: what a leader commits is on the disks of a quorum of its configuration. Of members that do not exist
// here, nothing is known.
func (env *InteractionEnv) checkQuorum(n *Node, index uint64) {
	term, _ := n.seen.told.term(index)
	cs := n.machine().Metadata.ConfState
	for _, voters := range [...][]uint64{cs.Voters, cs.VotersOutgoing} {
		have := 0
		for _, id := range voters {
			if other, err := env.node(position(id)); err != nil || other.seen.durable.covers(index, term) {
				have++
			}
		}
		if len(voters) > 0 && have <= len(voters)/2 {
			env.observed.add("commit safety: node %d commits %d/%d in term %d, which is durable on %d of the voters %v", n.id(), term, index, n.seen.term, have, voters)
		}
	}
}

// believes takes the word of a message that a script has made up for what is committed: of a snapshot, and of a leader
// that does not exist here.
func (o *observed) believes(m *pb.Message) {
	if m.Snapshot != nil {
		o.believed = max(o.believed, m.Snapshot.Metadata.Index)
	}
	if (m.Type == pb.MsgApp || m.Type == pb.MsgHeartbeat) && o.leaders[m.Term] == raft.None {
		o.believed = max(o.believed, m.Commit)
	}
}

// gives gives a message of a node to another. That is no reason to give up, nor is the message impossible.
func (env *InteractionEnv) gives(n *Node, m *pb.Message) error {
	var err error
	env.watchHealth(n, func() { err = n.Step(*m) })
	for _, never := range [...]error{raft.ErrMalformed, raft.ErrOutOfRange, raft.ErrWrongRecipient, raft.ErrBeyondLog, raft.ErrSecondLeader} {
		// send-snapshot sends in the name of nodes that do not lead.
		if errors.Is(err, never) && (never != raft.ErrSecondLeader || env.observed.leaders[m.Term] == m.From) {
			env.observed.add("health: node %d refuses a message of another: %w", n.id(), err)
		}
	}
	return err
}

// watchHealth notes a node that gives up.
func (env *InteractionEnv) watchHealth(n *Node, do func()) {
	was := n.Err()
	do()
	err := n.Err()
	excused := n.seen.excused || n.reads != nil && n.reads.failed && errors.Is(err, raft.ErrStorage)
	if was == nil && err != nil && !excused {
		env.observed.add("health: node %d is quarantined: %w", n.id(), err)
	}
}
