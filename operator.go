package raft

import (
	"context"
	"fmt"
	"slices"

	pb "github.com/ffd200af/raft/raftpb"
)

// Operator is what the Nodes of this library can do beyond the interface of v3.6:
//
//	op := node.(raft.Operator)
//	err := op.AddServer(ctx, 4, []byte("10.0.0.4:2380"))
type Operator interface {
	Node
	// AddServer brings a server into the cluster as RawNode.AddServer does, and waits until it
	// votes or ctx is done. The error matches ErrCatchUpGivenUp if it did not get there, and
	// ErrNotLeader too if the leadership was lost: ask the next leader to go on then.
	AddServer(ctx context.Context, id uint64, ccContext []byte) error
	// AwaitCatchUp waits until a learner has caught up. Errors are as with AddServer, or
	// ErrNotLearner.
	AwaitCatchUp(ctx context.Context, id uint64) error
	// CheckConfChange returns the reason why the node would not propose cc now, see
	// RawNode.CheckConfChange.
	CheckConfChange(ctx context.Context, cc pb.ConfChangeI) error
	// StepDown gives the leadership away as RawNode.StepDown does, and does not wait for that.
	StepDown(ctx context.Context) error
	// StorageAvailable is as that of RawNode.
	StorageAvailable()
	// Err returns why the node has ended: nil while it runs, ErrStopped, or a
	// QuarantineError.
	Err() error
}

// waiter waits for news of a server.
type waiter struct {
	id     uint64
	result chan error // has room for the one result
	// older is how much of the news for the next batch was there before.
	older int
}

func (n *node) AddServer(ctx context.Context, id uint64, ccContext []byte) error {
	return n.await(ctx, id, func(rn *RawNode) error { return rn.AddServer(id, ccContext) })
}

func (n *node) AwaitCatchUp(ctx context.Context, id uint64) error {
	return n.await(ctx, id, func(rn *RawNode) error { return rn.AwaitCatchUp(id) })
}

// await begins a wait and sees it through.
func (n *node) await(ctx context.Context, id uint64, begin func(*RawNode) error) error {
	result := make(chan error, 1)
	err := n.calls.do(ctx, false, func(rn *RawNode) error {
		older := len(rn.raft.news())
		if err := begin(rn); err != nil {
			return err
		}
		if rn.raft.catching.find(id) == nil {
			result <- nil // it votes already
			return nil
		}
		n.waiters = append(n.waiters, waiter{id: id, result: result, older: older})
		return nil
	})
	if err == nil {
		select {
		case err := <-result:
			return err
		case <-ctx.Done():
			err = ctx.Err()
		case <-n.calls.done:
			return n.calls.ended()
		}
	}
	if ctx.Err() != nil {
		_ = n.calls.do(context.Background(), false, func(*RawNode) error { n.leave(result); return nil })
	}
	return err
}

// leave forgets a waiter, if it has begun to wait.
func (n *node) leave(result chan error) {
	n.waiters = slices.DeleteFunc(n.waiters, func(w waiter) bool { return w.result == result })
}

// tellWaiters passes the news of a batch on, to those who were waiting when it was made.
func (n *node) tellWaiters(rn *RawNode, news []CatchUp) {
	for i, c := range news {
		var err error
		if c.State == CatchUpGivenUp {
			err = fmt.Errorf("%w: %x, %d rounds", ErrCatchUpGivenUp, c.ID, c.Rounds)
			if rn.raft.role != StateLeader {
				err = fmt.Errorf("%w: %w", err, ErrNotLeader)
			}
		}
		rest := n.waiters[:0]
		for _, w := range n.waiters {
			if w.id == c.ID && w.older <= i {
				w.result <- err
			} else {
				rest = append(rest, w)
			}
		}
		clear(n.waiters[len(rest):])
		n.waiters = rest
	}
	for i := range n.waiters {
		n.waiters[i].older = 0
	}
}

func (n *node) CheckConfChange(ctx context.Context, cc pb.ConfChangeI) error {
	return n.calls.do(ctx, false, func(rn *RawNode) error { return rn.CheckConfChange(cc) })
}

func (n *node) StepDown(ctx context.Context) error {
	return n.calls.do(ctx, false, (*RawNode).StepDown)
}

func (n *node) StorageAvailable() { n.tell((*RawNode).StorageAvailable) }

func (n *node) Err() error {
	select {
	case <-n.calls.done:
		return n.calls.ended()
	default:
		return nil
	}
}
