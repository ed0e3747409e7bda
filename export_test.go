package raft

import "context"

// Waiting is the number of calls that wait for news of a server at a Node.
func Waiting(n Node) int {
	count := 0
	_ = n.(*node).calls.do(context.Background(), false, func(*RawNode) error {
		count = len(n.(*node).waiters)
		return nil
	})
	return count
}
