package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ffd200af/raft/raftpb"
)

// An image is the store at one applied index, as a run of bytes. Backups are images, and so are the
// snapshots that followers get:
//
//	magic | term, index (8 bytes each) | rows | 8 zeros | SHA-256 of all before
//
// A row is the lengths of key and value (4 bytes each), key and value, as they are in the store.
// Rows come in the order of their keys, so an image has the same bytes each time that it is
// written.

// imageKind is what an image is for, and what it holds.
type imageKind struct {
	magic    string
	prefixes []byte // of its rows
	broken   error  // matched by the error of one that is not whole
}

var snapshotKind = imageKind{magic: "kv snapshot 1\n", prefixes: agreed, broken: errors.New("not a whole snapshot")}

// maxRow bounds the length of a key or value, so that a damaged length takes no memory.
const maxRow = 2 << 20

// readApplied returns the entry that an image is applied up to. The loop may not know of it yet,
// while a snapshot from the leader is installed.
func readApplied(r pebble.Reader) (at entryID, conf raftpb.ConfState, err error) {
	row, _, err := getFrom(r, keyApplied)
	if err != nil {
		return at, conf, err
	}
	at, rest, err := decodeID(row)
	if err != nil {
		return at, conf, err
	}
	return at, conf, conf.Unmarshal(rest)
}

// write writes an image. The writer gets many small parts.
func (k imageKind) write(w io.Writer, from *pebble.Snapshot) error {
	at, _, err := readApplied(from)
	if err != nil {
		return err
	}
	sum := sha256.New()
	out := io.MultiWriter(w, sum)
	if _, err := out.Write(append([]byte(k.magic), encodeID(at)...)); err != nil {
		return err
	}
	lengths := make([]byte, 8)
	for _, prefix := range k.prefixes {
		err := eachRow(from, prefix, func(key, value []byte) error {
			binary.BigEndian.PutUint32(lengths, uint32(len(key)))
			binary.BigEndian.PutUint32(lengths[4:], uint32(len(value)))
			for _, part := range [][]byte{lengths, key, value} {
				if _, err := out.Write(part); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if _, err := out.Write(make([]byte, 8)); err != nil {
		return err
	}
	_, err = w.Write(sum.Sum(nil))
	return err
}

// read calls row for each row of an image, and returns the term and index that it was made at. The
// slices are valid until row returns. Rows come before the checksum is read: they count only if
// there is no error in the end.
func (k imageKind) read(r io.Reader, row func(key, value []byte) error) (at entryID, err error) {
	sum := sha256.New()
	in := io.TeeReader(r, sum)
	head := make([]byte, len(k.magic)+16)
	if err := k.readPart(in, head); err != nil {
		return at, err
	}
	id, known := bytes.CutPrefix(head, []byte(k.magic))
	if !known {
		return at, fmt.Errorf("%w: it does not begin like one", k.broken)
	}
	if at, _, err = decodeID(id); err != nil {
		return at, err
	}
	var b []byte
	for lengths := make([]byte, 8); ; {
		if err := k.readPart(in, lengths); err != nil {
			return at, err
		}
		n, m := binary.BigEndian.Uint32(lengths), binary.BigEndian.Uint32(lengths[4:])
		if n == 0 {
			return at, k.checkSum(r, sum)
		}
		if n > maxRow || m > maxRow {
			return at, fmt.Errorf("%w: it is damaged", k.broken)
		}
		if size := int(n + m); size > cap(b) {
			b = make([]byte, size)
		}
		b = b[:n+m]
		if err := k.readPart(in, b); err != nil {
			return at, err
		}
		if bytes.IndexByte(k.prefixes, b[0]) < 0 {
			return at, fmt.Errorf("%w: %w", k.broken, errBadImage)
		}
		if err := row(b[:n], b[n:]); err != nil {
			return at, err
		}
	}
}

func (k imageKind) readPart(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: its end is missing", k.broken)
	}
	return err
}

// checkSum reads the checksum. Nothing may follow it.
func (k imageKind) checkSum(r io.Reader, sum hash.Hash) error {
	stored := make([]byte, sum.Size())
	if err := k.readPart(r, stored); err != nil {
		return err
	}
	if n, _ := io.ReadFull(r, make([]byte, 1)); n > 0 || !bytes.Equal(stored, sum.Sum(nil)) {
		return fmt.Errorf("%w: it is damaged", k.broken)
	}
	return nil
}
