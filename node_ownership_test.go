package raft_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// keepingMember is a Node with the loop of a program that sends after Advance, and keeps every
// batch.
type keepingMember struct {
	raft.Node
	storage *raft.MemoryStorage
	inbox   chan raftpb.Message
	applied chan int
	async   bool
	batches []raft.Ready
	copies  []string
}

func asJSON(rd *raft.Ready) string {
	text, err := json.Marshal([]any{rd.Messages, rd.ReadStates, rd.Entries, rd.CommittedEntries, rd.Snapshot, rd.DroppedReads})
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (m *keepingMember) loop(ctx context.Context, all []*keepingMember) {
	for {
		select {
		case <-ctx.Done():
			return
		case rd := <-m.Ready():
			m.batches, m.copies = append(m.batches, rd), append(m.copies, asJSON(&rd))
			if m.async {
				m.send(ctx, all, rd.Messages)
				continue
			}
			m.write(rd.Entries, rd.HardState)
			m.Advance()
			m.applied <- len(rd.CommittedEntries)
			m.send(ctx, all, rd.Messages)
		}
	}
}

func (m *keepingMember) write(entries []raftpb.Entry, hs raftpb.HardState) {
	if err := m.storage.Append(entries); err != nil {
		panic(err)
	}
	if !raft.IsEmptyHardState(hs) {
		_ = m.storage.SetHardState(hs)
	}
}

// send does storage work, too. It delivers this node's own responses before the rest.
func (m *keepingMember) send(ctx context.Context, all []*keepingMember, messages []raftpb.Message) {
	for i := range messages {
		msg := &messages[i]
		if msg.To == raft.LocalAppendThread {
			m.write(msg.Entries, raftpb.HardState{Term: msg.Term, Vote: msg.Vote, Commit: msg.Commit})
		}
		if raft.IsLocalMsgTarget(msg.To) {
			for j := len(msg.Responses) - 1; j >= 0; j-- {
				if msg.Responses[j].To == messages[i].From {
					_ = m.Step(ctx, msg.Responses[j])
				}
			}
			m.send(ctx, all, msg.Responses)
		}
		if msg.To == raft.LocalApplyThread {
			m.applied <- len(msg.Entries)
		}
		if !raft.IsLocalMsgTarget(msg.To) && all[msg.To-1] != m {
			select {
			case all[msg.To-1].inbox <- *msg:
			case <-ctx.Done():
			}
		}
	}
}

func (m *keepingMember) receive(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case msg := <-m.inbox:
			_ = m.Step(ctx, msg)
		}
	}
}

// Through a Node, too, what was handed out belongs to the program. No message is lost: the entries
// are applied without a tick, so nothing is sent twice.
func TestWhatANodeHandsOutIsNeverWrittenAgain(t *testing.T) {
	for _, async := range []bool{false, true} {
		for _, reuse := range []bool{false, true} {
			if reuse && !async {
				continue // then the program sends before Advance
			}
			t.Run(fmt.Sprintf("async %t, reuse %t", async, reuse), func(t *testing.T) {
				runKeepingMembers(t, async, reuse)
			})
		}
	}
}

func runKeepingMembers(t *testing.T, async, reuse bool) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	cs := raftpb.ConfState{Voters: []uint64{1, 2, 3}}
	var members []*keepingMember
	for id := uint64(1); id <= 3; id++ {
		storage := raft.NewMemoryStorage()
		if err := storage.ApplySnapshot(raftpb.Snapshot{Metadata: raftpb.SnapshotMetadata{Index: 1, Term: 1, ConfState: cs}}); err != nil {
			t.Fatal(err)
		}
		cfg := config(id, storage)
		cfg.AsyncStorageWrites, cfg.ReuseMemory = async, reuse
		members = append(members, &keepingMember{
			Node: raft.RestartNode(cfg), storage: storage, async: async,
			inbox: make(chan raftpb.Message, 4096), applied: make(chan int, 4096),
		})
	}
	var wg sync.WaitGroup
	for _, m := range members {
		wg.Add(2)
		go func() { defer wg.Done(); m.loop(ctx, members) }()
		go func() { defer wg.Done(); m.receive(ctx) }()
	}
	leader := members[0]
	if err := leader.Campaign(ctx); err != nil {
		t.Error(err)
	}
	const proposals = 100
	for range proposals {
		if err := leader.Propose(ctx, []byte("data")); err != nil {
			t.Error(err)
		}
		_ = leader.ReadIndex(ctx, []byte("read"))
	}
	for n := 0; n < proposals+1 && ctx.Err() == nil; {
		select {
		case more := <-leader.applied:
			n += more
		case <-ctx.Done():
			t.Error("the entries are not applied: a message was lost")
		}
	}
	cancel()
	wg.Wait()
	for _, m := range members {
		m.Stop()
		for i := range m.batches {
			if now := asJSON(&m.batches[i]); now != m.copies[i] {
				t.Fatalf("batch %d was\n%s\nand is\n%s", i, m.copies[i], now)
			}
		}
	}
}
