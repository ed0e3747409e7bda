package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// A backup is the data and the sessions of a cluster at one moment, in a file:
//
//	"kv backup 1\n" | term, index (8 bytes each) | rows | 8 zeros | SHA-256 of all before
//
// A row is the lengths of key and value (4 bytes each), key and value, as they are in the store. It
// has no members: restore.go makes a new cluster of it.

const (
	backupMagic = "kv backup 1\n"
	backupPath  = "/backup"
	// maxRow bounds the length of a key or value, so that a damaged length takes no memory.
	maxRow = 2 << 20
)

var errBadBackup = errors.New("not a whole backup")

// imageSlot hands an image of the store over to a client that may have gone when it is there.
// Whoever comes second closes it.
type imageSlot struct {
	atomic.Pointer[pebble.Snapshot]
}

// abandoned stands in a slot that nobody waits for any more.
var abandoned = &pebble.Snapshot{}

// fill puts an image of the store into the slot. The store stays open until it is closed.
func (slot *imageSlot) fill(s *store) {
	s.snapshots.running.Add(1)
	if made := s.db.NewSnapshot(); !slot.CompareAndSwap(nil, made) {
		s.closeImage(made)
	}
}

func (slot *imageSlot) close(s *store) {
	if made := slot.Swap(abandoned); made != nil {
		s.closeImage(made)
	}
}

func (s *store) closeImage(made *pebble.Snapshot) {
	_ = made.Close()
	s.snapshots.running.Done()
}

// backup answers GET /backup with what was committed when the request came.
func (r *replica) backup(w http.ResponseWriter, req *http.Request) {
	var slot imageSlot
	defer slot.close(r.store)
	_, err := r.read(req.Context(), readSafe, func(s *store) (outcome, error) {
		slot.fill(s)
		return outcome{found: true}, nil
	})
	if err != nil {
		unavailable(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	out := bufio.NewWriterSize(&paced{w, http.NewResponseController(w)}, 256<<10)
	if err := errors.Join(writeBackup(out, slot.Load()), out.Flush()); err != nil {
		// The end is missing, so the client knows.
		r.opts.log.Warn("a backup was broken off", "err", err)
	}
}

// paced gives each write of an answer a time of its own, for answers of any length.
type paced struct {
	w    http.ResponseWriter
	conn *http.ResponseController
}

func (p *paced) Write(b []byte) (int, error) {
	_ = p.conn.SetWriteDeadline(time.Now().Add(answerTimeout))
	return p.w.Write(b)
}

func writeBackup(w io.Writer, from *pebble.Snapshot) error {
	// The image says what is applied in it. The loop may not know it yet: a snapshot from the leader
	// is written beside it.
	applied, _, err := getFrom(from, keyApplied)
	if err != nil {
		return err
	}
	at, _, err := decodeID(applied)
	if err != nil {
		return err
	}
	sum := sha256.New()
	out := io.MultiWriter(w, sum)
	head := append([]byte(backupMagic), encodeID(at)...)
	if _, err := out.Write(head); err != nil {
		return err
	}
	for _, prefix := range []byte{dataPrefix, sessionPrefix} {
		err := eachRow(from, prefix, func(key, value []byte) error {
			lengths := binary.BigEndian.AppendUint32(nil, uint32(len(key)))
			lengths = binary.BigEndian.AppendUint32(lengths, uint32(len(value)))
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

// readBackup calls row for each row of a backup, and returns the term and index that it was made
// at. The slices are row's to keep. Rows come before the checksum is read: they count only if there
// is no error in the end.
func readBackup(r io.Reader, row func(key, value []byte) error) (at entryID, err error) {
	sum := sha256.New()
	in := io.TeeReader(r, sum)
	head := make([]byte, len(backupMagic)+16)
	if err := readPart(in, head); err != nil {
		return at, err
	}
	id, isBackup := bytes.CutPrefix(head, []byte(backupMagic))
	if !isBackup {
		return at, fmt.Errorf("%w: it does not begin like one", errBadBackup)
	}
	if at, _, err = decodeID(id); err != nil {
		return at, err
	}
	for lengths := make([]byte, 8); ; {
		if err := readPart(in, lengths); err != nil {
			return at, err
		}
		n, m := binary.BigEndian.Uint32(lengths), binary.BigEndian.Uint32(lengths[4:])
		if n == 0 {
			return at, checkSum(r, sum)
		}
		if n > maxRow || m > maxRow {
			return at, fmt.Errorf("%w: it is damaged", errBadBackup)
		}
		b := make([]byte, n+m)
		if err := readPart(in, b); err != nil {
			return at, err
		}
		if err := row(b[:n], b[n:]); err != nil {
			return at, err
		}
	}
}

func readPart(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: its end is missing", errBadBackup)
	}
	return err
}

// checkSum reads the checksum, behind which there must be nothing.
func checkSum(r io.Reader, sum hash.Hash) error {
	stored := make([]byte, sum.Size())
	if err := readPart(r, stored); err != nil {
		return err
	}
	if n, _ := io.ReadFull(r, make([]byte, 1)); n > 0 || !bytes.Equal(stored, sum.Sum(nil)) {
		return fmt.Errorf("%w: it is damaged", errBadBackup)
	}
	return nil
}

// fetchBackup gets a backup from a replica into a new file, and checks it. The file is there when
// the backup is whole and on the disk.
func fetchBackup(from, to string) (at entryID, rows int, err error) {
	if _, err := os.Stat(to); err == nil {
		return at, 0, fmt.Errorf("%s exists already", to)
	}
	resp, err := http.Get(from + backupPath)
	if err != nil {
		return at, 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		why, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		return at, 0, fmt.Errorf("%s answers %s: %s", from, resp.Status, bytes.TrimSpace(why))
	}
	part := to + ".part"
	file, err := os.Create(part)
	if err != nil {
		return at, 0, err
	}
	body := bufio.NewReaderSize(io.TeeReader(resp.Body, file), 256<<10)
	at, err = readBackup(body, func(key, _ []byte) error {
		if key[0] == dataPrefix {
			rows++
		}
		return nil
	})
	err = errors.Join(err, file.Sync(), file.Close())
	if err != nil {
		return at, 0, errors.Join(err, os.Remove(part))
	}
	return at, rows, errors.Join(os.Rename(part, to), syncFolder(to))
}
