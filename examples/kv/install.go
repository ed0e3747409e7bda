package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"syscall"

	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/session"
)

// install puts the snapshot of w in the place of data and log, with the entries and the hard state
// of w. It makes a table for Pebble, which deletes what is there and holds all new rows. Pebble
// takes the table as a whole: after a crash there is the old state or the new one. Memory is
// bounded, because the table is written in one pass over the image.
func (s *store) install(w *write) error {
	in := &s.incoming
	path := in.path(w.snapshot)
	table := path + tableSuffix
	err := s.makeTable(path, table, w)
	if err == nil {
		err = s.ingest(table) // takes the file away, too
	}
	if err == nil {
		return nil
	}
	_ = in.fs.Remove(table)
	err = fmt.Errorf("installing the snapshot at %d/%d: %w", w.next.applied.term, w.next.applied.index, err)
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return explain(err)
	case errors.Is(err, snapshotKind.broken):
		return fmt.Errorf("%w. Start the replica again: it gets another one", err)
	}
	return err
}

// makeTable makes the table of an image. The members and sessions in it become those of w.next.
func (s *store) makeTable(path, table string, w *write) error {
	in := &s.incoming
	from, err := in.fs.Open(path, vfs.SequentialReadsOption)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := in.fs.Create(table, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	options := s.options(in.fs)
	options.EnsureDefaults()
	t := tableWriter{sstable.NewWriter(objstorageprovider.NewFileWritable(to), options.MakeWriterOptions(0, s.db.TableFormat())), nil}
	err = s.fillTable(&t, from, w)
	return errors.Join(err, t.Close()) // Close syncs
}

func (s *store) fillTable(t *tableWriter, from io.Reader, w *write) (err error) {
	if t.own, err = s.ownRows(w); err != nil {
		return err
	}
	prefixes := append([]byte{logStart[0]}, agreed...)
	slices.Sort(prefixes)
	for _, prefix := range prefixes {
		if err := t.DeleteRange([]byte{prefix}, []byte{prefix + 1}); err != nil {
			return err
		}
	}
	w.next.members, w.next.sessions = members{}, new(session.Table)
	at, err := snapshotKind.read(bufio.NewReaderSize(from, 256<<10), func(key, value []byte) error {
		if err := w.next.addRow(key, value); err != nil {
			return err
		}
		return t.add(key, value)
	})
	if err != nil {
		return err
	}
	if at != w.next.applied {
		return fmt.Errorf("the image was made at %d/%d", at.term, at.index)
	}
	return t.addOwn(nil)
}

// addRow takes in a row that replicas agree on.
func (p *position) addRow(key, value []byte) error {
	switch key[0] {
	case clusterPrefix:
		if string(value) != p.cluster {
			return fmt.Errorf("%w: a snapshot of cluster %s came to cluster %s", errStranger, value, p.cluster)
		}
	case memberPrefix:
		return p.members.addRow(key, value)
	case sessionPrefix:
		return p.sessions.UnmarshalBinary(value)
	}
	return nil
}

type row struct{ key, value []byte }

// ownRows are the rows that are not in the image, in the order of their keys.
func (s *store) ownRows(w *write) (rows []row, err error) {
	add := func(key []byte, m interface{ Marshal() ([]byte, error) }, before ...byte) {
		value, failed := m.Marshal()
		rows, err = append(rows, row{key, append(before, value...)}), errors.Join(err, failed)
	}
	id := encodeID(w.next.applied)
	add(keyApplied, &w.next.conf, id...)
	if !raft.IsEmptyHardState(w.next.hard) {
		add(keyHard, &w.next.hard)
	}
	for i := range w.entries {
		add(logKey(w.entries[i].Index), &w.entries[i])
	}
	rows = append(rows, row{keySynced, binary.BigEndian.AppendUint64(nil, s.synced+1)}, row{keyPrev, id})
	return rows, err
}

// tableWriter writes a table of the rows of an image and the replica's own ones.
type tableWriter struct {
	*sstable.Writer
	own []row
}

func (t *tableWriter) add(key, value []byte) error {
	if err := t.addOwn(key); err != nil {
		return err
	}
	return t.Set(key, value)
}

// addOwn adds the own rows before a key, or all if that is nil.
func (t *tableWriter) addOwn(before []byte) error {
	for ; len(t.own) > 0 && (before == nil || bytes.Compare(t.own[0].key, before) < 0); t.own = t.own[1:] {
		if err := t.Set(t.own[0].key, t.own[0].value); err != nil {
			return err
		}
	}
	return nil
}

// ingest makes a table a part of the database. It counts as a synced batch, see mark.
func (e *engine) ingest(table string) error {
	e.writing.Add(1)
	defer e.writing.Add(-1)
	if err := e.db.Ingest(context.Background(), []string{table}); err != nil {
		return err
	}
	e.synced++
	return e.mark.write(e.synced)
}
