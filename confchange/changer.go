package confchange

import (
	"slices"

	"github.com/ffd200af/raft/progress"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// Changer makes changes on a tracker's configuration and keeps a Progress for every
// member of the result. It returns new values; Tracker is not changed.
type Changer struct {
	Tracker tracker.ProgressTracker
	// LastIndex is the last index of the leader's log: newcomers are probed there.
	LastIndex uint64
}

// EnterJoint enters a joint configuration, which is left by itself if autoLeave is set.
func (c Changer) EnterJoint(autoLeave bool, ccs ...pb.ConfChangeSingle) (tracker.Config, tracker.ProgressMap, error) {
	cfg, err := enter(c.Tracker.Config, autoLeave, ccs)
	return c.result(cfg, err, Readded(cfg, ccs)...)
}

// LeaveJoint leaves the joint configuration.
func (c Changer) LeaveJoint() (tracker.Config, tracker.ProgressMap, error) {
	return c.result(leave(c.Tracker.Config))
}

// Simple makes changes that alter one voter at most.
func (c Changer) Simple(ccs ...pb.ConfChangeSingle) (tracker.Config, tracker.ProgressMap, error) {
	cfg, err := simple(c.Tracker.Config, ccs)
	return c.result(cfg, err, Readded(cfg, ccs)...)
}

// Restore returns the configuration that cs describes. The tracker's own configuration does
// not matter, its Progress is kept for members that it has.
func Restore(chg Changer, cs pb.ConfState) (tracker.Config, tracker.ProgressMap, error) {
	return chg.result(FromConfState(cs))
}

// result adds the progress map: a copy of what is known, windows included, and newcomers that count
// as active, so that they have time to show up. The progress of the members in again starts anew.
func (c Changer) result(cfg tracker.Config, err error, again ...uint64) (tracker.Config, tracker.ProgressMap, error) {
	if err != nil {
		return tracker.Config{}, nil, err
	}
	var ms tracker.Members
	ms.Switch(cfg, 0)
	known := make(tracker.ProgressMap, ms.Len())
	for i := range ms.Len() {
		id := ms.ID(i)
		var pr tracker.Progress
		if old := c.Tracker.Progress[id]; old != nil && !slices.Contains(again, id) {
			pr = *old
			pr.Inflights = old.Inflights.Clone()
		} else {
			pr = progress.New(c.LastIndex)
			pr.RecentActive = true
			pr.Inflights = tracker.NewInflights(c.Tracker.MaxInflight, c.Tracker.MaxInflightBytes)
		}
		pr.IsLearner = ms.IsLearner(i)
		known[id] = &pr
	}
	return cfg, known, nil
}
