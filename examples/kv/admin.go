package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// The requests that change who takes part and who leads. They are carried out by the leader,
// and may be repeated: each one asks for a state, not for a step.

// adminRequest is a request as onLeader passes it on.
type adminRequest struct {
	*http.Request
	body []byte
}

// forced reports whether the client takes the risk that checkQuorum names.
func (req adminRequest) forced() bool { return flagIn(req.URL.Query(), "force") }

// memberReport is one replica in the answer to GET /members.
type memberReport struct {
	ID      uint64 `json:"id"`
	Address string `json:"address"`
	Peer    string `json:"peer,omitempty"`
	Role    string `json:"role"` // leader, voter or learner
	State   string `json:"state"`
	Match   uint64 `json:"match"` // the last index that is known to be on its disk
	Active  bool   `json:"recently_active"`
	// CatchUp is how far a learner is.
	CatchUp *catchUpReport `json:"catch_up,omitempty"`
}

type catchUpReport struct {
	State     string `json:"state"`
	Rounds    int    `json:"rounds"`
	LastTicks int    `json:"last_round_ticks"`
	Ticks     int    `json:"current_round_ticks"`
	Target    uint64 `json:"target"`
}

// membersReport is the answer to GET and POST /members.
type membersReport struct {
	Leader  uint64         `json:"leader"`
	Members []memberReport `json:"members"`
	Removed []uint64       `json:"removed"` // ids that are never used again
}

// listMembers answers with what the leader knows of everybody.
func (r *replica) listMembers(ctx context.Context, _ adminRequest) (any, error) {
	var report membersReport
	err := r.lead(ctx, func() error {
		report = r.loop.reportMembers()
		return nil
	})
	return report, err
}

func (l *loop) reportMembers() membersReport {
	status := l.node.Status()
	report := membersReport{Leader: status.Lead, Removed: l.store.members.removed()}
	l.node.WithProgress(func(id uint64, typ raft.ProgressType, pr tracker.Progress) {
		m := memberReport{
			ID: id, Address: l.store.members[id].Address, Peer: l.store.members[id].Peer, Role: "voter",
			State: strings.TrimPrefix(pr.State.String(), "State"), Match: pr.Match, Active: pr.RecentActive,
		}
		switch {
		case id == status.Lead:
			m.Role = "leader"
		case typ == raft.ProgressTypeLearner:
			m.Role = "learner"
		}
		if c, ok := status.CatchUp[id]; ok {
			m.CatchUp = &catchUpReport{State: c.State.String(), Rounds: c.Rounds, LastTicks: c.LastTicks, Ticks: c.Ticks, Target: c.Target}
		}
		report.Members = append(report.Members, m)
	})
	return report
}

// joinRequest is the body of POST /members.
type joinRequest struct {
	ID uint64 `json:"id"`
	member
}

// addMember makes a replica a learner, and a voter when it has caught up (thesis §4.2.1). It
// answers when it is a learner. The leader's promise to promote it ends with its
// leadership: who wants a voter asks until there is one.
func (r *replica) addMember(ctx context.Context, req adminRequest) (any, error) {
	var ask joinRequest
	if err := json.Unmarshal(req.body, &ask); err != nil {
		return nil, fmt.Errorf("%w: %w", errBadMember, err)
	}
	for _, base := range []string{ask.Address, ask.peer()} {
		if parsed, err := parseBase(base); err != nil || parsed != base {
			return nil, errBadMember
		}
	}
	description, err := ask.encode()
	if err != nil {
		return nil, err
	}
	err = r.lead(ctx, func() error {
		if err := r.store.members.check(ask.ID, ask.member); err != nil {
			return err
		}
		if err := r.loop.checkQuorum(0); err != nil && !req.forced() {
			return err
		}
		return r.loop.node.AddServer(ask.ID, description)
	})
	if err != nil {
		return nil, err
	}
	var report membersReport
	err = r.await(ctx, func() (bool, error) {
		report = r.loop.reportMembers()
		_, in := r.store.members[ask.ID]
		return in, r.loop.leads()
	})
	return report, err
}

// removeMember answers when the replica is removed. The leader may remove itself: it hands over.
func (r *replica) removeMember(ctx context.Context, req adminRequest) (any, error) {
	id, err := strconv.ParseUint(req.PathValue("id"), 10, 64)
	if err != nil {
		return nil, errUnknownID
	}
	err = r.lead(ctx, func() error {
		switch m, known := r.store.members[id]; {
		case !known:
			return errUnknownID
		case m.Removed:
			return nil
		}
		if err := r.loop.checkQuorum(id); err != nil && !req.forced() {
			return err
		}
		cc := raftpb.ConfChange{Type: raftpb.ConfChangeRemoveNode, NodeID: id}
		if err := r.loop.node.CheckConfChange(cc); err != nil {
			return err
		}
		return r.loop.node.ProposeConfChange(cc)
	})
	if err == nil {
		err = r.await(ctx, func() (bool, error) {
			if r.store.members[id].Removed {
				return true, nil
			}
			return false, r.loop.leads()
		})
	}
	if id == r.opts.id && errors.Is(err, errRemoved) {
		err = nil // it was quicker to leave than to answer
	}
	return nil, err
}

// transferLeader hands the leadership to the replica ?to=id, or to the best one, and answers
// when somebody else leads.
func (r *replica) transferLeader(ctx context.Context, req adminRequest) (any, error) {
	to, err := uint64(0), error(nil)
	if word := req.URL.Query().Get("to"); word != "" {
		if to, err = strconv.ParseUint(word, 10, 64); err != nil {
			return nil, errUnknownID
		}
	}
	err = r.lead(ctx, func() error {
		if to == 0 {
			return r.loop.node.StepDown()
		}
		if err := r.loop.node.CheckTransfer(to); err != nil {
			return err
		}
		r.loop.node.TransferLeader(to)
		return nil
	})
	if err != nil {
		return nil, err
	}
	var leader uint64
	err = r.await(ctx, func() (bool, error) {
		status := r.loop.node.BasicStatus()
		leader = status.Lead
		switch {
		case status.RaftState != raft.StateLeader:
			return leader != 0, nil
		case to == r.opts.id:
			return true, nil
		case status.LeadTransferee == 0:
			return false, errNotTransferred
		}
		return false, nil
	})
	return map[string]uint64{"leader": leader}, err
}

var errNotTransferred = errors.New("the transfer was given up: the other replica did not take over in time")

// lead runs f on the loop if this replica leads; otherwise the error matches raft.ErrNotLeader.
func (r *replica) lead(ctx context.Context, f func() error) error {
	var err error
	queryErr := r.query(ctx, func() {
		if err = r.loop.leads(); err == nil {
			err = f()
		}
	})
	return errors.Join(queryErr, err)
}

// leads returns nil if this node leads, and raft.ErrNotLeader otherwise.
func (l *loop) leads() error {
	if l.node.BasicStatus().RaftState != raft.StateLeader {
		return raft.ErrNotLeader
	}
	return nil
}

// adminStatus is the HTTP status for the outcome of a request.
func adminStatus(err error) int {
	for _, c := range []struct {
		err    error
		status int
	}{
		{nil, http.StatusOK},
		{errBadMember, http.StatusBadRequest},
		{errUnknownID, http.StatusNotFound},
		{errRemovedID, http.StatusConflict},
		{errRemoved, http.StatusGone},
		{errTakenID, http.StatusConflict},
		{errTakenPlace, http.StatusConflict},
		{errNoQuorum, http.StatusConflict},
		{raft.ErrBadConfChange, http.StatusConflict},
		{raft.ErrTransferTarget, http.StatusConflict},
	} {
		if errors.Is(err, c.err) {
			return c.status
		}
	}
	return http.StatusServiceUnavailable
}
