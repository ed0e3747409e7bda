package raft_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ffd200af/raft"
)

// onLeader calls do on whoever leads until it does not fail for that any more.
func onLeader(t *testing.T, members map[uint64]*member, do func(op raft.Operator) error) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no leader did it")
		}
		for _, m := range members {
			op := m.Node.(raft.Operator)
			if m.Status().RaftState != raft.StateLeader {
				continue
			}
			switch err := do(op); {
			case err == nil:
				return
			case !errors.Is(err, raft.ErrProposalDropped) && !errors.Is(err, raft.ErrCatchUpGivenUp):
				t.Fatal(err)
			}
		}
	}
}

func TestAServerIsAddedThroughANode(t *testing.T) {
	members := startWithSpares(t, 3, 1)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	onLeader(t, members, func(op raft.Operator) error {
		if err := op.AddServer(ctx, 4, []byte("address")); err != nil {
			return err
		}
		if _, votes := op.Status().Config.Voters[0][4]; !votes && op.Status().RaftState == raft.StateLeader {
			t.Error("the server was added, and does not vote")
		}
		return op.AddServer(ctx, 4, nil) // it votes already
	})
}

func TestWaitingForAServerEndsWithTheContextTheLeadershipOrTheNode(t *testing.T) {
	members := startWithSpares(t, 3, 0) // node 4 does not exist
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	onLeader(t, members, func(op raft.Operator) error {
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		err := op.AddServer(short, 4, nil)
		if err == nil {
			t.Error("a server that does not exist votes")
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		return err
	})
	onLeader(t, members, func(op raft.Operator) error {
		result := make(chan error, 1)
		go func() { result <- op.AwaitCatchUp(ctx, 4) }()
		if err := op.StepDown(ctx); err != nil {
			return err
		}
		select {
		case err := <-result:
			if !errors.Is(err, raft.ErrCatchUpGivenUp) && !errors.Is(err, raft.ErrNotLeader) && !errors.Is(err, raft.ErrNotLearner) {
				t.Errorf("the wait ends with %v", err)
			}
		case <-ctx.Done():
			t.Error("the wait does not end")
		}
		return nil
	})
	onLeader(t, members, func(op raft.Operator) error {
		if err := op.Err(); err != nil {
			t.Errorf("a node that runs: %v", err)
		}
		result := make(chan error, 1)
		go func() { result <- op.AwaitCatchUp(ctx, 4) }()
		op.Stop()
		if err := <-result; err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the wait ends with %v", err)
		}
		if err := op.Err(); !errors.Is(err, raft.ErrStopped) {
			t.Errorf("a node that was stopped: %v", err)
		}
		return nil
	})
}
