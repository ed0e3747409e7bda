package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ffd200af/raft/examples/kv/internal/wire"
	"github.com/ffd200af/raft/raftpb"
)

// bigMessage makes a large batch.
var bigMessage = raftpb.Message{Type: raftpb.MsgApp, Entries: []raftpb.Entry{{Data: make([]byte, smallBatch)}}}

// openStream is the request of a stream from a replica.
func openStream(from uint64) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: h\r\nKv-Cluster: c\r\nKv-From: %d\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n",
		raftPath, from, streamProtocol)
}

// head is that of a frame of n bytes.
func head(n int) string {
	return string(binary.BigEndian.AppendUint64(nil, uint64(n)<<32))
}

// frameOf is a frame with messages.
func frameOf(t *testing.T, batch ...raftpb.Message) string {
	t.Helper()
	b, err := appendBatch(nil, batch)
	must(t, err)
	var frame bytes.Buffer
	must(t, wire.WriteFrame(&frame, b))
	return frame.String()
}

// stream opens a stream.
func (p *pipes) stream(t *testing.T, from uint64) net.Conn {
	t.Helper()
	conn := p.dial()
	_, err := io.WriteString(conn, openStream(from))
	must(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(resp.Status)
	}
	return conn
}

// streamEnd is closed when the other side has closed a stream.
func streamEnd(conn net.Conn) <-chan struct{} {
	end := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, conn)
		close(end)
	}()
	return end
}

// streamServer takes streams at the address that it returns, and calls f for each message.
func streamServer(t *testing.T, f func(raftpb.Message)) string {
	r := bareReplica()
	r.loop.inbox = make(chan raftpb.Message, 1000)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for {
			select {
			case m := <-r.loop.inbox:
				f(m)
			case <-ctx.Done():
				return
			}
		}
	}()
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+raftPath, r.receive) // of any cluster
	server := httptest.NewServer(mux)
	t.Cleanup(func() { server.Close(); r.streams.close(); cancel() })
	return server.URL
}

// sender is a transport whose streams go to p.
func sender(t *testing.T, p *pipes) *sendingTransport {
	s := &sendingTransport{transport: newTransport(2, "http://self")}
	s.cluster.set("c")
	s.dial = func(context.Context, string) (net.Conn, error) {
		s.dials.Add(1)
		if s.down.Load() {
			return nil, errors.New("nobody listens")
		}
		conn := p.dial()
		s.conn.Store(&conn)
		return conn, nil
	}
	s.unreachable = func(uint64) { s.lost.Add(1) }
	s.removed = func(uint64) { s.told.Add(1) }
	s.follow(map[uint64]string{1: "http://peer"})
	return s
}

type sendingTransport struct {
	*transport
	conn              atomic.Pointer[net.Conn] // the last one
	down              atomic.Bool
	dials, lost, told atomic.Int32
}

// end ends a test in a bubble.
func (s *sendingTransport) end(r *replica) {
	s.stop(0)
	r.streams.close()
}

func (s *sendingTransport) heartbeat() {
	s.send([]raftpb.Message{{Type: raftpb.MsgHeartbeat, To: 1, From: 2}})
	synctest.Wait()
}

func TestMessagesShareAStream(t *testing.T) {
	inBubble(t, func(t *testing.T, r *replica, p *pipes) {
		r.loop.inbox = make(chan raftpb.Message, 100)
		s := sender(t, p)
		for range 10 {
			s.heartbeat()
		}
		time.Sleep(5 * streamTimeout) // empty frames keep it open
		s.send([]raftpb.Message{bigMessageTo1(), {Type: raftpb.MsgHeartbeat, To: 1}})
		synctest.Wait()
		if len(r.loop.inbox) != 12 || s.dials.Load() != 1 || s.lost.Load() != 0 || s.told.Load() != 0 {
			t.Errorf("%d messages over %d streams, %d lost", len(r.loop.inbox), s.dials.Load(), s.lost.Load())
		}
		s.end(r)
	})
}

func bigMessageTo1() raftpb.Message {
	m := bigMessage
	m.To = 1
	return m
}

// TestAStreamThatBreaksIsOpenedAgain: the node hears that messages may be lost.
func TestAStreamThatBreaksIsOpenedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, r *replica, p *pipes) {
		r.loop.inbox = make(chan raftpb.Message, 100)
		s := sender(t, p)
		s.heartbeat()
		must(t, (*s.conn.Load()).Close())
		synctest.Wait()
		if s.lost.Load() != 1 {
			t.Errorf("%d reports of a stream that broke", s.lost.Load())
		}
		s.heartbeat()
		if len(r.loop.inbox) != 2 || s.dials.Load() != 2 {
			t.Errorf("%d messages over %d streams", len(r.loop.inbox), s.dials.Load())
		}
		s.end(r)
	})
}

// TestAPeerThatIsDownIsTriedNowAndThen.
func TestAPeerThatIsDownIsTriedNowAndThen(t *testing.T) {
	inBubble(t, func(t *testing.T, r *replica, p *pipes) {
		s := sender(t, p)
		var said bytes.Buffer
		s.log = slog.New(slog.NewTextHandler(&said, nil))
		s.down.Store(true)
		for range 1000 {
			s.send([]raftpb.Message{{Type: raftpb.MsgHeartbeat, To: 1}})
			time.Sleep(time.Millisecond)
		}
		if n := s.dials.Load(); n < 10 || n > 30 {
			t.Errorf("tried %d times in a second", n)
		}
		s.down.Store(false)
		time.Sleep(time.Second)
		s.heartbeat()
		s.end(r)
		if s.lost.Load() < 900 {
			t.Errorf("%d of 1000 messages are reported", s.lost.Load())
		}
		for _, line := range []string{"cannot be reached", "reached again"} {
			if n := strings.Count(said.String(), line); n != 1 {
				t.Errorf("%d lines say %q:\n%s", n, line, &said)
			}
		}
	})
}

// TestTheNextStreamOfASenderEndsTheLast: the receiver may not have heard that it broke.
func TestTheNextStreamOfASenderEndsTheLast(t *testing.T) {
	inBubble(t, func(t *testing.T, r *replica, p *pipes) {
		first, other := p.stream(t, 2), p.stream(t, 3)
		ends := [2]<-chan struct{}{streamEnd(first), streamEnd(other)}
		next := p.stream(t, 2)
		synctest.Wait()
		select {
		case <-ends[0]:
		default:
			t.Error("the last stream is still open")
		}
		select {
		case <-ends[1]:
			t.Error("the stream of another replica has ended")
		default:
		}
		_, err := io.WriteString(next, frameOf(t, raftpb.Message{}))
		must(t, err)
		synctest.Wait()
		if len(r.loop.inbox) != 1 || len(r.streams.open) != 2 {
			t.Errorf("%d messages, %d streams", len(r.loop.inbox), len(r.streams.open))
		}
		r.streams.close()
		if _, err := io.WriteString(p.dial(), openStream(4)); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if len(r.streams.open) != 0 {
			t.Error("a stream is open after the end")
		}
	})
}

// TestANoteSaysThatMessagesAreLost: the receiver has no room for them.
func TestANoteSaysThatMessagesAreLost(t *testing.T) {
	inBubble(t, func(t *testing.T, r *replica, p *pipes) {
		s := sender(t, p) // the inbox holds one message
		s.heartbeat()
		s.heartbeat()
		if len(r.loop.inbox) != 1 || s.lost.Load() != 1 || s.dials.Load() != 1 {
			t.Errorf("%d messages, %d lost, %d streams", len(r.loop.inbox), s.lost.Load(), s.dials.Load())
		}
		s.end(r)
	})
}

// TestARemovedReplicaIsTold so, with what it sends and when it asks. What it sends still counts.
func TestARemovedReplicaIsTold(t *testing.T) {
	inBubble(t, func(t *testing.T, r *replica, p *pipes) {
		s := sender(t, p)
		s.ask()
		synctest.Wait()
		if s.told.Load() != 0 {
			t.Error("a member is told that it was removed")
		}
		r.loop.members.Store(&members{2: {Removed: true}})
		s.heartbeat()
		s.ask()
		synctest.Wait()
		if s.told.Load() != 2 || len(r.loop.inbox) != 1 {
			t.Errorf("told %d times, %d messages", s.told.Load(), len(r.loop.inbox))
		}
		s.end(r)
	})
}

// TestADamagedFrameEndsItsStream.
func TestADamagedFrameEndsItsStream(t *testing.T) {
	good := frameOf(t, raftpb.Message{Type: raftpb.MsgHeartbeat})
	var odd bytes.Buffer
	must(t, wire.WriteFrame(&odd, []byte{5, 1}))
	for name, frame := range map[string]string{
		"checksum": good[:4] + "1234" + good[8:], "length": "\xff\xff\xff\xff" + good[4:], "messages": odd.String(),
	} {
		inBubble(t, func(t *testing.T, r *replica, p *pipes) {
			var said bytes.Buffer
			r.opts.log = slog.New(slog.NewTextHandler(&said, nil))
			conn := p.stream(t, 2)
			_, err := io.WriteString(conn, frame)
			must(t, err)
			<-streamEnd(conn)
			synctest.Wait()
			if len(r.loop.inbox) > 0 || !strings.Contains(said.String(), wire.ErrBadFrame.Error()) {
				t.Errorf("%s: %d messages, log %q", name, len(r.loop.inbox), &said)
			}
		})
	}
}

// TestWhatIsNoStreamIsRefused.
func TestWhatIsNoStreamIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T, r *replica, p *pipes) {
		for request, want := range map[string]int{
			post(raftPath, 0): http.StatusBadRequest,
			strings.Replace(openStream(2), ": c", ": d", 1):                 http.StatusMisdirectedRequest,
			strings.Replace(openStream(2), "Upgrade: kv-stream\r\n", "", 1): http.StatusUpgradeRequired,
		} {
			if got := p.status(t, request); got != want {
				t.Errorf("%q: %d, want %d", request, got, want)
			}
		}
	})
}

// TestASenderWaitsNotForAPeerThatDoesNotRead, nor for one that reads and does not answer: the
// network may be gone, or was.
func TestASenderWaitsNotForAPeerThatDoesNotRead(t *testing.T) {
	for name, talk := range map[string]func(*sendingTransport, net.Conn){
		"reads": func(_ *sendingTransport, conn net.Conn) { streamEnd(conn) },
		"small": func(s *sendingTransport, _ net.Conn) { s.send([]raftpb.Message{{To: 1}}) },
		"large": func(s *sendingTransport, _ net.Conn) { s.send([]raftpb.Message{bigMessageTo1()}) },
	} {
		synctest.Test(t, func(t *testing.T) {
			s, conn := deaf(t)
			s.down.Store(true) // for another stream
			begun := time.Now()
			talk(s, conn)
			for s.lost.Load() == 0 {
				time.Sleep(time.Second / 8)
			}
			if took := time.Since(begun); took > noteTimeout+time.Second/8 {
				t.Errorf("%s: it was given up after %v", name, took)
			}
			s.stop(0)
			must(t, conn.Close())
		})
	}
}

// TestASlowStreamArrives: large and small frames take longer than a message without an answer may.
func TestASlowStreamArrives(t *testing.T) {
	inBubble(t, func(t *testing.T, r *replica, p *pipes) {
		r.loop.inbox = make(chan raftpb.Message, 100)
		s := sender(t, p)
		fast := s.dial
		s.dial = func(ctx context.Context, address string) (net.Conn, error) {
			conn, err := fast(ctx, address)
			return newSlowConn(conn), err
		}
		s.send([]raftpb.Message{bigMessageTo1(), bigMessageTo1()})
		synctest.Wait()
		for range 50 {
			s.send([]raftpb.Message{{Type: raftpb.MsgApp, To: 1, Entries: []raftpb.Entry{{Data: make([]byte, 20<<10)}}}})
			synctest.Wait()
		}
		time.Sleep(frameTimeout)
		if len(r.loop.inbox) != 52 || s.dials.Load() != 1 || s.lost.Load() != 0 {
			t.Errorf("%d messages over %d streams, %d lost", len(r.loop.inbox), s.dials.Load(), s.lost.Load())
		}
		s.end(r)
	})
}

// slowConn buffers what is written, and passes on 100 KiB a second.
type slowConn struct {
	net.Conn
	parts chan []byte
	ended context.Context
	end   context.CancelFunc
}

func newSlowConn(conn net.Conn) net.Conn {
	c := slowConn{Conn: conn, parts: make(chan []byte, 1000)}
	c.ended, c.end = context.WithCancel(context.Background())
	go func() {
		for {
			select {
			case part := <-c.parts:
				_, _ = conn.Write(part)
				time.Sleep(time.Second / 2 * time.Duration(len(part)) / (50 << 10))
			case <-c.ended.Done():
				return
			}
		}
	}()
	return c
}

func (c slowConn) Write(b []byte) (int, error) {
	for part := range slices.Chunk(slices.Clone(b), 50<<10) {
		c.parts <- part
	}
	return len(b), nil
}

func (c slowConn) Close() error {
	c.end()
	return c.Conn.Close()
}

func (slowConn) SetDeadline(time.Time) error      { return nil }
func (slowConn) SetWriteDeadline(time.Time) error { return nil }

// TestATransportStopsAtOnce although a peer does not read.
func TestATransportStopsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, conn := deaf(t)
		s.send([]raftpb.Message{bigMessageTo1()})
		synctest.Wait()
		begun := time.Now()
		s.stop(0)
		if took := time.Since(begun); took > 0 {
			t.Errorf("it took %v", took)
		}
		must(t, conn.Close())
	})
}

// deaf is a transport with a stream to a peer that does not read.
func deaf(t *testing.T) (*sendingTransport, net.Conn) {
	t.Helper()
	p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	s := sender(t, p)
	s.ask()
	conn, err := p.Accept()
	must(t, err)
	_, err = http.ReadRequest(bufio.NewReader(conn))
	must(t, err)
	_, err = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
	must(t, err)
	_, err = io.ReadFull(conn, make([]byte, wire.HeadSize))
	must(t, err)
	return s, conn
}

// TestAReceiverWaitsNotForHalfAFrame, nor for a sender that does not read the answer.
func TestAReceiverWaitsNotForHalfAFrame(t *testing.T) {
	for half, want := range map[string]time.Duration{
		head(10) + "12345": sendTimeout, head(smallBatch+1) + "12345": sendTimeout, "1234": streamTimeout,
	} {
		inBubble(t, func(t *testing.T, r *replica, p *pipes) {
			conn := p.stream(t, 2)
			_, err := io.WriteString(conn, half)
			must(t, err)
			begun := time.Now()
			<-streamEnd(conn)
			if took := time.Since(begun); took != want {
				t.Errorf("%q has held the stream for %v, want %v", half, took, want)
			}
		})
	}
	inBubble(t, func(t *testing.T, r *replica, p *pipes) {
		conn := p.stream(t, 2)
		notes := streamEnd(conn)
		_, err := io.WriteString(conn, head(smallBatch))
		must(t, err)
		begun := time.Now()
		for err == nil {
			time.Sleep(time.Second)
			_, err = io.WriteString(conn, "1")
		}
		<-notes
		if took := time.Since(begun).Truncate(2 * time.Second); took != frameTimeout {
			t.Errorf("a byte now and then has held the stream for %v", took)
		}
	})
	inBubble(t, func(t *testing.T, r *replica, p *pipes) {
		conn := p.dial()
		_, err := io.WriteString(conn, openStream(2))
		must(t, err)
		time.Sleep(sendTimeout + time.Millisecond)
		if got, err := io.ReadAll(conn); len(got) > 0 || len(r.streams.open) > 0 {
			t.Errorf("%q, %v, %d streams", got, err, len(r.streams.open))
		}
	})
}

// TestABatchHasABoundedSize: what is large travels alone, so that it does not hold up the rest.
func TestABatchHasABoundedSize(t *testing.T) {
	p := &peer{queue: make(chan raftpb.Message, queueLength)}
	var got []int
	for range batchLength + 1 {
		p.queue <- raftpb.Message{}
	}
	p.queue <- bigMessage
	p.queue <- bigMessage
	for len(p.queue) > 0 {
		got = append(got, len(p.batch(<-p.queue)))
	}
	if want := []int{batchLength, 2, 1}; !slices.Equal(got, want) {
		t.Errorf("batches of %d messages, want %d", got, want)
	}
}

// TestASmallBatchAllocatesNothing.
func TestASmallBatchAllocatesNothing(t *testing.T) {
	s, batch := &stream{conn: taking{}}, []raftpb.Message{{Type: raftpb.MsgHeartbeat, To: 2, From: 1, Term: 3}}
	allocs := testing.AllocsPerRun(100, func() { must(t, s.write(batch)) })
	if allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// taking is a connection that takes everything at once.
type taking struct{ net.Conn }

func (taking) Write(b []byte) (int, error)      { return len(b), nil }
func (taking) SetWriteDeadline(time.Time) error { return nil }
