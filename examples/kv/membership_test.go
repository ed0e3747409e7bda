package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

// ask sends a request without a body and returns status and answer; 0 if there is none.
func ask(method, url string) (int, string) { return askFor(method, url, "") }

// asked is ask until there is an answer.
func (c *cluster) asked(method, url string) (code int, answer string) {
	c.t.Helper()
	until(c.t, method+" "+url, func() bool {
		code, answer = ask(method, url)
		return code != 0
	})
	return code, answer
}

// askFor is ask with a body.
func askFor(method, url, body string) (int, string) {
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(answer)
}

// members asks a replica who takes part.
func (c *cluster) members(id uint64) (membersReport, bool) {
	var report membersReport
	code, body := ask(http.MethodGet, c.urls[id]+"/members")
	return report, code == http.StatusOK && json.Unmarshal([]byte(body), &report) == nil
}

// wantVoters waits until exactly these replicas take part, and all of them vote.
func (c *cluster) wantVoters(via uint64, want ...uint64) {
	c.t.Helper()
	until(c.t, fmt.Sprint("voters ", want), func() bool {
		report, ok := c.members(via)
		if !ok {
			return false
		}
		var voters []uint64
		for _, m := range report.Members {
			if m.Role == "learner" {
				return false
			}
			voters = append(voters, m.ID)
		}
		return slices.Equal(voters, want)
	})
}

// remove asks until the answer is that the replica is removed.
func (c *cluster) remove(via, id uint64) {
	c.t.Helper()
	until(c.t, fmt.Sprint("removal of ", id), func() bool {
		code, _ := ask(http.MethodDelete, fmt.Sprintf("%s/members/%d", c.urls[via], id))
		return code == http.StatusNoContent
	})
}

// writers write new keys all the time, at whatever replicas they are told to, and remember
// what was acknowledged.
type writers struct {
	mu    sync.Mutex
	urls  []string
	acked map[string]string
	stop  chan struct{}
	done  sync.WaitGroup
}

func startWriters(urls ...string) *writers {
	w := &writers{urls: urls, acked: map[string]string{}, stop: make(chan struct{})}
	for n := range 3 {
		w.done.Add(1)
		go func() {
			defer w.done.Done()
			for i := 0; ; i++ {
				select {
				case <-w.stop:
					return
				default:
					w.write(fmt.Sprintf("writer%d-%d", n, i), fmt.Sprint(i), i)
				}
			}
		}()
	}
	return w
}

func (w *writers) write(key, value string, i int) {
	w.mu.Lock()
	url := w.urls[i%len(w.urls)]
	w.mu.Unlock()
	req, err := http.NewRequest(http.MethodPut, url+"/kv/"+key, strings.NewReader(value))
	if err != nil {
		return
	}
	resp, err := client.Do(req)
	if err != nil {
		return
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusNoContent {
		w.mu.Lock()
		w.acked[key] = value
		w.mu.Unlock()
	}
}

// at changes the replicas that are written to.
func (w *writers) at(urls ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.urls = urls
}

// wantProgress waits until more writes are acknowledged.
func (w *writers) wantProgress(t *testing.T) {
	t.Helper()
	count := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.acked)
	}
	before := count()
	until(t, "more writes", func() bool { return count() >= before+100 })
}

// end stops the writers and returns what was acknowledged.
func (w *writers) end() map[string]string {
	close(w.stop)
	w.done.Wait()
	return w.acked
}

func TestAllReplicasAreReplacedOneByOneUnderWrites(t *testing.T) {
	c := newCluster(t, "-compact-after", "200")
	c.startAll()
	c.leader()
	w := startWriters(c.urls[1], c.urls[2], c.urls[3])
	w.wantProgress(t)
	for old := uint64(1); old <= 3; old++ {
		fresh := old + 3
		c.join(fresh, old)
		var want []uint64
		for id := old; id <= fresh; id++ {
			want = append(want, id)
		}
		c.wantVoters(fresh, want...)
		w.at(c.urls[old+1], c.urls[old+2], c.urls[fresh])
		if old == 2 { // one of them is removed while it leads
			until(t, "leadership of 2", func() bool {
				code, body := ask(http.MethodPost, c.urls[fresh]+"/leader?to=2")
				return code == http.StatusOK && strings.Contains(body, `{"leader":2}`)
			})
		}
		c.remove(old, old)
		c.wantExit(old)
		w.wantProgress(t)
	}
	c.wantVoters(5, 4, 5, 6)
	var report membersReport
	until(t, "the members", func() (ok bool) {
		report, ok = c.members(4)
		return ok
	})
	if !slices.Equal(report.Removed, []uint64{1, 2, 3}) {
		t.Errorf("removed are %v", report.Removed)
	}
	acked := w.end()
	t.Logf("%d acknowledged writes", len(acked))
	c.put(5, "last", "0")
	for id := uint64(4); id <= 6; id++ {
		c.wantRead(id, "last", "", "0")
		// Behind a linearizable read, everything acknowledged before it is here.
		for key, want := range acked {
			c.wantRead(id, key, "?read=stale", want)
		}
	}
	// The new ones need neither the old ones nor what they were started with.
	for id := uint64(4); id <= 6; id++ {
		_ = c.kill(id, 9)
	}
	for id := uint64(4); id <= 6; id++ {
		c.run(id)
	}
	c.put(6, "last", "1")
	for id := uint64(4); id <= 6; id++ {
		c.wantRead(id, "last", "", "1")
	}
}

func TestARemovedReplicaHearsOfItWhenItComesBackAndItsIdIsNotUsedAgain(t *testing.T) {
	c := newCluster(t)
	c.startAll()
	leader := c.leader()
	away := other(c, leader)
	_ = c.kill(away, 9)
	c.remove(leader, away)
	c.start(away)
	c.wantExit(away)
	c.start(away) // it may or may not remember
	c.wantExit(away)

	out, err := exec.Command(c.binary, "-id", fmt.Sprint(away), "-join", c.urls[leader],
		"-address", "http://"+freeAddress(t), "-data", t.TempDir(), "-tick", "20ms").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "never used again") {
		t.Errorf("a removed id joins: %v\n%s", err, out)
	}
	// Neither may a replica come back without what it has promised.
	alive := leader%3 + 1
	if alive == away {
		alive = away%3 + 1
	}
	out, err = exec.Command(c.binary, "-id", fmt.Sprint(alive), "-join", c.urls[leader],
		"-address", "http://"+freeAddress(t), "-data", t.TempDir(), "-tick", "20ms").CombinedOutput()
	if err == nil || !strings.Contains(string(out), errTakenID.Error()) {
		t.Errorf("an id that is in use joins: %v\n%s", err, out)
	}
	c.wantVoters(leader, slices.Sorted(maps.Keys(c.processes))...)
}

// TestAReplicaIsAddedAlthoughTheLeaderDies: what the leader has promised is forgotten, and the
// replica that was named is gone.
func TestAReplicaIsAddedAlthoughTheLeaderDies(t *testing.T) {
	c := newCluster(t)
	c.startAll()
	leader := c.leader()
	alive := other(c, leader)
	c.join(4, leader)
	until(t, "a learner or voter", func() bool {
		report, ok := c.members(alive)
		return ok && len(report.Members) == 4
	})
	_ = c.kill(leader, 9)
	c.wantVoters(alive, 1, 2, 3, 4)
	// It goes on after a crash, with the same command.
	_ = c.kill(4, 9)
	c.join(4, alive)
	c.put(4, "k", "v")
	c.wantRead(4, "k", "", "v")
}

// TestAReplicaIsAddedAlthoughNobodyTellsIt: the one that it has asked is gone before the answer.
func TestAReplicaIsAddedAlthoughNobodyTellsIt(t *testing.T) {
	c := newCluster(t)
	c.startAll()
	leader := c.leader()
	asked := make(chan []byte, 1)
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if body, err := io.ReadAll(req.Body); err == nil && req.Method == http.MethodPost {
			select {
			case asked <- body:
			default:
			}
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	c.urls[4] = "http://" + freeAddress(t)
	c.run(4, "-join", gone.URL, "-address", c.urls[4])
	body := <-asked
	gone.Close()
	until(t, "an addition", func() bool {
		resp, err := client.Post(c.urls[leader]+"/members", "application/json", bytes.NewReader(body))
		return err == nil && resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	})
	c.wantVoters(leader, 1, 2, 3, 4)
}

// TestTheLastReplicaGoesOnAloneAfterAKill: the one that is left must not forget that the removal of
// the other is committed, since nobody could tell it again.
func TestTheLastReplicaGoesOnAloneAfterAKill(t *testing.T) {
	c := newCluster(t)
	c.startAll()
	leader := c.leader()
	c.put(leader, "k", "v")
	first := other(c, leader)
	second := 6 - leader - first
	c.remove(leader, first)
	c.wantExit(first)
	c.remove(leader, second)
	_ = c.kill(leader, 9)
	_ = c.kill(second, 9) // it may have heard that it was removed, or not
	c.start(leader)
	c.wantRead(leader, "k", "", "v")
	c.wantVoters(leader, leader)
}

func TestTransferUnderLoadLosesNothing(t *testing.T) {
	c := newCluster(t)
	c.startAll()
	leader := c.leader()
	w := startWriters(c.urls[1], c.urls[2], c.urls[3])
	w.wantProgress(t)
	for range 2 {
		for to := uint64(1); to <= 3; to++ {
			until(t, fmt.Sprint("transfer to ", to), func() bool {
				code, body := ask(http.MethodPost, fmt.Sprintf("%s/leader?to=%d", c.urls[leader], to))
				return code == http.StatusOK && strings.Contains(body, fmt.Sprintf(`{"leader":%d}`, to))
			})
			w.wantProgress(t)
		}
	}
	before := c.leader()
	until(t, "transfer to the best", func() bool {
		code, body := ask(http.MethodPost, c.urls[before]+"/leader")
		return code == http.StatusOK && !strings.Contains(body, fmt.Sprintf(`{"leader":%d}`, before))
	})
	w.wantProgress(t)
	until(t, "a refusal of a transfer to nobody", func() bool {
		code, body := ask(http.MethodPost, c.urls[1]+"/leader?to=77")
		if code == http.StatusOK {
			t.Fatal(body)
		}
		return code == http.StatusConflict
	})
	c.wantEverywhere(w.end())
}
