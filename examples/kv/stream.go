package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ffd200af/raft/examples/kv/internal/wire"
	"github.com/ffd200af/raft/raftpb"
)

// A stream carries messages from one replica to another over one connection. It begins with a
// request, POST /raft with the headers of all requests between replicas. The receiver answers 101
// Switching Protocols, or why not. Then the sender writes frames, each with a batch of messages.
// The receiver writes nothing but notes. It answers each empty frame with one, and writes one now
// and then while other frames arrive. The sender gives up a stream without notes: after the network
// was gone for a while, TCP may take minutes to try again, and a new connection takes none.

const (
	// raftPath is where replicas take each other's messages.
	raftPath = "/raft"
	// streamProtocol is what the Upgrade header asks for.
	streamProtocol = "kv-stream"
	// maxBatch bounds the bytes of a frame.
	maxBatch = 256 << 20
	// askPeriod is the time between two empty frames, and between two notes while others arrive.
	askPeriod = time.Second
	// noteTimeout is the longest time between two notes.
	noteTimeout = 4 * askPeriod
	// frameTimeout bounds the time of a frame, as long as its bytes keep coming.
	frameTimeout = time.Minute
	// streamTimeout bounds the time between two frames.
	streamTimeout = time.Minute
)

// Notes of the receiver, a byte each.
const (
	noteRemoved = 'r' // the sender was removed from the cluster
	noteLost    = 'l' // there was no room for a message
	noteHere    = 'h' // the answer to an empty frame, or another one arrives
)

// stream is the sender's end.
type stream struct {
	conn  net.Conn
	ended chan struct{} // closed when nothing comes from the peer any more
	buf   []byte
}

// openStream connects to a peer.
func (t *transport) openStream(p *peer) (*stream, error) {
	ctx, cancel := context.WithTimeout(t.ctx, sendTimeout)
	defer cancel()
	conn, err := t.dial(ctx, p.address)
	if err != nil {
		return nil, err
	}
	s := &stream{conn: conn, ended: make(chan struct{})}
	stop := context.AfterFunc(t.ctx, func() { _ = conn.Close() })
	answers := bufio.NewReader(conn)
	if err := t.upgrade(p, conn, answers); err != nil {
		stop()
		_ = conn.Close()
		return nil, err
	}
	t.wg.Add(1)
	go func() {
		defer t.wg.Done()
		defer close(s.ended)
		defer conn.Close()
		defer stop()
		t.readNotes(p, conn, answers)
	}()
	return s, nil
}

// upgrade makes a stream of a connection.
func (t *transport) upgrade(p *peer, conn net.Conn, answers *bufio.Reader) error {
	req, err := http.NewRequest(http.MethodPost, p.address+raftPath, http.NoBody)
	if err != nil {
		return err
	}
	t.sign(req)
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", streamProtocol)
	if err := errors.Join(conn.SetDeadline(time.Now().Add(sendTimeout)), req.Write(conn)); err != nil {
		return err
	}
	resp, err := http.ReadResponse(answers, req)
	if err != nil {
		return err
	}
	if err := t.checkStranger(p.address, resp); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("kv: peer %d answers %s", p.id, resp.Status)
	}
	return conn.SetDeadline(time.Time{})
}

// readNotes ends when the stream does, or when no note has come in time.
func (t *transport) readNotes(p *peer, conn net.Conn, notes *bufio.Reader) {
	for conn.SetReadDeadline(time.Now().Add(noteTimeout)) == nil {
		switch note, err := notes.ReadByte(); {
		case err != nil:
			return
		case note == noteRemoved:
			t.removed(p.id)
		case note == noteLost:
			t.unreachable(p.id)
		}
	}
}

// over is closed when the stream is; it may be nil.
func (s *stream) over() <-chan struct{} {
	if s == nil {
		return nil
	}
	return s.ended
}

// write sends a batch in one frame.
func (s *stream) write(batch []raftpb.Message) error {
	b, err := appendBatch(append(s.buf[:0], make([]byte, wire.HeadSize)...), batch)
	if err != nil {
		return err
	}
	wire.PutHead(b[:wire.HeadSize], b[wire.HeadSize:])
	if err := s.conn.SetWriteDeadline(time.Now().Add(frameTimeout)); err != nil {
		return err
	}
	if cap(b) <= smallBatch {
		s.buf = b
	}
	_, err = s.conn.Write(b)
	return err
}

// close ends a stream when the peer has read all of it, or after a while.
func (s *stream) close() {
	if s == nil {
		return
	}
	if half, ok := s.conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		time.AfterFunc(sendTimeout, func() { _ = s.conn.Close() })
		return
	}
	_ = s.conn.Close()
}

// dialPlain connects to the host of a base URL.
func dialPlain(ctx context.Context, address string) (net.Conn, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", u.Host)
}

// streams are the open connections that are no longer those of an HTTP server.
type streams struct {
	mu     sync.Mutex
	closed bool
	open   map[any]*stopper
	wg     sync.WaitGroup
}

// stopper ends a stream.
type stopper struct{ end func() }

// inStream is the receiver's end of a stream.
type inStream struct {
	from   uint64
	conn   net.Conn
	in     io.Reader // of conn
	frames wire.Reader
	ctx    context.Context
	cancel context.CancelFunc

	end   time.Time // of the frame whose bytes come; zero between frames
	noted time.Time // when the last note was written
}

// add notes a stream, which remove forgets. It ends the one with the same key. ok is false if no
// streams are taken any more.
func (ss *streams) add(key any, end func()) (remove func(), ok bool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.closed {
		return nil, false
	}
	if last := ss.open[key]; last != nil {
		last.end()
	}
	if ss.open == nil {
		ss.open = map[any]*stopper{}
	}
	s := &stopper{end}
	ss.open[key] = s
	ss.wg.Add(1)
	return func() {
		ss.mu.Lock()
		defer ss.mu.Unlock()
		if ss.open[key] == s {
			delete(ss.open, key)
		}
		ss.wg.Done()
	}, true
}

// close ends all streams.
func (ss *streams) close() {
	ss.mu.Lock()
	ss.closed = true
	for _, s := range ss.open {
		s.end()
	}
	ss.mu.Unlock()
	ss.wg.Wait()
}

// receive takes the stream of a peer.
func (r *replica) receive(w http.ResponseWriter, req *http.Request) {
	from, err := strconv.ParseUint(req.Header.Get(headerFrom), 10, 64)
	switch address := req.Header.Get(headerAddress); {
	case err != nil:
		http.Error(w, "the header "+headerFrom+" must have the id of a replica", http.StatusBadRequest)
		return
	case !strings.EqualFold(req.Header.Get("Upgrade"), streamProtocol):
		w.Header().Set("Upgrade", streamProtocol)
		http.Error(w, "replicas talk to each other in "+streamProtocol, http.StatusUpgradeRequired)
		return
	case len(*r.loop.members.Load()) == 0 && address != "":
		_ = r.query(req.Context(), func() { r.loop.meet(map[uint64]string{from: address}) })
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	s := &inStream{from: from, conn: conn, in: buffered.Reader, noted: time.Now()}
	s.frames = wire.Reader{From: s, Max: maxBatch}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	defer s.cancel()
	defer context.AfterFunc(s.ctx, func() { _ = conn.Close() })()
	// A sender has one stream: this replica may not have heard that the last one broke.
	remove, ok := r.streams.add(from, s.cancel)
	if !ok {
		return
	}
	defer remove()
	if err := r.readStream(s); errors.Is(err, wire.ErrBadFrame) {
		r.opts.log.Warn("the messages of a peer are damaged", "from", from, "err", err)
	}
}

func (r *replica) readStream(s *inStream) error {
	_ = s.conn.SetDeadline(time.Now().Add(sendTimeout))
	_, err := fmt.Fprintf(s.conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", streamProtocol)
	for err == nil {
		var size int
		if err = s.conn.SetReadDeadline(time.Now().Add(streamTimeout)); err == nil {
			s.end = time.Time{}
			size, err = s.frames.Head()
		}
		if err == nil {
			err = r.readBatch(s, size)
		}
	}
	return err
}

// readBatch reads a frame and gives its messages to the loop. Their bytes count against a budget
// until then.
func (r *replica) readBatch(s *inStream, size int) error {
	ctx, cancel := context.WithTimeout(s.ctx, sendTimeout)
	defer cancel()
	bytes := r.largeBatchBytes
	if size <= smallBatch {
		bytes = r.batchBytes
	}
	release, err := bytes.take(ctx, int64(size))
	if err != nil {
		return err
	}
	defer release()
	s.end = time.Now().Add(frameTimeout)
	batch, err := s.frames.Body()
	if err != nil {
		return err
	}
	lost := 0
	if err := decodeBatch(batch, func(m raftpb.Message) { lost += r.take(m) }); err != nil {
		return fmt.Errorf("%w: %w", wire.ErrBadFrame, err)
	}
	switch {
	case size == 0:
		err = s.note(noteHere)
	case lost > 0:
		err = s.note(noteLost)
	}
	// What a removed replica says may count all the same: it may hand over.
	if (*r.loop.members.Load())[s.from].Removed {
		err = errors.Join(err, s.note(noteRemoved))
	}
	return err
}

// take gives a message to the loop. It returns the number of messages that are lost.
func (r *replica) take(m raftpb.Message) int {
	if m.Type == raftpb.MsgSnap { // its image would be missing
		r.loop.counters.refused.Inc()
		return 0
	}
	select {
	case r.loop.inbox <- m:
		return 0
	default:
		r.loop.counters.noRoom.Inc()
		return 1
	}
}

// Read reads what comes. The bytes of a frame may come slowly, but they have to come.
func (s *inStream) Read(b []byte) (int, error) {
	if s.end.IsZero() {
		return s.in.Read(b)
	}
	now := time.Now()
	until := now.Add(sendTimeout)
	if until.After(s.end) {
		until = s.end
	}
	if err := s.conn.SetReadDeadline(until); err != nil {
		return 0, err
	}
	n, err := s.in.Read(b)
	if err == nil && time.Since(s.noted) >= askPeriod {
		err = s.note(noteHere)
	}
	return n, err
}

func (s *inStream) note(note byte) error {
	s.noted = time.Now()
	_ = s.conn.SetWriteDeadline(s.noted.Add(sendTimeout))
	_, err := s.conn.Write([]byte{note})
	return err
}

// appendBatch appends messages, each behind its length.
func appendBatch(b []byte, batch []raftpb.Message) ([]byte, error) {
	for i := range batch {
		n := batch[i].Size()
		b = binary.AppendUvarint(b, uint64(n))
		start := len(b)
		b = append(b, make([]byte, n)...)
		if _, err := batch[i].MarshalTo(b[start:]); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// decodeBatch is the reverse of appendBatch; step gets the messages.
func decodeBatch(b []byte, step func(raftpb.Message)) error {
	for len(b) > 0 {
		n, k := binary.Uvarint(b)
		if k <= 0 || n > uint64(len(b)-k) {
			return io.ErrUnexpectedEOF
		}
		var m raftpb.Message
		if err := m.Unmarshal(b[k : k+int(n)]); err != nil {
			return err
		}
		step(m)
		b = b[k+int(n):]
	}
	return nil
}
