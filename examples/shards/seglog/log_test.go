package seglog

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open returns the log in dir and its records. It is closed after the test.
func open(t *testing.T, dir string, segmentBytes int64) (*Log, []string) {
	t.Helper()
	l, records, err := tryOpen(dir, segmentBytes)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l, records
}

func tryOpen(dir string, segmentBytes int64) (*Log, []string, error) {
	var records []string
	l, err := Open(dir, segmentBytes, func(_ uint64, record []byte) error {
		records = append(records, string(record))
		return nil
	})
	return l, records, err
}

func appendTo(t *testing.T, l *Log, record string, sync bool) {
	t.Helper()
	_, err := l.Append(append(make([]byte, RecordHead), record...), sync)
	must(t, err)
}

func wantRecords(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("records %q, want %q", got, want)
	}
}

func TestRecordsComeBackInOrder(t *testing.T) {
	dir := t.TempDir()
	var want []string
	for life := uint64(1); life <= 4; life++ {
		l, records := open(t, dir, 100)
		wantRecords(t, records, want...)
		if l.Life() != life {
			t.Errorf("life %d, want %d", l.Life(), life)
		}
		for i := range 10 * (life % 3) { // one life writes nothing
			want = append(want, fmt.Sprint("record ", life, i))
			appendTo(t, l, want[len(want)-1], i%2 == 0)
		}
		if newest := l.Newest(); life > 1 && newest < 3 {
			t.Errorf("life %d ends in segment %d", life, newest)
		}
		must(t, l.Close())
	}
	l, _ := open(t, dir, 100)
	names, err := os.ReadDir(dir)
	must(t, err)
	if len(names) != len(l.segments) || l.Bytes() != sizeOf(t, dir) {
		t.Errorf("%d files; %d segments of %d bytes, and %d on disk", len(names), len(l.segments), l.Bytes(), sizeOf(t, dir))
	}
}

func sizeOf(t *testing.T, dir string) (size int64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		info, err := e.Info()
		must(t, err)
		size += info.Size()
	}
	return size
}

// A crash may leave any beginning of what was written. Every cut leaves whole records, and a log
// that goes on.
func TestACutAtEveryByteLeavesABeginning(t *testing.T) {
	dir := t.TempDir()
	l, _ := open(t, dir, 1<<20)
	ends, want := []int64{segmentHead}, []string{}
	for i := range 6 {
		want = append(want, string(bytes.Repeat([]byte{byte('a' + i)}, i*3)))
		appendTo(t, l, want[i], false)
		ends = append(ends, l.last().size)
	}
	must(t, l.Close())
	whole, err := os.ReadFile(filepath.Join(dir, fileName(1)))
	must(t, err)
	for cut := segmentHead; cut <= len(whole); cut++ {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, fileName(1)), whole[:cut], 0o644))
		must(t, os.WriteFile(filepath.Join(dir, unfinished), whole[:cut%segmentHead], 0o644))
		kept := 0
		for kept+1 < len(ends) && ends[kept+1] <= int64(cut) {
			kept++
		}
		l, records := open(t, dir, 1<<20)
		wantRecords(t, records, want[:kept]...)
		appendTo(t, l, "after", true)
		must(t, l.Close())
		l, records = open(t, dir, 1<<20)
		wantRecords(t, records, append(slices.Clone(want[:kept]), "after")...)
		must(t, l.Close())
	}
}

// Each byte of a log is changed in turn. What was durable is missed, but for the last synced
// record, which a torn one cannot be told from. What was not synced ends the log.
func TestADamagedByteIsNoticed(t *testing.T) {
	dir := t.TempDir()
	l, _ := open(t, dir, 1<<20)
	for i, sync := range []bool{false, true, true, false, false} {
		appendTo(t, l, fmt.Sprint("record ", i), sync)
	}
	size := (int(l.last().size) - segmentHead) / 5
	must(t, l.Close())
	path := filepath.Join(dir, fileName(1))
	whole, err := os.ReadFile(path)
	must(t, err)
	for at := range whole {
		damaged := slices.Clone(whole)
		damaged[at] ^= 0x10
		must(t, os.WriteFile(path, damaged, 0o644))
		must(t, os.RemoveAll(filepath.Join(dir, fileName(2))))
		l, records, err := tryOpen(dir, 1<<20)
		in := (at - segmentHead) / size // the record, in which the byte is
		if at < segmentHead || in < 3 { // records 3 and 4 know that 0 to 2 are durable
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("byte %d is changed: %q, %v", at, records, err)
			}
			continue
		}
		must(t, err)
		must(t, l.Close())
		if len(records) != in {
			t.Fatalf("byte %d of record %d is changed: %q", at, in, records)
		}
	}
}

// A client may write what looks like a record, a copy of another log for instance. When the record
// around it is torn, it says nothing about what was durable.
func TestACopyOfARecordIsNone(t *testing.T) {
	other, dir := t.TempDir(), t.TempDir()
	from, _ := open(t, other, 1<<20)
	to, _ := open(t, dir, 1<<20)
	appendTo(t, to, "before", true)
	for range 40 { // their places in both logs are alike
		appendTo(t, from, "copy", true)
	}
	copied, err := os.ReadFile(filepath.Join(other, fileName(1)))
	must(t, err)
	for start := range copied[segmentHead:] {
		appendTo(t, to, string(copied[segmentHead+start:]), false)
		torn, err := os.ReadFile(filepath.Join(dir, fileName(1)))
		must(t, err)
		crashed := t.TempDir()
		must(t, os.WriteFile(filepath.Join(crashed, fileName(1)), torn[:len(torn)-1], 0o644))
		_, records := open(t, crashed, 1<<20)
		if len(records) != 1+start {
			t.Fatalf("%d records, want %d", len(records), 1+start)
		}
	}
}

// What is written to a new folder is there after a crash only if the folder is.
func TestNewFoldersAreDurable(t *testing.T) {
	dir := t.TempDir()
	var synced []string
	note := func(dir string) error {
		synced = append(synced, dir)
		return syncFolder(dir)
	}
	deep := filepath.Join(dir, "a", "b", "c")
	must(t, makeFolders(deep, note))
	must(t, makeFolders(deep, note))
	if want := []string{dir, filepath.Join(dir, "a"), filepath.Join(dir, "a", "b")}; !slices.Equal(synced, want) {
		t.Errorf("synced are %q, want %q", synced, want)
	}
	if _, err := os.Stat(deep); err != nil {
		t.Error(err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o644))
	if err := makeFolders(filepath.Join(dir, "file", "d"), note); err == nil {
		t.Error("a folder in a file")
	}
}

func TestOnlyTheLastSegmentMayBeTorn(t *testing.T) {
	dir := t.TempDir()
	l, _ := open(t, dir, 50)
	for i := range 6 {
		appendTo(t, l, fmt.Sprint("a record of some length ", i), false)
	}
	must(t, l.Close())
	path := filepath.Join(dir, fileName(3))
	whole, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, whole[:len(whole)-1], 0o644))
	if _, _, err := tryOpen(dir, 50); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a segment in the middle is torn: %v", err)
	}
	must(t, os.Remove(path))
	if _, _, err := tryOpen(dir, 50); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a segment in the middle is missing: %v", err)
	}
}

func TestDroppedSegmentsDoNotComeBack(t *testing.T) {
	dir := t.TempDir()
	l, _ := open(t, dir, 50)
	for i := range 5 {
		appendTo(t, l, fmt.Sprint("a record of some length ", i), false)
	}
	for range 9 { // the last one stays
		must(t, l.Drop())
	}
	if l.Oldest() != 5 || l.Newest() != 5 || l.Bytes() != sizeOf(t, dir) {
		t.Errorf("segments %d to %d, %d bytes", l.Oldest(), l.Newest(), l.Bytes())
	}
	must(t, l.Close())
	_, records := open(t, dir, 50)
	wantRecords(t, records, "a record of some length 4")
}

func TestALogIsOpenOnce(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, 50)
	if _, _, err := tryOpen(dir, 50); err == nil {
		t.Error("it is opened twice")
	}
}

// What a failed write has left on disk is not known, so nothing may follow it.
func TestAfterAFailureTheLogRefusesEverything(t *testing.T) {
	l, _ := open(t, t.TempDir(), 1<<20)
	appendTo(t, l, "a", true)
	file := l.file
	readOnly, err := os.Open(l.path(1))
	must(t, err)
	defer readOnly.Close()
	l.file = readOnly
	record := append(make([]byte, RecordHead), "b"...)
	if _, err := l.Append(record, false); err == nil {
		t.Fatal("a write to a file that cannot be written succeeds")
	}
	l.file = file
	if _, err := l.Append(record, true); err == nil || l.Drop() == nil {
		t.Error("the log goes on after a failed write")
	}
}

func TestRecordsThatCannotBeWritten(t *testing.T) {
	l, _ := open(t, t.TempDir(), 1<<20)
	if _, err := l.Append(nil, false); err == nil {
		t.Error("there is no room for the head")
	}
}
