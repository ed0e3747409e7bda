// Package seglog keeps records in append-only files on disk, the segments of one log. Each record
// has a checksum and is there after a crash as a whole or not at all. What it means is the caller's
// business.
//
//	segment 7                   segment 8
//	[head][record][record]...   [head][record][record][half a record]
//	                                                  ^ a crash tore it: Open cuts it off
//
// The checksums of a segment begin with a random number in its head. So bytes that a client has
// written look like no record, even if they are a copy of one from elsewhere.
//
// A segment that has reached its size is synced, and a new one begun. So only the last one can be
// torn. Records leave the log by whole segments, oldest first: the caller writes what it still
// needs of the oldest segment again, and drops it.
//
// After a failed write or sync nobody knows what the disk holds. So the log refuses every later
// call, and the program has to end.
package seglog

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

const (
	// RecordHead is the number of bytes before a record, see Append: the checksum of all that
	// follows, the length of the record, and how much of the segment was durable when the record
	// was written. Numbers are little-endian.
	RecordHead = 12
	// MaxRecord bounds the bytes of a record, its head included.
	MaxRecord = 1 << 30
	// segmentHead is the number of bytes before the first record: magic, life, a random number, and
	// their checksum, with which those of the records go on.
	segmentHead = 28
	magic       = "seglog 2"
	suffix      = ".log"
	unfinished  = "new" // the file of a segment that is being created
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrCorrupt is matched by errors about a log that has lost what was durable.
var ErrCorrupt = errors.New("seglog: the log is damaged")

// Log is a log that is open for writing. It is not safe for concurrent use.
type Log struct {
	dir      *os.File // locked
	limit    int64
	life     uint64
	segments []segment // oldest first, the last one is being written
	file     *os.File  // of the last one
	seed     uint32    // of the checksums in the last one
	durable  int64     // bytes of the last one
	bytes    int64     // of all
	err      error
}

type segment struct {
	number uint64
	size   int64
}

// Open opens the log in dir, or creates one. It calls replay for each record, oldest first, with
// the number of its segment. replay must not keep the record. A segment of segmentBytes is full.
//
// A tail that was not synced may be missing after a crash. If durable records are damaged, the
// error matches ErrCorrupt. Damage to the last synced write alone looks like a torn tail.
func Open(dir string, segmentBytes int64, replay func(segment uint64, record []byte) error) (*Log, error) {
	if err := makeFolders(dir, syncFolder); err != nil {
		return nil, err
	}
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	l := &Log{dir: d, limit: min(segmentBytes, MaxRecord)}
	if err := l.open(replay); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// makeFolders makes a folder with its parents. Each that is new is there after a crash: the one
// above it is synced.
func makeFolders(dir string, sync func(dir string) error) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	above := filepath.Dir(dir)
	if err := makeFolders(above, sync); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return sync(above)
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (l *Log) open(replay func(uint64, []byte) error) error {
	if err := syscall.Flock(int(l.dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("%s is in use (is another copy running?): %w", l.dir.Name(), err)
	}
	names, err := l.dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	var numbers []uint64
	for _, name := range names {
		var n uint64
		if _, err := fmt.Sscanf(name, "%016x"+suffix, &n); err == nil && name == fileName(n) {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for i, n := range numbers {
		if n != numbers[0]+uint64(i) {
			return fmt.Errorf("%w: %s is missing", ErrCorrupt, l.path(numbers[0]+uint64(i)))
		}
		if err := l.read(n, i == len(numbers)-1, replay); err != nil {
			return fmt.Errorf("%s: %w", l.path(n), err)
		}
	}
	next := uint64(1)
	if n := len(l.segments); n > 0 {
		next = l.segments[n-1].number + 1
		if last := l.segments[n-1]; last.size == segmentHead { // replaced, because it is empty
			next, l.segments, l.bytes = last.number, l.segments[:n-1], l.bytes-last.size
		}
	}
	l.life++
	return l.create(next)
}

// read replays a segment. It cuts off a torn tail of the last one, and makes it durable: what is
// replayed counts as durable from now on.
func (l *Log) read(number uint64, last bool, replay func(uint64, []byte) error) error {
	data, err := os.ReadFile(l.path(number))
	if err != nil {
		return err
	}
	if len(data) < segmentHead || string(data[:8]) != magic || binary.LittleEndian.Uint32(data[segmentHead-4:]) != seedOf(data) {
		return fmt.Errorf("%w: bad head", ErrCorrupt)
	}
	seed := seedOf(data)
	l.life = max(l.life, binary.LittleEndian.Uint64(data[8:]))
	at := segmentHead
	for at < len(data) {
		n := recordAt(data, at, seed)
		if n == 0 {
			break
		}
		if err := replay(number, data[at+RecordHead:at+n:at+n]); err != nil {
			return fmt.Errorf("record at %d: %w", at, err)
		}
		at += n
	}
	if at < len(data) && (!last || wasDurable(data, at, seed)) {
		return fmt.Errorf("%w: the record at %d", ErrCorrupt, at)
	}
	l.segments = append(l.segments, segment{number, int64(at)})
	l.bytes += int64(at)
	if !last {
		return nil
	}
	file, err := os.OpenFile(l.path(number), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(int64(at)), file.Sync(), file.Close())
}

// seedOf is the checksum of the head of a segment.
func seedOf(head []byte) uint32 { return crc32.Checksum(head[:segmentHead-4], castagnoli) }

// recordAt returns the number of bytes of the record at an offset, its head included; 0 if there is
// none.
func recordAt(data []byte, at int, seed uint32) int {
	if len(data)-at < RecordHead {
		return 0
	}
	n := int64(binary.LittleEndian.Uint32(data[at+4:])) + RecordHead
	if n > int64(len(data)-at) ||
		binary.LittleEndian.Uint32(data[at:]) != crc32.Update(seed, castagnoli, data[at+4:at+int(n)]) {
		return 0
	}
	return int(n)
}

// wasDurable reports whether a later record says that the one at an offset, which is damaged, was
// durable. Otherwise the damage is a tail that was never synced, of which any part may be there.
func wasDurable(data []byte, damaged int, seed uint32) bool {
	for at := damaged + 1; at+RecordHead <= len(data); at++ {
		durable := int64(binary.LittleEndian.Uint32(data[at+8:]))
		if int64(damaged) < durable && durable <= int64(at) && recordAt(data, at, seed) > 0 {
			return true
		}
	}
	return false
}

// create begins a segment. Its file appears under its name with the head, or not at all.
func (l *Log) create(number uint64) error {
	head := make([]byte, segmentHead)
	copy(head, magic)
	binary.LittleEndian.PutUint64(head[8:], l.life)
	if _, err := rand.Read(head[16:24]); err != nil {
		return err
	}
	seed := seedOf(head)
	binary.LittleEndian.PutUint32(head[segmentHead-4:], seed)
	path := filepath.Join(l.dir.Name(), unfinished)
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = file.Write(head)
	if err = errors.Join(err, file.Sync()); err == nil {
		if err = os.Rename(path, l.path(number)); err == nil {
			err = l.dir.Sync()
		}
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	l.file, l.seed, l.durable = file, seed, segmentHead
	l.segments = append(l.segments, segment{number, segmentHead})
	l.bytes += segmentHead
	return nil
}

// Append writes the record buf[RecordHead:]; the first bytes of buf are the log's to fill. With
// sync, this record and all before it are durable when it returns. Append returns the number of the
// segment that holds the record.
func (l *Log) Append(buf []byte, sync bool) (segment uint64, err error) {
	if l.err == nil {
		l.err = l.append(buf, sync)
	}
	return l.Newest(), l.err
}

func (l *Log) append(buf []byte, sync bool) error {
	if len(buf) < RecordHead || len(buf) > MaxRecord {
		return fmt.Errorf("seglog: a record of %d bytes with its head", len(buf))
	}
	if at := l.last().size; at > segmentHead && at+int64(len(buf)) > l.limit {
		if err := errors.Join(l.file.Sync(), l.file.Close()); err != nil {
			return err
		}
		if err := l.create(l.last().number + 1); err != nil {
			return err
		}
	}
	binary.LittleEndian.PutUint32(buf[4:], uint32(len(buf)-RecordHead))
	binary.LittleEndian.PutUint32(buf[8:], uint32(l.durable))
	binary.LittleEndian.PutUint32(buf, crc32.Update(l.seed, castagnoli, buf[4:]))
	if _, err := l.file.Write(buf); err != nil {
		return err
	}
	l.last().size += int64(len(buf))
	l.bytes += int64(len(buf))
	if !sync {
		return nil
	}
	if err := l.file.Sync(); err != nil {
		return err
	}
	l.durable = l.last().size
	return nil
}

// Drop removes the oldest segment, for good when it returns. The last one stays.
func (l *Log) Drop() error {
	if l.err != nil || len(l.segments) == 1 {
		return l.err
	}
	l.err = errors.Join(os.Remove(l.path(l.Oldest())), l.dir.Sync())
	l.bytes -= l.segments[0].size
	l.segments = l.segments[1:]
	return l.err
}

// Life rises with each Open, and was never used before.
func (l *Log) Life() uint64 { return l.life }

// Bytes returns the size of all segments.
func (l *Log) Bytes() int64 { return l.bytes }

// Oldest returns the number of the oldest segment.
func (l *Log) Oldest() uint64 { return l.segments[0].number }

// Newest returns the number of the segment that is being written.
func (l *Log) Newest() uint64 { return l.last().number }

// Close ends the log. What was not synced may be lost with the machine, but not with the process.
func (l *Log) Close() error {
	err := l.dir.Close()
	if l.file != nil {
		err = errors.Join(err, l.file.Close())
	}
	return err
}

func (l *Log) last() *segment { return &l.segments[len(l.segments)-1] }

func (l *Log) path(number uint64) string { return filepath.Join(l.dir.Name(), fileName(number)) }

func fileName(number uint64) string { return fmt.Sprintf("%016x%s", number, suffix) }
