package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// soloLeader is replica 1 of a cluster whose other replicas are played by the test. Its clock
// stands still.
type soloLeader struct {
	*replica
	t     *testing.T
	alive []uint64
}

// startSoloLeader makes replica 1 of n the leader, by the votes of those that are alive.
func startSoloLeader(t *testing.T, n uint64, alive ...uint64) *soloLeader {
	t.Helper()
	first := map[uint64]string{}
	for id := uint64(1); id <= n; id++ {
		first[id] = fmt.Sprint("http://127.0.0.1:", id) // nobody listens there
	}
	return startSoloLeaderOn(t, vfs.NewMem(), first, alive...)
}

func startSoloLeaderOn(t *testing.T, disk vfs.FS, first map[uint64]string, alive ...uint64) *soloLeader {
	t.Helper()
	s, err := openFirst(disk, "1", first)
	must(t, err)
	r, err := newReplica(options{
		id: 1, address: first[1], tick: time.Hour, timeout: 10 * time.Second, compactAfter: 1000, log: slog.New(slog.DiscardHandler),
	}, s)
	must(t, err)
	r.server = newServer(r.routes())
	go r.loop.run()
	t.Cleanup(func() { must(t, r.stop()) })
	l := &soloLeader{r, t, alive}
	if len(alive) == 0 {
		return l
	}
	l.onLoop(func() {
		for range 20 { // the longest election timeout
			if r.loop.node.BasicStatus().RaftState == raft.StateFollower {
				r.loop.node.Tick()
			}
		}
	})
	for _, typ := range []raftpb.MessageType{raftpb.MsgPreVoteResp, raftpb.MsgVoteResp} {
		for _, id := range alive {
			l.step(raftpb.Message{Type: typ, From: id, Term: 2})
		}
	}
	until(t, "a leader at term 2", func() (leads bool) { // when its own vote is written
		l.onLoop(func() {
			status := r.loop.node.BasicStatus()
			leads = status.RaftState == raft.StateLeader && status.Term == 2
		})
		return leads
	})
	return l
}

func (l *soloLeader) onLoop(f func()) { must(l.t, l.query(context.Background(), f)) }

func (l *soloLeader) step(m raftpb.Message) {
	m.To = 1
	l.onLoop(func() { l.loop.step(m) })
}

// acknowledge has everybody who is alive acknowledge what the log has. The contacts do not hear it.
func (l *soloLeader) acknowledge() {
	for _, id := range l.alive {
		l.onLoop(func() {
			_ = l.loop.node.Step(raftpb.Message{Type: raftpb.MsgAppResp, From: id, To: 1, Term: 2, Index: l.store.end})
		})
	}
}

func (l *soloLeader) ask(method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	l.server.Handler.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w
}

// want sends a request that is carried out when the log is acknowledged.
func (l *soloLeader) want(method, path, body string, status int) {
	l.t.Helper()
	answered := make(chan *httptest.ResponseRecorder, 1)
	go func() { answered <- l.ask(method, path, body) }()
	for {
		l.acknowledge()
		select {
		case w := <-answered:
			if w.Code != status {
				l.t.Fatalf("%s %s: %d %s, want %d", method, path, w.Code, w.Body, status)
			}
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// wantRefused sends a request that names the silent, and changes nothing.
func (l *soloLeader) wantRefused(method, path, body, silent string) {
	l.t.Helper()
	var before, after uint64
	l.onLoop(func() { before = l.store.end })
	w := l.ask(method, path, body)
	l.onLoop(func() { after = l.store.end })
	if w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "Silent: "+silent+". ") || w.Header().Get(headerRetry) == "" {
		l.t.Errorf("%s %s: %d %s, %v", method, path, w.Code, w.Body, w.Header())
	}
	if after != before {
		l.t.Errorf("%s %s: %d entries were appended", method, path, after-before)
	}
}

// TestARemovalThatLeavesNoQuorumIsRefused: of eleven replicas, five are dead. Without one of the
// others the cluster would never write again.
func TestARemovalThatLeavesNoQuorumIsRefused(t *testing.T) {
	l := startSoloLeader(t, 11, 2, 3, 4, 5, 6)
	for _, id := range []int{1, 2, 6} {
		l.wantRefused("DELETE", fmt.Sprint("/members/", id), "", "7, 8, 9, 10, 11")
	}
	l.want("DELETE", "/members/11", "", http.StatusNoContent) // one of the dead
	l.want("DELETE", "/members/2", "", http.StatusNoContent)
	l.wantRefused("DELETE", "/members/3", "", "7, 8, 9, 10")
	l.want("DELETE", "/members/3?force=true", "", http.StatusNoContent)
}

// TestAReplicaThatComesBackCounts: a message is a sign of life for an election timeout.
func TestAReplicaThatComesBackCounts(t *testing.T) {
	l := startSoloLeader(t, 3, 2)
	l.wantRefused("DELETE", "/members/2", "", "3")
	l.step(raftpb.Message{Type: raftpb.MsgHeartbeatResp, From: 3, Term: 2})
	l.pass(l.loop.electionTicks - 1)
	l.want("DELETE", "/members/2", "", http.StatusNoContent)

	l = startSoloLeader(t, 3, 2, 3)
	l.pass(l.loop.electionTicks)
	l.wantRefused("DELETE", "/members/2", "", "2, 3")
}

// pass lets ticks pass for the contacts only, so that the leader goes on.
func (l *soloLeader) pass(ticks int) {
	l.onLoop(func() {
		for range ticks {
			l.loop.contacts.tick()
		}
	})
}

func TestAnAdditionWithoutAQuorumIsRefused(t *testing.T) {
	l := startSoloLeader(t, 3, 2)
	l.pass(l.loop.electionTicks)
	fourth := `{"id":4,"address":"http://127.0.0.1:4","data":"d"}`
	l.wantRefused("POST", "/members", fourth, "2, 3")
	l.want("POST", "/members?force", fourth, http.StatusOK)
	l.onLoop(func() {
		if len(l.store.conf.Learners) != 1 || l.loop.node.BasicStatus().RaftState != raft.StateLeader {
			t.Errorf("%v", l.store.conf)
		}
	})
}

// TestAStrangerIsNotHeard: contacts do not grow with what anybody sends.
func TestAStrangerIsNotHeard(t *testing.T) {
	l := startSoloLeader(t, 3, 2)
	for id := uint64(100); id < 200; id++ {
		l.step(raftpb.Message{Type: raftpb.MsgHeartbeatResp, From: id, Term: 2})
	}
	l.onLoop(func() {
		if len(l.loop.contacts) != 1 {
			t.Errorf("%v", l.loop.contacts)
		}
	})
}

// TestARefusalForWantOfAQuorumReachesAReplicaThatJoins through a follower, and does not end it.
func TestARefusalForWantOfAQuorumReachesAReplicaThatJoins(t *testing.T) {
	replicas := startHere(t, 3)
	asked := follower(t, replicas)
	for _, r := range replicas {
		must(t, r.query(context.Background(), func() { r.loop.electionTicks = 0 })) // all are silent
	}
	fresh := &replica{
		opts: options{id: 4, address: "http://127.0.0.1:4", timeout: patience}, store: &store{identity: "d"},
		peers: newTransport(4, ""),
	}
	_, _, err := fresh.askToJoin(context.Background(), asked.opts.address)
	if err == nil || errors.Is(err, errRefused) || !strings.Contains(err.Error(), errNoQuorum.Error()) {
		t.Errorf("%v, want a refusal that time may lift", err)
	}
}
