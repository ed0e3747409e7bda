package multiraft

import (
	"bytes"
	"testing"

	"github.com/ffd200af/raft"
)

// Recorded runs three groups on three stores, with an entry in group 2, and returns the recording
// of each replica by group and id.
func Recorded(t *testing.T) map[[2]uint64]*bytes.Buffer {
	t.Helper()
	files := map[[2]uint64]*bytes.Buffer{}
	w := newWorld(t, 1, 3)
	w.tune = noSleep
	w.start()
	for group := uint64(1); group <= 3; group++ {
		w.tuneGroup = func(c *raft.Config) {
			file := &bytes.Buffer{}
			files[[2]uint64{group, c.ID}], c.Recording = file, file
		}
		w.group(group, 1, 2, 3)
	}
	w.electAll()
	if err := w.propose(2, "only here"); err != nil {
		t.Fatal(err)
	}
	w.ticks(3)
	return files
}
