package explore

import (
	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// What can be seen at one node is checked here, once for each step that a node takes in a state that it
// can be in, however many states of the cluster that is part of.

// check looks at the node after a step, and at the change since before it. A crash may take back what was not durable.
func (n *node) check(before *raft.BasicStatus, crashed bool) {
	if err := n.raw.Err(); err != nil {
		n.fail("is quarantined: %w", err)
		return
	}
	if err := n.raw.Verify(); err != nil {
		n.fail("breaks an invariant: %w", err)
		return
	}
	now := n.raw.BasicStatus()
	durable := n.disk.hard
	switch {
	case !crashed && now.Term < before.Term:
		n.fail("goes back from term %d to %d", before.Term, now.Term)
	case !crashed && now.Commit < before.Commit:
		n.fail("goes back from commit index %d to %d", before.Commit, now.Commit)
	case !crashed && now.Term == before.Term && before.Vote != raft.None && now.Vote != before.Vote:
		n.fail("votes for %d and %d in term %d", before.Vote, now.Vote, now.Term)
	case crashed && (now.Term < durable.Term || now.Commit < durable.Commit):
		n.fail("starts at term %d, commit index %d, with %v on its disk", now.Term, now.Commit, durable)
	case now.Applied < before.Applied && !crashed || now.Applied > now.Commit:
		n.fail("has applied %d, before that %d, commit index %d", now.Applied, before.Applied, now.Commit)
	}
	if now.RaftState == raft.StateLeader {
		n.checkVote(now.Term, n.id)
	}
	n.checkMachine()
}

// watch looks at a leader after each call of the library, before anything more is written or applied: it must have its own
// vote on the disk by then, or it could vote for another after a crash, and the term would have two leaders. What it has
// committed is noted, with the configuration that decided; whether it may is judged later.
func (n *node) watch() {
	was, now := n.seen, n.raw.BasicStatus()
	n.seen = now
	leads := now.RaftState == raft.StateLeader
	if hs := n.disk.hard; leads && (hs.Term < now.Term || hs.Vote != n.id) {
		n.fail("leads term %d with term %d, vote %d on its disk", now.Term, hs.Term, hs.Vote)
	}
	// A leader that is not in the new configuration may have stepped down at once.
	leads = leads || was.RaftState == raft.StateLeader && was.Term == now.Term
	if !leads || now.Commit <= was.Commit {
		return
	}
	c := commitment{index: now.Commit, disk: *n.disk}
	for half, ids := range n.raw.Status().Config.Voters {
		for id := range ids {
			c.voters[half] |= 1 << (id - 1)
		}
	}
	n.commits = append(n.commits, c)
}

// checkVote: a node votes once a term, over all its lives. A candidate's vote for itself counts when
// it leads; a vote that was lost before it was durable was none.
func (n *node) checkVote(term, to uint64) {
	for _, v := range n.votes {
		if v.term == term {
			if v.to != to {
				n.fail("has voted for %d and %d in term %d", v.to, to, term)
			}
			return
		}
	}
	n.votes = append(n.votes[:len(n.votes):len(n.votes)], vote{term, to})
}

// checkPromise: no response leaves that promises something which is not durable.
func (n *node) checkPromise(m *pb.Message) {
	hs := n.disk.hard
	switch m.Type {
	case pb.MsgVoteResp:
		if m.Reject {
			return
		}
		if hs.Term < m.Term || hs.Term == m.Term && hs.Vote != m.To {
			n.fail("grants %d its vote in term %d with term %d, vote %d on its disk", m.To, m.Term, hs.Term, hs.Vote)
		}
		n.checkVote(m.Term, m.To)
	case pb.MsgAppResp:
		if hs.Term < m.Term || hs.Term == m.Term && !m.Reject && n.disk.last() < m.Index {
			n.fail("acknowledges %d in term %d with term %d, last index %d on its disk", m.Index, m.Term, hs.Term, n.disk.last())
		}
	case pb.MsgHeartbeatResp:
		if hs.Term < m.Term {
			n.fail("answers a heartbeat of term %d with term %d on its disk", m.Term, hs.Term)
		}
	}
}

// checkMachine: what was applied is what the log holds. Entries that were compacted are nowhere else.
func (n *node) checkMachine() {
	for _, e := range n.disk.machine {
		term, err := n.disk.Term(e.Index)
		if err == nil && e.Index > n.disk.prev.Index && term != e.Term {
			n.fail("has applied %d/%d, its log has term %d there", e.Term, e.Index, term)
		}
	}
}
