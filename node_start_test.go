package raft_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// soloMember does the work of one batch of a member that is alone: write and apply. The caller
// calls Advance.
func soloMember(t *testing.T, n raft.Node, storage *raft.MemoryStorage, rd raft.Ready) {
	t.Helper()
	if err := storage.Append(rd.Entries); err != nil {
		t.Fatal(err)
	}
	if !raft.IsEmptyHardState(rd.HardState) {
		if err := storage.SetHardState(rd.HardState); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range rd.CommittedEntries {
		var cc raftpb.ConfChange
		if e.Type == raftpb.EntryConfChange && cc.Unmarshal(e.Data) == nil {
			n.ApplyConfChange(cc)
		}
	}
}

// lead drives a member that is alone until it leads and has applied its first entry, the one behind
// last.
func lead(ctx context.Context, t *testing.T, n raft.Node, storage *raft.MemoryStorage, last uint64) {
	t.Helper()
	for {
		s := n.Status()
		if s.RaftState == raft.StateLeader && s.Applied == last+1 {
			return
		}
		rd, ok := nextBatch(ctx, n)
		if !ok {
			t.Fatal("no batch")
		}
		soloMember(t, n, storage, rd)
		n.Advance()
	}
}

// Programs that always call StartNode do so after a restart as well.
func TestStartNodeOnAUsedStorageGoesOnFromIt(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	storage, peers := raft.NewMemoryStorage(), []raft.Peer{{ID: 1}}
	n := raft.StartNode(config(1, storage), peers)
	lead(ctx, t, n, storage, 1)
	n.Stop()
	before, _ := storage.LastIndex()

	if _, err := raft.NewNode(config(1, storage), peers); !errors.Is(err, raft.ErrBootstrapNotEmpty) {
		t.Errorf("NewNode: %v", err)
	}
	var log warnings
	c := config(1, storage)
	c.Logger = &log
	n = raft.StartNode(c, peers)
	defer n.Stop()
	lead(ctx, t, n, storage, before)
	if log.count != 1 {
		t.Errorf("%d warnings, want one that the peers are not used", log.count)
	}
	if s := n.Status(); len(s.Config.Voters[0]) != 1 {
		t.Errorf("the next life has the configuration %v", s.Config)
	}
}

// warnings counts them.
type warnings struct {
	raft.Logger
	count int
}

func (w *warnings) Warningf(string, ...any) { w.count++ }
func (w *warnings) Infof(string, ...any)    {}
func (w *warnings) Debugf(string, ...any)   {}

func TestStartNodeWithoutPeersSaysSo(t *testing.T) {
	n := raft.StartNode(config(1, raft.NewMemoryStorage()), nil)
	defer n.Stop()
	if err := n.(raft.Operator).Err(); !errors.Is(err, raft.ErrBootstrapPeers) {
		t.Errorf("got %v", err)
	}
	if err := n.Campaign(context.Background()); !errors.Is(err, raft.ErrBootstrapPeers) {
		t.Errorf("Campaign: %v", err)
	}
}

// News that nobody was told yet are about those who waited then.
func TestAWaitIsNotEndedByOlderNews(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	storage := raft.NewMemoryStorage()
	c := config(1, storage)
	c.CatchUpRounds = 1
	n := raft.StartNode(c, []raft.Peer{{ID: 1}})
	defer n.Stop()
	lead(ctx, t, n, storage, 1)
	first := make(chan error, 1)
	go func() { first <- n.(raft.Operator).AddServer(ctx, 4, nil) }() // it does not exist
	for len(n.Status().Config.Learners) == 0 {
		rd, ok := nextBatch(ctx, n)
		if !ok {
			t.Fatal("no batch")
		}
		soloMember(t, n, storage, rd)
		n.Advance()
	}
	// The application is busy with a batch while the learner is given up.
	rd, ok := nextBatch(ctx, n)
	if !ok {
		t.Fatal("no batch")
	}
	for range 2 * c.ElectionTick {
		n.Tick()
		n.Status()
	}
	second := make(chan error, 1)
	begun := raft.Waiting(n)
	go func() { second <- n.(raft.Operator).AwaitCatchUp(ctx, 4) }()
	for raft.Waiting(n) == begun {
		if ctx.Err() != nil {
			t.Fatal("the second wait does not begin")
		}
	}
	soloMember(t, n, storage, rd)
	n.Advance()
	if err := <-first; !errors.Is(err, raft.ErrCatchUpGivenUp) {
		t.Errorf("the first wait: %v", err)
	}
	if raft.Waiting(n) != 1 {
		t.Errorf("%d wait, want the second", raft.Waiting(n))
	}
	select {
	case err := <-second:
		t.Errorf("the second wait has ended without a tick: %v", err)
	default:
	}
	cancel()
	<-second
	for deadline := time.Now().Add(patience); raft.Waiting(n) != 0; {
		if time.Now().After(deadline) {
			t.Fatal("who does not wait any more is still there")
		}
	}
}
