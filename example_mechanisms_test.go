package raft_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// A linearizable read at a follower. The leader confirms it by a round of heartbeats.
func ExampleRawNode_ReadIndex() {
	cluster := newExampleCluster(3, nil)
	check(cluster.leader().Propose([]byte("x=1")))
	cluster.work()

	follower := cluster.members[0]
	follower.ReadIndex([]byte("read 1")) // no other read has this context
	cluster.work()
	for _, read := range follower.reads { // they were in Ready.ReadStates
		if read.Index <= follower.index { // otherwise wait until that index is applied
			fmt.Printf("%s: %v\n", read.RequestCtx, follower.applied)
		}
	}
	// Output:
	// read 1: [x=1]
}

// A read that the leader answers by its lease, without a message.
func ExampleRawNode_LeaseRead() {
	cluster := newExampleCluster(3, func(config *raft.Config) {
		config.LeaseDriftTicks = 1 // in an election timeout, no clock gains more than a tick on another
	})
	leader := cluster.leader()
	check(leader.Propose([]byte("x=1")))
	cluster.work()

	cluster.tick() // the others answer a heartbeat
	if index, ok := leader.LeaseRead(); ok && index <= leader.index {
		fmt.Println("by the lease:", leader.applied)
	}
	for range 10 { // the others are silent: the lease ends
		leader.Tick()
	}
	_, ok := leader.LeaseRead()
	fmt.Println("later:", ok)
	// Output:
	// by the lease: [x=1]
	// later: false
}

// The leader hands the leadership to a voter that it names.
func ExampleRawNode_TransferLeader() {
	cluster := newExampleCluster(3, nil)
	leader := cluster.leader()
	target := leader.BasicStatus().ID%3 + 1
	check(leader.CheckTransfer(target)) // why it would be ignored
	leader.TransferLeader(target)
	cluster.work()
	fmt.Println("node", leader.BasicStatus().ID, "is a", leader.BasicStatus().RaftState)
	fmt.Println("node", target, "is a", cluster.members[target-1].BasicStatus().RaftState)
	// Output:
	// node 2 is a StateFollower
	// node 3 is a StateLeader
}

// The leader gives the leadership to the best voter: before a restart, for instance.
func ExampleRawNode_StepDown() {
	cluster := newExampleCluster(3, nil)
	leader := cluster.leader()
	check(leader.StepDown())
	cluster.work()
	fmt.Println(leader.BasicStatus().RaftState, "of node", leader.BasicStatus().Lead)
	// Output:
	// StateFollower of node 1
}

// A server joins with an empty Storage and without Bootstrap. It is a learner until it has caught
// up.
func ExampleRawNode_AddServer() {
	cluster := newExampleCluster(3, nil)
	cluster.add(nil)
	check(cluster.leader().AddServer(4, []byte("10.0.0.4:2380"))) // the context of both changes
	for range 10 {
		cluster.tick() // Ready.CatchUps reports the promotion
	}
	fmt.Println(cluster.leader().Status().Config.Voters[0])
	// Output:
	// node 4 votes
	// (1 2 3 4)
}

// The reason why a proposal would be dropped.
func ExampleRawNode_CheckProposal() {
	config := raft.DefaultConfig(1, raft.NewMemoryStorage())
	config.Logger = raft.DiscardLogger
	node, err := raft.NewRawNode(config)
	check(err)
	fmt.Println(node.Propose([]byte("x=1")))
	fmt.Println(node.CheckProposal(len("x=1")))
	// Output:
	// raft proposal dropped
	// raft: proposal dropped: no leader is known
}

// A snapshot lets the log be compacted. A follower that needs what was dropped gets the snapshot.
func ExampleMemoryStorage_CreateSnapshot() {
	cluster := newExampleCluster(3, nil)
	leader := cluster.leader()
	for _, command := range []string{"x=1", "x=2", "y=3"} {
		check(leader.Propose([]byte(command)))
	}
	cluster.work()

	// The state of the application at an index that it has applied, and the configuration there.
	state := []byte(strings.Join(leader.applied, ","))
	configuration := leader.Status().Config
	_, err := leader.storage.CreateSnapshot(leader.index, &raftpb.ConfState{Voters: configuration.Voters[0].Slice()}, state)
	check(err)
	check(leader.storage.Compact(leader.index))

	cluster.add(nil)
	check(leader.AddServer(4, nil))
	for range 10 {
		cluster.tick()
	}
	fmt.Println("node 4 begins with", cluster.members[3].applied)
	// Output:
	// node 4 votes
	// node 4 begins with [x=1,x=2,y=3]
}

// With asynchronous storage writes there is no Advance. Ready.Messages has the work of two threads,
// with the messages to send when it is done.
func ExampleConfig_asyncStorageWrites() {
	storage := raft.NewMemoryStorage()
	config := raft.DefaultConfig(1, storage)
	config.Logger = raft.DiscardLogger
	config.AsyncStorageWrites = true
	node, err := raft.NewRawNode(config)
	check(err)
	check(node.Bootstrap([]raft.Peer{{ID: 1}}))

	work := func() {
		for node.HasReady() {
			for _, m := range node.Ready().Messages {
				switch m.To {
				case raft.LocalAppendThread: // in a program: a goroutine that writes
					check(storage.Append(m.Entries))
					if hs := (raftpb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}); !raft.IsEmptyHardState(hs) {
						check(storage.SetHardState(hs))
					}
				case raft.LocalApplyThread: // in a program: a goroutine that applies
					for _, entry := range m.Entries {
						if entry.Type == raftpb.EntryConfChange {
							var change raftpb.ConfChange
							check(change.Unmarshal(entry.Data))
							node.ApplyConfChange(change)
						} else if len(entry.Data) > 0 {
							fmt.Printf("applied %s\n", entry.Data)
						}
					}
				}
				for _, response := range m.Responses { // when the work is done
					if response.To == 1 {
						check(node.Step(response))
					} // else send it
				}
			}
		}
	}
	work()
	check(node.Campaign())
	work()
	check(node.Propose([]byte("hello")))
	work()
	// Output:
	// applied hello
}

// A Node is a RawNode behind channels, in a goroutine of its own.
func ExampleNewNode() {
	storage := raft.NewMemoryStorage()
	config := raft.DefaultConfig(1, storage)
	config.Logger = raft.DiscardLogger
	node, err := raft.NewNode(config, []raft.Peer{{ID: 1}})
	check(err)
	defer node.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ticker := time.NewTicker(time.Millisecond) // a program takes 100 ms or so
	defer ticker.Stop()

	for {
		var rd raft.Ready
		select {
		case <-ticker.C:
			node.Tick()
			continue
		case rd = <-node.Ready():
		}
		check(storage.Append(rd.Entries))
		if !raft.IsEmptyHardState(rd.HardState) {
			check(storage.SetHardState(rd.HardState))
		}
		for _, entry := range rd.CommittedEntries {
			if entry.Type == raftpb.EntryConfChange {
				var change raftpb.ConfChange
				check(change.Unmarshal(entry.Data))
				node.ApplyConfChange(change)
			} else if len(entry.Data) > 0 {
				fmt.Printf("applied %s\n", entry.Data)
				return
			}
		}
		node.Advance()
		if rd.SoftState != nil && rd.SoftState.RaftState == raft.StateLeader {
			check(node.Propose(ctx, []byte("hello")))
		}
	}
	// Output:
	// applied hello
}
