package raft

import (
	"slices"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
)

// Arguments that a program may overwrite once a call has returned, with v3.6 as here: the node
// reads them, and does not keep them.
func TestWhatIsGivenToACallIsNotKept(t *testing.T) {
	voters := []uint64{1, 2, 3}
	cs := pb.ConfState{Voters: slices.Clone(voters)}
	for _, tc := range []struct {
		name string
		use  func(t *testing.T, c *testCluster)
	}{
		{"the context of a proposed change", func(t *testing.T, c *testCluster) {
			context, changes := []byte("context"), []pb.ConfChangeSingle{{Type: pb.ConfChangeAddLearnerNode, NodeID: 9}}
			noError(t, c.node(1).ProposeConfChange(pb.ConfChangeV2{Changes: changes, Context: context}))
			fill(context, 'x')
			fill(changes, pb.ConfChangeSingle{NodeID: 77})
			c.settle()
			c.wantConfig("voters=(1 2 3) learners=(9)", 1, 2, 3)
			var cc pb.ConfChangeV2
			last := c.node(2).applied[len(c.node(2).applied)-1]
			noError(t, cc.Unmarshal(last.Data))
			if string(cc.Context) != "context" {
				t.Errorf("the context is %q", cc.Context)
			}
		}},
		{"an applied change", func(t *testing.T, c *testCluster) {
			changes := []pb.ConfChangeSingle{{Type: pb.ConfChangeAddLearnerNode, NodeID: 9}}
			got := c.node(1).ApplyConfChange(pb.ConfChangeV2{Changes: changes})
			fill(changes, pb.ConfChangeSingle{NodeID: 77})
			fill(got.Voters, 77)
			fill(got.Learners, 77)
			c.wantConfig("voters=(1 2 3) learners=(9)", 1)
		}},
		{"the entries of an append", func(t *testing.T, c *testCluster) {
			entries := []pb.Entry{{Term: 2, Index: 3, Data: []byte("a")}, {Term: 2, Index: 4, Data: []byte("b")}}
			c.step(pb.Message{Type: pb.MsgApp, From: 1, To: 2, Term: 2, LogTerm: 2, Index: 2, Entries: entries, Commit: 4})
			fill(entries, junkEntry)
			c.settle()
			if got := c.appliedData(2); got != "a b " {
				t.Errorf("applied %q", got)
			}
		}},
		{"the entries of a proposal", func(t *testing.T, c *testCluster) {
			entries := []pb.Entry{{Data: []byte("a")}, {Data: []byte("b")}}
			for id := uint64(1); id <= 2; id++ { // one appends, one forwards
				c.step(pb.Message{Type: pb.MsgProp, From: id, To: id, Entries: slices.Clone(entries)})
				kept := slices.Clone(entries)
				c.step(pb.Message{Type: pb.MsgProp, From: id, To: id, Entries: kept})
				fill(kept, junkEntry)
			}
			c.settle()
			c.wantApplied("a b a b a b a b ")
		}},
		{"the struct of a snapshot", func(t *testing.T, c *testCluster) {
			s := pb.Snapshot{Data: []byte("state"), Metadata: pb.SnapshotMetadata{Index: 9, Term: 2, ConfState: cs}}
			c.step(pb.Message{Type: pb.MsgSnap, From: 1, To: 2, Term: 2, Snapshot: &s})
			s = pb.Snapshot{}
			if rd := c.node(2).Ready(); rd.Snapshot.Metadata.Index != 9 || string(rd.Snapshot.Data) != "state" {
				t.Errorf("the snapshot is %+v", rd.Snapshot)
			}
		}},
		{"a follower's read context, once the question is sent", func(t *testing.T, c *testCluster) {
			context := []byte("context")
			c.node(2).ReadIndex(context)
			c.ready(2)
			fill(context, 'x')
			c.settle()
			c.wantRead(c.node(2).reads, "context", 2)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newTestCluster(t, len(voters), nil)
			c.elect(1)
			tc.use(t, c)
		})
	}
}

func TestBootstrapAndNewRawNodeKeepNothing(t *testing.T) {
	storage := NewMemoryStorage()
	cfg := testConfig(1, storage)
	n, err := NewRawNode(&cfg)
	noError(t, err)
	cfg = Config{}
	peers := []Peer{{ID: 1, Context: []byte("context")}}
	noError(t, n.Bootstrap(peers))
	fill(peers[0].Context, 'x')
	fill(peers, Peer{ID: 77})
	var cc pb.ConfChange
	noError(t, cc.Unmarshal(n.Ready().Entries[0].Data))
	if cc.NodeID != 1 || string(cc.Context) != "context" {
		t.Errorf("the change is %+v", cc)
	}
}
