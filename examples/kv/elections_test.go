package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// elections returns what GET /status says of them.
func (l *soloLeader) elections() []election {
	l.t.Helper()
	s, err := l.report(context.Background())
	must(l.t, err)
	return s.Elections
}

// tick gives the loop ticks as its clock would.
func (l *soloLeader) tick(n int) {
	l.onLoop(func() {
		l.loop.clock.started = l.loop.clock.started.Add(-time.Duration(n) * l.loop.clock.tick)
		l.loop.giveTicks()
	})
}

// tickUntil gives ticks until the node has a role, and says how many.
func (l *soloLeader) tickUntil(role raft.StateType) (n int) {
	l.t.Helper()
	until(l.t, fmt.Sprint("a ", role), func() (has bool) {
		l.onLoop(func() { has = l.loop.node.BasicStatus().RaftState == role })
		if !has {
			l.tick(1)
			n++
		}
		return has
	})
	return n
}

// wantElections compares the last elections, as "term roles leader: reason".
func (l *soloLeader) wantElections(want ...string) {
	l.t.Helper()
	var got []string
	defer func() {
		if l.t.Failed() {
			l.t.Logf("elections are %q", got)
		}
	}()
	until(l.t, strings.Join(want, "\n"), func() bool {
		got = nil
		for _, e := range l.elections() {
			got = append(got, fmt.Sprintf("%d %s %d: %s", e.Term, strings.Join(e.Roles, " "), e.Leader, e.Reason))
		}
		got = got[max(0, len(got)-len(want)):]
		return slices.Equal(got, want)
	})
}

// transferred marks a campaign that a leader has ordered: promises to the leader do not count.
var transferred = []byte("CampaignTransfer")

func TestElectionsOfAFollowerHaveReasons(t *testing.T) {
	l := startSoloLeader(t, 3)
	l.wantElections("1 follower 0: this replica started")
	l.step(raftpb.Message{Type: raftpb.MsgHeartbeat, From: 2, Term: 2})
	l.wantElections("1 follower 0: this replica started", "2 follower 2: replica 2 leads a later term")
	l.tick(5)
	l.step(raftpb.Message{Type: raftpb.MsgHeartbeat, From: 2, Term: 2}) // now counts
	l.tick(1)
	l.step(raftpb.Message{Type: raftpb.MsgVoteResp, From: 3, Term: 2}) // not from the leader
	n := 1 + l.tickUntil(raft.StatePreCandidate)
	l.wantElections(fmt.Sprintf("2 follower precandidate 0: no leader was heard from for %d ticks", n))

	// It wins the pre-vote and loses the election to another.
	l.step(raftpb.Message{Type: raftpb.MsgPreVoteResp, From: 3, Term: 3})
	l.wantElections(fmt.Sprintf("3 follower precandidate candidate 0: no leader was heard from for %d ticks", n))
	l.step(raftpb.Message{Type: raftpb.MsgHeartbeat, From: 3, Term: 3})
	l.wantElections(fmt.Sprintf("3 follower precandidate candidate follower 3: no leader was heard from for %d ticks", n))
	l.step(raftpb.Message{Type: raftpb.MsgHeartbeatResp, From: 2, Term: 4})
	l.wantElections("4 follower 0: replica 2 is in a later term")
	l.step(raftpb.Message{Type: raftpb.MsgVote, From: 2, Term: 5, LogTerm: 4, Index: 9, Context: transferred})
	l.step(raftpb.Message{Type: raftpb.MsgApp, From: 2, Term: 5, LogTerm: 1, Index: 1})
	l.wantElections("4 follower 0: replica 2 is in a later term", "5 follower 2: replica 2 asked for votes")
	l.step(raftpb.Message{Type: raftpb.MsgTimeoutNow, From: 2, Term: 5})
	l.wantElections("6 follower candidate 0: leader 2 handed over to this replica")
}

func TestElectionsOfALeaderSayWhyItLeadsNoMore(t *testing.T) {
	// startSoloLeader ticks the node and not the loop.
	const elected = "2 follower precandidate candidate leader 1: no leader was heard from for 0 ticks"
	for _, tc := range []struct {
		name string
		do   func(l *soloLeader)
		want string
	}{
		{"transfer", func(l *soloLeader) {
			l.acknowledge()
			l.onLoop(func() { l.loop.node.TransferLeader(2) })
			l.step(raftpb.Message{Type: raftpb.MsgVote, From: 2, Term: 3, LogTerm: 2, Index: 2, Context: transferred})
		}, "3 leader follower 0: this replica handed over to replica 2"},
		{"a later term", func(l *soloLeader) {
			l.step(raftpb.Message{Type: raftpb.MsgAppResp, From: 3, Term: 7, Index: 1, Reject: true})
		}, "7 leader follower 0: replica 3 is in a later term"},
		{"a partition", func(l *soloLeader) { l.tickUntil(raft.StateFollower) },
			"2 leader follower 0: lost quorum: too few voters were heard from for 10 ticks"},
		{"removal", func(l *soloLeader) {
			l.acknowledge()
			removed := make(chan struct{})
			go func() { l.ask("DELETE", "/members/1", ""); close(removed) }()
			until(l.t, "an answer", func() bool {
				l.acknowledge()
				select {
				case <-removed:
					return true
				default:
					return false
				}
			})
		}, "2 leader follower 0: this replica was removed while it led"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := startSoloLeader(t, 3, 2, 3)
			l.wantElections("1 follower 0: this replica started", elected)
			tc.do(l)
			l.wantElections(tc.want)
		})
	}
}

// TestALeaderWithADeadDiskSaysSo: the others answer, and the disk does not.
func TestALeaderWithADeadDiskSaysSo(t *testing.T) {
	var disk sync.Mutex
	fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSync {
			disk.Lock()
			defer disk.Unlock()
		}
		return nil
	}))
	l := startSoloLeaderOn(t, fs, map[uint64]string{1: "http://127.0.0.1:1", 2: "http://127.0.0.1:2", 3: "http://127.0.0.1:3"}, 2)
	disk.Lock()
	defer disk.Unlock()
	l.onLoop(func() { must(t, l.loop.node.Propose([]byte("x"))) })
	for range 12 {
		l.step(raftpb.Message{Type: raftpb.MsgHeartbeatResp, From: 2, Term: 2})
		l.tick(1)
	}
	l.wantElections("2 leader follower 0: this replica's disk acknowledged no write for 10 ticks")
}

// TestElectionsAreBounded also while a replica campaigns for ever.
func TestElectionsAreBounded(t *testing.T) {
	l := startSoloLeader(t, 3)
	for term := uint64(2); term < 3+maxElections; term++ {
		l.step(raftpb.Message{Type: raftpb.MsgHeartbeat, From: 2, Term: term})
	}
	got := l.elections()
	if len(got) != maxElections || got[0].Term != 3 || got[maxElections-1].Term != 2+maxElections {
		t.Fatalf("%d elections: %v", len(got), got)
	}
	l.tickUntil(raft.StatePreCandidate)
	for term := got[maxElections-1].Term + 1; term < 26; term++ {
		l.step(raftpb.Message{Type: raftpb.MsgPreVoteResp, From: 3, Term: term})
		until(t, "a candidate", func() bool { return l.elections()[maxElections-1].Term == term })
		l.tickUntil(raft.StatePreCandidate)
	}
	all := l.elections()
	if roles := all[maxElections-1].Roles; len(roles) != maxRoles || roles[maxRoles-1] != "precandidate" {
		t.Errorf("roles %v", roles)
	}
}

func TestAnElectionLastsUntilALeaderIsKnown(t *testing.T) {
	l := startSoloLeader(t, 3)
	l.step(raftpb.Message{Type: raftpb.MsgVote, From: 2, Term: 5, LogTerm: 4, Index: 9, Context: transferred})
	begun := l.elections()
	time.Sleep(5 * time.Millisecond) // the least that the election lasts
	l.step(raftpb.Message{Type: raftpb.MsgHeartbeat, From: 2, Term: 5})
	e := l.elections()[len(begun)-1]
	if e.Millis < 5 || e.Millis > time.Since(e.At).Milliseconds() || begun[len(begun)-1].Millis != 0 {
		t.Errorf("%+v, at first %+v", e, begun)
	}
	l.step(raftpb.Message{Type: raftpb.MsgTimeoutNow, From: 2, Term: 5})
	if len(begun[len(begun)-1].Roles) != 1 {
		t.Errorf("a report changes: %v", begun)
	}
}
