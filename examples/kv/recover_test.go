package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// recover runs kv recover and returns exit status and output.
func (c *cluster) recover(args ...string) (int, string) {
	var out bytes.Buffer
	status := run(append([]string{"recover", "-data", c.dir}, args...), &out, &out)
	return status, out.String()
}

// TestRecoveryFromALostMajority loses two of three folders, recovers the third, and adds two new
// replicas. A replica of the old cluster that turns up again is refused.
func TestRecoveryFromALostMajority(t *testing.T) {
	c := newCluster(t, "-compact-after", "200")
	c.startAll()
	c.leader()
	w := startWriters(c.urls[1], c.urls[2], c.urls[3])
	w.wantProgress(t)
	acked := w.end()
	old, leader := c.clusterOf(2), c.leader()
	c.put(leader, "last", "v")
	c.wantRead(2, "last", "", "v") // so replica 2 has all writes that are acknowledged
	if status, out := c.recover("-id", "2", "-yes"); status != 1 || !strings.Contains(out, "is another copy running?") {
		t.Errorf("recovery of a replica that runs: %d %s", status, out)
	}
	for id := range c.urls {
		_ = c.kill(id, syscall.SIGKILL)
	}
	must(t, os.Rename(c.folder(1), c.folder(1)+".old"))
	must(t, os.RemoveAll(c.folder(3)))

	status, out := c.recover("-id", "2")
	if status != 0 || !strings.Contains(out, "Nothing is changed.") || !strings.Contains(out, "cluster     "+old+"\n") {
		t.Fatalf("without -yes: %d %s", status, out)
	}
	c.start(2)
	if got := c.clusterOf(2); got != old {
		t.Fatalf("without -yes, the cluster is %s, and was %s", got, old)
	}
	_ = c.kill(2, syscall.SIGKILL)
	if status, out := c.recover("-id", "2", "-yes"); status != 0 || !strings.Contains(out, "only member of the new cluster") {
		t.Fatalf("%d %s", status, out)
	}

	c.run(2)
	c.wantRead(2, "last", "", "v")
	for key, want := range acked {
		c.wantRead(2, key, "?read=stale", want)
	}
	fresh := c.clusterOf(2)
	if fresh == old {
		t.Errorf("the cluster is still %s", old)
	}
	for id := uint64(4); id <= 5; id++ {
		c.join(id, 2)
		c.wantVoters(2, slices.Sorted(maps.Keys(c.processes))...)
	}
	c.put(4, "last", "w")
	c.wantRead(5, "last", "", "w")
	for key, want := range acked {
		c.wantRead(5, key, "?read=stale", want)
	}
	until(t, "removed replicas 1 and 3", func() bool {
		report, ok := c.members(2)
		return ok && slices.Equal(report.Removed, []uint64{1, 3})
	})

	must(t, os.Rename(c.folder(1)+".old", c.folder(1)))
	c.run(1)
	c.wantStrangers(fresh, old)
	if code, value := c.asked(http.MethodGet, c.urls[1]+"/kv/last"); code != http.StatusServiceUnavailable {
		t.Errorf("a replica of the old cluster answers %d %s", code, value)
	}
	c.wantRead(2, "last", "", "w")
}

// TestRecoveryKeepsEntriesAndForgetsMembers: a part of the log is not known to be committed. Two
// changes of the members in it would add a dead replica and remove this one.
func TestRecoveryKeepsEntriesAndForgetsMembers(t *testing.T) {
	c := &cluster{t: t, dir: t.TempDir()}
	makeFirst(t, c.dir, map[uint64]string{1: "http://a:1", 2: "http://" + freeAddress(t), 3: "http://c:3"})
	s, err := openStore(c.folder(2))
	must(t, err)
	entries := puts(2, 7, 4)
	for i, e := range []raftpb.Entry{
		confEntry(t, 4, raftpb.ConfChangeAddNode, 4, member{Address: "http://d:4", Data: "x"}),
		confEntry(t, 5, raftpb.ConfChangeRemoveNode, 2, member{}),
	} {
		e.Term = 4
		entries[2+i] = e
	}
	must(t, s.save(raft.Ready{Entries: entries, HardState: raftpb.HardState{Term: 5, Vote: 3, Commit: 4}, MustSync: true}))
	s.mustApply(t, entries[:1])
	old := s.cluster
	must(t, s.close())

	for _, text := range []string{
		"cluster     " + old + "\n", "members     1 at http://a:1, 2 at http://127.0.0.1:", "last entry  index 7 of term 4\n",
		"committed   up to index 4, as far as this replica knows; applied up to 2\n", "beyond that 3 entries. ",
		"2 membership changes that are not applied", "is beyond index 7, ",
	} {
		if _, out := c.recover("-id", "2"); !strings.Contains(out, text) {
			t.Errorf("%s\ndoes not say %q", out, text)
		}
	}
	address := "http://" + freeAddress(t)
	if status, out := c.recover("-id", "2", "-cluster", "2="+address, "-yes"); status != 0 || !strings.Contains(out, "Replica 2 at "+address) {
		t.Fatalf("%d %s", status, out)
	}

	o := newcomer(t, 2, nil, c.dir)
	r, err := startReplica(t.Context(), o)
	must(t, err)
	defer func() { must(t, r.stop()) }()
	for i := 2; i <= 7; i++ {
		want := http.StatusOK
		if i == 4 || i == 5 { // these were the changes
			want = http.StatusNotFound
		}
		if code, value := r.insist(t, http.MethodGet, fmt.Sprint("/kv/k", i), ""); code != want || want == http.StatusOK && value != "4" {
			t.Errorf("k%d: %d %s", i, code, value)
		}
	}
	want := members{
		1: {Address: "http://a:1", Data: r.store.members[1].Data, Removed: true},
		2: {Address: address, Data: r.store.identity},
		3: {Address: "http://c:3", Data: r.store.members[3].Data, Removed: true},
	}
	if code, revision := r.answerTo(t, http.MethodPut, "/kv/k7", "x"); code != http.StatusNoContent || len(revision) < len(tag(restoreGap)) {
		t.Errorf("%d, the ETag %s may be that of a write that is lost", code, revision)
	}
	if got := *r.loop.members.Load(); !maps.Equal(got, want) {
		t.Errorf("the members are %v, want %v", got, want)
	}
}

// TestARecoveryThatIsInterruptedLeavesACluster that works, after each step.
func TestARecoveryThatIsInterruptedLeavesACluster(t *testing.T) {
	for steps := 1; steps <= 2; steps++ {
		c := &cluster{t: t, dir: t.TempDir()}
		makeFirst(t, c.dir, map[uint64]string{1: "http://" + freeAddress(t), 2: "http://b:2"})
		s, err := openStore(c.folder(1))
		must(t, err)
		must(t, s.save(raft.Ready{Entries: puts(2, 7, 1), HardState: raftpb.HardState{Term: 1, Commit: 2}, MustSync: true}))
		must(t, s.force(s.alone(1, s.members[1]), nil))
		if steps > 1 {
			must(t, s.applyAll())
		}
		must(t, s.close())
		r, err := startReplica(t.Context(), newcomer(t, 1, nil, c.dir))
		must(t, err)
		if code, value := r.insist(t, http.MethodGet, "/kv/k7", ""); code != http.StatusOK || value != "1" {
			t.Errorf("after %d steps: %d %s", steps, code, value)
		}
		must(t, r.stop())
	}
}

func TestARecoveryThatMakesNoSenseIsRefused(t *testing.T) {
	c := &cluster{t: t, dir: t.TempDir()}
	makeFirst(t, c.dir, map[uint64]string{1: "http://a:1", 2: "http://b:2", 5: "http://c:5", 6: "http://d:6"})
	must(t, os.Rename(c.folder(1), c.folder(3)))
	must(t, os.Rename(c.folder(6), c.folder(1)))
	newFolder, err := openStore(c.folder(4))
	must(t, errors.Join(err, newFolder.close()))
	s, err := openStore(c.folder(5))
	must(t, err)
	v := voters{1, 2, 5, 6}
	_, err = s.apply([]raftpb.Entry{confEntry(t, 2, raftpb.ConfChangeRemoveNode, 5, member{})}, v.change)
	must(t, errors.Join(err, s.close()))
	for line, want := range map[string]struct {
		status int
		says   string
	}{
		"":                                   {2, "needs -id"},
		"-id 2 stray":                        {2, "takes flags only"},
		"-none":                              {2, "not defined: -none"},
		"-id 2 -cluster 1=http://a:1":        {2, "must be replica 2 alone"},
		"-id 2 -cluster x":                   {2, "does not begin with the id"},
		"-id 1":                              {1, "the folder of another replica"},
		"-id 3":                              {1, "does not know replica 3 as a member"},
		"-id 4":                              {1, "does not know replica 4 as a member"},
		"-id 5":                              {1, errRemoved.Error()},
		"-id 7":                              {1, "replica 7 has no data in"},
		"-h":                                 {0, "-yes"},
		"-id 2 -cluster 2=http://c:2":        {0, "replica 2 at http://c:2 becomes"},
		"-id 2 -cluster 2=http://a,3=http:x": {2, "one http://host:port"},
	} {
		if status, out := c.recover(strings.Fields(line)...); status != want.status || !strings.Contains(out, want.says) {
			t.Errorf("recover %s: %d %s", line, status, out)
		}
	}
	if _, err := os.Stat(c.folder(7)); err == nil {
		t.Error("a folder was made")
	}
}
