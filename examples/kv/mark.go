package main

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// mark is the number of batches that were synced, in a file of its own beside the database.
//
// Pebble takes a damaged end of its log for a write that a crash has torn, and goes on without
// it: acknowledged entries and votes would be gone. The database has the number too, so a replica
// whose database is behind its mark has lost something, and refuses to start.
//
// The mark is written after each sync. It is synced only when the store is closed, because a second
// sync would double the cost of a write. So it never counts what is not durable, and:
//
//   - After a stop or a kill of the process, it catches any lost batch.
//   - After a loss of power, it catches what was lost from before the operating system wrote the
//     mark to the disk, which happens every half a minute or so.
//   - It does not catch a folder that is replaced by an older copy, the mark included, nor a
//     mark that is lost or damaged together with the log.
type mark struct {
	file    vfs.File
	batches uint64 // as read when it was opened
}

// A mark is the number of batches and its checksum. A damaged one says nothing.
const markSize = 8 + 4

func openMark(fs vfs.FS, dir string) (*mark, error) {
	file, err := fs.OpenReadWrite(filepath.Join(dir, "mark"), vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	m := &mark{file: file}
	b := make([]byte, markSize)
	if _, err := file.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, file.Close())
	}
	if binary.BigEndian.Uint32(b[8:]) == crc32.ChecksumIEEE(b[:8]) {
		m.batches = binary.BigEndian.Uint64(b)
	}
	return m, nil
}

func (m *mark) write(batches uint64) error {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, markSize), batches)
	_, err := m.file.WriteAt(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b)), 0)
	return err
}

func (m *mark) close() error { return errors.Join(m.file.Sync(), m.file.Close()) }

// readSynced returns the number of synced batches that the database knows of.
func readSynced(r pebble.Reader) (uint64, error) {
	b, found, err := getFrom(r, keySynced)
	if err != nil || !found {
		return 0, err
	}
	if len(b) != 8 {
		return 0, io.ErrUnexpectedEOF
	}
	return binary.BigEndian.Uint64(b), nil
}
