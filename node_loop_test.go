package raft_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// Between receiving a batch and Advance, the application may call everything.
func TestEveryCallWorksFromTheReadyLoop(t *testing.T) {
	storage := raft.NewMemoryStorage()
	n := raft.StartNode(config(1, storage), []raft.Peer{{ID: 1}})
	defer n.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	op := n.(raft.Operator)
	calls := map[string]func() error{
		"Campaign": func() error { return n.Campaign(ctx) },
		"Step": func() error {
			return n.Step(ctx, raftpb.Message{Type: raftpb.MsgHeartbeatResp, From: 9, To: 1, Term: 1})
		},
		"ReadIndex":          func() error { return n.ReadIndex(ctx, []byte("x")) },
		"ForgetLeader":       func() error { return n.ForgetLeader(ctx) },
		"TransferLeadership": func() error { n.TransferLeadership(ctx, 1, 9); return nil },
		"StepDown":           func() error { return op.StepDown(ctx) },
		"AddServer":          func() error { return op.AddServer(ctx, 1, nil) },
		"Status":             func() error { n.Status(); return nil },
		"ReportUnreachable":  func() error { n.ReportUnreachable(9); return nil },
		"ReportSnapshot":     func() error { n.ReportSnapshot(9, raft.SnapshotFinish); return nil },
		"Tick":               func() error { n.Tick(); return nil },
	}
	led, proposed := false, false
	for batch := 0; !led || !proposed; batch++ {
		rd, ok := nextBatch(ctx, n)
		if !ok {
			t.Fatal("no batch")
		}
		if err := storage.Append(rd.Entries); err != nil {
			t.Fatal(err)
		}
		if !raft.IsEmptyHardState(rd.HardState) {
			_ = storage.SetHardState(rd.HardState)
		}
		for name, call := range calls {
			if name == "Campaign" && batch > 0 {
				continue // it would start over before its own vote counts
			}
			if err := call(); errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("%s does not return", name)
			}
		}
		for _, e := range rd.CommittedEntries {
			proposed = proposed || string(e.Data) == "from the loop"
			var cc raftpb.ConfChange
			if e.Type == raftpb.EntryConfChange && cc.Unmarshal(e.Data) == nil {
				n.ApplyConfChange(cc)
			}
		}
		if n.Status().RaftState == raft.StateLeader && !led {
			led = true // with a leader, proposals return as well
			if err := n.Propose(ctx, []byte("from the loop")); err != nil {
				t.Fatal(err)
			}
		}
		n.Advance()
	}
}

// nextBatch ticks until there is a batch.
func nextBatch(ctx context.Context, n raft.Node) (raft.Ready, bool) {
	for {
		n.Tick()
		select {
		case rd := <-n.Ready():
			return rd, true
		case <-ctx.Done():
			return raft.Ready{}, false
		case <-time.After(time.Millisecond):
		}
	}
}

func TestStoppedNodesLeaveNoGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	var calls sync.WaitGroup
	for range 20 {
		n := raft.StartNode(config(1, raft.NewMemoryStorage()), []raft.Peer{{ID: 1}, {ID: 2}})
		calls.Add(3)
		go func() { defer calls.Done(); _ = n.Propose(context.Background(), []byte("x")) }() // there is no leader
		go func() {
			defer calls.Done()
			_ = n.Step(context.Background(), raftpb.Message{Type: raftpb.MsgProp, From: 1, To: 1, Entries: []raftpb.Entry{{}}})
		}()
		go func() {
			defer calls.Done()
			rd := <-n.Ready() // and not advanced
			n.Stop()
			_ = rd
		}()
	}
	calls.Wait()
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// With asynchronous storage writes there is no Advance: the node goes on while the application
// works on a batch, which must stay as it was.
func TestABatchStaysAsItIsWhileTheNodeGoesOn(t *testing.T) {
	storage := raft.NewMemoryStorage()
	if err := storage.ApplySnapshot(raftpb.Snapshot{Metadata: raftpb.SnapshotMetadata{
		Index: 1, Term: 1, ConfState: raftpb.ConfState{Voters: []uint64{1, 2, 3}},
	}}); err != nil {
		t.Fatal(err)
	}
	cfg := config(1, storage)
	cfg.AsyncStorageWrites, cfg.ReuseMemory = true, true
	n := raft.RestartNode(cfg)
	defer n.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := n.Campaign(ctx); err != nil {
		t.Fatal(err)
	}
	rd, ok := nextBatch(ctx, n)
	if !ok || len(rd.Messages) == 0 {
		t.Fatal("no batch")
	}
	want := append([]raftpb.Message(nil), rd.Messages...)
	for term := uint64(5); term < 8; term++ {
		if err := n.Step(ctx, raftpb.Message{Type: raftpb.MsgVote, From: 2, To: 1, Term: term, Index: 1, LogTerm: 1}); err != nil {
			t.Fatal(err)
		}
	}
	n.Status() // by now the next batch was taken
	for i := range want {
		if got := raft.DescribeMessage(rd.Messages[i], nil); got != raft.DescribeMessage(want[i], nil) {
			t.Errorf("message %d was %s, and has become %s", i, raft.DescribeMessage(want[i], nil), got)
		}
	}
}
