package sim

import (
	"fmt"
	"slices"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// How an experiment brings a cluster into the state that it is about. Chance has no part in it but
// for times.

// runs takes the next event if it comes no later than a moment.
func (s *simulation) runs(until uint64) bool {
	return s.q.due(until) && s.step()
}

// runUntil lets time pass.
func (s *simulation) runUntil(moment uint64) {
	for s.w.failure == nil && s.runs(moment) {
	}
	s.now = moment
}

// await runs until something has come about. The time for it is bounded: with delays beyond the
// timeouts it never may.
func (s *simulation) await(what string, done func() bool) error {
	for end := s.now + ticks(10*s.w.base.ElectionTick); !done(); {
		if s.w.failure != nil {
			return s.w.failure
		}
		if !s.runs(end) {
			return fmt.Errorf("%w: %s has not come about within ten election timeouts", ErrConfig, what)
		}
	}
	return nil
}

// settle runs until nobody has anything to do but to wait for time to pass.
func (s *simulation) settle() error {
	return s.await("rest", func() bool {
		for _, h := range s.hosts {
			if h.rn != nil && (h.blocked || h.readyDue || h.appendBusy || h.applyBusy || h.rn.HasReady()) {
				return false
			}
		}
		return len(s.w.free) == len(s.w.flights)
	})
}

// prepareLeader has one of the servers elected, while writes take no time.
func (s *simulation) prepareLeader() (*host, error) {
	s.writeTime = 0
	lead := s.hosts[s.r.below(len(s.hosts))]
	_ = s.w.ask(lead.node, action{kind: doCampaign})
	s.after(lead)
	if err := s.settle(); err != nil {
		return nil, err
	}
	if s.leader() != lead {
		return nil, fmt.Errorf("%w: the first candidate was not elected", ErrConfig)
	}
	return lead, nil
}

// stagger gives all followers logs of different lengths. Each entry reaches one follower less than
// the one before. What they miss is not sent again: the leader's messages get through to them
// afterwards, their answers do not.
func (s *simulation) stagger(lead *host) error {
	behind := slices.DeleteFunc(slices.Clone(s.hosts), func(h *host) bool { return h == lead })
	for i := range behind { // in any order
		j := i + s.r.below(len(behind)-i)
		behind[i], behind[j] = behind[j], behind[i]
	}
	for _, h := range behind[1:] {
		s.net.cut[lead.id-1] |= 1 << (h.id - 1)
		s.net.cut[h.id-1] |= 1 << (lead.id - 1)
		if err := s.propose(lead); err != nil {
			return err
		}
		if err := s.settle(); err != nil {
			return err
		}
	}
	s.net.cut[lead.id-1] = 0
	return nil
}

func (s *simulation) propose(lead *host) error {
	if err := s.w.ask(lead.node, action{kind: doPropose, data: []byte("entry")}); err != nil {
		return fmt.Errorf("%w: the leader does not stay one: %w", ErrConfig, err)
	}
	s.after(lead)
	return nil
}

// awaitHeartbeat runs until a leader has just sent heartbeats to everybody.
func (s *simulation) awaitHeartbeat(lead *host) error {
	return s.await("a heartbeat", func() bool {
		n := 0
		for i := range s.w.flights {
			if m := &s.w.flights[i]; m.Type == pb.MsgHeartbeat && m.sender == lead.id {
				n++
			}
		}
		return n == len(s.hosts)-1
	})
}

// broadcast sends an entry from the leader to all others, and returns the time from then to the
// last of their answers, in microseconds.
func (s *simulation) broadcast(lead *host) (uint64, error) {
	if err := s.propose(lead); err != nil {
		return 0, err
	}
	// Without asynchronous storage writes nothing leaves before the leader's own write is done.
	if err := s.await("the leader's write", func() bool { return !lead.blocked }); err != nil {
		return 0, err
	}
	sent, index := s.now, lead.Log.Last()
	err := s.await("the last answer", func() bool {
		all := true
		lead.rn.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
			all = all && (id == lead.id || pr.Match >= index)
		})
		return all
	})
	took := s.now - sent
	if err == nil {
		err = s.settle()
	}
	return took, err
}
