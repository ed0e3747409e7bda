package rafttest

import (
	"fmt"
	"math"
	"strings"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/driver"
	pb "github.com/ffd200af/raft/raftpb"
)

// scriptReplica is the disk of a replica, whose id is that of its store.
type scriptReplica struct {
	*raft.MemoryStorage
	driver.Driver
	store  *scriptStore
	group  uint64
	config raft.Config
	data   []string
}

func (r *scriptReplica) describe() string {
	if r.store.Store == nil {
		return "down"
	}
	list, _ := r.store.Status(nil, 0, math.MaxInt32)
	for i := range list {
		if st := &list[i]; st.Group == r.group {
			return fmt.Sprintf("%s term %d lead %d commit %d applied [%s]%s", st.RaftState, st.Term, st.Lead, st.Commit,
				strings.Join(r.data, " "), map[bool]string{true: ", asleep"}[st.Asleep])
		}
	}
	return "removed"
}

// Write implements driver.Host.
func (r *scriptReplica) Write(w *driver.Write) error { return w.Onto(r) }

// Restore implements driver.Host.
func (r *scriptReplica) Restore(*pb.Snapshot) error { return nil }

// Send implements driver.Host. Stores send batches instead.
func (r *scriptReplica) Send([]pb.Message) {}

// ApplyConfChange implements driver.Host.
func (r *scriptReplica) ApplyConfChange(cc pb.ConfChangeI) *pb.ConfState {
	cs, err := r.store.ApplyConfChange(r.group, cc)
	if err != nil {
		return &pb.ConfState{}
	}
	return cs
}

// Apply implements driver.Host.
func (r *scriptReplica) Apply(e *pb.Entry, _ pb.ConfChangeI, _ *pb.ConfState) error {
	if e.Type == pb.EntryNormal && len(e.Data) > 0 {
		r.data = append(r.data, string(e.Data))
	}
	return nil
}

// Acknowledge implements driver.Host. There are no threads.
func (r *scriptReplica) Acknowledge(int, pb.Message) {}
