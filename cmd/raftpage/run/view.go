package run

import (
	"fmt"
	"strings"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest"
)

// View is all that a page draws of a moment. It follows from the records that were carried out.
type View struct {
	At   int `json:"at"`   // how many records are carried out
	Len  int `json:"len"`  // how many there are
	Beat int `json:"beat"` // the one of the last record

	Without  string        `json:"without"` // the rule that the library lacks; empty if none
	Record   RecordView    `json:"record"`  // the last one
	Comment  string        `json:"comment"` // what a script or a lesson has said last
	Said     int           `json:"said"`    // the step at which it did
	Nodes    []NodeView    `json:"nodes"`
	Config   string        `json:"config"` // the newest configuration that a node has applied
	Messages []MessageView `json:"messages"`
	Cut      []link        `json:"cut"`
	Reads    []Read        `json:"reads"` // the latest few
	Broken   []string      `json:"broken"`
	Says     []Statement   `json:"says"`
	First    uint64        `json:"first"` // the log index at which a page begins to draw
	Last     uint64        `json:"last"`  // the largest log index of all nodes
	Next     string        `json:"next"`  // what a proposal without a text proposes

	config pb.ConfState
}

// RecordView is a record as a page shows it.
type RecordView struct {
	Step     int     `json:"step"` // from 1; 0 is the time before the first record
	Beat     int     `json:"beat"`
	Command  string  `json:"command"`
	Note     string  `json:"note"`
	Comment  string  `json:"comment"`
	Output   string  `json:"output"`
	Expected string  `json:"expected"`
	Differs  bool    `json:"differs"` // the output is not what the script expects
	Events   []Event `json:"events"`
}

// NodeView is a node.
type NodeView struct {
	ID     uint64 `json:"id"`
	Role   string `json:"role"`   // leader, candidate, pre-candidate, follower, down or stopped
	Member string `json:"member"` // voter, learner, leaving (a voter of the outgoing half) or none
	Error  string `json:"error"`  // why the node has stopped itself

	Term    uint64 `json:"term"`
	Vote    uint64 `json:"vote"`
	Lead    uint64 `json:"lead"`
	Commit  uint64 `json:"commit"`
	Applied uint64 `json:"applied"`

	Begin    uint64         `json:"begin"` // the index before the first entry; a snapshot ends there
	Last     uint64         `json:"last"`
	LastTerm uint64         `json:"lastTerm"`
	Entries  []EntryView    `json:"entries"` // those from View.First on
	Content  string         `json:"content"` // of the state machine
	Progress []ProgressView `json:"progress"`

	Heard    int   `json:"heard"`    // ticks since the last sign of a leader
	Timeout  int   `json:"timeout"`  // the shortest election timeout, in ticks
	PreVote  bool  `json:"preVote"`  // asks before it campaigns
	Disk     Speed `json:"disk"`     //
	Writes   int   `json:"writes"`   // that are asked for and not done
	DiskWait int   `json:"diskWait"` // beats until the oldest of them is done; -1 is never
	Clock    Rate  `json:"clock"`
	Busy     bool  `json:"busy"` // has work that was not taken yet

	up       bool
	hardTerm uint64 // what the disk has
	hardVote uint64
}

// EntryView is an entry of a node's log.
type EntryView struct {
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
	Kind  string `json:"kind"` // data, no-op or members
	Text  string `json:"text"`
	// State is durable, writing, or unsynced: on a disk that lies.
	State string `json:"state"`
}

// ProgressView is what a leader knows of a member.
type ProgressView struct {
	ID    uint64 `json:"id"`
	Match uint64 `json:"match"`
	Next  uint64 `json:"next"`
	State string `json:"state"`
}

// MessageView is a message in flight.
type MessageView struct {
	Number int    `json:"number"`
	From   uint64 `json:"from"`
	To     uint64 `json:"to"`
	Type   string `json:"type"`
	Term   uint64 `json:"term"`
	Index  uint64 `json:"index"`
	Last   uint64 `json:"last"` // the index of the last entry in it
	Count  int    `json:"count"`
	Reject bool   `json:"reject"`
	Beat   int    `json:"beat"`
	Text   string `json:"text"`
}

// columns is how many entries of the logs a page draws.
const columns = 24

// latestReads is how many reads it shows.
const latestReads = 4

// View returns what is to be drawn now.
func (r *Run) View() *View {
	w := &r.world
	v := &View{
		At: r.at, Len: len(r.records), Beat: w.cursor.beat, Without: r.without, Next: r.nextLetter(),
		Record: r.RecordView(r.at), Cut: w.severed(len(r.env.Nodes)), Broken: r.broken(r.at),
		Messages: []MessageView{}, Nodes: []NodeView{}, Reads: append([]Read{}, w.reads[max(0, len(w.reads)-latestReads):]...),
	}
	v.Comment, v.Said = r.comment()
	v.configure(r.env)
	for i := range r.env.Nodes {
		v.Nodes = append(v.Nodes, v.node(r, i))
		v.Last = max(v.Last, v.Nodes[i].Last)
	}
	v.First = v.Last
	for i := range v.Nodes {
		v.First = min(v.First, v.Nodes[i].Begin)
	}
	v.First = max(v.First, 1)
	if v.Last >= v.First+columns {
		v.First = v.Last - columns + 1
	}
	for i := range v.Nodes {
		v.Nodes[i].entries(&r.env.Nodes[i], w.disks[i].kept, v.First)
	}
	for i := range r.env.Messages {
		if m := &r.env.Messages[i]; !isLocal(m) {
			v.Messages = append(v.Messages, messageView(m, w.flights[i]))
		}
	}
	v.Says = append(v.explain(), r.overwrittenLately()...)
	return v
}

// lately is for how many beats a page says what was overwritten.
const lately = 12

// overwrittenLately says which entries were overwritten. With every rule, none of them had
// committed.
func (r *Run) overwrittenLately() (says []Statement) {
	for n := r.at; n > 0 && r.records[n-1].beat > r.world.cursor.beat-lately; n-- {
		for _, e := range r.records[n-1].Events {
			if e.Kind != Overwritten {
				continue
			}
			s := Statement{Mood: "ok", Text: strings.ToUpper(e.Text[:1]) + e.Text[1:]}
			if r.without == "" {
				s.Text += ". It had not committed, so nothing is lost that a client was promised"
			}
			s.Text += "."
			says = append(says, s)
		}
	}
	return says
}

// RecordView returns the n-th record, from 1.
func (r *Run) RecordView(n int) RecordView {
	if n == 0 {
		return RecordView{}
	}
	rec := &r.records[n-1]
	return RecordView{
		Step: n, Beat: rec.beat, Command: rec.Command, Note: rec.Note, Comment: rec.Comment,
		Output: rec.Output, Expected: rec.Expected, Events: rec.Events,
		Differs: rec.done && rec.Expected != "" && strings.TrimRight(rec.Expected, "\n") != strings.TrimRight(rec.Output, "\n"),
	}
}

// configure looks for the newest configuration.
func (v *View) configure(env *rafttest.InteractionEnv) {
	newestIndex := uint64(0)
	for i := range env.Nodes {
		if m := &newest(&env.Nodes[i]).Metadata; m.Index >= newestIndex && len(m.ConfState.Voters) > 0 {
			newestIndex, v.config = m.Index, m.ConfState
		}
	}
	v.Config = configText(&v.config)
}

// configText renders a configuration.
func configText(cs *pb.ConfState) string {
	text := names(cs.Voters)
	if len(cs.VotersOutgoing) > 0 {
		text = fmt.Sprintf("%s, jointly with %s", text, names(cs.VotersOutgoing))
	}
	if learners := append(cs.Learners[:len(cs.Learners):len(cs.Learners)], cs.LearnersNext...); len(learners) > 0 {
		text += ", learning: " + names(learners)
	}
	return text
}

// names lists nodes: S1, S2 and S3.
func names(ids []uint64) string {
	if len(ids) == 0 {
		return "none"
	}
	var out strings.Builder
	for i, id := range ids {
		switch {
		case i == 0:
		case i == len(ids)-1:
			out.WriteString(" and ")
		default:
			out.WriteString(", ")
		}
		fmt.Fprintf(&out, "S%d", id)
	}
	return out.String()
}

// node describes a node but for its log.
func (v *View) node(r *Run, idx int) NodeView {
	n, w := &r.env.Nodes[idx], &r.world
	d, machine := &w.disks[idx], newest(n)
	hs, _, _ := n.InitialState()
	view := NodeView{
		ID: uint64(idx + 1), Role: "down", Member: v.member(uint64(idx + 1)),
		Term: hs.Term, Vote: hs.Vote, Commit: hs.Commit, hardTerm: hs.Term, hardVote: hs.Vote,
		Applied: machine.Metadata.Index, Content: string(machine.Data), Progress: []ProgressView{},
		Heard: w.heard[idx], Timeout: n.Config.ElectionTick, PreVote: n.Config.PreVote,
		Disk: d.speed, Writes: len(d.asked), Clock: w.clocks[idx].rate,
	}
	if view.Disk == "" {
		view.Disk = Fast
	}
	if view.Clock == "" {
		view.Clock = Normal
	}
	switch {
	case len(d.asked) == 0:
	case d.speed == Dead:
		view.DiskWait = -1
	case d.speed == Slow:
		view.DiskWait = max(0, d.asked[0]+slowBeats-w.cursor.beat)
	}
	if last, err := n.LastIndex(); err == nil {
		view.Last = last
	}
	if first, err := n.FirstIndex(); err == nil && first > 0 {
		view.Begin = first - 1
		view.LastTerm, _ = n.Term(view.Begin)
	}
	for i := range n.AppendWork {
		for j := range n.AppendWork[i].Entries {
			view.Last = n.AppendWork[i].Entries[j].Index
		}
	}
	if n.RawNode == nil {
		return view
	}
	st := n.RawNode.Status()
	view.up = true
	view.Role = map[raft.StateType]string{
		raft.StateFollower: "follower", raft.StateCandidate: "candidate",
		raft.StatePreCandidate: "pre-candidate", raft.StateLeader: "leader",
	}[st.RaftState]
	view.Term, view.Vote, view.Lead, view.Commit = st.Term, st.Vote, st.Lead, st.Commit
	if err := n.Err(); err != nil {
		view.Role, view.Error = "stopped", err.Error()
		return view
	}
	view.Busy = n.HasReady()
	for id := range uint64(MaxNodes + 1) {
		if pr, ok := st.Progress[id]; ok {
			view.Progress = append(view.Progress, ProgressView{ID: id, Match: pr.Match, Next: pr.Next, State: pr.State.String()})
		}
	}
	return view
}

func (v *View) member(id uint64) string {
	has := func(ids []uint64) bool {
		for _, other := range ids {
			if other == id {
				return true
			}
		}
		return false
	}
	switch {
	case has(v.config.Voters):
		return "voter"
	case has(v.config.VotersOutgoing):
		return "leaving"
	case has(v.config.Learners) || has(v.config.LearnersNext):
		return "learner"
	}
	return "none"
}

// entries describes the log of a node from an index on: what is on the disk, and over it what is
// being written.
func (view *NodeView) entries(n *rafttest.Node, k *kept, from uint64) {
	view.Entries = []EntryView{}
	put := func(e *pb.Entry, state string) {
		view.LastTerm = e.Term
		for len(view.Entries) > 0 && view.Entries[len(view.Entries)-1].Index >= e.Index {
			view.Entries = view.Entries[:len(view.Entries)-1]
		}
		if e.Index >= from {
			view.Entries = append(view.Entries, entryView(e, state))
		}
	}
	log := storedLog(n)
	for i := range log {
		state := "durable"
		if k != nil && !k.has(&log[i]) {
			state = "unsynced"
		}
		put(&log[i], state)
	}
	for i := range n.AppendWork {
		for j := range n.AppendWork[i].Entries {
			put(&n.AppendWork[i].Entries[j], "writing")
		}
	}
}

func entryView(e *pb.Entry, state string) EntryView {
	view := EntryView{Index: e.Index, Term: e.Term, Kind: "data", State: state}
	_, text, _ := strings.Cut(raft.DescribeEntry(*e, nil), " ")
	_, text, _ = strings.Cut(text, " ") // behind the type
	switch {
	case e.Type != pb.EntryNormal:
		view.Kind, view.Text = "members", text
		if text == "" {
			view.Text = "end of the joint configuration"
		}
	case len(e.Data) == 0:
		view.Kind = "no-op"
	default:
		view.Text = string(e.Data)
	}
	return view
}

func messageView(m *pb.Message, f flight) MessageView {
	view := MessageView{
		Number: f.number, From: m.From, To: m.To, Type: m.Type.String(), Term: m.Term, Index: m.Index,
		Last: m.Index, Count: len(m.Entries), Reject: m.Reject, Beat: f.beat, Text: raft.DescribeMessage(*m, nil),
	}
	if n := len(m.Entries); n > 0 {
		view.Last = m.Entries[n-1].Index
	}
	if m.Snapshot != nil {
		view.Last = m.Snapshot.Metadata.Index
	}
	return view
}
