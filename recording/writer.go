package recording

import (
	"encoding/binary"
	"hash/crc32"
	"io"
)

// Header is what a recording begins with, and each life that was appended to it: a word and the
// version.
const Header = word + "\x01"

// word is the header without the version.
const word = "raftrec"

// Checkpointer is what an io.Writer implements, besides, that wants the state of the node written
// down in between, because it does not keep the beginning: a Ring, or files that replace each
// other.
type Checkpointer interface {
	// CheckpointRoom is asked before each input. If it is not 0, a Checkpoint is written there,
	// unless its state takes more bytes than that.
	CheckpointRoom() int
}

// Writer writes a recording, a record in each Write. It is for one goroutine.
type Writer struct {
	out io.Writer
	err error
	// record and frame are used again for each record.
	record, frame []byte
}

// NewWriter begins a recording, or a further life in one.
func NewWriter(out io.Writer) *Writer {
	w := &Writer{out: out}
	w.write([]byte(Header))
	return w
}

// Add writes a record. After an error nothing is written any more, see Err: a node goes on without
// its recorder.
func (w *Writer) Add(r *Record) {
	if w.err != nil {
		return
	}
	w.record = r.append(w.record[:0])
	w.frame = frame(w.frame[:0], w.record)
	w.write(w.frame)
}

// CheckpointRoom asks what the recording is written to; 0 if it wants no checkpoints.
func (w *Writer) CheckpointRoom() int {
	if c, ok := w.out.(Checkpointer); ok && w.err == nil {
		return c.CheckpointRoom()
	}
	return 0
}

func (w *Writer) write(b []byte) {
	_, w.err = w.out.Write(b)
}

// Err returns the first error of the underlying writer.
func (w *Writer) Err() error { return w.err }

// Encode returns a record as it stands in a recording.
func Encode(r *Record) []byte { return frame(nil, r.append(nil)) }

// sumBytes is the length of a checksum.
const sumBytes = 2

// frame adds an encoded record with its length and checksum to buf.
func frame(buf, record []byte) []byte {
	buf = append(binary.AppendUvarint(buf, uint64(len(record))), record...)
	return binary.LittleEndian.AppendUint16(buf, checksum(record))
}

// checksum tells a whole record from one that was cut, and from what was written after it then.
func checksum(record []byte) uint16 {
	return uint16(crc32.Checksum(record, crc32.MakeTable(crc32.Castagnoli)))
}

// frameLength returns the length of the whole frame that b begins with; 0 if there is none.
func frameLength(b []byte) int {
	length, n := binary.Uvarint(b)
	if n <= 0 || length > uint64(len(b)) {
		return 0
	}
	if n += int(length) + sumBytes; n > len(b) {
		return 0
	}
	return n
}
