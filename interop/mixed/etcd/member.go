// Code generated from package ours by go generate. DO NOT EDIT.

// Package etcd makes members of etcd/raft's nodes. It is the text of package ours with
// etcd/raft's import path.
package etcd

import (
	"fmt"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/ffd200af/raft/interop/mixed/member"
)

// Kind is what members of this package are.
const Kind = "etcd"

type node struct {
	*raft.RawNode
	config  member.Config
	storage *raft.MemoryStorage
	conf    pb.ConfState
	applied uint64
	state   uint64

	appends, applies []pb.Message // for the storage threads
}

// New returns a member whose disk holds what disk says. It panics on a disk that cannot be used:
// that is an error of the test.
func New(config member.Config, disk member.Disk) member.Member {
	n := &node{config: config, storage: raft.NewMemoryStorage()}
	n.load(disk)
	rn, err := raft.NewRawNode(&raft.Config{
		ID:                 config.ID,
		ElectionTick:       10,
		HeartbeatTick:      1,
		Storage:            n.storage,
		Applied:            n.applied,
		MaxSizePerMsg:      30,
		MaxInflightMsgs:    4,
		PreVote:            config.PreVote,
		CheckQuorum:        config.CheckQuorum,
		AsyncStorageWrites: config.Async,
		Logger:             silent{},
	})
	must(err)
	n.RawNode = rn
	return n
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func (n *node) load(disk member.Disk) {
	var snapshot pb.Snapshot
	must(snapshot.Unmarshal(disk.Snapshot))
	must(n.storage.ApplySnapshot(snapshot))
	n.conf = snapshot.Metadata.ConfState
	n.applied, n.state = snapshot.Metadata.Index, member.Restored(snapshot.Data)
	for _, data := range disk.Entries {
		var entry pb.Entry
		must(entry.Unmarshal(data))
		must(n.storage.Append([]pb.Entry{entry}))
	}
	var hard pb.HardState
	must(hard.Unmarshal(disk.HardState))
	must(n.storage.SetHardState(hard))
}

func (n *node) Stop() member.Disk {
	hard, _, err := n.storage.InitialState()
	must(err)
	snapshot, err := n.storage.Snapshot()
	must(err)
	first, err := n.storage.FirstIndex()
	must(err)
	last, err := n.storage.LastIndex()
	must(err)
	// The log may begin before the snapshot; what a disk holds begins after it.
	var disk member.Disk
	if first = max(first, snapshot.Metadata.Index+1); first <= last {
		entries, err := n.storage.Entries(first, last+1, 1<<40)
		must(err)
		disk.Entries = encodeAll(entries)
	}
	disk.HardState, disk.Snapshot = encode(&hard), encode(&snapshot)
	return disk
}

func encode(m interface{ Marshal() ([]byte, error) }) []byte {
	data, err := m.Marshal()
	must(err)
	return data
}

func encodeAll(entries []pb.Entry) [][]byte {
	var all [][]byte
	for i := range entries {
		all = append(all, encode(&entries[i]))
	}
	return all
}

func (n *node) Kind() string { return Kind }

func (n *node) State() member.State {
	s := n.BasicStatus()
	return member.State{
		Term: s.Term, Vote: s.Vote, Commit: s.Commit, Applied: n.applied, Lead: s.Lead,
		Role: uint64(s.RaftState), Leads: s.RaftState == raft.StateLeader,
	}
}

func (n *node) Step(data []byte) error {
	var m pb.Message
	if err := m.Unmarshal(data); err != nil {
		return fmt.Errorf("a message from a peer: %w", err)
	}
	return n.RawNode.Step(m)
}

func (n *node) Change(encoded []byte) error {
	var cc pb.ConfChangeV2
	must(cc.Unmarshal(encoded))
	return n.ProposeConfChange(cc)
}

func (n *node) Transfer(to uint64) { n.TransferLeader(to) }

func (n *node) ReportSnapshot(to uint64, delivered bool) {
	status := raft.SnapshotFinish
	if !delivered {
		status = raft.SnapshotFailure
	}
	n.RawNode.ReportSnapshot(to, status)
}

func (n *node) Work(out member.Output) bool {
	if !n.HasReady() {
		return false
	}
	rd := n.Ready()
	out.HandsOut(encodeAll(rd.Entries), encode(&rd.Snapshot))
	for _, rs := range rd.ReadStates {
		out.Answers(rs.RequestCtx, rs.Index)
	}
	if n.config.Async {
		for i := range rd.Messages {
			n.route(&rd.Messages[i], out)
		}
		return true
	}
	n.save(rd.Snapshot, rd.Entries, rd.HardState, out)
	for i := range rd.Messages {
		n.route(&rd.Messages[i], out)
	}
	n.apply(rd.CommittedEntries, out)
	n.Advance(rd)
	return true
}

// route sends a message where it belongs: to a peer, a storage thread, or this node.
func (n *node) route(m *pb.Message, out member.Output) {
	switch m.To {
	case raft.LocalAppendThread:
		n.appends = append(n.appends, *m)
	case raft.LocalApplyThread:
		n.applies = append(n.applies, *m)
	case n.config.ID:
		_ = n.RawNode.Step(*m) // a node that was removed meanwhile refuses its own answers
	default:
		out.Sends(member.Message{From: n.config.ID, To: m.To, Data: encode(m), Snapshot: m.Type == pb.MsgSnap})
	}
}

func (n *node) Append(out member.Output) bool {
	if len(n.appends) == 0 {
		return false
	}
	m := n.appends[0]
	n.appends = n.appends[1:]
	var snapshot pb.Snapshot
	if m.Snapshot != nil {
		snapshot = *m.Snapshot
	}
	n.save(snapshot, m.Entries, pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}, out)
	n.answer(&m, out)
	return true
}

func (n *node) Apply(out member.Output) bool {
	if len(n.applies) == 0 {
		return false
	}
	m := n.applies[0]
	n.applies = n.applies[1:]
	n.apply(m.Entries, out)
	n.answer(&m, out)
	return true
}

func (n *node) answer(m *pb.Message, out member.Output) {
	for i := range m.Responses {
		n.route(&m.Responses[i], out)
	}
}

func (n *node) save(snapshot pb.Snapshot, entries []pb.Entry, hard pb.HardState, out member.Output) {
	if !raft.IsEmptySnap(snapshot) {
		must(n.storage.ApplySnapshot(snapshot))
		n.conf = snapshot.Metadata.ConfState
		n.applied, n.state = snapshot.Metadata.Index, member.Restored(snapshot.Data)
	}
	must(n.storage.Append(entries))
	if !raft.IsEmptyHardState(hard) {
		must(n.storage.SetHardState(hard))
	}
	out.Writes(encode(&hard), encodeAll(entries), encode(&snapshot))
}

func (n *node) apply(entries []pb.Entry, out member.Output) {
	for i := range entries {
		e := &entries[i]
		if e.Index <= n.applied {
			continue // a snapshot was faster
		}
		out.Applies(encode(e))
		switch e.Type {
		case pb.EntryConfChange:
			var cc pb.ConfChange
			must(cc.Unmarshal(e.Data))
			n.conf = *n.ApplyConfChange(cc)
		case pb.EntryConfChangeV2:
			var cc pb.ConfChangeV2
			must(cc.Unmarshal(e.Data))
			n.conf = *n.ApplyConfChange(cc)
		}
		if e.Type != pb.EntryNormal {
			out.Configures(e.Index, encode(&n.conf))
		}
		n.applied, n.state = e.Index, member.Mix(n.state, e.Data)
		out.Stands(n.applied, n.state)
	}
}

func (n *node) Compact(keep uint64) error {
	if len(n.appends)+len(n.applies) > 0 || n.applied <= keep {
		return nil
	}
	if _, err := n.storage.CreateSnapshot(n.applied, &n.conf, member.Saved(n.state)); err != nil {
		return err
	}
	return n.storage.Compact(n.applied - keep)
}

// silent is a Logger that says nothing.
type silent struct{}

func (silent) Debug(...any)            {}
func (silent) Debugf(string, ...any)   {}
func (silent) Error(...any)            {}
func (silent) Errorf(string, ...any)   {}
func (silent) Info(...any)             {}
func (silent) Infof(string, ...any)    {}
func (silent) Warning(...any)          {}
func (silent) Warningf(string, ...any) {}
func (silent) Fatal(v ...any)          { panic(fmt.Sprint(v...)) }
func (silent) Fatalf(f string, v ...any) {
	panic(fmt.Sprintf(f, v...))
}
func (silent) Panic(v ...any)            { panic(fmt.Sprint(v...)) }
func (silent) Panicf(f string, v ...any) { panic(fmt.Sprintf(f, v...)) }
