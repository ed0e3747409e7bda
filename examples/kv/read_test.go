package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ffd200af/raft/raftpb"
)

// TestAReadOnAnyReplicaSeesTheLastAcknowledgedWrite writes at one replica and reads at once at
// another. Followers are always a little behind: a read that did not ask would see an old value.
func TestAReadOnAnyReplicaSeesTheLastAcknowledgedWrite(t *testing.T) {
	c := newCluster(t)
	c.startAll()
	leader := c.leader()
	for i := range 200 {
		value := fmt.Sprint(i)
		c.put(leader, "counter", value)
		id := uint64(i%3 + 1)
		c.wantRead(id, "counter", []string{"", "?read=safe", "?read=lease"}[i/3%3], value)
	}
	// Also while the leader goes away.
	_ = c.kill(leader, 9)
	alive := other(c, leader)
	c.put(alive, "counter", "after")
	for id := range c.processes {
		c.wantRead(id, "counter", "", "after")
	}
}

func TestWithoutAMajorityOnlyStaleReadsAreAnswered(t *testing.T) {
	c := newCluster(t)
	c.startAll()
	leader := c.leader()
	c.put(leader, "k", "v")
	for id := range c.urls {
		if id != leader {
			_ = c.kill(id, 9)
		}
	}
	for query, want := range map[string]int{
		"": http.StatusServiceUnavailable, "?read=safe": http.StatusServiceUnavailable,
		"?read=stale": http.StatusOK, "?stale=true": http.StatusOK, "?read=none": http.StatusBadRequest,
	} {
		if code, got := c.asked(http.MethodGet, c.urls[leader]+"/kv/k"+query); code != want {
			t.Errorf("%q: %d %s, want %d", query, code, got, want)
		}
	}
}

// leaseRead reads with ?read=lease, once, and says how the read was confirmed.
func (c *cluster) leaseRead(id uint64, key string) (value string, mode readMode, ok bool) {
	resp, err := client.Get(c.urls[id] + "/kv/" + key + "?read=lease")
	if err != nil {
		return "", "", false
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), readMode(resp.Header.Get(headerRead)), err == nil && resp.StatusCode == http.StatusOK
}

// TestALeaseIsUsedAndNotTrustedAfterAPause stops the leader's process, which takes its clock away,
// and lets the others go on. When it wakes up it has a lease as far as it remembers.
func TestALeaseIsUsedAndNotTrustedAfterAPause(t *testing.T) {
	c := newCluster(t)
	c.startAll()
	leader := c.leader()
	c.put(leader, "k", "old")
	until(t, "a read by lease", func() bool {
		value, mode, ok := c.leaseRead(leader, "k")
		if ok && value != "old" {
			t.Fatalf("a read by lease gives %q", value)
		}
		return ok && mode == readLease
	})
	follower := other(c, leader)
	until(t, "a follower's read, which falls back", func() bool {
		value, mode, ok := c.leaseRead(follower, "k")
		if ok && value != "old" {
			t.Fatalf("the follower's read gives %q", value)
		}
		return ok && mode == readSafe
	})
	for round := range 3 {
		leader := c.leader()
		must(t, c.processes[leader].Process.Signal(syscall.SIGSTOP))
		value := fmt.Sprint("new", round)
		c.put(other(c, leader), "k", value)
		reads := make(chan string, 10)
		for range cap(reads) {
			go func() {
				got, mode, ok := c.leaseRead(leader, "k")
				if !ok {
					got = value // no answer is not a wrong one
				}
				if got != value {
					got += " confirmed by " + string(mode)
				}
				reads <- got
			}()
		}
		must(t, c.processes[leader].Process.Signal(syscall.SIGCONT))
		for range cap(reads) {
			if got := <-reads; got != value {
				t.Fatalf("after a pause the old leader answers %q, want %q", got, value)
			}
		}
	}
}

// TestALeaseIsNoAnswerWhileTicksAreDue: the process may have been stopped until now.
func TestALeaseIsNoAnswerWhileTicksAreDue(t *testing.T) {
	r := onDisk(t, vfs.NewMem())
	defer func() { must(t, r.stop()) }()
	lease := func(due int64) (ok bool) {
		must(t, r.query(context.Background(), func() {
			r.loop.giveTicks()
			given := r.loop.clock.given
			r.loop.clock.given = r.loop.clock.passed(time.Now()) - due
			_, ok = r.loop.readIndex(consistency{mode: readLease})
			r.loop.clock.given = given
		}))
		return ok
	}
	until(t, "a lease", func() bool { return lease(-1) })
	if lease(1) {
		t.Error("a tick is due, and the lease counts")
	}
}

// heard is a leader whose peer 2 is the test: it hears the heartbeats that ask for confirmation.
type heard struct {
	*soloLeader
	questions chan raftpb.Message
	answers   chan int // the status of each read
}

func startHeard(t *testing.T) *heard {
	t.Helper()
	h := &heard{questions: make(chan raftpb.Message, 100), answers: make(chan int, 100)}
	peer := streamServer(t, func(m raftpb.Message) {
		if m.Type == raftpb.MsgHeartbeat && len(m.Context) > 0 {
			h.questions <- m
		}
	})
	h.soloLeader = startSoloLeaderOn(t, vfs.NewMem(), map[uint64]string{1: "http://127.0.0.1:1", 2: peer}, 2)
	h.want(http.MethodPut, "/kv/k", "v", http.StatusNoContent)
	return h
}

func (h *heard) read() { go func() { h.answers <- h.ask(http.MethodGet, "/kv/k", "").Code }() }

// confirm answers a question. This is all that the loop gets.
func (h *heard) confirm(m raftpb.Message) {
	h.loop.inbox <- raftpb.Message{Type: raftpb.MsgHeartbeatResp, From: 2, To: 1, Term: 2, Context: m.Context}
}

// TestAReadIsAnsweredWithItsConfirmation, and not with what comes after it.
func TestAReadIsAnsweredWithItsConfirmation(t *testing.T) {
	h := startHeard(t)
	for range 3 {
		h.read()
		h.confirm(<-h.questions)
		if code := <-h.answers; code != http.StatusOK {
			t.Fatalf("the read is answered with %d", code)
		}
	}
}

// TestReadsGatherWhileAQuestionIsUnderWay, but only for a tick: the question may be lost.
func TestReadsGatherWhileAQuestionIsUnderWay(t *testing.T) {
	h := startHeard(t)
	const many = 5
	gathered := func(fresh, asked int) {
		t.Helper()
		until(t, fmt.Sprintf("%d reads that wait, and %d questions", fresh, asked), func() (ok bool) {
			h.onLoop(func() { ok = h.loop.reads.waiting() == fresh && len(h.loop.reads.asked) == asked })
			return ok
		})
	}
	h.read()
	first := <-h.questions
	for range many {
		h.read()
	}
	gathered(many, 1)
	h.confirm(first)
	h.confirm(<-h.questions)
	for range 1 + many {
		if code := <-h.answers; code != http.StatusOK {
			t.Fatalf("a read is answered with %d", code)
		}
	}
	h.read()
	<-h.questions // it is lost
	h.read()
	gathered(1, 1)
	h.onLoop(h.loop.tickReads)
	h.confirm(<-h.questions)
	if code := <-h.answers; code != http.StatusOK {
		t.Errorf("the read after a lost question is answered with %d", code)
	}
	if len(h.questions) > 0 {
		t.Errorf("%d more questions", len(h.questions))
	}
}

// TestTheStoreStaysOpenForReads that look at it, and later ones see that it is closed.
func TestTheStoreStaysOpenForReads(t *testing.T) {
	s := openTest(t, t.TempDir())
	looking, seen, closed := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := s.look(readStale, func(s *store) (outcome, error) {
			close(looking)
			<-seen
			return s.read([]byte("k"))
		})
		if err != nil {
			t.Error(err)
		}
	}()
	<-looking
	go func() { closed <- s.close() }()
	until(t, "a store that is being closed", func() bool {
		if !s.lookers.TryRLock() {
			return true
		}
		s.lookers.RUnlock()
		return false
	})
	if len(closed) > 0 {
		t.Error("the store is closed while a read looks at it")
	}
	close(seen)
	must(t, <-closed)
	if _, err := s.look(readStale, func(s *store) (outcome, error) { return s.read([]byte("k")) }); !errors.Is(err, errStopped) {
		t.Errorf("a read of a closed store: %v", err)
	}
}

// TestNoReadShowsMoreThanItsIndex, while entries are applied.
func TestNoReadShowsMoreThanItsIndex(t *testing.T) {
	s, err := openFirst(vfs.NewMem(), "1", threeReplicas)
	must(t, err)
	defer func() { must(t, s.close()) }()
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				o, err := s.look(readStale, func(s *store) (outcome, error) { return s.read([]byte("k")) })
				if err != nil || o.revision > o.index {
					t.Errorf("revision %d at index %d, %v", o.revision, o.index, err)
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for index := uint64(2); index < 3000; index++ {
		_, err := s.apply([]raftpb.Entry{put(index, 1, "k", "v")}, nil)
		must(t, err)
	}
	close(stop)
	readers.Wait()
}

// TestAReadAfterTheLoopHasEnded fails at once, like those that wait.
func TestAReadAfterTheLoopHasEnded(t *testing.T) {
	h := startHeard(t)
	h.read()
	<-h.questions
	h.loop.stop <- struct{}{}
	<-h.loop.ended
	h.read()
	for range 2 {
		if code := <-h.answers; code != http.StatusServiceUnavailable {
			t.Errorf("a read is answered with %d", code)
		}
	}
}
