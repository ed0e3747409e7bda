package sim

import (
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
)

// backup copies a node's disk, as it is.
func (w *world) backup(n *node) {
	if !w.up(n, action{kind: doBackup}) {
		return
	}
	n.backup = w.cfg.NewDisk(n.id)
	if err := copyDisk(n.backup, n.disk); err != nil {
		w.failf(property.Durability, n, "the disk of node %d cannot be copied: %v", n.id, err)
	}
}

// loseDisk destroys what a node that is down has stored. The node may start again if reuse is set:
// from nothing or, if old is, from the last copy that was made of its disk.
func (w *world) loseDisk(n *node, old, reuse bool) {
	w.begin()
	a := action{kind: doLoseDisk, node: n.id}
	if old {
		a.n = 1
	}
	if reuse {
		a.peer = 1
	}
	w.note(a)
	if n.rn != nil {
		return
	}
	w.stats.LostDisks++
	n.lost = !reuse
	if !reuse {
		return // what it has promised is forgotten with it, and it never speaks again
	}
	n.suspect = true
	disk := w.cfg.NewDisk(n.id)
	if old && n.backup != nil {
		if err := copyDisk(disk, n.backup); err != nil {
			w.failf(property.Durability, n, "the copy of the disk of node %d cannot be copied: %v", n.id, err)
			return
		}
	}
	n.disk = disk
	n.readBack()
	n.rep = replica{machine: w.cfg.NewMachine()}
	w.loseMemory(n)
}

// copyDisk copies what a disk holds to an empty one.
func copyDisk(to, from Disk) error {
	s, err := from.Snapshot()
	if err != nil {
		return err
	}
	hs, _, err := from.InitialState()
	if err != nil {
		return err
	}
	last, err := from.LastIndex()
	if err != nil {
		return err
	}
	var entries []pb.Entry
	if last > s.Metadata.Index {
		if entries, err = from.Entries(s.Metadata.Index+1, last+1, noLimit); err != nil {
			return err
		}
	}
	return to.Write(hs, entries, s, true)
}
