package multiraft_test

import (
	"slices"
	"testing"

	"github.com/ffd200af/raft/multiraft"
	"github.com/ffd200af/raft/rafttest/picture"
	"github.com/ffd200af/raft/recording/replay"
)

// TestRecordingsOfAStoreAreAPictureWithAFilter: each replica has a recording of its own, and the
// groups of the picture are those of the stores.
func TestRecordingsOfAStoreAreAPictureWithAFilter(t *testing.T) {
	files := multiraft.Recorded(t)
	var sources []replay.Source
	for group := uint64(1); group <= 3; group++ {
		for id := uint64(1); id <= 3; id++ {
			records, err := replay.Read(files[[2]uint64{group, id}])
			if err != nil {
				t.Fatal(err)
			}
			sources = append(sources, replay.Source{Group: group, Records: records})
		}
	}
	rec := picture.NewRecorder()
	if err := replay.Draw(rec, sources...); err != nil {
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
