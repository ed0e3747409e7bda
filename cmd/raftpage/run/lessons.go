package run

import "fmt"

// Lesson is a course of actions in which a library without a rule breaks a property. With the rule,
// nothing breaks.
type Lesson struct {
	// Rule is what cmd/raftmutate calls the rule.
	Rule string `json:"rule"`
	// Title says what a library without the rule does.
	Title string `json:"title"`

	options Options
	steps   []lessonStep
}

// lessonStep is a part of a lesson: what is said, what is done, and how many beats pass then.
type lessonStep struct {
	say   string
	do    []Action
	beats int
	until uint64 // the node that leads in the end; 0 if beats count
}

// patience is how many beats a lesson waits for a leader.
const patience = 12

// NewLesson plays a lesson with the library as it is here, and goes back to its beginning.
func NewLesson(rule string) (*Run, error) {
	for _, l := range Lessons() {
		if l.Rule == rule {
			return l.play()
		}
	}
	return nil, fmt.Errorf("there is no lesson about the rule %q", rule)
}

func (l *Lesson) play() (*Run, error) {
	r, err := New(l.options)
	if err != nil {
		return nil, err
	}
	for i := range l.options.Nodes {
		// No clock runs: nobody campaigns by itself.
		if err := r.takeNote("clock %d %s", i+1, StoppedRate); err != nil {
			return nil, err
		}
	}
	for _, s := range l.steps {
		if err := r.playStep(&s); err != nil {
			return nil, err
		}
	}
	r.scripted = r.at
	return r, r.Goto(0)
}

func (r *Run) playStep(s *lessonStep) error {
	from := r.at
	for _, a := range s.do {
		if err := r.Do(a); err != nil {
			return err
		}
	}
	for beat := 0; beat < s.beats || s.until != 0 && beat < patience && !r.leads(s.until); beat++ {
		if err := r.Beat(); err != nil {
			return err
		}
	}
	if from < r.at {
		r.records[from].Comment = s.say
	}
	return nil
}

func (r *Run) leads(id uint64) bool {
	n := &r.env.Nodes[id-1]
	return n.RawNode != nil && n.BasicStatus().RaftState.String() == "StateLeader"
}

func onNodes(what string, ids ...uint64) (list []Action) {
	for _, id := range ids {
		list = append(list, Action{Do: what, Node: id})
	}
	return list
}

func cuts(from uint64, to ...uint64) (list []Action) {
	for _, id := range to {
		list = append(list, Action{Do: "cut", Node: from, Peer: id})
	}
	return list
}

// Lessons are all lessons, in the order in which a page lists them.
func Lessons() []Lesson {
	return []Lesson{
		{"one-vote", "votes for two candidates in one term", Options{Nodes: 3}, twoCandidates()},
		{"up-to-date", "votes for a log that lacks committed entries", Options{Nodes: 3}, shorterLog()},
		{"own-term", "commits entries of earlier terms by counting", Options{Nodes: 5, Small: true}, figure37()},
		{"vote-written", "forgets its vote in a crash", Options{Nodes: 3}, forgottenVote()},
		{"responses-gated", "acknowledges before its disk has written", Options{Nodes: 3}, earlyAcknowledgement()},
		{"read-round", "answers reads without a round of heartbeats", Options{Nodes: 5}, staleLeader()},
	}
}

func twoCandidates() []lessonStep {
	return []lessonStep{
		{say: "S1 and S2 campaign at the same time, in the same term. Both need the vote of S3.", do: onNodes("campaign", 1, 2), beats: 1},
		{say: "S3 hears of S1 first. It votes once in a term (thesis §3.4), so only one of the two can win.", beats: 3},
		{say: "Who leads, and in which term?", beats: 2},
	}
}

func shorterLog() []lessonStep {
	return []lessonStep{
		{say: "S1 becomes the leader.", do: onNodes("campaign", 1), until: 1},
		{say: "All logs are alike so far.", beats: 3},
		{say: "S3 is cut off. S1 and S2 are a majority, and commit the entry a without it.",
			do: append(onNodes("isolate", 3), Action{Do: "propose", Node: 1, Text: "a"}), beats: 4},
		{say: "S1 crashes, and S3 is back. It campaigns, and lacks the committed entry.",
			do: append(onNodes("rejoin", 3), onNodes("crash", 1)...), beats: 1},
		{say: "S2 compares the logs: it votes only for one that is at least as up-to-date as its own (thesis §3.6.1).",
			do: onNodes("campaign", 3), beats: 5},
	}
}

func figure37() []lessonStep {
	return []lessonStep{
		{say: "Figure 3.7 of the thesis. S1 becomes the leader of term 1.", do: onNodes("campaign", 1), until: 1},
		{say: "All logs are alike so far.", beats: 5},
		{say: "(a) S1 gets its entry a to S2 only.", do: append(cuts(1, 3, 4, 5), Action{Do: "propose", Node: 1, Text: "a"}), beats: 3},
		{say: "(b) S1 crashes. S5 leads term 2, with the votes of S3 and S4.", do: append(onNodes("crash", 1), onNodes("campaign", 5)...), until: 5},
		{say: "Its own entry gets to nobody: its links fail, and it crashes.", do: append(onNodes("isolate", 5), onNodes("crash", 5)...), beats: 2},
		{say: "(c) S1 is back, and campaigns. S3 and S4 have voted in term 2 already, and tell S1 so.",
			do: append(onNodes("rejoin", 1, 5), append(onNodes("restart", 1), onNodes("campaign", 1)...)...), beats: 4},
		{say: "At its next attempt it leads term 3.", do: onNodes("campaign", 1), until: 1},
		{say: "It copies a to S3 and S4. Now a is on a majority. But it is of term 1, and S1 leads term 3: is it committed?", beats: 4},
		{say: "(d) S1 crashes, before its own first entry is on a majority.", do: append(onNodes("isolate", 1), onNodes("crash", 1)...), beats: 1},
		{say: "S5 is back. Its last entry is of term 2, which is later than term 1: S3 and S4 may vote for it.",
			do: append(onNodes("restart", 5), onNodes("campaign", 5)...), beats: 4},
		{say: "At its next attempt it leads term 4, and replaces a. That is why a leader counts only entries of its own term (thesis §3.6.2).",
			do: onNodes("campaign", 5), beats: 8},
	}
}

func forgottenVote() []lessonStep {
	return []lessonStep{
		{say: "S1 campaigns. S2 is cut off and hears nothing of it.", do: append(onNodes("isolate", 2), onNodes("campaign", 1)...), until: 1},
		{say: "S1 leads term 1 with the vote of S3. S3 crashes, and starts again from its disk.",
			do: append(onNodes("crash", 3), onNodes("restart", 3)...), beats: 0},
		{say: "Now S1 is cut off, and S2 campaigns in term 1, too. S3 has to know that it has voted: term and vote are durable before a vote is sent (thesis §3.8).",
			do: append(append(onNodes("isolate", 1), Action{Do: "mend", Node: 2, Peer: 3}), onNodes("campaign", 2)...), beats: 5},
	}
}

func earlyAcknowledgement() []lessonStep {
	return []lessonStep{
		{say: "S1 becomes the leader.", do: onNodes("campaign", 1), until: 1},
		{say: "All logs are alike so far.", beats: 3},
		{say: "S2 is cut off, and the disk of S3 is slow. S1 proposes a, which needs S3's disk to commit.",
			do: append(onNodes("isolate", 2), Action{Do: "disk", Node: 3, Text: "slow"}, Action{Do: "propose", Node: 1, Text: "a"}), beats: 3},
		{say: "Before the disk of S3 has written the entry, S3 crashes. What it has not written is gone.",
			do: onNodes("crash", 3), beats: 1},
		{say: "S1 crashes too. S2 and S3 have to elect a leader from what they have.",
			do: append(append(onNodes("crash", 1), onNodes("rejoin", 2)...), append(onNodes("restart", 3), onNodes("campaign", 2)...)...), beats: 14},
	}
}

func staleLeader() []lessonStep {
	return []lessonStep{
		{say: "S1 becomes the leader.", do: onNodes("campaign", 1), until: 1},
		{say: "It commits the entry a.", do: []Action{{Do: "propose", Node: 1, Text: "a"}}, beats: 5},
		{say: "S1 is cut off, and does not know it. S2 leads the others.", do: append(onNodes("isolate", 1), onNodes("campaign", 2)...), until: 2},
		{say: "They commit b.", do: []Action{{Do: "propose", Node: 2, Text: "b"}}, beats: 5},
		{say: "S1 still takes itself for the leader, and is asked for a read. It has to prove first, with a round of heartbeats, that it leads (thesis §6.4).",
			do: onNodes("read", 1), beats: 4},
	}
}
