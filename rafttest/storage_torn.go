package rafttest

import (
	pb "github.com/ffd200af/raft/raftpb"
)

// aTornWriteIsLegal cuts the power while entries are written over others. What is left is the state
// before, or a part of the write in the order of its pieces: no gap, no old entry behind a new one,
// no commit index beyond the log.
func aTornWriteIsLegal(d *diskModel) {
	const n = 5
	for keep := range n + 3 {
		term := 20*uint64(keep) + 10
		committed := d.last() + 2
		d.write(pb.HardState{Term: term, Vote: 1, Commit: committed}, d.run(term, d.last()+1, 2+2*n), pb.Snapshot{}, true)
		if keep%2 == 1 { // a commit index alone is written without a sync
			committed++
			d.write(pb.HardState{Term: term, Vote: 1, Commit: committed}, nil, pb.Snapshot{}, false)
		}
		term++
		d.tear(pb.HardState{Term: term, Vote: 2, Commit: committed}, d.run(term, committed+2, n), pb.Snapshot{}, keep)
		d.check()
		d.secondLife(term + 1)
	}
}

// aTornSnapshotIsLegal cuts the power while a snapshot, what follows it, and a hard state that is
// of use with them only are written. A snapshot takes the log's place in one step: at no time are
// both missing.
func aTornSnapshotIsLegal(d *diskModel) {
	const n = 3
	for keep := range n + 3 {
		for _, w := range []struct {
			behind  int // the last entry of the log; before it if negative
			entries int
			hard    bool
		}{{-3, n, true}, {5, n, true}, {1, 0, true}, {3, n, false}} {
			term := d.newestHard().Term + 2
			d.write(pb.HardState{Term: term, Vote: 1, Commit: d.last() + 2}, d.run(term, d.last()+1, 8), pb.Snapshot{}, true)
			term++
			s := d.snapshotAt(term, uint64(int(d.last())+w.behind))
			hs := pb.HardState{}
			if w.hard {
				hs = pb.HardState{Term: term, Vote: 3, Commit: s.Metadata.Index}
			}
			d.tear(hs, d.run(term, s.Metadata.Index+1, w.entries), s, keep)
			d.check()
			d.secondLife(term + 1)
		}
	}
}

// secondLife goes on with what a crash has left: what is written now is read now and after the next
// crash, and nothing of what was lost comes back.
func (d *diskModel) secondLife(term uint64) {
	d.write(pb.HardState{Term: term, Commit: d.last()}, d.run(term, d.last()+1, 2), pb.Snapshot{}, true)
	d.check()
	d.crash(0)
	d.check()
	d.write(pb.HardState{Term: term, Vote: 1, Commit: d.last()}, nil, pb.Snapshot{}, true)
	d.save(d.last())
	d.compact(d.last())
	d.check()
	d.crash(0)
	d.check()
}
