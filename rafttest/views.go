package rafttest

import (
	"math"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/tracker"
)

// Status prints what a leader knows of each member; nothing on other nodes.
//
//	status ID
func (env *InteractionEnv) Status(idx int) error {
	n, err := env.liveNode(idx)
	if err != nil {
		return err
	}
	progress := tracker.ProgressMap{}
	for id, pr := range n.RawNode.Status().Progress {
		progress[id] = &pr
	}
	env.printf("%s", progress.String())
	return nil
}

// handleRaftState prints a line for each node:
//
//	raft-state
func handleRaftState(env *InteractionEnv, a *args) error {
	if err := a.done(); err != nil {
		return err
	}
	for i := range env.Nodes {
		env.printState(&env.Nodes[i])
	}
	return nil
}

func (env *InteractionEnv) printState(n *Node) {
	if n.crashed() {
		env.printf("%d: crashed\n", n.id())
		return
	}
	st := n.RawNode.Status()
	voter := "(Non-Voter)"
	if _, ok := st.Config.Voters.IDs()[st.ID]; ok {
		voter = "(Voter)"
	}
	env.printf("%d: %s %s Term:%d Lead:%d", st.ID, st.RaftState, voter, st.Term, st.Lead)
	if err := n.Err(); err != nil {
		env.printf(" %v", err)
	}
	env.printf("\n")
}

// RaftLog prints the log in a node's Storage.
//
//	raft-log ID
func (env *InteractionEnv) RaftLog(idx int) error {
	n, err := env.node(idx)
	if err != nil {
		return err
	}
	first, err := n.FirstIndex()
	if err != nil {
		return err
	}
	last, err := n.LastIndex()
	if err != nil {
		return err
	}
	if last < first {
		env.printf("log is empty: first index=%d, last index=%d\n", first, last)
		return nil
	}
	entries, err := n.Entries(first, last+1, math.MaxUint64)
	if err != nil {
		return err
	}
	env.printf("%s", raft.DescribeEntries(entries, nil))
	return nil
}
