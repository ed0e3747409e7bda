package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// bug is a mistake that some implementation made, and the number by which tests and scripts call
// it.
type bug struct {
	number int
	what   string
	// otherwise says what keeps it out, where no rule can be taken out.
	otherwise string
}

// bugs are mistakes that Raft systems have had; their issues are public.
func bugs() []bug {
	return []bug{
		{1, "a crash between writing the term and writing the vote (hashicorp/raft 661)", ""},
		{2, "the vote is forgotten on stepping down within a term (camunda 5356)", ""},
		{3, "a later term in a reply is taken for a vote (openraft 1220)", ""},
		{4, "a leader that lost its tail goes on leading in the same term after a restart (kafka 9348)", ""},
		{5, "a vote counts twice (coyote-samples 8)", ""},
		{6, "pre-vote: logs of other terms, nodes without it, replicas that never get on (openraft 1796, etcd 8243 and 8501, redpanda 30815)", ""},
		{7, "answers to a pre-vote that come after the election", ""},
		{8, "an order to campaign that comes late, or to a leader", ""},
		{9, "a transfer to somebody who is demoted or behind (etcd 11326, openraft 1805)", ""},
		{10, "an entry of an earlier term is committed by counting (logcabin 44)", ""},
		{11, "a follower commits beyond what has matched (scylla 9965 and 10578)", ""},
		{12, "a follower acknowledges its own last index (CCF 6016, ravendb 9330)", ""},
		{13, "an append is acknowledged ahead of one's own write (yugabyte 32875)", ""},
		{14, "a stale rejection moves next below match (etcd-io/raft 148); a log is cut off without a conflict (CCF 5991)", ""},
		{15, "the hint of a rejection is taken for a match (CCF 5325)", ""},
		{16, "an acknowledgement of an earlier term counts (openraft 1823)", ""},
		{17, "the commit rule over members that are not sorted (openraft 1802)", ""},
		{18, "a conflict that is never offered the entry it begins with (yugabyte 32876)", ""},
		{19, "compaction of what a follower is owed (etcd-io/raft 31), of a whole log, at a follower (scylla 9552)", ""},
		{20, "a read that fails becomes an append (openraft 1795)", ""},
		{21, "success is told although the entry lost its place (redpanda 3003)", "by construction: the library tells of what is applied, and of nothing else; `TestBug21...`, and the results that simulated clients get"},
		{22, "bytes in flight are not reset with the state (etcd-io/raft 54)", ""},
		{23, "a single voter acknowledges before its own write (etcd 14370)", ""},
		{24, "an acknowledgement of entries that were replaced since", ""},
		{25, "a write that fails is passed over (dragonboat 409)", ""},
		{26, "an id comes back with an old or an empty disk (rethinkdb 5289, etcd 20269)", ""},
		{27, "writes that were not synced are lost by a minority (nats 7567, etcd 14143)", ""},
		{28, "applied is ahead of commit after a restart (etcd 20426)", ""},
		{29, "a snapshot over a conflicting tail keeps the tail (hashicorp/raft 697)", ""},
		{30, "a snapshot of a prefix drops the suffix (camunda 6092)", ""},
		{31, "a second snapshot before the first one is acknowledged (raft-rs 417)", ""},
		{32, "another entry where one is committed (openraft 1892)", ""},
		{33, "a snapshot older than asked for is counted (cockroach 87581)", ""},
		{34, "the old membership survives a snapshot (openraft 1808)", ""},
		{35, "a change before the first commit of the term, and changes on top of each other (redpanda 17675)", ""},
		{36, "a candidate with a committed change that is not applied (etcd 7280, etcd-io/raft 456)", ""},
		{37, "a change that is cut off was in effect (scylla 30936, camunda 62837)", ""},
		{38, "a promoted learner that does not know it cannot vote (etcd 10998, redpanda 8495), or has the longest log (etcd 12359)", ""},
		{39, "a joint configuration stays, or is left twice, over a change of leaders (etcd 12136 and 11046)", ""},
		{40, "the leader of a group of two is removed (etcd 10563); a removed node disturbs (hashicorp/raft 524, logcabin 56)", ""},
		{41, "an id that is used again elects itself in an old configuration", ""},
		{42, "forced recovery with a change that is not applied (tikv 6107)", "the application does it: `testdata/bug_42_forced_recovery.txt` shows how"},
		{43, "a read before the first commit of the term (etcd 7331)", ""},
		{44, "a read that is asked for again is confirmed by late answers to the first try (etcd 20418)", ""},
		{45, "a read without a round, at a minority", ""},
		{46, "a lease and a transfer, a restart, two changes, a pause, a drifting clock", ""},
	}
}

// mention finds the numbers of bugs in where a rule comes from.
var mention = regexp.MustCompile(`bugs? ([0-9, ]+)`)

// rulesAgainst are the removals that mention each bug.
func rulesAgainst() map[int][]string {
	against := map[int][]string{}
	for _, s := range subjects() {
		for _, r := range s.removals {
			for _, m := range mention.FindAllStringSubmatch(r.from, -1) {
				for _, word := range strings.Split(m[1], ",") {
					if n, err := strconv.Atoi(strings.TrimSpace(word)); err == nil {
						against[n] = append(against[n], "`"+r.name+"`")
					}
				}
			}
		}
	}
	return against
}

func bugsMarkdown() string {
	var b strings.Builder
	b.WriteString("\n## Bugs that others had\n\nTests and scripts call them by these numbers.\n\n| bug | what it was | kept out by |\n|---|---|---|\n")
	against := rulesAgainst()
	for _, g := range bugs() {
		by := strings.Join(against[g.number], " ")
		if by == "" {
			by = g.otherwise
		}
		fmt.Fprintf(&b, "| %d | %s | %s |\n", g.number, g.what, by)
	}
	return b.String()
}
