package replay

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest"
	"github.com/ffd200af/raft/recording"
)

// disk is what a node's storage held when a life started, as far as the recording tells. The node
// asks for the ends of the log, and for so many terms that it knows the term of every entry, but it
// reads an entry only when it needs it: to apply it, or for a follower. Entries that were not read
// in this life did not matter, and stand there without data.
type disk struct {
	hard        pb.HardState
	conf        pb.ConfState
	first, last uint64
	terms       map[uint64]uint64 // by index, as answered; each is the term up to the next one
	entries     map[uint64]pb.Entry
}

// diskOf reads the disk from the answers that a node got at its start, and later in its life.
func diskOf(start *Step, life []recording.Record) (*disk, error) {
	d := &disk{first: 1, terms: map[uint64]uint64{}, entries: map[uint64]pb.Entry{}}
	for i := range start.Answers {
		a := &start.Answers[i]
		if a.Number(0) != 0 {
			continue
		}
		switch a.Kind {
		case recording.InitialState:
			if err := firstOf(d.hard.Unmarshal(a.Blob(1)), d.conf.Unmarshal(a.Blob(2))); err != nil {
				return nil, err
			}
		case recording.FirstIndex:
			d.first = max(a.Number(1), 1)
		case recording.LastIndex:
			d.last = a.Number(1)
		case recording.Term:
			d.terms[a.Number(1)] = a.Number(2)
		}
	}
	for i := range life {
		if a := &life[i]; a.Kind == recording.Entries && a.Number(0) == 0 {
			if err := d.read(a); err != nil {
				return nil, err
			}
		}
	}
	return d, nil
}

// read takes in entries that were read. What was overwritten before it was read was of no
// consequence; what was read after it was written has another term, or an index beyond the end.
func (d *disk) read(answer *recording.Record) error {
	for i := 1; i < len(answer.Blobs); i++ {
		var e pb.Entry
		if err := e.Unmarshal(answer.Blobs[i]); err != nil {
			return err
		}
		if _, known := d.entries[e.Index]; !known && e.Index >= d.first && e.Index <= d.last && d.term(e.Index) == e.Term {
			d.entries[e.Index] = e
		}
	}
	return nil
}

// known returns the indexes whose terms were asked for, in order.
func (d *disk) known() []uint64 {
	var list []uint64
	for index := range d.terms {
		list = append(list, index)
	}
	slices.Sort(list)
	return list
}

// term returns the term of an entry: that of the last one before it which was asked for. The node
// looks for the end of each term, so no term begins in between.
func (d *disk) term(index uint64) uint64 {
	known := d.known()
	at, found := slices.BinarySearch(known, index)
	if !found {
		at--
	}
	if at < 0 {
		return 0
	}
	return d.terms[known[at]]
}

// lines renders the log as the body of the command force-disk: an entry in each line, or many
// without data.
func (d *disk) lines() string {
	var b strings.Builder
	known := d.known()
	at := 0
	for i := d.first; i <= d.last; {
		for at+1 < len(known) && known[at+1] <= i {
			at++
		}
		if e, ok := d.entries[i]; ok {
			fmt.Fprintf(&b, "\n%s", rafttest.EntryLine(&e))
			i++
			continue
		}
		end := i
		for end < d.last && end-i < 1<<19 && (at+1 == len(known) || end+1 < known[at+1]) && d.entries[end+1].Index == 0 {
			end++
		}
		fmt.Fprintf(&b, "\n%d/%d-%d", d.terms[known[at]], i, end)
		i = end + 1
	}
	return b.String()
}

// isNew reports whether there is nothing on the disk.
func (d *disk) isNew() bool {
	return d.first == 1 && d.last == 0 && raft.IsEmptyHardState(d.hard) && len(d.conf.Voters)+len(d.conf.Learners) == 0
}
