// Package stream carries frames of bytes between the stores of a cluster over TCP: one connection
// for each pair of stores and direction. Frames may be lost, with a connection or because too many
// wait. Whoever sends them repeats what matters.
//
// A frame is its length and its CRC-32C, four bytes each, and so many bytes. While frames arrive,
// at least an empty one each second, the receiver writes a byte each second. A sender that misses
// these bytes opens another connection: after the network was gone for a while, TCP may take
// minutes to try again, and a new connection takes none.
package stream

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"
)

const (
	frameHead = 8
	// maxFrame bounds the bytes of a frame.
	maxFrame = 256 << 20
	// maxWaiting bounds the bytes that wait for a peer; one frame may exceed it.
	maxWaiting = 64 << 20
	// keptBuffer bounds the memory of a buffer that is kept.
	keptBuffer = 4 << 20
	// notePeriod is the time between two empty frames, and between two bytes back.
	notePeriod = time.Second
	// silence is how long a connection may go without either.
	silence = 5 * time.Second
	// frameTimeout bounds the time that a write, or the bytes of a frame, may take.
	frameTimeout = time.Minute
	// retry is the time between two attempts to connect.
	retry = 100 * time.Millisecond
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Frame is what appends itself to a buffer.
type Frame interface {
	Append(buf []byte) ([]byte, error)
}

// Network is a store's end of all its streams.
type Network struct {
	listener net.Listener
	peers    map[uint64]*peer
	receive  func(frame []byte) error
	log      *slog.Logger
	ctx      context.Context
	cancel   context.CancelFunc
	wg       sync.WaitGroup
}

// New takes streams at a listener, which it closes in the end, and sends to peers at their
// addresses. receive gets each frame that arrives, from many goroutines, and must not keep it. An
// error of it ends the stream.
func New(listener net.Listener, peers map[uint64]string, log *slog.Logger, receive func(frame []byte) error) *Network {
	n := &Network{listener: listener, peers: map[uint64]*peer{}, receive: receive, log: log}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	for id, address := range peers {
		p := &peer{address: address, wake: make(chan struct{}, 1)}
		n.peers[id] = p
		n.wg.Go(func() { n.run(p) })
	}
	n.wg.Go(n.accept)
	return n
}

// Close ends all streams, and waits for their end.
func (n *Network) Close() {
	n.cancel()
	_ = n.listener.Close()
	n.wg.Wait()
}

// peer is the sender's end of a stream.
type peer struct {
	address string
	wake    chan struct{}

	mu      sync.Mutex
	waiting []byte // frames
}

// Send sends a frame, or drops it if too many wait. It does not block, and does not keep f.
func (n *Network) Send(to uint64, f Frame) {
	p := n.peers[to]
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) > maxWaiting {
		return
	}
	at := len(p.waiting)
	b, err := f.Append(append(p.waiting, make([]byte, frameHead)...))
	if size := len(b) - at - frameHead; err != nil || size > maxFrame {
		n.log.Error("a frame cannot be sent", "bytes", size, "err", err)
		p.waiting = b[:at]
		return
	}
	putHead(b[at:])
	p.waiting = b
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func putHead(frame []byte) {
	body := frame[frameHead:]
	binary.LittleEndian.PutUint32(frame, uint32(len(body)))
	binary.LittleEndian.PutUint32(frame[4:], crc32.Checksum(body, castagnoli))
}

// take returns what waits, and leaves spare in its place.
func (p *peer) take(spare []byte) []byte {
	if cap(spare) > keptBuffer {
		spare = nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.waiting
	p.waiting = spare[:0]
	return b
}

// run sends what waits for a peer, and connects as often as necessary.
func (n *Network) run(p *peer) {
	empty := make([]byte, frameHead)
	putHead(empty)
	for n.ctx.Err() == nil {
		d := net.Dialer{Timeout: silence}
		conn, err := d.DialContext(n.ctx, "tcp", p.address)
		if err != nil {
			p.take(nil) // it would be old news
			select {
			case <-time.After(retry):
			case <-n.ctx.Done():
			}
			continue
		}
		over := make(chan struct{})
		stop := context.AfterFunc(n.ctx, func() { _ = conn.Close() })
		n.wg.Go(func() {
			defer close(over)
			defer conn.Close()
			awaitNotes(conn)
		})
		n.send(p, conn, over, empty)
		_ = conn.Close()
		<-over
		stop()
	}
}

// send writes until the connection fails or is over.
func (n *Network) send(p *peer, conn net.Conn, over <-chan struct{}, empty []byte) {
	idle := time.NewTicker(notePeriod)
	defer idle.Stop()
	var buf []byte
	for {
		b := empty
		select {
		case <-over:
			return
		case <-p.wake:
			buf = p.take(buf)
			b = buf
		case <-idle.C:
		}
		if conn.SetWriteDeadline(time.Now().Add(frameTimeout)) != nil {
			return
		}
		if _, err := conn.Write(b); err != nil {
			return
		}
	}
}

// awaitNotes returns when the peer is silent for too long.
func awaitNotes(conn net.Conn) {
	note := make([]byte, 16)
	for conn.SetReadDeadline(time.Now().Add(silence)) == nil {
		if _, err := conn.Read(note); err != nil {
			return
		}
	}
}

// accept takes streams.
func (n *Network) accept() {
	for {
		conn, err := n.listener.Accept()
		if n.ctx.Err() != nil {
			return
		}
		if err != nil { // too many open files, for instance
			n.log.Error("no stream can be taken", "err", err)
			time.Sleep(retry)
			continue
		}
		n.wg.Go(func() {
			defer context.AfterFunc(n.ctx, func() { _ = conn.Close() })()
			defer conn.Close()
			if err := n.read(conn); errors.Is(err, errFrame) {
				n.log.Warn("a stream ends", "from", conn.RemoteAddr(), "err", err)
			}
		})
	}
}

var errFrame = errors.New("stream: a damaged frame")

// read gives the frames of a stream to receive.
func (n *Network) read(conn net.Conn) error {
	in := bufio.NewReaderSize(&noting{conn, time.Now()}, 256<<10)
	var head [frameHead]byte
	var buf []byte
	for {
		if err := conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return err
		}
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return err
		}
		size := binary.LittleEndian.Uint32(head[:])
		if size > maxFrame {
			return fmt.Errorf("%w: %d bytes", errFrame, size)
		}
		if int(size) > cap(buf) || cap(buf) > keptBuffer {
			buf = make([]byte, size)
		}
		buf = buf[:size]
		if err := conn.SetReadDeadline(time.Now().Add(frameTimeout)); err != nil {
			return err
		}
		if _, err := io.ReadFull(in, buf); err != nil {
			return err
		}
		if crc32.Checksum(buf, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
			return fmt.Errorf("%w: its checksum is wrong", errFrame)
		}
		if size > 0 {
			if err := n.receive(buf); err != nil {
				return fmt.Errorf("%w: %w", errFrame, err)
			}
		}
	}
}

// noting is a connection whose reader writes a byte back each second while something arrives.
type noting struct {
	net.Conn
	noted time.Time
}

func (c *noting) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if now := time.Now(); err == nil && now.Sub(c.noted) >= notePeriod {
		c.noted = now
		_ = c.SetWriteDeadline(now.Add(silence))
		_, err = c.Write([]byte{0})
	}
	return n, err
}
