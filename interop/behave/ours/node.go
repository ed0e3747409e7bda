// Package ours drives this library as a program written for v3.6 does.
// Package etcd is the same text with etcd/raft's import path.
package ours

import (
	"fmt"
	"strings"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"

	"github.com/ffd200af/raft/interop/behave/call"
)

//go:generate go run ../../generate

type node struct {
	rn      *raft.RawNode
	storage *raft.MemoryStorage
	async   bool
	conf    *pb.ConfState
	rd      raft.Ready
	taken   bool // rd waits for Advance
	applied uint64

	appends, applies []pb.Message
}

// New returns a node that starts from a snapshot at index 10 and term 1. It panics if it cannot
// start.
func New(c call.Config, logger raft.Logger) call.Node {
	n := &node{storage: raft.NewMemoryStorage(), async: c.Async, applied: 10}
	n.conf = &pb.ConfState{Voters: c.Voters, Learners: c.Learners}
	must(n.storage.ApplySnapshot(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 10, Term: 1, ConfState: *n.conf}}))
	must(n.storage.SetHardState(pb.HardState{Term: 1, Commit: 10}))
	config := &raft.Config{
		ID: c.ID, ElectionTick: c.Election, HeartbeatTick: 1, Storage: n.storage, Applied: 10,
		AsyncStorageWrites: c.Async, MaxSizePerMsg: c.MaxSizePerMsg, MaxCommittedSizePerReady: c.MaxCommittedSizePerReady,
		MaxUncommittedEntriesSize: c.MaxUncommittedSize, MaxInflightMsgs: c.MaxInflight, MaxInflightBytes: c.MaxInflightBytes,
		CheckQuorum: c.CheckQuorum, PreVote: c.PreVote, Logger: logger, DisableProposalForwarding: c.NoForwarding,
		DisableConfChangeValidation: c.NoValidation, StepDownOnRemoval: c.StepDown,
	}
	if c.Lease {
		config.ReadOnlyOption = raft.ReadOnlyLeaseBased
	}
	rn, err := raft.NewRawNode(config)
	must(err)
	n.rn = rn
	return n
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (n *node) Leads() bool { return n.rn.BasicStatus().RaftState == raft.StateLeader }

func (n *node) Do(c call.Call) (a call.Answer) {
	defer func() {
		if r := recover(); r != nil {
			a = call.Answer{Text: fmt.Sprint("panic: ", r), Panicked: true}
		}
	}()
	switch c.Kind {
	case call.HasReady:
		// Until Advance it is false here, and may be true there.
		a.Text = fmt.Sprint(!n.taken && n.rn.HasReady())
	case call.Ready:
		if !n.taken && n.rn.HasReady() {
			n.ready(&a)
		}
	case call.Advance:
		if n.taken {
			n.taken = false
			n.apply(n.rd.CommittedEntries)
			n.rn.Advance(n.rd)
		}
	case call.Append, call.Apply:
		n.thread(c.Kind, &a)
	case call.Compact:
		a.Text = describe(n.storage.Compact(uint64(c.N)))
	case call.Status:
		st := n.rn.Status()
		basic := n.rn.BasicStatus()
		a.Text = fmt.Sprint(st.Config.String(), " ", basic.ID, basic.HardState, basic.SoftState, basic.Applied, basic.LeadTransferee, st.Progress == nil)
	default:
		a.Text = n.input(c)
	}
	return a
}

// input makes a call that returns an error at most.
func (n *node) input(c call.Call) string {
	var err error
	switch c.Kind {
	case call.Tick:
		n.rn.Tick()
	case call.TickQuiesced:
		n.rn.TickQuiesced()
	case call.Campaign:
		err = n.rn.Campaign()
	case call.Propose:
		err = n.rn.Propose([]byte(c.Data))
	case call.ProposeConfChange:
		changes, bad := pb.ConfChangesFromString(c.Data)
		must(bad)
		if c.N < 0 {
			err = n.rn.ProposeConfChange(pb.ConfChange{Type: changes[0].Type, NodeID: changes[0].NodeID})
		} else {
			err = n.rn.ProposeConfChange(pb.ConfChangeV2{Transition: pb.ConfChangeTransition(c.N), Changes: changes})
		}
	case call.Step:
		var m pb.Message
		must(m.Unmarshal([]byte(c.Data)))
		err = n.rn.Step(m)
	case call.ReportUnreachable:
		n.rn.ReportUnreachable(uint64(c.N))
	case call.ReportSnapshot:
		n.rn.ReportSnapshot(uint64(c.N), raft.SnapshotStatus(c.M))
	case call.TransferLeader:
		n.rn.TransferLeader(uint64(c.N))
	case call.ForgetLeader:
		err = n.rn.ForgetLeader()
	case call.ReadIndex:
		n.rn.ReadIndex([]byte(c.Data))
	}
	return describe(err)
}

// describe names the errors that v3.6 exports.
func describe(err error) string {
	switch err {
	case nil:
		return "ok"
	case raft.ErrCompacted, raft.ErrProposalDropped, raft.ErrStepLocalMsg, raft.ErrStepPeerNotFound:
		return err.Error()
	}
	return "another error: " + err.Error()
}

// ready takes a batch and persists it, or gives it to the threads.
func (n *node) ready(a *call.Answer) {
	rd := n.rn.Ready()
	for _, m := range rd.Messages {
		switch m.To {
		case raft.LocalAppendThread:
			n.appends = append(n.appends, m)
			a.Text += raft.DescribeMessage(m, nil)
		case raft.LocalApplyThread:
			n.applies = append(n.applies, m)
			a.Text += raft.DescribeMessage(m, nil)
		default:
			a.Messages = append(a.Messages, toOther(m))
		}
	}
	a.Text += fmt.Sprint(" nil ", rd.Entries == nil, rd.CommittedEntries == nil)
	head := rd
	head.Messages, head.ReadStates = nil, nil
	a.Ready = strings.Split(raft.DescribeReady(head, nil), "\n")
	if n.async {
		return
	}
	n.persist(rd.Entries, rd.HardState, rd.Snapshot)
	n.rd, n.taken = rd, true
}

func toOther(m pb.Message) call.Message {
	data, err := m.Marshal()
	must(err)
	return call.Message{To: m.To, Type: m.Type.String(), Text: raft.DescribeMessage(m, nil), Data: string(data)}
}

func (n *node) persist(entries []pb.Entry, hard pb.HardState, snapshot pb.Snapshot) {
	if !raft.IsEmptySnap(snapshot) {
		must(n.storage.ApplySnapshot(snapshot))
		n.applied = snapshot.Metadata.Index
		conf := snapshot.Metadata.ConfState
		n.conf = &conf
	}
	must(n.storage.Append(entries))
	if !raft.IsEmptyHardState(hard) {
		must(n.storage.SetHardState(hard))
	}
}

func (n *node) apply(entries []pb.Entry) {
	for _, e := range entries {
		n.applied = e.Index
		switch e.Type {
		case pb.EntryConfChange:
			var cc pb.ConfChange
			must(cc.Unmarshal(e.Data))
			n.conf = n.rn.ApplyConfChange(cc)
		case pb.EntryConfChangeV2:
			var cc pb.ConfChangeV2
			must(cc.Unmarshal(e.Data))
			n.conf = n.rn.ApplyConfChange(cc)
		}
	}
}

// thread does what the oldest message to a storage thread asks for, and steps what comes back to
// this node.
func (n *node) thread(kind call.Kind, a *call.Answer) {
	queue := &n.appends
	if kind == call.Apply {
		queue = &n.applies
	}
	if len(*queue) == 0 {
		return
	}
	m := (*queue)[0]
	*queue = (*queue)[1:]
	if kind == call.Apply {
		n.apply(m.Entries)
	} else {
		var snapshot pb.Snapshot
		if m.Snapshot != nil {
			snapshot = *m.Snapshot
		}
		n.persist(m.Entries, pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}, snapshot)
	}
	for _, resp := range m.Responses {
		if resp.To == uint64(n.rn.BasicStatus().ID) {
			if text := describe(n.rn.Step(resp)); text != "ok" {
				a.Text += text
			}
		} else {
			a.Messages = append(a.Messages, toOther(resp))
		}
	}
}
