package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ffd200af/raft/raftpb"
)

// TestAWriteIsAnsweredWhenAnotherLeaderTakesOver plays both leaders of a follower. The write goes
// to the first, and survives or not. The second leader's first entry decides: no time has to pass.
func TestAWriteIsAnsweredWhenAnotherLeaderTakesOver(t *testing.T) {
	for survives, want := range map[bool]int{true: http.StatusNoContent, false: http.StatusServiceUnavailable} {
		l := startSoloLeader(t, 3) // a follower: nobody votes for it
		l.step(raftpb.Message{Type: raftpb.MsgHeartbeat, From: 2, Term: 2})
		answered := make(chan *httptest.ResponseRecorder, 1)
		go func() { answered <- l.ask("PUT", "/kv/k", "v") }()
		var data []byte
		until(t, "a request that waits", func() bool {
			l.onLoop(func() {
				for _, req := range l.loop.waiting {
					data = req.data
				}
			})
			return data != nil
		})
		entries := []raftpb.Entry{{Term: 2, Index: 2, Data: data}, {Term: 3, Index: 3}}
		if !survives {
			entries = []raftpb.Entry{{Term: 3, Index: 2}}
		}
		last := entries[len(entries)-1].Index
		l.step(raftpb.Message{Type: raftpb.MsgApp, From: 3, Term: 3, LogTerm: 1, Index: 1, Entries: entries, Commit: last})
		w := <-answered
		if said := w.Body.String(); w.Code != want || !survives && !strings.Contains(said, errNewLeader.Error()) {
			t.Errorf("survives: %v, %d %s", survives, w.Code, said)
		}
	}
}

// TestAWriteThatWasProposedTwiceInASessionThatEndedIsUnknown: the first proposal may have been
// carried out before the end. 409 would say that nothing was done.
func TestAWriteThatWasProposedTwiceInASessionThatEndedIsUnknown(t *testing.T) {
	for _, tc := range []struct {
		method, path string
		lost         bool
		code         int
	}{
		{"PUT", "/kv/k", false, http.StatusConflict}, {"PUT", "/kv/k", true, http.StatusServiceUnavailable},
		{"DELETE", "/session/7", true, http.StatusNoContent}, // the end is what was asked for
	} {
		l := startSoloLeader(t, 3)
		l.step(raftpb.Message{Type: raftpb.MsgHeartbeat, From: 2, Term: 2})
		answered := make(chan *httptest.ResponseRecorder, 1)
		go func() {
			w, req := httptest.NewRecorder(), httptest.NewRequest(tc.method, tc.path, strings.NewReader("v"))
			req.Header.Set(headerSession, "7") // there is none
			req.Header.Set(headerSequence, "1")
			l.server.Handler.ServeHTTP(w, req)
			answered <- w
		}()
		proposed := func(term uint64) (data []byte) {
			until(t, fmt.Sprint("a request of term ", term), func() bool {
				l.onLoop(func() {
					for _, req := range l.loop.waiting {
						if req.term == term {
							data = req.data
						}
					}
				})
				return data != nil
			})
			return data
		}
		data, at := proposed(2), uint64(2)
		if tc.lost {
			l.step(raftpb.Message{
				Type: raftpb.MsgApp, From: 3, Term: 3, LogTerm: 1, Index: 1, Commit: 2, Entries: []raftpb.Entry{{Term: 3, Index: 2}},
			})
			data, at = proposed(3), 3
		}
		l.step(raftpb.Message{
			Type: raftpb.MsgApp, From: at, Term: at, LogTerm: []uint64{1, 3}[at-2], Index: at - 1, Commit: at,
			Entries: []raftpb.Entry{{Term: at, Index: at, Data: data}},
		})
		if w := <-answered; w.Code != tc.code {
			t.Errorf("%+v: %d %s", tc, w.Code, w.Body)
		}
	}
}

// TestAWriteInASessionIsProposedAgainWhenAnotherLeaderTakesOver, at once and not after a while.
func TestAWriteInASessionIsProposedAgainWhenAnotherLeaderTakesOver(t *testing.T) {
	l := startSoloLeader(t, 3)
	go func() {
		req := httptest.NewRequest("PUT", "/kv/k", strings.NewReader("v"))
		req.Header.Set(headerSession, "7")
		req.Header.Set(headerSequence, "1")
		l.server.Handler.ServeHTTP(httptest.NewRecorder(), req)
	}()
	for term := uint64(2); term <= 4; term++ {
		l.step(raftpb.Message{
			Type: raftpb.MsgApp, From: 2 + term%2, Term: term, LogTerm: max(term-1, 1), Index: term - 1, Commit: term,
			Entries: []raftpb.Entry{{Term: term, Index: term}},
		})
		until(t, fmt.Sprint("a request of term ", term), func() bool {
			found := false
			l.onLoop(func() {
				for _, req := range l.loop.waiting {
					found = req.term == term
				}
			})
			return found
		})
	}
}
