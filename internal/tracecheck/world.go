package tracecheck

import (
	"fmt"
	"slices"
)

const (
	follower  = "StateFollower"
	candidate = "StateCandidate"
	leader    = "StateLeader"
)

type set map[string]bool

func setOf(ids []string) set {
	s := set{}
	for _, id := range ids {
		s[id] = true
	}
	return s
}

func (s set) with(id string) set {
	c := set{id: true}
	for k := range s {
		c[k] = true
	}
	return c
}

func (s set) without(id string) set {
	c := s.with(id)
	delete(c, id)
	return c
}

// config is a value of the log, or an active configuration.
type config struct{ voters, learners set }

// entry is a log entry; change is nil in an ordinary one.
type entry struct {
	term   uint64
	change *config
}

// durable is what a restart finds.
type durable struct {
	term, commit uint64
	vote         string
	log          int
	config       config
}

// server is a server of the specification. Its configuration is never joint.
type server struct {
	term, commit       uint64
	role, vote         string
	log                []entry
	config             config
	pendingChange      int // index; 0 if none
	responded, granted set
	match              map[string]uint64
	durable            durable
	pending            []packet // sent, and not released by Ready
}

// packet is a message under way.
type packet struct {
	step, kind     string // of events, and of raftpb
	term           uint64
	from, to       string
	index, logTerm uint64 // the previous or the last entry, or the match
	entries        []entry
	commit         uint64
	success        bool
}

// world is a state of the specification.
type world struct {
	servers   map[string]*server
	network   []packet
	bootstrap []bool // events that show the initial state
	last      map[string]*Event
}

func isBeginning(name string) bool {
	return name == "InitState" || name == "BecomeFollower" || name == "ApplyConfChange"
}

// begin reads the initial state of each server from the last of its first events.
func begin(events []Event) (*world, error) {
	if len(events) == 0 {
		return nil, errEmpty
	}
	w := &world{servers: map[string]*server{}, bootstrap: make([]bool, len(events)), last: map[string]*Event{}}
	running := set{}
	for i := range events {
		e := &events[i]
		if !isBeginning(e.Name) {
			running[e.Node] = true
		}
		if !running[e.Node] {
			w.bootstrap[i] = true
			w.last[e.Node] = e
			w.servers[e.Node] = initial(e)
		}
		if w.servers[e.Node] == nil {
			return nil, fmt.Errorf("node %s does not start with InitState", e.Node)
		}
	}
	for i := range events {
		for _, c := range events[i].Prop.Change.Changes[:min(1, len(events[i].Prop.Change.Changes))] {
			if c.Action != "RemoveServer" && w.servers[c.Node] == nil {
				return nil, fmt.Errorf("node %s is added and has no events", c.Node)
			}
		}
	}
	return w, nil
}

func initial(e *Event) *server {
	voters := e.Conf[0]
	if e.Name == "ApplyConfChange" {
		voters = e.Prop.Change.NewConf
	}
	s := &server{
		term: e.State.Term, commit: e.State.Commit, role: e.Role, vote: e.State.Vote,
		config: config{voters: setOf(voters), learners: set{}},
	}
	for range e.LogSize {
		s.log = append(s.log, entry{term: 1, change: &s.config})
	}
	s.forget()
	s.persist()
	return s
}

// forget clears the state that a restart or an election clears.
func (s *server) forget() {
	s.responded, s.granted, s.match = set{}, set{}, map[string]uint64{}
}

func (s *server) persist() {
	s.durable = durable{term: s.term, commit: s.commit, vote: s.vote, log: len(s.log), config: s.config}
}

func (s *server) lastTerm() uint64 { return s.termAt(uint64(len(s.log))) }

func (s *server) termAt(index uint64) uint64 {
	if index == 0 || index > uint64(len(s.log)) {
		return 0
	}
	return s.log[index-1].term
}

func (s *server) member(id string) bool { return s.config.voters[id] || s.config.learners[id] }

func (s *server) quorum(ids set) bool {
	for id := range ids {
		if !s.config.voters[id] {
			return false
		}
	}
	return 2*len(ids) > len(s.config.voters)
}

// shows compares a server with the state that an event shows; "" if they agree.
func (s *server) shows(e *Event) string {
	conf := setOf(e.Conf[0])
	switch {
	case s.term != e.State.Term:
		return fmt.Sprintf("term %d in the specification, %d in the trace", s.term, e.State.Term)
	case s.role != e.Role:
		return fmt.Sprintf("%s in the specification, %s in the trace", s.role, e.Role)
	case s.vote != e.State.Vote:
		return fmt.Sprintf("vote %s in the specification, %s in the trace", s.vote, e.State.Vote)
	case uint64(len(s.log)) != e.LogSize:
		return fmt.Sprintf("log size %d in the specification, %d in the trace", len(s.log), e.LogSize)
	case s.commit != e.State.Commit:
		return fmt.Sprintf("commit index %d in the specification, %d in the trace", s.commit, e.State.Commit)
	case len(e.Conf[1]) > 0:
		return "a joint configuration, which the specification does not have"
	case len(conf) != len(s.config.voters):
		return fmt.Sprintf("voters %v in the specification, %v in the trace", s.config.voters, e.Conf[0])
	}
	for id := range conf {
		if !s.config.voters[id] {
			return fmt.Sprintf("voters %v in the specification, %v in the trace", s.config.voters, e.Conf[0])
		}
	}
	return ""
}

// invariants of the specification that a step of one server can break.
func (w *world) invariants(id string) string {
	s := w.servers[id]
	if s.role == leader && s.commit > uint64(s.durable.log) {
		return "the leader has committed what is not durable"
	}
	for other, o := range w.servers {
		if other == id {
			continue
		}
		if s.role == leader && o.role == leader && s.term == o.term {
			return "two leaders in one term: " + other
		}
		n := min(s.commit, o.commit, uint64(len(s.log)), uint64(len(o.log)))
		if !slices.EqualFunc(s.log[:n], o.log[:n], func(a, b entry) bool { return a.term == b.term }) {
			return "committed entries differ from those of " + other
		}
	}
	return ""
}
