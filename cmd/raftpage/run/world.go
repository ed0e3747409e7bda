package run

import (
	"slices"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest"
)

// world is what the page knows of the surroundings of the nodes: everything that a script has no
// words for. It follows from the records alone.
type world struct {
	cursor  cursor
	links   links
	groups  map[uint64]int // the sides of a script's partition
	disks   []disk
	clocks  []clock
	heard   []int    // for how many ticks each node's election timeout has run
	stands  []stand  // what each node was after the last record
	flights []flight // one for each message in flight, in the order of env.Messages
	sent    int      // messages so far
	reads   []Read
	writes  int // proposals so far
}

// stand is what restarts a node's election timeout when it changes.
type stand struct {
	role raft.StateType
	vote uint64
}

// flight is what is known of a message in flight.
type flight struct {
	number int // of the message in the run, from 1
	beat   int // in which it was sent
}

func newWorld() world { return world{links: links{}, cursor: cursor{}} }

// isLocalTo picks messages that do not cross the network: those of a node's storage threads, and
// its own vote.
func isLocalTo(id uint64) func(pb.Message) bool {
	return func(m pb.Message) bool { return m.To == id && isLocal(&m) }
}

func isLocal(m *pb.Message) bool { return raft.IsLocalMsgTarget(m.From) || m.From == m.To }

// look is how the nodes were before a record.
type look []nodeLook

type nodeLook struct {
	up      bool
	failed  bool
	role    raft.StateType
	term    uint64
	commit  uint64
	machine *pb.Snapshot
	tail    []pb.Entry // those on its disk that it has not applied
}

func lookAtAll(env *rafttest.InteractionEnv) look {
	l := make(look, len(env.Nodes))
	for i := range env.Nodes {
		l[i] = lookAt(&env.Nodes[i])
	}
	return l
}

func lookAt(n *rafttest.Node) nodeLook {
	l := nodeLook{machine: newest(n)}
	if n.RawNode == nil {
		return l
	}
	st := n.BasicStatus()
	l.up, l.failed = true, n.Err() != nil
	l.role, l.term, l.commit = st.RaftState, st.Term, st.Commit
	log := storedLog(n)
	from := slices.IndexFunc(log, func(e pb.Entry) bool { return e.Index > l.machine.Metadata.Index })
	if from >= 0 {
		l.tail = slices.Clone(log[from:])
	}
	return l
}

// newest is the state machine of a node.
func newest(n *rafttest.Node) *pb.Snapshot { return &n.History[len(n.History)-1] }

// observe takes in what a record has done.
func (w *world) observe(env *rafttest.InteractionEnv, before []pb.Message, rec *Record, output string) {
	for len(w.disks) < len(env.Nodes) {
		w.disks, w.clocks, w.heard = append(w.disks, disk{}), append(w.clocks, clock{}), append(w.heard, 0)
		w.stands = append(w.stands, stand{})
	}
	switch rec.data.Cmd {
	case "propose":
		w.writes++
	case "partition":
		w.groups = groupsOf(rec.data.CmdArgs)
	case "heal":
		w.groups = nil
	case "force-disk":
		if idx := number(rec.data.CmdArgs[0].Key) - 1; idx >= 0 && idx < len(w.disks) && w.disks[idx].kept != nil {
			w.disks[idx].kept = keep(&env.Nodes[idx])
		}
	}
	arrived := w.follow(env, before, rec.beat)
	for i := range env.Nodes {
		w.disks[i].follow(&env.Nodes[i], rec.beat)
	}
	w.listen(rec, arrived)
	w.restart(env)
	w.answerReads(env, rec, output)
}

// follow brings flights up to date, and returns the messages that are in flight no more. Messages
// leave from anywhere and join at the end.
func (w *world) follow(env *rafttest.InteractionEnv, before []pb.Message, beat int) (gone []pb.Message) {
	var flights []flight
	at := 0
	for i := range before {
		if at < len(env.Messages) && sameMessage(&before[i], &env.Messages[at]) {
			flights = append(flights, w.flights[i])
			at++
			continue
		}
		gone = append(gone, before[i])
	}
	for ; at < len(env.Messages); at++ {
		w.sent++
		flights = append(flights, flight{number: w.sent, beat: beat})
	}
	w.flights = flights
	return gone
}

// sameMessage reports whether b is a copy of a that shares its memory.
func sameMessage(a, b *pb.Message) bool {
	return a.Type == b.Type && a.From == b.From && a.To == b.To && a.Term == b.Term && a.LogTerm == b.LogTerm &&
		a.Index == b.Index && a.Commit == b.Commit && a.Vote == b.Vote && a.Reject == b.Reject && a.RejectHint == b.RejectHint &&
		a.Snapshot == b.Snapshot && sameSlice(a.Entries, b.Entries) && sameSlice(a.Context, b.Context)
}

func sameSlice[E any](a, b []E) bool { return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0]) }

// restart restarts the election timeout of a node that has taken on another role or has voted, and
// holds that of a leader.
func (w *world) restart(env *rafttest.InteractionEnv) {
	for i := range env.Nodes {
		now := stand{}
		if n := env.Nodes[i].RawNode; n != nil {
			st := n.BasicStatus()
			now = stand{st.RaftState, st.Vote}
		}
		votes := now.vote != w.stands[i].vote && now.vote != raft.None
		if now.role != w.stands[i].role || votes || now.role == raft.StateLeader {
			w.heard[i] = 0
		}
		w.stands[i] = now
	}
}

// listen counts the ticks since a node has last heard of a leader.
func (w *world) listen(rec *Record, arrived []pb.Message) {
	name, args := rec.data.Cmd, rec.data.CmdArgs
	if rec.Command == "" || len(args) == 0 {
		return
	}
	switch name {
	case "tick", "tick-election", "tick-heartbeat":
		if idx := number(args[0].Key) - 1; idx >= 0 && idx < len(w.heard) {
			ticks := 1
			if len(args) > 1 {
				ticks = number(args[1].Key)
			}
			w.heard[idx] += ticks
		}
	case "crash", "restart":
		if idx := number(args[0].Key) - 1; idx >= 0 && idx < len(w.heard) {
			w.heard[idx] = 0
		}
	case "deliver-msgs", "stabilize":
		for i := range arrived {
			m := &arrived[i]
			signs := m.Type == pb.MsgApp || m.Type == pb.MsgHeartbeat || m.Type == pb.MsgSnap
			if idx := int(m.To) - 1; signs && idx < len(w.heard) && !drops(rec, m.To) {
				w.heard[idx] = 0
			}
		}
	}
}
