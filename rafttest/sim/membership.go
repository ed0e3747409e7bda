package sim

import (
	"slices"

	pb "github.com/ffd200af/raft/raftpb"
)

// What an operator does: servers join, are promoted, demoted and removed, in simple changes and in
// joint ones. It replaces servers that have lost their disks, and asks for nothing that would leave
// the cluster without a quorum.

func (s *simulation) scheduleAdmin() {
	mean := s.faults.Member
	if mean == 0 && s.faults.LoseDisk > 0 {
		mean = 60 // what is lost is still replaced
	}
	if mean > 0 {
		s.q.push(event{at: s.now + s.r.around(ticks(mean)), node: -1, kind: evAdmin})
	}
}

// maxMembers bounds the voters and learners together.
const maxMembers = 7

func (s *simulation) admin() {
	if s.recovering {
		return
	}
	s.scheduleAdmin()
	h := s.leader()
	if h == nil || h.blocked {
		return
	}
	switch cs := &h.Conf; {
	case len(cs.VotersOutgoing) > 0:
		if !cs.AutoLeave {
			s.change(h, pb.ConfChangeV2{})
		}
	case s.replaceLost(h):
	case s.faults.Member > 0:
		s.churn(h)
	}
	s.after(h)
}

func (s *simulation) change(h *host, cc pb.ConfChangeV2) {
	data, err := cc.Marshal()
	if err != nil {
		panic(err) // a change that is made here has an encoding
	}
	// It may be refused, for example because another one is under way.
	_ = s.w.ask(h.node, action{kind: doConfChange, data: data})
}

func single(t pb.ConfChangeType, id uint64) pb.ConfChangeSingle {
	return pb.ConfChangeSingle{Type: t, NodeID: id}
}

// replaceLost removes a server without a disk, and brings in another one.
func (s *simulation) replaceLost(h *host) bool {
	cs := &h.Conf
	for _, ids := range [...][]uint64{cs.Voters, cs.Learners} {
		for _, id := range ids {
			if !s.w.node(id).lost {
				continue
			}
			if len(cs.Voters) == 1 {
				return false
			}
			s.removed |= 1 << (id - 1)
			s.change(h, pb.ConfChangeV2{Changes: []pb.ConfChangeSingle{single(pb.ConfChangeRemoveNode, id)}})
			return true
		}
	}
	if s.faults.Member == 0 && len(cs.Voters) < s.cfg.Nodes {
		if id := s.candidateMember(cs); id != 0 {
			_ = s.w.ask(h.node, action{kind: doAddServer, peer: id})
			return true
		}
	}
	return false
}

// candidateMember returns a server that can join: a learner, one that has not joined yet, or a new
// one. 0 if there is none.
func (s *simulation) candidateMember(cs *pb.ConfState) uint64 {
	for _, id := range cs.Learners {
		if !s.w.node(id).lost {
			return id
		}
	}
	for _, n := range s.w.nodes {
		if !isMember(cs, n.id) && s.removed>>(n.id-1)&1 == 0 && !n.lost {
			return n.id
		}
	}
	if len(s.hosts) >= s.faults.MaxNodes {
		return 0
	}
	return s.addHost(s.w.join()).id
}

func isMember(cs *pb.ConfState, id uint64) (found bool) {
	members(cs, func(m uint64) { found = found || m == id })
	return found
}

// churn asks for a change that is drawn.
func (s *simulation) churn(h *host) {
	cs := &h.Conf
	if len(cs.Voters) == 0 {
		return // the application has not applied the first configuration, see Faults.ApplyLate
	}
	if s.r.chance(0.3) {
		if id := s.candidateMember(cs); id != 0 && len(cs.Voters)+len(cs.Learners) < maxMembers {
			if slices.Contains(cs.Learners, id) && s.r.chance(0.3) {
				_ = s.w.ask(h.node, action{kind: doAwait, peer: id})
			} else {
				_ = s.w.ask(h.node, action{kind: doAddServer, peer: id})
			}
			return
		}
	}
	cc := pb.ConfChangeV2{Transition: pb.ConfChangeTransition(s.r.below(3))}
	voters, size := slices.Clone(cs.Voters), len(cs.Voters)+len(cs.Learners)
	for range s.r.between(1, 3) {
		c, ok := s.drawChange(cs, size)
		if !ok || slices.ContainsFunc(cc.Changes, func(o pb.ConfChangeSingle) bool { return o.NodeID == c.NodeID }) {
			continue
		}
		switch c.Type {
		case pb.ConfChangeAddLearnerNode, pb.ConfChangeRemoveNode:
			voters = slices.DeleteFunc(voters, func(id uint64) bool { return id == c.NodeID })
		case pb.ConfChangeAddNode:
			voters = append(voters, c.NodeID)
		}
		cc.Changes = append(cc.Changes, c)
	}
	if len(cc.Changes) == 0 || !s.quorumLives(cs.Voters) || !s.quorumLives(voters) {
		return
	}
	for _, c := range cc.Changes {
		if c.Type == pb.ConfChangeRemoveNode {
			s.removed |= 1 << (c.NodeID - 1)
		}
	}
	if s.faults.Batches && s.r.chance(0.1) {
		cc.Context = []byte(refusedChange)
	}
	s.change(h, cc)
}

// drawChange draws a change of one member.
func (s *simulation) drawChange(cs *pb.ConfState, size int) (pb.ConfChangeSingle, bool) {
	switch s.r.below(6) {
	case 5:
		return single(pb.ConfChangeUpdateNode, s.drawMember(cs)), true
	case 0:
		return single(pb.ConfChangeRemoveNode, s.drawMember(cs)), true
	case 1:
		return single(pb.ConfChangeAddLearnerNode, s.drawMember(cs)), true // demotes a voter
	}
	id := s.candidateMember(cs)
	if id == 0 || size >= maxMembers {
		return pb.ConfChangeSingle{}, false
	}
	if s.r.chance(0.3) && !slices.Contains(cs.Learners, id) {
		return single(pb.ConfChangeAddLearnerNode, id), true
	}
	return single(pb.ConfChangeAddNode, id), true
}

func (s *simulation) drawMember(cs *pb.ConfState) uint64 {
	i := s.r.below(len(cs.Voters) + len(cs.Learners))
	if i < len(cs.Voters) {
		return cs.Voters[i]
	}
	return cs.Learners[i-len(cs.Voters)]
}

// quorumLives reports whether most of the voters have their disks.
func (s *simulation) quorumLives(voters []uint64) bool {
	live := 0
	for _, id := range voters {
		if !s.w.node(id).lost {
			live++
		}
	}
	return live > len(voters)/2
}
