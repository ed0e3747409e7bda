package picture

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// Recorder takes down what happens to the nodes of a cluster. Its methods are called by whoever
// drives the nodes, in the order in which things happen, from one goroutine. They keep nothing of
// what they are given. All of them do nothing on a nil Recorder.
type Recorder struct {
	p     Picture
	group uint64
	time  string
	nodes map[place]*node
	// flying has the messages with the same content that have no end yet, ended those that have.
	flying, ended map[string][]int
	// at is the event under way, -1 if there is none. Where a node of several groups does
	// something, under has the event of each group.
	at    int
	under map[uint64]int
	// comment and command stand at the first event of each group that the command causes. These are
	// the groups of its events so far.
	comment, command string
	caused           []uint64
	// only has the nodes that are watched; all are if there are none.
	only  map[place]bool
	sides string // the partition as it was described last
}

// place is a node of a group.
type place struct{ group, node uint64 }

// NewRecorder returns a Recorder that has taken down nothing.
func NewRecorder() *Recorder {
	return &Recorder{nodes: map[place]*node{}, flying: map[string][]int{}, ended: map[string][]int{}, at: -1}
}

// Title names the picture. Header is the text above it.
func (r *Recorder) Title(title, header string) {
	if r != nil {
		r.p.Title, r.p.Header = title, header
	}
}

// Lane says in one word what a lane stands for, if that is not a node.
func (r *Recorder) Lane(name string) {
	if r != nil {
		r.p.Lane = name
	}
}

// Group says to which Raft group the events that follow belong, 0 if to all.
func (r *Recorder) Group(group uint64) {
	if r != nil {
		r.group = group
	}
}

// Only says that a node is watched, and that nodes are not for which it is never called: what those
// send and take is not seen.
func (r *Recorder) Only(node uint64) {
	if r == nil {
		return
	}
	if r.only == nil {
		r.only = map[place]bool{}
	}
	r.only[place{group: r.group, node: node}] = true
}

// watches reports whether what a node sends and takes is seen.
func (r *Recorder) watches(group, node uint64) bool {
	return r.only == nil || r.only[place{group: group, node: node}]
}

// Time says when the events that follow happen, in words.
func (r *Recorder) Time(time string) {
	if r != nil {
		r.time = time
	}
}

// Command begins a command of a script, with the comment that stands before it.
func (r *Recorder) Command(comment, command string) {
	if r == nil {
		return
	}
	r.at, r.caused = -1, nil
	r.comment, r.command = comment, command
}

// Printed is what the command has printed. A command without an event gets one if it has a comment
// or looks at the nodes.
func (r *Recorder) Printed(text string) {
	if r == nil {
		return
	}
	text = strings.TrimSpace(text)
	if len(r.caused) == 0 && (r.comment != "" || text != "ok") {
		r.Event(0, Note, "")
		r.p.Events[r.at].Detail = text
	}
	r.at, r.comment, r.command = -1, "", ""
}

// Event begins an event: something is done to a node, or to the cluster if node is 0.
func (r *Recorder) Event(node uint64, kind Kind, text string) {
	if r == nil {
		return
	}
	r.lane(node)
	if r.under == nil || r.at < 0 || r.p.Events[r.at].Node != node {
		r.under = map[uint64]int{}
	}
	r.at = len(r.p.Events)
	e := Event{Kind: kind, Node: node, Group: r.group, Text: text, Time: r.time}
	if node == 0 && kind != Lose {
		e.Group = 0
	}
	r.under[e.Group] = r.at
	if !slices.Contains(r.caused, 0) && !slices.Contains(r.caused, e.Group) {
		e.Comment, e.Command = r.comment, r.command
		r.caused = append(r.caused, e.Group)
	}
	r.p.Events = append(r.p.Events, e)
}

// event returns the event under way at a node of the group. It begins one if there is none.
func (r *Recorder) event(node uint64) *Event {
	if at := r.underWay(node); at >= 0 {
		r.at = at
	} else {
		r.Event(node, Note, "")
	}
	return &r.p.Events[r.at]
}

// underWay is the event under way at a node of the group, -1 if there is none.
func (r *Recorder) underWay(node uint64) int {
	if at, found := r.under[r.group]; found && r.at >= 0 && r.p.Events[r.at].Node == node {
		return at
	}
	return -1
}

// Add adds words to the event under way at a node.
func (r *Recorder) Add(node uint64, text string) {
	if r == nil || text == "" {
		return
	}
	if e := r.event(node); e.Text == "" {
		e.Text = text
	} else {
		e.Text += ", " + text
	}
}

// Detail adds a line to what the event under way at a node says in full.
func (r *Recorder) Detail(node uint64, text string) {
	if r == nil || text == "" {
		return
	}
	e := r.event(node)
	if e.Detail != "" {
		e.Detail += "\n"
	}
	e.Detail += strings.TrimRight(text, "\n")
}

// Refuse says that a node refuses what is done to it in the event under way.
func (r *Recorder) Refuse(node uint64, err error) {
	if r == nil || err == nil {
		return
	}
	e := r.event(node)
	e.Refused = err.Error()
	for _, i := range e.Received {
		r.p.Messages[i].Fate = Refused
	}
}

// lane makes sure that a node has a lane.
func (r *Recorder) lane(id uint64) {
	if at, found := slices.BinarySearch(r.p.Nodes, id); id != 0 && !found {
		r.p.Nodes = slices.Insert(r.p.Nodes, at, id)
	}
}

// node is what is known of a node.
func (r *Recorder) node(id uint64) *node {
	r.lane(id)
	at := place{group: r.group, node: id}
	if r.nodes[at] == nil {
		r.nodes[at] = &node{first: 1}
	}
	return r.nodes[at]
}

// Send takes down a message that leaves a node in the event under way there.
func (r *Recorder) Send(from uint64, m *pb.Message) {
	if r != nil {
		r.send(newMessage(from, m))
	}
}

func (r *Recorder) send(m Message) {
	e := r.event(m.From)
	r.lane(m.To)
	m.Sent = r.at
	e.Sent = append(e.Sent, len(r.p.Messages))
	r.flying[r.key(&m)] = append(r.flying[r.key(&m)], len(r.p.Messages))
	r.p.Messages = append(r.p.Messages, m)
}

func (r *Recorder) key(m *Message) string { return fmt.Sprintf("%d %s", r.group, m.Detail) }

// Receive takes down a message that a node takes; from is its sender. A message that nobody has
// sent is made up by hand. One that has arrived before arrives again.
func (r *Recorder) Receive(from uint64, m *pb.Message) {
	if r == nil {
		return
	}
	r.Event(m.To, Receive, "")
	r.lane(from)
	r.receive(newMessage(from, m))
}

func (r *Recorder) receive(m Message) {
	i := r.end(m, Delivered)
	e := &r.p.Events[r.at]
	e.Received = append(e.Received, i)
}

// ReceiveByHand takes down a message that a script gives to a node. The node need not be its
// recipient.
func (r *Recorder) ReceiveByHand(at uint64, m *pb.Message) {
	if r == nil {
		return
	}
	r.Event(at, Receive, "")
	kept := newMessage(m.From, m)
	kept.To, kept.ByHand, kept.Fate, kept.Sent, kept.Ended = at, true, Delivered, r.at, r.at
	e := &r.p.Events[r.at]
	e.Received = append(e.Received, len(r.p.Messages))
	r.p.Messages = append(r.p.Messages, kept)
}

// Lose takes down a message that does not arrive. Losses that follow one another are one event.
func (r *Recorder) Lose(from uint64, m *pb.Message) {
	if r != nil {
		r.lose(newMessage(from, m))
	}
}

func (r *Recorder) lose(m Message) {
	if r.at < 0 || r.p.Events[r.at].Kind != Lose || r.p.Events[r.at].Group != r.group {
		r.Event(0, Lose, "")
	}
	i := r.end(m, Lost)
	e := &r.p.Events[r.at]
	e.Lost = append(e.Lost, i)
}

// Remark says what the message that was sent last means to the driver.
func (r *Recorder) Remark(text string) {
	if r != nil && len(r.p.Messages) > 0 {
		m := &r.p.Messages[len(r.p.Messages)-1]
		m.Text = m.Type + ", " + text
	}
}

// Signal is what a node tells another one besides the messages of Raft.
type Signal struct {
	From, To   uint64
	Type, Text string
}

func (s *Signal) message() Message {
	return Message{From: s.From, To: s.To, Type: s.Type, Text: s.Text, Detail: fmt.Sprintf("%x->%x %s", s.From, s.To, s.Text), Ended: -1}
}

// SendSignal is Send for a signal.
func (r *Recorder) SendSignal(s *Signal) {
	if r != nil {
		r.send(s.message())
	}
}

// ReceiveSignal is Receive for a signal. Signals that a node takes one after the other are one
// event.
func (r *Recorder) ReceiveSignal(s *Signal) {
	if r == nil {
		return
	}
	if at := r.underWay(s.To); at < 0 || r.p.Events[at].Kind != Receive || r.p.Events[at].changes() {
		r.Event(s.To, Receive, "")
	} else {
		r.at = at
	}
	r.receive(s.message())
}

// LoseSignal is Lose for a signal.
func (r *Recorder) LoseSignal(s *Signal) {
	if r != nil {
		r.lose(s.message())
	}
}

// Cause says why the message was lost that was taken down last.
func (r *Recorder) Cause(cause string) {
	if r == nil || r.at < 0 {
		return
	}
	if lost := r.p.Events[r.at].Lost; len(lost) > 0 {
		r.p.Messages[lost[len(lost)-1]].Cause = cause
	}
}

// end finds a message that was sent, and ends it in the event under way.
func (r *Recorder) end(kept Message, fate Fate) int {
	key := r.key(&kept)
	i := len(r.p.Messages)
	if same := r.flying[key]; len(same) > 0 {
		i = same[0]
		r.flying[key] = same[1:]
	} else {
		// It arrives again, or nobody has sent it.
		kept.Sent, kept.ByHand, kept.Unseen = r.at, r.only == nil, r.only != nil
		if same := r.ended[key]; len(same) > 0 && r.watches(r.group, kept.From) && !r.p.Messages[same[0]].Unseen {
			kept.Sent, kept.ByHand, kept.Unseen = r.p.Messages[same[0]].Sent, false, false
		}
		r.p.Messages = append(r.p.Messages, kept)
	}
	r.p.Messages[i].Fate, r.p.Messages[i].Ended = fate, r.at
	r.ended[key] = append(r.ended[key], i)
	return i
}

// HandOut takes down a Ready that a program takes from a node.
func (r *Recorder) HandOut(id uint64, rd *raft.Ready) {
	if r == nil {
		return
	}
	if !raft.IsEmptySnap(rd.Snapshot) {
		at := rd.Snapshot.Metadata
		r.Add(id, fmt.Sprintf("snapshot %d/%d", at.Term, at.Index))
		r.changeLog(id, &LogChange{First: at.Index + 1, FirstTerm: at.Term, At: at.Index + 1})
	}
	if n := len(rd.Entries); n > 0 {
		n := r.node(id)
		c := LogChange{First: n.first, FirstTerm: n.firstTerm, At: rd.Entries[0].Index}
		if c.At < n.first || c.At > n.last()+1 { // the log before these entries is not known
			c.First, c.FirstTerm = c.At, 0
		}
		for i := range rd.Entries {
			c.Entries = append(c.Entries, newEntry(&rd.Entries[i]))
		}
		r.Add(id, "appends "+span(rd.Entries))
		r.changeLog(id, &c)
	}
	if hs := rd.HardState; !raft.IsEmptyHardState(hs) {
		n := r.node(id)
		if hs.Term != n.hardTerm || hs.Vote != n.hardVote {
			n.hardTerm, n.hardVote = hs.Term, hs.Vote
			text := fmt.Sprintf("writes term %d", hs.Term)
			if hs.Vote != raft.None {
				text += fmt.Sprintf(" and vote %d", hs.Vote)
			}
			r.Add(id, text)
		}
	}
	for _, read := range rd.ReadStates {
		r.Add(id, fmt.Sprintf("answers read %s at %d", word(read.RequestCtx), read.Index))
	}
	for _, context := range rd.DroppedReads {
		r.Add(id, "drops read "+word(context))
	}
	for _, c := range rd.CatchUps {
		r.Add(id, fmt.Sprintf("server %d: %s", c.ID, strings.ToLower(strings.TrimPrefix(c.State.String(), "CatchUp"))))
	}
	r.Detail(id, raft.DescribeReady(*rd, nil))
}

// word renders a context: as text if it is one.
func word(context []byte) string {
	for _, b := range context {
		if b < ' ' || b > '~' {
			return fmt.Sprintf("%x", context)
		}
	}
	return string(context)
}

// span renders from which entry to which one.
func span(entries []pb.Entry) string {
	first, last := &entries[0], &entries[len(entries)-1]
	if len(entries) == 1 {
		return fmt.Sprintf("%d/%d", first.Term, first.Index)
	}
	return fmt.Sprintf("%d/%d…%d/%d", first.Term, first.Index, last.Term, last.Index)
}

// Apply takes down entries that the state machine of a node applies.
func (r *Recorder) Apply(id uint64, entries []pb.Entry) {
	if r == nil || len(entries) == 0 {
		return
	}
	r.Add(id, "applies "+span(entries))
}

// Log takes down the whole log of a node, which begins after an entry of term firstTerm.
func (r *Recorder) Log(id, first, firstTerm uint64, entries []pb.Entry) {
	if r == nil {
		return
	}
	c := LogChange{First: first, FirstTerm: firstTerm, At: first}
	for i := range entries {
		c.Entries = append(c.Entries, newEntry(&entries[i]))
	}
	n := r.node(id)
	if n.first == first && n.firstTerm == firstTerm && slices.Equal(n.log, c.Entries) {
		return
	}
	r.changeLog(id, &c)
}

// changeLog adds a change to the event under way at a node.
func (r *Recorder) changeLog(id uint64, c *LogChange) {
	e, n := r.event(id), r.node(id)
	n.take(&Event{Log: c})
	if was := e.Log; was != nil {
		// Both together: keep what the first one keeps, and put all that follows it.
		at := min(was.At, c.At)
		at = max(at, c.First)
		c = &LogChange{First: c.First, FirstTerm: c.FirstTerm, At: at, Entries: slices.Clone(n.log[at-n.first:])}
	}
	e.Log = c
}

// Status takes down how a node is after the event under way there.
func (r *Recorder) Status(id uint64, s Status) {
	if r == nil {
		return
	}
	n := r.node(id)
	if n.status == s {
		return
	}
	n.status = s
	r.event(id).Status = &s
}

// Asleep says whether a node sleeps. Shows takes it down.
func (r *Recorder) Asleep(id uint64, asleep bool) {
	if r != nil {
		r.node(id).asleep = asleep
	}
}

// Partition takes down that the network is cut: messages get through between nodes of the same
// side. Nodes that are not named are on side 0; a nil map heals the network.
func (r *Recorder) Partition(sides map[uint64]int) {
	if r == nil {
		return
	}
	text := describeSides(r.p.Nodes, sides)
	if text == r.sides {
		return
	}
	r.sides = text
	r.Event(0, Partition, text)
	if sides == nil {
		sides = map[uint64]int{}
	}
	r.p.Events[r.at].Sides = sides
}

func describeSides(nodes []uint64, sides map[uint64]int) string {
	if len(sides) == 0 {
		return "the network is whole"
	}
	var order []int
	members := map[int][]string{}
	for _, id := range nodes {
		side := sides[id]
		if members[side] == nil {
			order = append(order, side)
		}
		members[side] = append(members[side], fmt.Sprint(id))
	}
	var words []string
	for _, side := range order {
		words = append(words, strings.Join(members[side], " "))
	}
	return "partition: " + strings.Join(words, " | ")
}
