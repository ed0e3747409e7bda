package raft_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

const patience = 30 * time.Second

// member is a Node with the loop of an application around it.
type member struct {
	raft.Node
	storage *raft.MemoryStorage
	applied chan []byte
	peers   map[uint64]*member
	stop    chan struct{}
	done    sync.WaitGroup
}

func config(id uint64, storage raft.Storage) *raft.Config {
	c := raft.DefaultConfig(id, storage)
	c.Logger = raft.DiscardLogger
	c.Seed = 1
	return c
}

func startMembers(t *testing.T, n int) map[uint64]*member { return startWithSpares(t, n, 0) }

// startWithSpares starts n members, and nodes that no configuration knows yet.
func startWithSpares(t *testing.T, n, spares int) map[uint64]*member {
	members := map[uint64]*member{}
	var peers []raft.Peer
	for id := uint64(1); id <= uint64(n); id++ {
		peers = append(peers, raft.Peer{ID: id})
	}
	for id := uint64(1); id <= uint64(n+spares); id++ {
		storage := raft.NewMemoryStorage()
		m := &member{storage: storage, applied: make(chan []byte, 1000), peers: members, stop: make(chan struct{})}
		if id <= uint64(n) {
			m.Node = raft.StartNode(config(id, storage), peers)
		} else {
			m.Node = raft.RestartNode(config(id, storage))
		}
		members[id] = m
	}
	for _, m := range members {
		m.done.Add(2)
		go m.loop()
		go m.tick()
	}
	t.Cleanup(func() {
		for _, m := range members {
			close(m.stop)
			m.Stop()
			m.done.Wait()
		}
	})
	return members
}

func (m *member) tick() {
	defer m.done.Done()
	for {
		select {
		case <-m.stop:
			return
		case <-time.After(time.Millisecond):
			m.Tick()
		}
	}
}

func (m *member) loop() {
	defer m.done.Done()
	for {
		select {
		case <-m.stop:
			return
		case rd := <-m.Ready():
			m.work(rd)
			m.Advance()
		}
	}
}

func (m *member) work(rd raft.Ready) {
	if m.storage.Append(rd.Entries) != nil {
		return
	}
	if !raft.IsEmptyHardState(rd.HardState) {
		_ = m.storage.SetHardState(rd.HardState)
	}
	for _, msg := range rd.Messages {
		// The network is slow at times, and never holds the sender up.
		go func(to *member) {
			if to == nil {
				return // a member that does not exist
			}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			_ = to.Step(ctx, msg)
		}(m.peers[msg.To])
	}
	for _, e := range rd.CommittedEntries {
		switch {
		case e.Type == raftpb.EntryConfChange:
			var cc raftpb.ConfChange
			if cc.Unmarshal(e.Data) == nil {
				m.ApplyConfChange(cc) // called from the Ready loop
			}
		case len(e.Data) > 0:
			m.applied <- e.Data
		}
	}
}

func TestNodesReplicateFromManyGoroutines(t *testing.T) {
	members := startMembers(t, 3)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	const proposals = 60
	var wg sync.WaitGroup
	for i := range proposals {
		wg.Add(1)
		go func() {
			defer wg.Done()
			// Without a leader this waits; a proposal on its way to a leader that falls can get
			// lost, so each is made until it is applied somewhere.
			if err := members[uint64(i%3)+1].Propose(ctx, fmt.Appendf(nil, "%d", i)); err != nil && !errors.Is(err, raft.ErrProposalDropped) {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
	if err := members[1].Propose(ctx, []byte("last")); err != nil {
		t.Fatal(err)
	}
	var logs [3][]byte
	for id, m := range members {
		for {
			select {
			case data := <-m.applied:
				logs[id-1] = append(append(logs[id-1], data...), ' ')
				if string(data) != "last" {
					continue
				}
			case <-ctx.Done():
				t.Fatalf("node %d does not apply the last proposal", id)
			}
			break
		}
	}
	if !bytes.Equal(logs[0], logs[1]) || !bytes.Equal(logs[0], logs[2]) {
		t.Errorf("applied:\n%s\n%s\n%s", logs[0], logs[1], logs[2])
	}
	for _, m := range members {
		if st := m.Status(); st.ID == 0 || st.Lead == raft.None {
			t.Errorf("status %+v", st)
		}
	}
}

func TestAStoppedNodeSaysSoAndStopMayBeRepeated(t *testing.T) {
	n := raft.StartNode(config(1, raft.NewMemoryStorage()), []raft.Peer{{ID: 1}})
	n.Stop()
	n.Stop()
	ctx := context.Background()
	for name, err := range map[string]error{
		"Campaign":          n.Campaign(ctx),
		"Propose":           n.Propose(ctx, nil),
		"ProposeConfChange": n.ProposeConfChange(ctx, raftpb.ConfChange{NodeID: 2}),
		"Step":              n.Step(ctx, raftpb.Message{Type: raftpb.MsgHeartbeat, From: 2, To: 1, Term: 1}),
		"ForgetLeader":      n.ForgetLeader(ctx),
		"ReadIndex":         n.ReadIndex(ctx, []byte("x")),
	} {
		if err != raft.ErrStopped {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range 1000 {
		n.Tick() // never blocks
	}
	n.Advance()
	n.ReportUnreachable(2)
	n.ReportSnapshot(2, raft.SnapshotFailure)
	n.TransferLeadership(ctx, 1, 2)
	if cs := n.ApplyConfChange(raftpb.ConfChange{NodeID: 2}); cs == nil || len(cs.Voters) != 0 {
		t.Errorf("a configuration: %v", cs) // programs use *cs without a look
	}
	if st := n.Status(); st.ID != 0 {
		t.Errorf("a status: %v", st)
	}
}

func TestANodeThatCannotStartReturnsTheReasonFromEveryCall(t *testing.T) {
	bad := config(1, raft.NewMemoryStorage())
	bad.ElectionTick = 0
	for name, n := range map[string]raft.Node{
		"StartNode":   raft.StartNode(bad, []raft.Peer{{ID: 1}}),
		"RestartNode": raft.RestartNode(bad),
	} {
		if err := n.Propose(context.Background(), nil); !errors.Is(err, raft.ErrInvalidConfig) {
			t.Errorf("%s: %v", name, err)
		}
		n.Stop()
	}
	if _, err := raft.NewNode(bad, nil); !errors.Is(err, raft.ErrInvalidConfig) {
		t.Errorf("NewNode: %v", err)
	}
}

func TestContextsEndWaitingCalls(t *testing.T) {
	// Nobody takes the Ready of this node, and it has no leader.
	n := raft.StartNode(config(1, raft.NewMemoryStorage()), []raft.Peer{{ID: 1}, {ID: 2}})
	defer n.Stop()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := n.Propose(ctx, []byte("x")); !errors.Is(err, context.Canceled) {
		t.Errorf("Propose: %v", err)
	}
	if err := n.Step(ctx, raftpb.Message{Type: raftpb.MsgProp, To: 1, Entries: []raftpb.Entry{{}}}); !errors.Is(err, context.Canceled) {
		t.Errorf("Step: %v", err)
	}
}

func TestAdvanceWithoutABatchAcknowledgesNothing(t *testing.T) {
	n := raft.StartNode(config(1, raft.NewMemoryStorage()), []raft.Peer{{ID: 1}})
	defer n.Stop()
	n.Advance()
	rd := <-n.Ready()
	if st := n.Status(); st.Applied != 0 || len(rd.CommittedEntries) != 1 {
		t.Errorf("applied %d before the batch was done", st.Applied)
	}
	n.Advance()
	if st := n.Status(); st.Applied != 1 {
		t.Errorf("applied %d after the batch was done", st.Applied)
	}
}

// A quarantined node ends its goroutine; every call says why.
func TestAQuarantinedNodeReturnsTheReason(t *testing.T) {
	n := raft.StartNode(config(1, raft.NewMemoryStorage()), []raft.Peer{{ID: 1}, {ID: 2}})
	defer n.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := n.Step(ctx, raftpb.Message{Type: raftpb.MsgHeartbeat, From: 2, To: 1, Term: 2, Commit: 99}); err != nil {
		t.Fatal(err)
	}
	if err := n.Campaign(ctx); !errors.Is(err, raft.ErrCommitBeyondLog) {
		t.Errorf("Campaign: %v", err)
	}
	select {
	case rd := <-n.Ready():
		// The batch from before the message may have been taken already.
		if len(rd.Entries) != 2 {
			t.Errorf("a Ready after quarantine: %v", rd)
		}
	default:
	}
}
