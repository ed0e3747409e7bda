package main

import (
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ffd200af/raft/raftpb"
)

// Recovery from a lost majority: the command that makes a new cluster of the folder of one replica.
// RECOVERY.md says when and how.
//
// All entries in the folder count as committed, and are applied. Some of them may never have been
// acknowledged. Those that were acknowledged and are not in the folder are lost. Configuration
// changes that are not applied become empty entries: they could add members that are dead, or
// remove this one. The log goes on far beyond its end, as after a restore (see restoreGap).

// recovery is the command line of kv recover.
type recovery struct {
	id            uint64
	data, cluster string
	at            member // the new place, by -cluster; empty if it does not change
	yes           bool
}

// runRecover returns the exit status, as run does.
func runRecover(args []string, stdout, stderr io.Writer) int {
	var c recovery
	flags := flag.NewFlagSet("kv recover", flag.ContinueOnError)
	flags.Uint64Var(&c.id, "id", 0, "the replica whose folder becomes a cluster of its own")
	flags.StringVar(&c.data, "data", "kv-data", "folder of the data; the replica has a folder of its own in it")
	flags.StringVar(&c.cluster, "cluster", "", "the new address of the replica, if it changes: 2=http://host:port, or 2=http://host:port+http://host:port with an address for replicas")
	flags.BoolVar(&c.yes, "yes", false, "do it; without it nothing is changed")
	return runCommand(flags, args, c.check, c.run, stdout, stderr)
}

func (c *recovery) check(rest []string) error {
	switch {
	case c.id == 0 || len(rest) > 0:
		return errors.New("recover needs -id, and takes flags only (-h lists them)")
	case c.cluster == "":
		return nil
	}
	alone, err := parseCluster(c.cluster)
	if err == nil && (len(alone) != 1 || alone[c.id].Address == "") {
		err = fmt.Errorf("-cluster must be replica %d alone: recovery leaves one member, others join it later", c.id)
	}
	c.at = alone[c.id]
	return err
}

func (c *recovery) run(stdout io.Writer) error {
	o := options{id: c.id, dir: filepath.Join(c.data, strconv.FormatUint(c.id, 10))}
	if !o.inUse() {
		return fmt.Errorf("replica %d has no data in %s", o.id, o.dir)
	}
	s, err := openStore(o.dir)
	if err != nil {
		return err
	}
	if err := c.recover(s, stdout); err != nil {
		return s.closeAfter(err)
	}
	return s.close()
}

// recover says what there is and what may be lost, and changes it if the operator has said so.
func (c *recovery) recover(s *store, stdout io.Writer) error {
	own, known := s.members[c.id]
	at := c.at
	switch {
	case !known:
		return fmt.Errorf("the folder does not know replica %d as a member: it has nothing to recover", c.id)
	case own.Removed:
		return errRemoved
	case own.Data != "" && own.Data != s.identity:
		return fmt.Errorf("this is the folder of another replica than %d", c.id)
	case at.Address == "":
		at = own
	}
	changes, err := s.unappliedChanges()
	if err != nil {
		return err
	}
	if err := s.describe(stdout, changes); err != nil {
		return err
	}
	if !c.yes {
		_, err := fmt.Fprintf(stdout, "Nothing is changed. With -yes, replica %d at %s becomes the only member of a new cluster.\n", c.id, at.where())
		return err
	}
	if err := s.force(s.alone(c.id, at), changes); err != nil {
		return err
	}
	if err := s.applyAll(); err != nil {
		return err
	}
	if err := s.skip(restoreGap); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "Replica %d at %s is now the only member of the new cluster %s. Start it with -id %d alone.\n",
		c.id, at.where(), s.cluster, c.id)
	return err
}

// alone is the store with this replica as the only member of a new cluster.
func (s *store) alone(id uint64, at member) *position {
	next := *s.position()
	next.cluster = rand.Text()
	next.conf = raftpb.ConfState{Voters: []uint64{id}}
	next.members = members{}
	for other, m := range s.members {
		m.Removed = true
		next.members[other] = m
	}
	next.members[id] = member{Address: at.Address, Peer: at.Peer, Data: s.members[id].Data}
	return &next
}

// describe says what a folder has, and what it cannot know.
func (s *store) describe(w io.Writer, changes []raftpb.Entry) error {
	term, err := s.Term(s.last)
	if err != nil {
		return err
	}
	var who []string
	for _, id := range slices.Sorted(maps.Keys(s.members)) {
		if m := s.members[id]; !m.Removed {
			who = append(who, fmt.Sprintf("%d at %s", id, m.where()))
		}
	}
	commit := max(s.hard.Commit, s.applied.index)
	_, err = fmt.Fprintf(w, `cluster     %s
members     %s
last entry  index %d of term %d
committed   up to index %d, as far as this replica knows; applied up to %d
beyond that %d entries. Whether they were acknowledged is not known here. They stay, as committed ones.
            %d membership changes that are not applied become empty entries.
lost        All that was acknowledged and is beyond index %d, if there was any: nobody can tell from this folder.
            If another folder survives whose last entry has a later term, or the same term and a higher
            index, recover that one instead.
`, s.cluster, strings.Join(who, ", "), s.last, term, commit, s.applied.index, s.last-commit, len(changes), s.last)
	return err
}

// unappliedChanges returns the configuration changes in the log that are not applied.
func (s *store) unappliedChanges() (changes []raftpb.Entry, err error) {
	for lo := s.applied.index + 1; lo <= s.last; {
		entries, err := s.Entries(lo, s.last+1, maxBatch)
		if err != nil {
			return nil, err
		}
		for i := range entries {
			if entries[i].Type != raftpb.EntryNormal {
				changes = append(changes, entries[i])
			}
		}
		lo += uint64(len(entries))
	}
	return changes, nil
}

// force replaces the configuration, the members and the id of the cluster by those of next, and
// empties the given changes. A crash between this and what follows leaves a cluster that works. To
// recover it again completes it.
func (s *store) force(next *position, changes []raftpb.Entry) error {
	b := s.db.NewBatch()
	defer b.Close()
	err := errors.Join(setApplied(b, next.applied, next.conf), next.members.write(b, s.members),
		b.Set(keyCluster, []byte(next.cluster), nil))
	for _, e := range changes {
		err = errors.Join(err, setMessage(b, logKey(e.Index), &raftpb.Entry{Term: e.Term, Index: e.Index}))
	}
	if err != nil {
		return err
	}
	if err := s.commit(b, true); err != nil {
		return err
	}
	s.moveTo(next)
	return nil
}

// applyAll applies all entries. There are no configuration changes among them.
func (s *store) applyAll() error {
	for s.applied.index < s.last {
		entries, err := s.Entries(s.applied.index+1, s.last+1, maxBatch)
		if err != nil {
			return err
		}
		if _, err := s.apply(entries, nil); err != nil {
			return err
		}
	}
	return nil
}

// skip begins the log anew, so many indexes behind its end. All entries must be applied.
func (s *store) skip(gap uint64) error {
	next := *s.position()
	next.applied.index += gap
	next.prev, next.last, next.hard.Commit = next.applied, next.applied.index, next.applied.index
	b := s.db.NewBatch()
	defer b.Close()
	err := errors.Join(b.DeleteRange(logStart, logEnd, nil), setMessage(b, keyHard, &next.hard),
		b.Set(keyPrev, encodeID(next.prev), nil), setApplied(b, next.applied, next.conf))
	if err != nil {
		return err
	}
	return s.become(b, &next)
}
