package wire

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Request is a request of a client. The replica answers it as it answers the same request of HTTP.
type Request struct {
	ID     uint64
	Within time.Duration // how long the client waits, in whole milliseconds; 0 if it does not say
	Method string
	Target string // path and query
	Header http.Header
	Body   []byte
}

// Answer is the answer to the Request with the same ID.
type Answer struct {
	ID     uint64
	Status int
	Header http.Header
	Body   []byte
}

const (
	// Path is where a client asks a replica for a connection that requests share, with Protocol in
	// the Upgrade header.
	Path     = "/requests"
	Protocol = "kv-requests"
	// MaxBody bounds the bytes of a body, and MaxFrame those of a frame. A larger request needs a
	// connection of its own.
	MaxBody  = 64 << 10
	MaxFrame = 2 * MaxBody
	// StatusAlone is the Status of an Answer that was larger. The client asks again on a connection
	// of its own. Only reads have such answers.
	StatusAlone = 0
)

// MayShare reports whether requests for a path may share a connection: those whose answers are
// short. Listings are not.
func MayShare(path string) bool {
	return path == "/status" || path == "/session" || strings.HasPrefix(path, "/session/") || strings.HasPrefix(path, "/kv/") && path != "/kv/"
}

// IDSize is the number of bytes with which a frame of a Request or an Answer begins: its ID.
const IDSize = 8

// AppendFrame appends the frame of a request.
func (r *Request) AppendFrame(b []byte) []byte {
	return appendFrame(b, r.ID, r.Header, r.Body, func(b []byte) []byte {
		b = binary.AppendUvarint(b, uint64(r.Within.Milliseconds()))
		return appendText(appendText(b, r.Method), r.Target)
	})
}

// Decode reads the bytes of a frame. Nothing of the request is in them afterwards.
func (r *Request) Decode(b []byte) error {
	d := decoder{b: b}
	*r = Request{ID: d.id(), Within: time.Duration(d.number()) * time.Millisecond, Method: d.text(), Target: d.text()}
	r.Header, r.Body = d.header(), d.rest()
	return d.err
}

// AppendFrame appends the frame of an answer.
func (a *Answer) AppendFrame(b []byte) []byte {
	return appendFrame(b, a.ID, a.Header, a.Body, func(b []byte) []byte {
		return binary.AppendUvarint(b, uint64(a.Status))
	})
}

// Decode reads the bytes of a frame. Nothing of the answer is in them afterwards.
func (a *Answer) Decode(b []byte) error {
	d := decoder{b: b}
	*a = Answer{ID: d.id(), Status: int(d.number())}
	a.Header, a.Body = d.header(), d.rest()
	return d.err
}

// appendFrame appends a frame with what requests and answers have in common, and between ID and
// header what they have not.
func appendFrame(
	b []byte, id uint64, header http.Header, body []byte, own func([]byte) []byte,
) []byte {
	start := len(b)
	b = append(b, make([]byte, HeadSize)...)
	b = own(binary.BigEndian.AppendUint64(b, id))
	values := 0
	for _, all := range header {
		values += len(all)
	}
	b = binary.AppendUvarint(b, uint64(values))
	for name, all := range header {
		for _, value := range all {
			b = appendText(appendText(b, name), value)
		}
	}
	b = append(b, body...)
	PutHead(b[start:], b[start+HeadSize:])
	return b
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// decoder reads the bytes of a frame. After an error it returns zeros.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail() {
	d.b, d.err = nil, fmt.Errorf("%w: %w", ErrBadFrame, io.ErrUnexpectedEOF)
}

func (d *decoder) id() uint64 {
	if len(d.b) < IDSize {
		d.fail()
		return 0
	}
	id := binary.BigEndian.Uint64(d.b)
	d.b = d.b[IDSize:]
	return id
}

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.b)
	if size <= 0 || n > 1<<32 {
		d.fail()
		return 0
	}
	d.b = d.b[size:]
	return n
}

func (d *decoder) text() string {
	n := d.number()
	if n > uint64(len(d.b)) {
		d.fail()
		return ""
	}
	text := string(d.b[:n])
	d.b = d.b[n:]
	return text
}

func (d *decoder) header() http.Header {
	header := http.Header{}
	for range d.number() {
		name := d.text()
		value := d.text()
		if d.err != nil {
			return nil
		}
		header.Add(name, value)
	}
	return header
}

func (d *decoder) rest() []byte {
	if len(d.b) == 0 {
		return nil
	}
	return append([]byte(nil), d.b...)
}
