package picture

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// StatusOf is the status of a node that is up, in a configuration. Its disk has the log up to
// durable.
func StatusOf(st *raft.BasicStatus, conf *pb.ConfState, durable uint64, quarantined bool) Status {
	s := Status{
		Term: st.Term, Vote: st.Vote, Lead: st.Lead, Commit: st.Commit, Applied: st.Applied, Durable: durable,
		Quarantined: quarantined,
	}
	switch st.RaftState {
	case raft.StateLeader:
		s.Role = Leader
	case raft.StateCandidate:
		s.Role = Candidate
	case raft.StatePreCandidate:
		s.Role = PreCandidate
	default:
		s.Role = Follower
	}
	s.configure(st.ID, conf)
	return s
}

// configure fills in the configuration of the node with an id.
func (s *Status) configure(id uint64, conf *pb.ConfState) {
	s.Voters, s.Outgoing, s.Learners = ids(conf.Voters), ids(conf.VotersOutgoing), ids(conf.Learners, conf.LearnersNext)
	s.Voter = slices.Contains(conf.Voters, id) || slices.Contains(conf.VotersOutgoing, id)
}

func ids(lists ...[]uint64) string {
	var words []string
	for _, list := range lists {
		for _, id := range list {
			words = append(words, fmt.Sprint(id))
		}
	}
	return strings.Join(words, " ")
}

// config renders the configuration.
func (s *Status) config() string {
	text := "voters " + s.Voters
	if s.Outgoing != "" {
		text += " and " + s.Outgoing
	}
	if s.Learners != "" {
		text += ", learners " + s.Learners
	}
	return text
}

// halves are the voters of the configuration.
func (s *Status) halves() (halves [][]uint64) {
	for _, list := range []string{s.Voters, s.Outgoing} {
		var voters []uint64
		for word := range strings.FieldsSeq(list) {
			id, err := strconv.ParseUint(word, 10, 64)
			if err != nil {
				return nil // a program's own words
			}
			voters = append(voters, id)
		}
		if len(voters) > 0 {
			halves = append(halves, voters)
		}
	}
	return halves
}

// title is a node's role and term.
func (s *Status) title() string {
	switch {
	case s.Quarantined:
		return "quarantined"
	case s.Role == Down:
		return "down"
	}
	if s.Asleep {
		return fmt.Sprintf("%s, term %d, asleep", s.Role, s.Term)
	}
	return fmt.Sprintf("%s, term %d", s.Role, s.Term)
}

// changes renders what an event has changed, for a reader who knows the status before it. The role
// and the log have marks of their own.
func (s *Status) changes(before *Status) string {
	if s.Role == Down || s.Quarantined {
		return ""
	}
	var words []string
	say := func(changed bool, format string, args ...any) {
		if changed {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	fresh := before.Role == Down
	say(before.Asleep && !s.Asleep, "wakes")
	say(s.Vote != 0 && (s.Vote != before.Vote || s.Term != before.Term || fresh), "votes for %d", s.Vote)
	say(s.Role == Follower && s.Lead != 0 && (s.Lead != before.Lead || s.Term != before.Term), "follows %d", s.Lead)
	say(s.Role == Follower && s.Lead == 0 && before.Lead != 0 && s.Term == before.Term && before.Role == Follower, "no leader")
	say(s.config() != before.config() && (!fresh || before.Voters != ""), "%s", s.config())
	return strings.Join(words, ", ")
}
