package run

import (
	"strings"
	"testing"
)

func TestABrokenPropertyIsSaidInTheWordsOfThePage(t *testing.T) {
	for what, want := range map[string]string{
		"election safety: term 1 has the leaders 2 and 1":             "election safety: term 1 has the leaders S2 and S1",
		"leader completeness: node 5 leads term 4 without 1/4, which": "leader completeness: S5 leads term 4 without entry 4 of term 1, which",
		"one vote a term: node 3 votes for 1 and 2 in term 1":         "one vote a term: S3 votes for S1 and S2 in term 1",
		"promise: node 3 acknowledges 4 to 1, durable is 3":           "promise: S3 acknowledges entry 4 to S1, durable is 3",
		"promise: node 3 votes for 1 in term 1, a vote for 2":         "promise: S3 votes for S1 in term 1, a vote for S2",
		"log matching: entry 2/4 follows term 1 at node 3":            "log matching: entry 4 of term 2 follows term 1 at S3",
	} {
		if got := plain(what); got != want {
			t.Errorf("%q is said as %q, want %q", what, got, want)
		}
	}
}

// A rule that the library lacks explains nothing.
func TestAMissingRuleIsNoReason(t *testing.T) {
	for rule, reason := range map[string]string{
		"one-vote":   "votes once in a term",
		"up-to-date": "more up-to-date",
		"own-term":   "counts only entries of term",

		"vote-written":    "vote counts when it is on its disk",
		"responses-gated": "vote counts when it is on its disk",
	} {
		for _, without := range []string{"", rule} {
			v := View{Without: without, Nodes: []NodeView{
				{ID: 1, Role: "candidate", Term: 2, Vote: 1, up: true, Last: 3, LastTerm: 1, hardTerm: 2, hardVote: 1},
				{ID: 2, Role: "follower", Term: 2, Vote: 3, up: true, Last: 3, LastTerm: 1, hardTerm: 2, hardVote: 3},
				{ID: 3, Role: "follower", Term: 2, up: true, Last: 4, LastTerm: 1, hardTerm: 2},
			}}
			v.config.Voters = []uint64{1, 2, 3}
			if rule == "vote-written" || rule == "responses-gated" {
				v.Nodes[0].Writes, v.Nodes[0].hardVote = 1, 0
			}
			s := v.explainCampaign(&v.Nodes[0])
			if rule == "own-term" {
				for i := range v.Nodes {
					v.Nodes[i].Begin = 2
					v.Nodes[i].Entries = []EntryView{{Index: 3, Term: 1, State: "durable"}}
				}
				v.Nodes[0].Role, v.Nodes[0].Commit = "leader", 2
				s = v.explainEntries(&v.Nodes[0])[0]
			}
			text := s.Text + strings.Join(s.Because, "\n")
			if got := strings.Contains(text, reason); got != (without == "") {
				t.Errorf("without %q it says %q", without, text)
			}
		}
	}
}

func TestTwoLeadersOfATermAreAFault(t *testing.T) {
	v := View{Nodes: []NodeView{{ID: 1, Role: "leader", Term: 1, up: true}, {ID: 2, Role: "leader", Term: 1, up: true}}}
	v.config.Voters = []uint64{1, 2}
	for _, s := range v.explain() {
		if s.Mood == "bad" && strings.Contains(s.Text, "S2 leads term 1, and so does S1.") {
			return
		}
	}
	t.Errorf("it says %+v", v.explain())
}

func TestACommittedEntryThatTheLeaderLacksIsAFault(t *testing.T) {
	a := []EntryView{{Index: 3, Term: 1, Kind: "data", Text: "a", State: "durable"}}
	v := View{Nodes: []NodeView{
		{ID: 1, Role: "down", Applied: 3, Begin: 2, Last: 3, Entries: a},
		{ID: 2, Role: "follower", Commit: 2, Begin: 2, Last: 3, Entries: a, up: true},
		{ID: 3, Role: "leader", Term: 2, Commit: 2, Begin: 2, Last: 3, Entries: []EntryView{{Index: 3, Term: 2, State: "durable"}}, up: true},
	}}
	v.config.Voters = []uint64{1, 2, 3}
	says := v.explainLeftovers(v.with("leader"))
	if len(says) != 1 || says[0].Mood != "bad" || !strings.HasPrefix(says[0].Text, "Entry 3 (“a”, term 1) was committed. S3") {
		t.Errorf("it says %+v", says)
	}
}
