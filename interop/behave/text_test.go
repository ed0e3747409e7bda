package behave

import (
	"bytes"
	"log"
	"math/rand/v2"
	"testing"

	etcd "go.etcd.io/raft/v3"
	etcdquorum "go.etcd.io/raft/v3/quorum"
	etcdpb "go.etcd.io/raft/v3/raftpb"
	etcdtracker "go.etcd.io/raft/v3/tracker"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/quorum"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

type (
	ourAcks   map[uint64]quorum.Index
	theirAcks map[uint64]etcdquorum.Index
)

func (a ourAcks) AckedIndex(id uint64) (quorum.Index, bool)       { v, ok := a[id]; return v, ok }
func (a theirAcks) AckedIndex(id uint64) (etcdquorum.Index, bool) { v, ok := a[id]; return v, ok }

func TestQuorumsAreDescribedAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	for range 2000 {
		ours, theirs := quorum.JointConfig{{}, {}}, etcdquorum.JointConfig{{}, {}}
		a, b := ourAcks{}, theirAcks{}
		ourVotes, theirVotes := map[uint64]bool{}, map[uint64]bool{}
		for half := range 2 {
			for range r.IntN(5) {
				id := r.Uint64N(7) + 1
				ours[half][id], theirs[half][id] = struct{}{}, struct{}{}
				if index := r.Uint64N(4); index > 0 {
					a[id], b[id] = quorum.Index(index), etcdquorum.Index(index)
				}
				if vote := r.IntN(3); vote > 0 {
					ourVotes[id], theirVotes[id] = vote == 1, vote == 1
				}
			}
		}
		same(t, "Describe", ours.Describe(a), theirs.Describe(b))
		same(t, "Describe of a half", ours[0].Describe(a), theirs[0].Describe(b))
		same(t, "String", ours.String(), theirs.String())
		same(t, "CommittedIndex", ours.CommittedIndex(a).String(), theirs.CommittedIndex(b).String())
		same(t, "VoteResult", ours.VoteResult(ourVotes).String(), theirs.VoteResult(theirVotes).String())
		if got, want := ours[0].Slice() == nil, theirs[0].Slice() == nil; got != want {
			t.Errorf("Slice of %v: nil %t, want %t", ours[0], got, want)
		}
	}
}

// same fails the test if the two texts differ.
func same(t *testing.T, what, ours, theirs string) {
	t.Helper()
	if ours != theirs {
		t.Errorf("%s\nours:\n%s\ntheirs:\n%s", what, ours, theirs)
	}
}

func TestEntriesAndMessagesAreDescribedAlike(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 0))
	for range 3000 {
		m := drawMessage(r)
		data, err := m.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		var theirs etcdpb.Message
		if err := theirs.Unmarshal(data); err != nil {
			t.Fatal(err)
		}
		same(t, "message", raft.DescribeMessage(m, nil), etcd.DescribeMessage(theirs, nil))
		upper := func(data []byte) string { return string(bytes.ToUpper(data)) }
		same(t, "message with a formatter", raft.DescribeMessage(m, upper), etcd.DescribeMessage(theirs, upper))
	}
}

// drawMessage makes any message whose configuration changes can be decoded: where they cannot, the
// text of the error is each library's own.
func drawMessage(r *rand.Rand) pb.Message {
	few := func() uint64 { return r.Uint64N(3) * r.Uint64N(20) }
	m := pb.Message{
		Type: pb.MessageType(r.IntN(23)), From: few(), To: few(), Term: few(), LogTerm: few(), Index: few(),
		Commit: few(), Vote: few(), Reject: r.IntN(2) == 0, RejectHint: few(),
	}
	if r.IntN(5) == 0 {
		m.To = []uint64{raft.LocalAppendThread, raft.LocalApplyThread}[r.IntN(2)]
	}
	for range r.IntN(3) {
		m.Entries = append(m.Entries, drawEntry(r))
	}
	if r.IntN(4) == 0 {
		m.Snapshot = &pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: few(), Term: few(), ConfState: pb.ConfState{Voters: []uint64{1, 2}, AutoLeave: r.IntN(2) == 0}}}
	}
	if r.IntN(4) == 0 {
		m.Responses = append(m.Responses, drawMessage(r))
	}
	return m
}

func drawEntry(r *rand.Rand) pb.Entry {
	e := pb.Entry{Term: r.Uint64N(9), Index: r.Uint64N(9), Data: []byte("x\x00y")[:r.IntN(4)]}
	switch r.IntN(4) {
	case 0:
		e.Type, e.Data, _ = pb.MarshalConfChange(pb.ConfChange{Type: pb.ConfChangeType(r.IntN(6)), NodeID: r.Uint64N(9)})
	case 1:
		e.Type, e.Data, _ = pb.MarshalConfChange(pb.ConfChangeV2{Changes: []pb.ConfChangeSingle{
			{Type: pb.ConfChangeType(r.IntN(6)), NodeID: r.Uint64N(9)}, {Type: pb.ConfChangeType(r.IntN(6)), NodeID: r.Uint64N(9)},
		}})
	case 2:
		e.Type = pb.EntryType(r.IntN(5)) // of the changes only empty ones
		if e.Type != pb.EntryNormal {
			e.Data = nil
		}
	}
	return e
}

func TestStatusHasTheSameJSON(t *testing.T) {
	ours := raft.Status{
		BasicStatus: raft.BasicStatus{
			ID: 0x1f, HardState: pb.HardState{Term: 7, Vote: 31, Commit: 20}, SoftState: raft.SoftState{Lead: 31, RaftState: raft.StateLeader}, Applied: 19, LeadTransferee: 10,
		},
		Progress: map[uint64]tracker.Progress{16: {Match: 3, Next: 4, State: tracker.StateReplicate}},
		Seed:     9,
	}
	theirs := etcd.Status{
		BasicStatus: etcd.BasicStatus{
			ID: 0x1f, HardState: etcdpb.HardState{Term: 7, Vote: 31, Commit: 20}, SoftState: etcd.SoftState{Lead: 31, RaftState: etcd.StateLeader}, Applied: 19, LeadTransferee: 10,
		},
		Progress: map[uint64]etcdtracker.Progress{16: {Match: 3, Next: 4, State: etcdtracker.StateReplicate}},
	}
	same(t, "a leader", ours.String(), theirs.String())
	ours.Progress, theirs.Progress = nil, nil
	same(t, "a follower", ours.String(), theirs.String())
}

func TestDefaultLoggersWriteTheSameLines(t *testing.T) {
	var ours, theirs bytes.Buffer
	speak(&raft.DefaultLogger{Logger: log.New(&ours, "raft", log.Lshortfile)})
	speak(&etcd.DefaultLogger{Logger: log.New(&theirs, "raft", log.Lshortfile)})
	same(t, "lines", ours.String(), theirs.String())
}

func speak(l raft.Logger) {
	for range 2 {
		l.Debug("a", 1)
		l.Debugf("a%d", 2)
		l.Info("b", 1)
		l.Infof("b%d", 2)
		l.Warning("c", 1)
		l.Warningf("c%d", 2)
		l.Error("d", 1)
		l.Errorf("d%d", 2)
		if l, ok := l.(interface{ EnableDebug() }); ok {
			l.EnableDebug()
		}
	}
}
