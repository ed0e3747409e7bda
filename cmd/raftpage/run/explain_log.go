package run

import (
	"fmt"
	"slices"
)

// explainEntries says how far the log of a leader is committed, and what the first entry that is
// not committed waits for.
func (v *View) explainEntries(l *NodeView) []Statement {
	i := slices.IndexFunc(l.Entries, func(e EntryView) bool { return e.Index > l.Commit })
	if i < 0 {
		s := Statement{Mood: "ok", Text: fmt.Sprintf(
			"S%d leads term %d. Everything in its log is committed, up to entry %d.", l.ID, l.Term, l.Commit)}
		if halves := v.connected(l); !isQuorum(halves) {
			s.Mood, s.Because = "wait", v.absent(l.ID, missing(halves))
			s.Text += fmt.Sprintf(" But it reaches only %s. A new entry will not commit.", tally(halves))
		}
		return []Statement{s}
	}
	e := &l.Entries[i]
	halves := v.quorum(func(n *NodeView) bool { return n.holds(e) == "durable" || n.holds(e) == "unsynced" })
	s := Statement{Mood: "wait", Text: fmt.Sprintf("Entry %d (%s, term %d) of S%d is not committed. It is on the disks of %s.",
		e.Index, e.name(), e.Term, l.ID, tally(halves))}
	switch {
	case !isQuorum(halves):
		for _, id := range missing(halves) {
			s.Because = append(s.Because, v.lacks(l, id, e))
		}
	case e.Term < l.Term && v.Without != "own-term":
		s.Text += fmt.Sprintf(" That is a majority, but the entry is from an earlier term. A leader of term %d counts only entries of term %d"+
			" (thesis §3.6.2), and commits this one together with the first of those.", l.Term, l.Term)
		if own := v.firstOf(l, l.Term); own != nil && own.Index != e.Index {
			halves := v.quorum(func(n *NodeView) bool { return n.holds(own) == "durable" })
			s.Text += fmt.Sprintf(" That is entry %d, on %s.", own.Index, tally(halves))
			for _, id := range missing(halves) {
				s.Because = append(s.Because, v.lacks(l, id, own))
			}
		}
	default:
		s.Text += " That is enough: it commits when the leader hears of it."
		s.Because = v.unheard(l, e)
	}
	if more := len(l.Entries) - i - 1; more > 0 {
		s.Text += fmt.Sprintf(" Entries after it that wait, too: %d.", more)
	}
	return []Statement{s}
}

// name is an entry in a sentence.
func (e *EntryView) name() string {
	switch e.Kind {
	case "no-op":
		return "the leader's first, empty"
	case "members":
		return "members " + e.Text
	}
	return fmt.Sprintf("“%s”", e.Text)
}

// holds returns the state of an entry in a node's log, or "".
func (n *NodeView) holds(e *EntryView) string {
	if e.Index <= n.Begin {
		return "durable" // within its snapshot
	}
	for i := range n.Entries {
		if n.Entries[i].Index == e.Index && n.Entries[i].Term == e.Term {
			return n.Entries[i].State
		}
	}
	return ""
}

// firstOf is the first entry of a term in a log that is not committed; nil if there is none.
func (v *View) firstOf(n *NodeView, term uint64) *EntryView {
	for i := range n.Entries {
		if n.Entries[i].Term == term && n.Entries[i].Index > n.Commit {
			return &n.Entries[i]
		}
	}
	return nil
}

// lacks says why an entry of a leader is not on the disk of a node.
func (v *View) lacks(l *NodeView, id uint64, e *EntryView) string {
	n, reason := v.get(id), v.absence(l.ID, id)
	switch {
	case reason != "":
		return reason
	case n.holds(e) == "writing":
		return fmt.Sprintf("S%d writes it: %s", id, n.diskText())
	case n == l:
		return fmt.Sprintf("S%d has not begun to write it", id)
	case n.Term > l.Term:
		return fmt.Sprintf("S%d is in the later term %d, and refuses what S%d sends", id, n.Term, l.ID)
	case v.carries(l.ID, id, e.Index):
		return fmt.Sprintf("an append with it is under way to S%d", id)
	case v.underWay(l.ID, id, "MsgSnap"):
		return fmt.Sprintf("a snapshot is under way to S%d", id)
	}
	for _, p := range l.Progress {
		switch {
		case p.ID != id:
		case p.State == "StateProbe":
			return fmt.Sprintf("S%d looks for the place up to which its log and S%d's agree: it has asked about %d and waits for an answer",
				l.ID, id, p.Next-1)
		case p.State == "StateSnapshot":
			return fmt.Sprintf("S%d needs a snapshot first: the leader's log does not reach back far enough", id)
		case p.Next > e.Index:
			return fmt.Sprintf("S%d has sent it to S%d, and it was lost: a heartbeat's answer will show that", l.ID, id)
		}
	}
	return fmt.Sprintf("S%d has yet to send it to S%d", l.ID, id)
}

// carries reports whether an append in flight has an entry.
func (v *View) carries(from, to, index uint64) bool {
	return slices.ContainsFunc(v.Messages, func(m MessageView) bool {
		return m.Type == "MsgApp" && m.From == from && m.To == to && m.Index < index && index <= m.Last
	})
}

// unheard says of whose disks a leader does not know yet that they have an entry.
func (v *View) unheard(l *NodeView, e *EntryView) (because []string) {
	for _, p := range l.Progress {
		n := v.get(p.ID)
		if n == nil || p.Match >= e.Index || n.holds(e) != "durable" {
			continue
		}
		reason := v.absence(l.ID, p.ID)
		switch {
		case p.ID == l.ID:
			reason = fmt.Sprintf("S%d is about to hear from its own disk", p.ID)
		case v.underWay(p.ID, l.ID, "MsgAppResp"):
			reason = fmt.Sprintf("the acknowledgement of S%d is under way", p.ID)
		case reason == "":
			reason = fmt.Sprintf("S%d has yet to acknowledge it", p.ID)
		}
		because = append(because, reason)
	}
	return because
}

// explainFollowers says who does not know yet how much is committed.
func (v *View) explainFollowers(l *NodeView) []Statement {
	var behind []uint64
	for i := range v.Nodes {
		n := &v.Nodes[i]
		if n.works() && n != l && n.Commit < l.Commit && n.Member != "none" && v.conflict(n, l) == nil {
			behind = append(behind, n.ID)
		}
	}
	if len(behind) == 0 {
		return nil
	}
	know := "do"
	if len(behind) == 1 {
		know = "does"
	}
	return []Statement{{Mood: "wait", Because: v.absent(l.ID, behind), Text: fmt.Sprintf(
		"%s %s not know yet that entry %d is committed. The next append or heartbeat of S%d says so.", names(behind), know, l.Commit, l.ID)}}
}

// conflict is the first entry of a node in whose place a leader has another one; nil if there is
// none.
func (v *View) conflict(n, l *NodeView) *EntryView {
	for i := range n.Entries {
		e := &n.Entries[i]
		if e.Index > max(n.Commit, l.Begin) && l.holds(e) == "" && (e.Index <= l.Last || e.Term < l.Term) {
			return e
		}
	}
	return nil
}

// explainLeftovers is about the entries of followers that no leader has: each kind once.
func (v *View) explainLeftovers(leaders []*NodeView) (says []Statement) {
	known := map[[2]uint64]bool{}
	for i := range v.Nodes {
		e := v.leftover(&v.Nodes[i], leaders)
		if e == nil || known[[2]uint64{e.Index, e.Term}] {
			continue
		}
		known[[2]uint64{e.Index, e.Term}] = true
		has := func(n *NodeView) bool { return n.Begin < e.Index && n.holds(e) != "" }
		s := Statement{Mood: "wait", Text: fmt.Sprintf("Entry %d (%s, term %d) is not committed. It is in the logs of %s.",
			e.Index, e.name(), e.Term, tally(v.quorum(has)))}
		if v.committed(e) {
			s = Statement{Mood: "bad", Text: fmt.Sprintf("Entry %d (%s, term %d) was committed.", e.Index, e.name(), e.Term)}
		}
		switch {
		case len(leaders) == 0:
			s.Text += " Only a leader can commit it, and there is none."
		case e.Index <= leaders[0].Last:
			s.Text += fmt.Sprintf(" S%d, which leads term %d, has another entry %d. That one overwrites this one when it arrives.", leaders[0].ID, leaders[0].Term, e.Index)
		default:
			s.Text += fmt.Sprintf(" S%d, which leads term %d, does not have it. S%d's next entry overwrites it.", leaders[0].ID, leaders[0].Term, leaders[0].ID)
		}
		for j := range v.Nodes {
			if len(leaders) > 0 && has(&v.Nodes[j]) {
				s.Because = append(s.Because, v.absent(leaders[0].ID, []uint64{v.Nodes[j].ID})...)
			}
		}
		says = append(says, s)
	}
	return says
}

// committed reports whether a node knows, or knew before it crashed, an entry as committed. While
// every rule holds, the newest leader has all such entries.
func (v *View) committed(e *EntryView) bool {
	return slices.ContainsFunc(v.Nodes, func(n NodeView) bool {
		return n.Begin < e.Index && e.Index <= max(n.Commit, n.Applied) && n.holds(e) != ""
	})
}

// leftover is the first entry of a node that no leader has, or without a leader, the first that is
// not committed anywhere. It is nil if there is none.
func (v *View) leftover(n *NodeView, leaders []*NodeView) *EntryView {
	if len(leaders) > 0 {
		e := v.conflict(n, leaders[0])
		for _, l := range leaders[1:] {
			if e != nil && l.holds(e) != "" {
				return nil // what that leader waits for is said
			}
		}
		return e
	}
	committed := uint64(0)
	for i := range v.Nodes {
		committed = max(committed, v.Nodes[i].Commit)
	}
	i := slices.IndexFunc(n.Entries, func(e EntryView) bool { return e.Index > committed })
	if i < 0 {
		return nil
	}
	return &n.Entries[i]
}

// explainRead says what a read waits for, and how one was confirmed.
func (v *View) explainRead(read *Read, leaders []*NodeView) Statement {
	switch read.State {
	case Confirmed:
		return Statement{Mood: "wait", Text: fmt.Sprintf(
			"Read %s at S%d has its index, %d, and is answered when S%d has applied that far.", read.Name, read.Node, read.Index, read.Node)}
	case Waiting:
	default:
		return Statement{}
	}
	s := Statement{Mood: "wait", Text: fmt.Sprintf("Read %s at S%d waits for its index.", read.Name, read.Node)}
	if len(leaders) == 0 {
		s.Text += " Only a leader can give it one, and there is none."
		return s
	}
	l := leaders[0]
	if n := v.get(read.Node); n != nil && n.Role == "leader" {
		l = n
	}
	if read.Node != l.ID {
		s.Text += fmt.Sprintf(" S%d asks the leader, S%d.", read.Node, l.ID)
	}
	s.Text += fmt.Sprintf(" S%d takes its commit index, and a round of heartbeats has to show that it still leads: a majority answers.", l.ID)
	halves := v.quorum(func(n *NodeView) bool { return n == l || n.works() && !v.severs(l.ID, n.ID) })
	if !isQuorum(halves) {
		s.Mood = "bad"
		s.Text += fmt.Sprintf(" It reaches only %s.", tally(halves))
	}
	s.Because = v.absent(l.ID, missing(halves))
	if read.Node != l.ID && v.severs(read.Node, l.ID) {
		s.Because = append(s.Because, fmt.Sprintf("the link between S%d and S%d is cut", min(read.Node, l.ID), max(read.Node, l.ID)))
	}
	return s
}
