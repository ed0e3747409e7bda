package run

import (
	"cmp"
	"fmt"
	"slices"
)

// Statement says what the cluster waits for, or that it waits for nothing.
type Statement struct {
	// Mood is ok, wait or bad.
	Mood string `json:"mood"`
	Text string `json:"text"`
	// Because are the reasons, one for each node that is missing.
	Because []string `json:"because"`
}

// explain says what waits for what: elections, entries, followers, reads.
func (v *View) explain() []Statement {
	says := []Statement{}
	for i := range v.Nodes {
		if n := &v.Nodes[i]; n.Role == "stopped" {
			says = append(says, Statement{Mood: "bad", Text: fmt.Sprintf("S%d has stopped itself, and only itself: %s", n.ID, n.Error)})
		}
	}
	leaders := v.with("leader")
	slices.SortFunc(leaders, func(a, b *NodeView) int { return cmp.Compare(b.Term, a.Term) })
	if len(leaders) == 0 {
		says = append(says, v.explainNoLeader()...)
	}
	for _, n := range append(v.with("candidate"), v.with("pre-candidate")...) {
		says = append(says, v.explainCampaign(n))
	}
	for i, l := range leaders {
		switch {
		case i > 0 && l.Term == leaders[0].Term:
			says = append(says, Statement{Mood: "bad", Text: fmt.Sprintf(
				"S%d leads term %d, and so does S%d. A term must have at most one leader (thesis §3.4).", l.ID, l.Term, leaders[0].ID)})
		case i > 0:
			says = append(says, Statement{Mood: "wait", Text: fmt.Sprintf(
				"S%d still takes itself for the leader of term %d, but S%d leads term %d. S%d steps down when it hears of the later term%s.",
				l.ID, l.Term, leaders[0].ID, leaders[0].Term, l.ID, v.checkQuorum(l))})
		}
		says = append(says, v.explainEntries(l)...)
	}
	if len(leaders) > 0 {
		says = append(says, v.explainFollowers(leaders[0])...)
	}
	says = append(says, v.explainLeftovers(leaders)...)
	for i := range v.Reads {
		if s := v.explainRead(&v.Reads[i], leaders); s.Text != "" {
			says = append(says, s)
		}
	}
	return says
}

// with lists the nodes of a role.
func (v *View) with(role string) (list []*NodeView) {
	for i := range v.Nodes {
		if v.Nodes[i].Role == role {
			list = append(list, &v.Nodes[i])
		}
	}
	return list
}

// get returns a node; nil if there is none.
func (v *View) get(id uint64) *NodeView {
	if id == 0 || id > uint64(len(v.Nodes)) {
		return nil
	}
	return &v.Nodes[id-1]
}

func (v *View) severs(a, b uint64) bool { return a != b && slices.Contains(v.Cut, linkOf(a, b)) }

// checkQuorum is how else a leader without a quorum finds out.
func (v *View) checkQuorum(l *NodeView) string {
	if v.reaches(l) {
		return ""
	}
	return ", or with check-quorum after an election timeout without answers from a majority"
}

// half is a majority that a decision needs.
type half struct {
	voters []uint64
	have   []uint64 // those that agree
}

func (h *half) need() int { return len(h.voters)/2 + 1 }

func (h *half) done() bool { return len(h.have) >= h.need() }

func (h *half) missing() (list []uint64) {
	for _, id := range h.voters {
		if !slices.Contains(h.have, id) {
			list = append(list, id)
		}
	}
	return list
}

// quorum counts who agrees: in a joint configuration, in both halves.
func (v *View) quorum(agrees func(n *NodeView) bool) []half {
	var halves []half
	for _, voters := range [][]uint64{v.config.Voters, v.config.VotersOutgoing} {
		if len(voters) == 0 {
			continue
		}
		h := half{voters: voters}
		for _, id := range voters {
			if n := v.get(id); n != nil && agrees(n) {
				h.have = append(h.have, id)
			}
		}
		halves = append(halves, h)
	}
	return halves
}

func isQuorum(halves []half) bool {
	return !slices.ContainsFunc(halves, func(h half) bool { return !h.done() })
}

// tally says who agrees, and how many it takes.
func tally(halves []half) string {
	if len(halves) == 0 {
		return "nobody, and there are no voters"
	}
	text := ""
	for i, h := range halves {
		if i > 0 {
			text += "; of the members that leave, "
		}
		text += fmt.Sprintf("%s: %d of %d", names(h.have), len(h.have), len(h.voters))
		if !h.done() {
			text += fmt.Sprintf(", needs %d", h.need())
		}
	}
	return text
}

// missing lists the voters that do not agree, once each.
func missing(halves []half) (list []uint64) {
	for _, h := range halves {
		list = append(list, h.missing()...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// connected counts the voters that a node can talk to, itself included.
func (v *View) connected(n *NodeView) []half {
	return v.quorum(func(other *NodeView) bool { return other.works() && !v.severs(n.ID, other.ID) })
}

// reaches reports whether a node and the voters that it can talk to are a quorum.
func (v *View) reaches(n *NodeView) bool { return isQuorum(v.connected(n)) }

// works reports whether a node is up and takes part.
func (n *NodeView) works() bool { return n.up && n.Role != "stopped" }

func (v *View) explainNoLeader() []Statement {
	if len(v.config.Voters) == 0 {
		return []Statement{{Mood: "wait", Text: "The cluster has no members yet."}}
	}
	quiet, able := (*NodeView)(nil), false
	for i := range v.Nodes {
		n := &v.Nodes[i]
		if !n.works() || n.Member != "voter" && n.Member != "leaving" {
			continue
		}
		able = able || v.reaches(n)
		if n.Role == "follower" && (quiet == nil || n.Heard > quiet.Heard) {
			quiet = n
		}
	}
	switch {
	case !able:
		halves := v.quorum((*NodeView).works)
		because := v.absent(0, missing(halves))
		for _, l := range v.Cut {
			because = append(because, fmt.Sprintf("the link between S%d and S%d is cut", l[0], l[1]))
		}
		return []Statement{{Mood: "bad", Because: because, Text: fmt.Sprintf(
			"No node reaches a majority of the voters, %d of %d, itself included. So none can win an election, and nothing can commit.",
			halves[0].need(), len(halves[0].voters))}}
	case quiet != nil && len(v.with("candidate"))+len(v.with("pre-candidate")) == 0:
		return []Statement{{Mood: "wait", Text: fmt.Sprintf(
			"There is no leader. A follower whose election timeout passes asks for votes. The timeouts are drawn at random, %d to %d ticks. S%d has waited longest, %d.",
			quiet.Timeout, 2*quiet.Timeout-1, quiet.ID, quiet.Heard)}}
	}
	return nil
}

// absent says of nodes that are down or cut off from a node why they do not answer. Others are left
// out.
func (v *View) absent(from uint64, ids []uint64) (because []string) {
	for _, id := range ids {
		if reason := v.absence(from, id); reason != "" {
			because = append(because, reason)
		}
	}
	return because
}

func (v *View) absence(from, id uint64) string {
	n := v.get(id)
	switch {
	case n == nil:
		return fmt.Sprintf("S%d does not exist here", id)
	case !n.up:
		return fmt.Sprintf("S%d is down", id)
	case n.Role == "stopped":
		return fmt.Sprintf("S%d has stopped itself", id)
	case from != 0 && v.severs(from, id):
		return fmt.Sprintf("the link between S%d and S%d is cut", from, id)
	}
	return ""
}

// explainCampaign says which votes a candidate has and which it lacks.
func (v *View) explainCampaign(c *NodeView) Statement {
	if c.Role == "pre-candidate" {
		halves := v.connected(c)
		return Statement{
			Mood: "wait", Because: v.refusals(c, halves, true),
			Text: fmt.Sprintf("S%d asks whether it could win term %d, before it disturbs anybody with that term (pre-vote). It needs %d of %d.",
				c.ID, c.Term+1, halves[0].need(), len(halves[0].voters)),
		}
	}
	halves := v.quorum(func(n *NodeView) bool { return n.hardTerm == c.Term && n.hardVote == c.ID })
	s := Statement{
		Mood: "wait", Because: v.refusals(c, halves, false),
		Text: fmt.Sprintf("S%d asks for votes in term %d. It has those of %s.", c.ID, c.Term, tally(halves)),
	}
	if isQuorum(halves) {
		s.Text += " That is enough: it leads as soon as it hears of them."
	}
	return s
}

// refusals says why a candidate does not have the votes of others. A rule that the library lacks is
// no reason.
func (v *View) refusals(c *NodeView, halves []half, pre bool) (because []string) {
	ids := missing(halves)
	if pre {
		ids = v.config.Voters
	}
	for _, id := range ids {
		n, reason := v.get(id), v.absence(c.ID, id)
		switch {
		case n == c && !pre && n.Writes > 0 && !v.lacksDurableVotes():
			reason = fmt.Sprintf("S%d's own vote counts when it is on its disk: %s", id, n.diskText())
		case n == c || reason != "":
		case n.Term > c.Term:
			reason = fmt.Sprintf("S%d is in the later term %d, and tells S%d so", id, n.Term, c.ID)
		case !pre && n.Term == c.Term && n.Vote != 0 && n.Vote != c.ID && v.Without != "one-vote":
			reason = fmt.Sprintf("S%d has voted for S%d in term %d, and votes once in a term", id, n.Vote, n.Term)
		case v.Without != "up-to-date" && (n.LastTerm > c.LastTerm || n.LastTerm == c.LastTerm && n.Last > c.Last):
			reason = fmt.Sprintf("S%d refuses: its log ends at %d in term %d, which is more up-to-date than S%d's, %d in term %d",
				id, n.Last, n.LastTerm, c.ID, c.Last, c.LastTerm)
		case !pre && n.Vote == c.ID && n.Term == c.Term && n.Writes > 0 && !v.lacksDurableVotes():
			reason = fmt.Sprintf("S%d votes for S%d when its vote is on its disk: %s", id, c.ID, n.diskText())
		case v.underWay(c.ID, id, "MsgVote", "MsgPreVote"):
			reason = fmt.Sprintf("the question to S%d is under way", id)
		case v.underWay(id, c.ID, "MsgVoteResp", "MsgPreVoteResp"):
			reason = fmt.Sprintf("the answer of S%d is under way", id)
		}
		if reason != "" {
			because = append(because, reason)
		}
	}
	return because
}

// lacksDurableVotes reports whether a node of this library votes before its vote is on its disk.
func (v *View) lacksDurableVotes() bool {
	return v.Without == "vote-written" || v.Without == "responses-gated"
}

// underWay reports whether a message of one of the types is in flight.
func (v *View) underWay(from, to uint64, types ...string) bool {
	return slices.ContainsFunc(v.Messages, func(m MessageView) bool {
		return m.From == from && m.To == to && slices.Contains(types, m.Type)
	})
}

// diskText says what a disk does with the writes that it was asked for.
func (n *NodeView) diskText() string {
	switch {
	case n.DiskWait < 0:
		return "the disk is dead"
	case n.DiskWait > 0:
		return fmt.Sprintf("the disk needs %d more ticks", n.DiskWait)
	}
	return "the disk writes it now"
}
