package main

import (
	"fmt"
	"net/http"
	"testing"
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
		if got, code := c.get(leader, "k", query); code != want {
			t.Errorf("%q: %d %s, want %d", query, code, got, want)
		}
	}
}
