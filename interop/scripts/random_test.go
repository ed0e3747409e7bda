package scripts

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

var (
	seeds = flag.Int("seeds", 300, "how many random scripts to play")
	from  = flag.Uint64("from", 1, "the seed of the first one")
)

// Where several proposals or acknowledgements come together, this library sends fewer and fuller
// messages, and where messages are lost the two lose different ones. In the end logs, roles and the
// leader's view of its followers agree.
func TestRandomScriptsEndAlike(t *testing.T) {
	differ := 0
	for seed := *from; seed < *from+uint64(*seeds); seed++ {
		script := randomScript(seed)
		got, want := play(t, ours(), script), play(t, theirs(), script)
		traffic, at := false, len(want)-final(script)
		for i := range want[:at] {
			traffic = traffic || words(got[i]) != words(want[i])
		}
		if traffic {
			differ++
		}
		for i := at; i < len(want); i++ {
			if words(got[i]) != words(want[i]) {
				t.Fatalf("seed %d (-from %d -seeds 1): output %d\nours:\n%s\n\ntheirs:\n%s\n\nscript:\n%s",
					seed, seed, i+1, words(got[i]), words(want[i]), script)
			}
		}
	}
	t.Logf("%d of %d scripts have other traffic on the way", differ, *seeds)
	if differ == 0 {
		t.Error("the scripts never make the traffic differ: they are too tame")
	}
}

// final is how many commands at the end of a script are to agree.
func final(script string) int {
	_, end, _ := strings.Cut(script, "stabilize log-level=none\nraft-state")
	return strings.Count(strings.TrimSpace(end), "\n") + 2
}

// randomScript lets node 1 lead, or whom it hands the leadership to, and breaks the traffic in
// between.
func randomScript(seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 0))
	n := 3 + 2*r.IntN(2)
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprint(i + 1)
	}
	options := ""
	for _, option := range []string{"async-storage-writes=true", "prevote=true", "checkquorum=true", "inflight=2"} {
		if r.IntN(3) == 0 {
			options += " " + option
		}
	}
	line("add-nodes %d voters=(%s) index=10%s", n, strings.Join(ids, ","), options)
	line("campaign 1")
	line("stabilize")
	leader := 1
	for range 5 + r.IntN(25) {
		node := 1 + r.IntN(n)
		switch r.IntN(12) {
		case 0, 1, 2:
			line("propose %d p%d", leader, r.IntN(1000))
		case 3:
			line("process-ready %d", leader)
		case 4:
			if !strings.Contains(options, "async") {
				line("process-ready %d", node)
			}
		case 5:
			line("deliver-msgs %d", node)
		case 6:
			if node != leader {
				line("deliver-msgs drop=(%d)", node)
			}
		case 7:
			// Before the clock ticks the leader writes, because here one whose disk is silent for
			// an election timeout steps down; with check-quorum it hears from the others, because
			// either library has its own moment to count them.
			if strings.Contains(options, "checkquorum") {
				line("stabilize")
			} else {
				line("stabilize %d", leader)
			}
			line("tick-heartbeat %d", leader)
		case 8:
			if node != leader {
				line("report-unreachable %d %d", leader, node)
			}
		case 9:
			line("stabilize %d %d", leader, node)
		case 10:
			line("stabilize")
			if r.IntN(2) == 0 && node != leader {
				// The target has to have everything: they wait for a heartbeat if it lacks
				// something.
				line("tick-heartbeat %d", leader)
				line("stabilize")
				line("transfer-leadership from=%d to=%d", leader, node)
				line("stabilize")
				leader = node
			}
		case 11:
			// One change at a time: they make an empty entry of another, and we refuse it.
			line("tick-heartbeat %d", leader)
			line("stabilize")
			line("propose-conf-change %d %s | u%d", leader, []string{"", "v1=true"}[r.IntN(2)], node)
			line("stabilize")
		}
	}
	settle(line, leader)
	line("stabilize log-level=none")
	line("raft-state")
	line("status %d", leader)
	for _, id := range ids {
		line("raft-log %s", id)
	}
	return b.String()
}

// settle repairs what was lost: a follower shows by its answer to a heartbeat that it is alive.
func settle(line func(string, ...any), leader int) {
	for range 4 {
		line("stabilize")
		line("tick-heartbeat %d", leader)
	}
	line("stabilize")
	line("propose %d last", leader)
	line("stabilize")
	line("tick-heartbeat %d", leader)
	line("stabilize")
}
