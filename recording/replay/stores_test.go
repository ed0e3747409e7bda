package replay

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/multiraft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/picture"
)

// storeLoop drives stores 1 to 3, each with a replica of three groups, which are recorded.
type storeLoop struct {
	stores   []*multiraft.Store
	storages map[[2]uint64]*raft.MemoryStorage // by group and store
	files    map[[2]uint64]*bytes.Buffer
}

func newStoreLoop(t *testing.T) *storeLoop {
	l := &storeLoop{storages: map[[2]uint64]*raft.MemoryStorage{}, files: map[[2]uint64]*bytes.Buffer{}}
	first := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: pb.ConfState{Voters: []uint64{1, 2, 3}}}}
	for id := uint64(1); id <= 3; id++ {
		s, err := multiraft.New(multiraft.Config{ID: id, Incarnation: 1, SleepTicks: -1})
		if err != nil {
			t.Fatal(err)
		}
		for group := uint64(1); group <= 3; group++ {
			storage, file := raft.NewMemoryStorage(), &bytes.Buffer{}
			l.storages[[2]uint64{group, id}], l.files[[2]uint64{group, id}] = storage, file
			c := raft.DefaultConfig(id, storage)
			c.Logger, c.Recording = raft.DiscardLogger, file
			if err := errors.Join(storage.ApplySnapshot(first), storage.SetHardState(pb.HardState{Term: 1, Commit: 1}), s.AddGroup(group, c)); err != nil {
				t.Fatal(err)
			}
		}
		l.stores = append(l.stores, s)
	}
	return l
}

// tick lets a tick pass, and everything that is due in it happen.
func (l *storeLoop) tick(t *testing.T) {
	for _, s := range l.stores {
		s.Tick()
	}
	for moved := true; moved; {
		moved = false
		for i, s := range l.stores {
			for s.HasReady() {
				moved = true
				rd := s.Ready()
				for _, w := range rd.Writes {
					storage := l.storages[[2]uint64{w.Group, uint64(i) + 1}]
					if err := storage.Append(w.Entries); err != nil {
						t.Fatal(err)
					}
					if !raft.IsEmptyHardState(w.HardState) {
						_ = storage.SetHardState(w.HardState)
					}
				}
				for _, b := range rd.Batches {
					if err := l.stores[b.To-1].Step(b); err != nil {
						t.Fatal(err)
					}
				}
				s.Advance(rd)
			}
		}
	}
}

// TestRecordingsOfAStoreAreAPictureWithAFilter: each replica has a recording of its own, and the
// groups of the picture are those of the stores.
func TestRecordingsOfAStoreAreAPictureWithAFilter(t *testing.T) {
	l := newStoreLoop(t)
	for range 60 { // which is enough for elections
		l.tick(t)
	}
	if err := l.stores[0].Propose(2, []byte("only here")); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		l.tick(t)
	}
	var sources []Source
	for group := uint64(1); group <= 3; group++ {
		for id := uint64(1); id <= 3; id++ {
			records, err := Read(l.files[[2]uint64{group, id}])
			if err != nil {
				t.Fatal(err)
			}
			sources = append(sources, Source{Group: group, Records: records})
		}
	}
	rec := picture.NewRecorder()
	if err := Draw(rec, sources...); err != nil {
		t.Fatal(err)
	}
	p := rec.Picture()
	groups := p.Groups()
	if slices.Sort(groups); !slices.Equal(groups, []uint64{1, 2, 3}) {
		t.Fatalf("groups %v", groups)
	}
	for _, group := range groups {
		own := p.OfGroup(group)
		proposals, leaders := 0, 0
		for _, e := range own.Events {
			if e.Log != nil && slices.ContainsFunc(e.Log.Entries, func(e picture.Entry) bool { return e.Text == `"only here"` }) {
				proposals++
			}
			if e.Status != nil && e.Status.Role == picture.Leader {
				leaders++
			}
		}
		if leaders == 0 || (proposals == 3) != (group == 2) {
			t.Errorf("group %d: a leader in %d events, the proposal in %d logs", group, leaders, proposals)
		}
		arrived := 0
		for _, m := range own.Messages {
			// A batch carries heartbeats as lines; a store makes messages of them.
			if m.Fate == picture.Delivered && !m.Unseen {
				arrived++
			}
		}
		if arrived < 10 {
			t.Errorf("group %d: %d messages arrive", group, arrived)
		}
	}
}
