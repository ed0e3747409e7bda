package recording

import (
	"encoding/binary"
	"io"
)

// Header is what a recording begins with: a word and the version.
const Header = "raftrec\x01"

// Writer writes a recording, a record in each Write. It is for one goroutine.
type Writer struct {
	out io.Writer
	err error
	// record and frame are used again for each record.
	record, frame []byte
}

// NewWriter begins a recording.
func NewWriter(out io.Writer) *Writer {
	w := &Writer{out: out}
	w.write([]byte(Header))
	return w
}

// Add writes a record. After an error nothing is written any more, see Err: a node goes on without its recorder.
func (w *Writer) Add(r *Record) {
	if w.err != nil {
		return
	}
	w.record = r.append(w.record[:0])
	w.frame = frame(w.frame[:0], w.record)
	w.write(w.frame)
}

func (w *Writer) write(b []byte) {
	_, w.err = w.out.Write(b)
}

// Err returns the first error of the underlying writer.
func (w *Writer) Err() error { return w.err }

// Encode returns a record as it stands in a recording.
func Encode(r *Record) []byte { return frame(nil, r.append(nil)) }

// frame adds an encoded record with its length to buf.
func frame(buf, record []byte) []byte {
	return append(binary.AppendUvarint(buf, uint64(len(record))), record...)
}
