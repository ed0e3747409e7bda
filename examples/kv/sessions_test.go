package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/session"
)

func TestARepetitionIsRecognisedAfterRestartAndSnapshot(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	index := uint64(1)
	apply := func(h session.Header, c command) outcome {
		t.Helper()
		index++
		c.header = &h
		return s.mustApply(t, []raftpb.Entry{{Index: index, Term: 1, Data: c.encode()}})[0]
	}
	if o := apply(session.Header{Kind: session.Register}, command{op: opSession}); !errors.Is(o.err, session.ErrNotConfigured) {
		t.Errorf("without limits: %v", o.err)
	}
	apply(session.Header{Kind: session.Configure, Limits: sessionLimits}, command{op: opSession})
	id := apply(session.Header{Kind: session.Register}, command{op: opSession}).index
	execute := session.Header{Kind: session.Execute, Session: id, Sequence: 1, Awaiting: 1}
	create := command{op: opCreate, key: []byte("k"), value: []byte("v")}
	repeat := func(how string) {
		t.Helper()
		if o := apply(execute, create); !o.done || o.err != nil {
			t.Errorf("%s: %+v", how, o)
		}
	}
	repeat("the first time")
	repeat("the second time")
	must(t, s.close())
	s = openTest(t, dir)
	repeat("after a restart")
	to := openTest(t, t.TempDir())
	snap := copyImage(t, s, to)
	must(t, s.close())

	s = to
	must(t, s.save(raft.Ready{Snapshot: snap, HardState: raftpb.HardState{Term: 1, Commit: snap.Metadata.Index}}))
	repeat("after a snapshot")
	apply(session.Header{Kind: session.Close, Session: id}, command{op: opSession})
	if o := apply(execute, create); !errors.Is(o.err, session.ErrExpired) || o.done {
		t.Errorf("after its end: %+v", o)
	}
	must(t, s.close())
}

// TestARefusalAfterALostAttemptIsNoOutcome: the lost attempt may have been carried out, or may be
// later when the window has moved.
func TestARefusalAfterALostAttemptIsNoOutcome(t *testing.T) {
	for _, refusal := range []error{session.ErrExpired, session.ErrWindow, session.ErrAcknowledged} {
		r := bareReplica()
		r.loop.proposals = make(chan *request)
		go func() {
			(<-r.loop.proposals).done <- result{err: errNewLeader}
			(<-r.loop.proposals).done <- result{outcome: outcome{err: refusal}}
		}()
		w, req := httptest.NewRecorder(), httptest.NewRequest("DELETE", "/kv/k", http.NoBody)
		req.Header.Set(headerSession, "7")
		req.Header.Set(headerSequence, "1")
		r.opts.tick = time.Hour // no attempt is slow
		r.routes().ServeHTTP(w, req)
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), refusal.Error()) {
			t.Errorf("%v: %d %s", refusal, w.Code, w.Body)
		}
	}
}

// sessionClient numbers its writes, and repeats each one until it is answered.
type sessionClient struct {
	c  *cluster
	id string
}

func (c *cluster) openSession(at uint64) *sessionClient {
	c.t.Helper()
	var answer struct{ Session uint64 }
	until(c.t, "a session", func() bool {
		code, body := ask(http.MethodPost, c.urls[at]+"/session")
		return code == http.StatusOK && json.Unmarshal([]byte(body), &answer) == nil
	})
	return &sessionClient{c: c, id: fmt.Sprint(answer.Session)}
}

// send sends a write once and returns the status; 0 without an answer.
func (s *sessionClient) send(at uint64, method, path, body string, sequence int) int {
	req, err := http.NewRequest(method, s.c.urls[at]+path, strings.NewReader(body))
	if err != nil {
		return 0
	}
	req.Header.Set(headerSession, s.id)
	req.Header.Set(headerSequence, fmt.Sprint(sequence))
	resp, err := client.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// want repeats a write until it is answered, which must be with the given status.
func (s *sessionClient) want(at uint64, method, path, body string, sequence, status int) {
	s.c.t.Helper()
	until(s.c.t, fmt.Sprintf("%s %s as %d", method, path, sequence), func() bool {
		code := s.send(at, method, path, body, sequence)
		if code != status && code != 0 && code != http.StatusServiceUnavailable {
			s.c.t.Fatalf("%s %s as %d at replica %d: %d, want %d", method, path, sequence, at, code, status)
		}
		return code == status
	})
}

// TestARepeatedWriteIsCarriedOutOnceAlthoughLeadersDie counts up by compare-and-swap. Each step is
// sent to a leader that is killed at that moment, and repeated elsewhere: whether the leader has
// carried it out or not, the answer is that the condition held, and the counter moves by one.
func TestARepeatedWriteIsCarriedOutOnceAlthoughLeadersDie(t *testing.T) {
	c := newCluster(t, "-compact-after", "10")
	c.startAll()
	s := c.openSession(c.leader())
	s.want(1, http.MethodPut, "/kv/counter?absent", "0", 1, http.StatusNoContent)
	for i := range 6 {
		leader := c.leader()
		path, value, sequence := fmt.Sprintf("/kv/counter?expect=%d", i), fmt.Sprint(i+1), i+2
		if i%2 == 0 { // certainly carried out, and the answer is lost
			s.want(leader, http.MethodPut, path, value, sequence, http.StatusNoContent)
			_ = c.kill(leader, syscall.SIGKILL)
		} else { // perhaps
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				s.send(leader, http.MethodPut, path, value, sequence)
			}()
			_ = c.kill(leader, syscall.SIGKILL)
			<-sent
		}
		alive := other(c, leader)
		s.want(alive, http.MethodPut, path, value, sequence, http.StatusNoContent)
		s.want(alive, http.MethodPut, path, value, sequence, http.StatusNoContent)
		c.wantRead(alive, "counter", "", value)
		c.start(leader)
	}
	// A repetition that comes late does not undo what others have written since.
	c.put(c.leader(), "counter", "other")
	s.want(1, http.MethodPut, "/kv/counter?expect=5", "6", 7, http.StatusNoContent)
	c.wantRead(2, "counter", "", "other")
	s.want(2, http.MethodPut, "/kv/counter?expect=6", "7", 8, http.StatusPreconditionFailed)
	s.want(3, http.MethodDelete, "/kv/counter", "", 9, http.StatusNoContent)
	s.want(3, http.MethodDelete, "/kv/counter", "", 8, http.StatusConflict) // it said that it has the answer

	s.want(1, http.MethodPut, "/kv/k", "v", 0, http.StatusBadRequest)
	until(t, "the end of the session", func() bool {
		code, _ := ask(http.MethodDelete, c.urls[1]+"/session/"+s.id)
		return code == http.StatusNoContent
	})
	s.want(1, http.MethodPut, "/kv/k", "v", 10, http.StatusConflict)
}
