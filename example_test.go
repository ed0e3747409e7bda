package raft_test

import (
	"fmt"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// One node, one goroutine: the smallest program that keeps a log. With more nodes,
// Ready.Messages go to the peers, and what comes from them to Step.
func ExampleRawNode() {
	storage := raft.NewMemoryStorage() // a program that means it keeps the log on a disk
	config := raft.DefaultConfig(1, storage)
	config.Logger = raft.DiscardLogger
	node, err := raft.NewRawNode(config)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := node.Bootstrap([]raft.Peer{{ID: 1}}); err != nil {
		fmt.Println(err)
		return
	}

	work := func() {
		for node.HasReady() {
			rd := node.Ready()
			// 1. Persist: entries and hard state, synced if rd.MustSync says so.
			if err := storage.Append(rd.Entries); err != nil {
				return
			}
			if !raft.IsEmptyHardState(rd.HardState) {
				if err := storage.SetHardState(rd.HardState); err != nil {
					return
				}
			}
			// 2. Send rd.Messages to the peers; here are none.
			// 3. Apply.
			for _, e := range rd.CommittedEntries {
				switch {
				case e.Type == raftpb.EntryConfChange:
					var cc raftpb.ConfChange
					if err := cc.Unmarshal(e.Data); err != nil {
						return
					}
					fmt.Println("configuration:", raft.DescribeConfState(*node.ApplyConfChange(cc)))
				case len(e.Data) > 0:
					fmt.Printf("applied %d: %s\n", e.Index, e.Data)
				}
			}
			// 4. Done.
			node.Advance(rd)
		}
	}

	work()
	if err := node.Campaign(); err != nil {
		fmt.Println(err)
		return
	}
	work()
	if err := node.Propose([]byte("hello")); err != nil {
		fmt.Println(err)
		return
	}
	work()
	fmt.Println(node.BasicStatus().RaftState, "at term", node.BasicStatus().Term)

	// Output:
	// configuration: Voters:[1] VotersOutgoing:[] Learners:[] LearnersNext:[] AutoLeave:false
	// applied 3: hello
	// StateLeader at term 2
}

// What Step refuses has changed nothing, and the error says what was wrong.
func ExampleRawNode_Step() {
	config := raft.DefaultConfig(1, raft.NewMemoryStorage())
	config.Logger = raft.DiscardLogger
	node, err := raft.NewRawNode(config)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(node.Step(raftpb.Message{Type: raftpb.MsgHup, To: 1}))
	fmt.Println(node.Step(raftpb.Message{Type: raftpb.MsgApp, From: 2, To: 3, Term: 1}))
	fmt.Println(node.Step(raftpb.Message{Type: raftpb.MsgApp, From: 2, To: 1, Term: 1, Entries: []raftpb.Entry{{Term: 1, Index: 5}}}))

	// Output:
	// raft: cannot step raft local message
	// raft: invalid message: MsgApp from 2 to 3: wrong recipient
	// raft: invalid message: MsgApp from 2 to 1: malformed: entries are not contiguous: 5 follows 0
}
