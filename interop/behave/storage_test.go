package behave

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	etcd "go.etcd.io/raft/v3"
	etcdpb "go.etcd.io/raft/v3/raftpb"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// panicked stands for an answer of theirs that is a panic.
const panicked = "panic"

// recovered returns what f returns, or panicked.
func recovered(f func() string) (answer string) {
	defer func() {
		if recover() != nil {
			answer = panicked
		}
	}()
	return f()
}

// list renders entries, and tells none from nil.
func list[E any](entries []E, word func(*E) string) string {
	if entries == nil {
		return "nil"
	}
	s := "["
	for i := range entries {
		s += word(&entries[i]) + " "
	}
	return s + "]"
}

func ourWord(e *pb.Entry) string       { return fmt.Sprintf("%d/%d:%s", e.Term, e.Index, e.Data) }
func theirWord(e *etcdpb.Entry) string { return fmt.Sprintf("%d/%d:%s", e.Term, e.Index, e.Data) }

// Whatever one does with a MemoryStorage, both say the same as long as theirs does not panic; ours
// never does.
func TestMemoryStoragesAnswerAlike(t *testing.T) {
	etcd.SetLogger(silent{})
	defer etcd.ResetDefaultLogger()
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 0))
		ours, theirs := raft.NewMemoryStorage(), etcd.NewMemoryStorage()
		for range 12 {
			call, x, y := r.IntN(8), r.Uint64N(9), r.Uint64N(9)
			limit := []uint64{0, 20, 60, math.MaxUint64}[r.IntN(4)]
			want := recovered(func() string { return askTheirs(theirs, call, x, y, limit) })
			got := askOurs(ours, call, x, y, limit)
			if want == panicked {
				break // theirs may hold its lock for ever
			}
			if got != want {
				t.Fatalf("seed %d: call %d with %d, %d: ours %s, theirs %s", seed, call, x, y, got, want)
			}
		}
	}
}

func askOurs(s *raft.MemoryStorage, call int, x, y, limit uint64) (answer string) {
	var err error
	switch call {
	case 0:
		var entries []pb.Entry
		for i := range y%4 + 1 {
			entries = append(entries, pb.Entry{Term: y, Index: x + i, Data: []byte("data")})
		}
		err = s.Append(entries)
	case 1:
		var entries []pb.Entry
		entries, err = s.Entries(x, y, limit)
		answer = list(entries, ourWord)
	case 2:
		var term uint64
		term, err = s.Term(x)
		answer = fmt.Sprint(term)
	case 3:
		err = s.Compact(x)
	case 4:
		var snap pb.Snapshot
		snap, err = s.CreateSnapshot(x, confs[y%3], []byte("s"))
		answer = fmt.Sprint(snap.Metadata.Index, snap.Metadata.Term, raft.DescribeConfState(snap.Metadata.ConfState))
	case 5:
		err = s.ApplySnapshot(pb.Snapshot{Data: []byte("t"), Metadata: pb.SnapshotMetadata{Index: x, Term: y}})
	case 6:
		err = s.SetHardState(pb.HardState{Term: x, Commit: y})
	default:
		first, _ := s.FirstIndex()
		last, _ := s.LastIndex()
		hs, cs, _ := s.InitialState()
		snap, _ := s.Snapshot()
		answer = fmt.Sprintf("%d %d %d %d %+v %+v", first, last, hs.Term, hs.Commit, raft.DescribeConfState(cs), snap.Metadata.Index)
	}
	return fmt.Sprint(answer, " ", v36(err))
}

func askTheirs(s *etcd.MemoryStorage, call int, x, y, limit uint64) (answer string) {
	var err error
	switch call {
	case 0:
		var entries []etcdpb.Entry
		for i := range y%4 + 1 {
			entries = append(entries, etcdpb.Entry{Term: y, Index: x + i, Data: []byte("data")})
		}
		err = s.Append(entries)
	case 1:
		var entries []etcdpb.Entry
		entries, err = s.Entries(x, y, limit)
		answer = list(entries, theirWord)
	case 2:
		var term uint64
		term, err = s.Term(x)
		answer = fmt.Sprint(term)
	case 3:
		err = s.Compact(x)
	case 4:
		var snap etcdpb.Snapshot
		snap, err = s.CreateSnapshot(x, theirConfs[y%3], []byte("s"))
		answer = fmt.Sprint(snap.Metadata.Index, snap.Metadata.Term, etcd.DescribeConfState(snap.Metadata.ConfState))
	case 5:
		err = s.ApplySnapshot(etcdpb.Snapshot{Data: []byte("t"), Metadata: etcdpb.SnapshotMetadata{Index: x, Term: y}})
	case 6:
		err = s.SetHardState(etcdpb.HardState{Term: x, Commit: y})
	default:
		first, _ := s.FirstIndex()
		last, _ := s.LastIndex()
		hs, cs, _ := s.InitialState()
		snap, _ := s.Snapshot()
		answer = fmt.Sprintf("%d %d %d %d %+v %+v", first, last, hs.Term, hs.Commit, etcd.DescribeConfState(cs), snap.Metadata.Index)
	}
	return fmt.Sprint(answer, " ", v36(err))
}

var (
	confs      = []*pb.ConfState{nil, {Voters: []uint64{1, 2}}, {Voters: []uint64{1}, VotersOutgoing: []uint64{2, 3}, LearnersNext: []uint64{3}, Learners: []uint64{4}, AutoLeave: true}}
	theirConfs = []*etcdpb.ConfState{nil, {Voters: []uint64{1, 2}}, {Voters: []uint64{1}, VotersOutgoing: []uint64{2, 3}, LearnersNext: []uint64{3}, Learners: []uint64{4}, AutoLeave: true}}
)

// v36 names an error that v3.6 exports; it has to be that very one, because programs compare with
// ==.
func v36(err error) string {
	switch err {
	case nil:
		return "nil"
	case raft.ErrCompacted, etcd.ErrCompacted:
		return "ErrCompacted"
	case raft.ErrUnavailable, etcd.ErrUnavailable:
		return "ErrUnavailable"
	case raft.ErrSnapOutOfDate, etcd.ErrSnapOutOfDate:
		return "ErrSnapOutOfDate"
	case raft.ErrSnapshotTemporarilyUnavailable, etcd.ErrSnapshotTemporarilyUnavailable:
		return "ErrSnapshotTemporarilyUnavailable"
	case raft.ErrProposalDropped, etcd.ErrProposalDropped:
		return "ErrProposalDropped"
	case raft.ErrStepLocalMsg, etcd.ErrStepLocalMsg:
		return "ErrStepLocalMsg"
	case raft.ErrStepPeerNotFound, etcd.ErrStepPeerNotFound:
		return "ErrStepPeerNotFound"
	case raft.ErrStopped, etcd.ErrStopped:
		return "ErrStopped"
	}
	return "another: " + err.Error()
}

// silent drops every line; its Panic panics.
type silent struct{}

func (silent) Debug(...interface{})              {}
func (silent) Debugf(string, ...interface{})     {}
func (silent) Error(...interface{})              {}
func (silent) Errorf(string, ...interface{})     {}
func (silent) Info(...interface{})               {}
func (silent) Infof(string, ...interface{})      {}
func (silent) Warning(...interface{})            {}
func (silent) Warningf(string, ...interface{})   {}
func (silent) Fatal(v ...interface{})            { panic(fmt.Sprint(v...)) }
func (silent) Fatalf(f string, v ...interface{}) { panic(fmt.Sprintf(f, v...)) }
func (silent) Panic(v ...interface{})            { panic(fmt.Sprint(v...)) }
func (silent) Panicf(f string, v ...interface{}) { panic(fmt.Sprintf(f, v...)) }
