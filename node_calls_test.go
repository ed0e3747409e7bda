package raft

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	pb "github.com/ffd200af/raft/raftpb"
)

const callPatience = 30 * time.Second

// lockedStorage takes a lock for each call, as the Storage of a program may.
type lockedStorage struct {
	Storage
	mu sync.Mutex
}

func (s *lockedStorage) Entries(lo, hi, maxBytes uint64) ([]pb.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Storage.Entries(lo, hi, maxBytes)
}

func (s *lockedStorage) FirstIndex() (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Storage.FirstIndex()
}

// nodeOfThree starts a node of three whose log has an entry that is not applied.
func nodeOfThree(t *testing.T) (*node, *lockedStorage) {
	storage := NewMemoryStorage()
	cs := pb.ConfState{Voters: []uint64{1, 2, 3}}
	noError(t, storage.ApplySnapshot(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: cs}}))
	noError(t, storage.Append([]pb.Entry{{Term: 1, Index: 2}, {Term: 1, Index: 3}}))
	noError(t, storage.SetHardState(pb.HardState{Term: 1, Commit: 3}))
	locked := &lockedStorage{Storage: storage}
	cfg := testConfig(1, locked)
	n, err := NewNode(&cfg, nil)
	noError(t, err)
	t.Cleanup(n.Stop)
	return n.(*node), locked
}

// Step returns before the message is handled if handling it may read from Storage: with v3.6, a
// program may hold a lock then that its Storage takes.
func TestAProgramMayHoldTheLockOfItsStorageWhileItSteps(t *testing.T) {
	n, storage := nodeOfThree(t)
	ctx, cancel := context.WithTimeout(context.Background(), callPatience)
	defer cancel()
	<-n.Ready() // what is committed is with the application
	stepped := make(chan error, 1)
	go func() {
		storage.mu.Lock()
		defer storage.mu.Unlock()
		stepped <- n.Step(ctx, pb.Message{Type: pb.MsgTimeoutNow, From: 2, To: 1, Term: 1})
	}()
	select {
	case err := <-stepped:
		noError(t, err)
	case <-ctx.Done():
		t.Fatal("Step waits for a lock that its caller holds")
	}
	n.Advance()
	for n.Status().RaftState != StateCandidate {
		if ctx.Err() != nil {
			t.Fatal("the node does not campaign")
		}
	}
}

// A call sees what the calls of the same goroutine before it have done.
func TestACallComesAfterTheCallsBeforeIt(t *testing.T) {
	n, _ := nodeOfThree(t)
	ctx := context.Background()
	var others sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		others.Add(1)
		go func() {
			defer others.Done()
			for {
				select {
				case <-stop:
					return
				default:
					n.ReportUnreachable(3)
				}
			}
		}()
	}
	for term := uint64(2); term < 500; term++ {
		noError(t, n.Step(ctx, pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: term, LogTerm: 1, Index: 3, Commit: 3}))
		if got := n.Status().Term; got != term {
			t.Fatalf("after a message of term %d the node has term %d", term, got)
		}
	}
	close(stop)
	others.Wait()
}

// A batch that the application has not taken is not done.
func TestAdvanceBeforeABatchIsTakenAcknowledgesNothing(t *testing.T) {
	n, _ := nodeOfThree(t)
	for deadline := time.Now().Add(callPatience); len(n.ready) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("no batch")
		}
	}
	n.Advance()
	if got := n.Status().Applied; got != 1 {
		t.Errorf("applied %d, and nobody has the batch", got)
	}
	<-n.Ready()
	n.Advance()
	if got := n.Status().Applied; got != 3 {
		t.Errorf("applied %d after the batch", got)
	}
}

// Proposals that nobody waits for any more do not heap up while there is no leader.
func TestProposalsThatWereGivenUpAreForgotten(t *testing.T) {
	n, _ := nodeOfThree(t)
	waiting := func() (length int, last *request) {
		_ = n.calls.do(context.Background(), false, func(*RawNode) error {
			if length = len(n.calls.leaderless); length > 0 {
				last = n.calls.leaderless[length-1]
			}
			return nil
		})
		return length, last
	}
	var before *request
	for range 200 {
		ctx, cancel := context.WithCancel(context.Background())
		returned := make(chan error)
		go func() { returned <- n.Propose(ctx, []byte("x")) }()
		for {
			if _, last := waiting(); last != before {
				before = last
				break
			}
		}
		cancel()
		if err := <-returned; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if length, _ := waiting(); length > 4 {
		t.Errorf("%d proposals are kept, and nobody waits for them", length)
	}
}

func TestANodeIsQuarantinedWhenACallPanics(t *testing.T) {
	n, _ := nodeOfThree(t)
	func() {
		defer func() { _ = recover() }()
		_ = n.calls.do(context.Background(), false, func(*RawNode) error { panic("a Storage fails") })
	}()
	ctx, cancel := context.WithTimeout(context.Background(), callPatience)
	defer cancel()
	select {
	case <-n.calls.done:
	case <-ctx.Done():
		t.Fatal("the node goes on")
	}
	if err := n.Propose(ctx, nil); !errors.Is(err, ErrQuarantined) || !errors.Is(err, ErrInvariant) {
		t.Errorf("got %v", err)
	}
	select {
	case rd := <-n.Ready():
		t.Errorf("a batch after quarantine: %v", rd)
	default:
	}
}

// Proposals of many goroutines that come while the application works on a batch are in the next
// one, and each of them is there once.
func TestProposalsOfManyGoroutinesComeInOneBatch(t *testing.T) {
	storage := NewMemoryStorage()
	noError(t, storage.ApplySnapshot(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: pb.ConfState{Voters: []uint64{1}}}}))
	cfg := testConfig(1, storage)
	n, err := NewNode(&cfg, nil)
	noError(t, err)
	defer n.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), callPatience)
	defer cancel()
	noError(t, n.Campaign(ctx))
	for n.Status().Lead != 1 {
		noError(t, storage.Append((<-n.Ready()).Entries))
		n.Advance()
	}
	inHand := <-n.Ready()
	noError(t, storage.Append(inHand.Entries))
	const goroutines, each = 16, 20
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range each {
				if err := n.Propose(ctx, fmt.Appendf(nil, "%d of %d", i, g)); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
	n.Advance()
	next := <-n.Ready()
	seen := map[string]bool{}
	for i := range next.Entries {
		seen[string(next.Entries[i].Data)] = true
	}
	if len(seen) != goroutines*each || len(next.Entries) != goroutines*each {
		t.Errorf("%d entries, %d different, want %d", len(next.Entries), len(seen), goroutines*each)
	}
}
