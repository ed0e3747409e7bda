package tracecheck

import (
	"fmt"
	"strings"
)

// step takes the step of an event. If the event is no step of the specification, it returns the
// reason.
func (w *world) step(e *Event) string {
	if w.servers[e.Node] == nil {
		return "unknown server"
	}
	s := w.servers[e.Node]
	if e.Message != nil {
		if w.servers[e.Message.From] == nil || w.servers[e.Message.To] == nil {
			return "the message is to or from a server that has no events"
		}
		if strings.HasPrefix(e.Name, "Receive") {
			return w.receive(e)
		}
		return w.send(e)
	}
	switch e.Name {
	case "Ready":
		s.persist()
		w.network = append(w.network, s.pending...)
		s.pending = nil
	case "InitState":
		return s.restart(e)
	case "BecomeFollower":
		return w.stepDown(s, e)
	case "BecomeCandidate":
		return s.timeout(e)
	case "BecomeLeader":
		return s.lead(e)
	case "Commit":
		return s.advanceCommit(e)
	case "Replicate":
		return s.replicate(nil)
	case "ChangeConf":
		return s.changeConf(e)
	case "ApplyConfChange":
		return s.applyConfChange()
	default:
		return "no such event"
	}
	return ""
}

func (s *server) restart(e *Event) string {
	d := s.durable
	s.role, s.term, s.commit, s.vote, s.config = follower, d.term, d.commit, d.vote, d.config
	s.log = s.log[:min(len(s.log), d.log)]
	s.pendingChange, s.pending = 0, nil
	s.forget()
	return s.shows(e)
}

// stepDown is a separate step only if the message before it did not cause it.
func (w *world) stepDown(s *server, e *Event) string {
	if last := w.last[e.Node]; last.Message != nil && strings.HasPrefix(last.Name, "Receive") && last.Message.Term == e.State.Term {
		newTerm := last.State.Term < last.Message.Term
		lost := last.Name == "ReceiveAppendEntriesRequest" && last.State.Term == last.Message.Term && last.Role == candidate
		if newTerm || lost {
			return ""
		}
	}
	if s.role == follower {
		return "a follower steps down"
	}
	s.role = follower
	return s.shows(e)
}

func (s *server) timeout(e *Event) string {
	if s.role == leader || !s.config.voters[e.Node] {
		return fmt.Sprintf("%s campaigns in the configuration of %v", s.role, s.config.voters)
	}
	s.role, s.vote = candidate, e.Node
	s.term++
	s.responded, s.granted = set{}, set{}
	if s.term != e.State.Term || s.role != e.Role {
		return fmt.Sprintf("campaigns in term %d in the specification, as %s in term %d in the trace", s.term, e.Role, e.State.Term)
	}
	return ""
}

func (s *server) lead(e *Event) string {
	if s.role != candidate || !s.quorum(s.granted) {
		return fmt.Sprintf("%s with the votes of %v among %v", s.role, s.granted, s.config.voters)
	}
	s.role = leader
	s.match = map[string]uint64{e.Node: uint64(len(s.log))}
	return s.shows(e)
}

func (s *server) advanceCommit(e *Event) string {
	if s.role != leader {
		return s.role + " commits by counting"
	}
	for index := uint64(len(s.log)); index > 0; index-- {
		agree := 0
		for id := range s.config.voters {
			if s.match[id] >= index {
				agree++
			}
		}
		if 2*agree > len(s.config.voters) {
			if s.log[index-1].term == s.term {
				s.commit = max(s.commit, index)
			}
			break
		}
	}
	return s.shows(e)
}

func (s *server) replicate(change *config) string {
	if s.role != leader {
		return s.role + " appends a proposal"
	}
	s.log = append(s.log[:len(s.log):len(s.log)], entry{term: s.term, change: change})
	return ""
}

func (s *server) changeConf(e *Event) string {
	changes := e.Prop.Change.Changes
	if len(changes) != 1 {
		return fmt.Sprintf("%d changes at once", len(changes))
	}
	id, next := changes[0].Node, s.config
	switch action := changes[0].Action; {
	case action == "AddNewServer" && !s.config.voters[id]:
		next.voters = next.voters.with(id)
	case action == "AddLearner" && !s.member(id):
		next.learners = next.learners.with(id)
	case action == "RemoveServer" && s.member(id):
		next.voters, next.learners = next.voters.without(id), next.learners.without(id)
	default:
		return fmt.Sprintf("%s %s in %v", action, id, s.config)
	}
	if s.pendingChange != 0 {
		return s.replicate(nil)
	}
	if reason := s.replicate(&next); reason != "" {
		return reason
	}
	s.pendingChange = len(s.log)
	return ""
}

func (s *server) applyConfChange() string {
	for k := s.commit; k > 0; k-- {
		if change := s.log[k-1].change; change != nil {
			s.config = *change
			if s.role == leader && s.pendingChange >= int(k) {
				s.pendingChange = 0
			}
			return ""
		}
	}
	return "no configuration change is committed"
}
