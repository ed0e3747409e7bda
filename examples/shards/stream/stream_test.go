package stream

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"
)

const patience = time.Minute

type text string

func (t text) Append(b []byte) ([]byte, error) { return append(b, t...), nil }

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		l, err := net.Listen("tcp", address)
		if err == nil {
			return l
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// network returns one that gives what it receives to a channel.
func network(t *testing.T, l net.Listener, peers map[uint64]string) (*Network, <-chan string) {
	got := make(chan string, 1000)
	n := New(l, peers, slog.New(slog.DiscardHandler), func(f []byte) error {
		if string(f) == "bad" {
			return fmt.Errorf("a bad frame")
		}
		got <- string(f)
		return nil
	})
	return n, got
}

// await returns the next frame that arrives. send sends until one does.
func await(t *testing.T, got <-chan string, send func()) string {
	t.Helper()
	timeout := time.After(patience)
	for {
		send()
		select {
		case f := <-got:
			return f
		case <-time.After(20 * time.Millisecond):
		case <-timeout:
			t.Fatal("no frame arrives")
		}
	}
}

func TestFramesArriveInOrderAndAfterARestart(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	address := l.Addr().String()
	receiver, got := network(t, l, nil)
	sender, _ := network(t, listen(t, "127.0.0.1:0"), map[uint64]string{2: address})
	defer sender.Close()
	sender.Send(9, text("to nobody"))
	for round := range 3 {
		await(t, got, func() { sender.Send(2, text("are you there?")) })
		large := text(bytes.Repeat([]byte{byte('a' + round)}, keptBuffer+round))
		for i := range 100 {
			sender.Send(2, text(fmt.Sprint(i)))
		}
		sender.Send(2, large)
		next := 0
		for f := ""; f != string(large); {
			f = await(t, got, func() {})
			if f == fmt.Sprint(next) {
				next++
			}
		}
		if next != 100 {
			t.Errorf("frame %d does not arrive at its place", next)
		}
		receiver.Close()
		receiver, got = network(t, listen(t, address), nil)
	}
	receiver.Close()
}

func TestADamagedFrameEndsTheStream(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	receiver, got := network(t, l, nil)
	defer receiver.Close()
	whole := append(make([]byte, frameHead), "good"...)
	putHead(whole)
	large := make([]byte, frameHead)
	binary.LittleEndian.PutUint32(large, maxFrame+1)
	refused := append(make([]byte, frameHead), "bad"...)
	putHead(refused)
	for i := 4; i < len(whole)+2; i++ { // behind the length
		damaged := bytes.Clone(whole)
		switch {
		case i < len(whole):
			damaged[i] ^= 1
		case i == len(whole):
			damaged = large
		default:
			damaged = refused
		}
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write(append(bytes.Clone(whole), damaged...))
		if f := await(t, got, func() {}); f != "good" {
			t.Fatalf("%q arrives", f)
		}
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil {
			t.Errorf("after damage of byte %d the stream goes on", i)
		}
		_ = conn.Close()
	}
	if len(got) > 0 {
		t.Errorf("a damaged frame arrives: %q", <-got)
	}
}

func TestAReceiverSaysThatItIsThere(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	receiver, _ := network(t, l, nil)
	defer receiver.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	empty := make([]byte, frameHead)
	putHead(empty)
	note := make(chan error, 1)
	go func() {
		_, err := conn.Read(make([]byte, 1))
		note <- err
	}()
	for deadline := time.After(patience); ; {
		_, _ = conn.Write(empty)
		select {
		case err := <-note:
			if err != nil {
				t.Error(err)
			}
			return
		case <-deadline:
			t.Fatal("it says nothing")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// A receiver that has gone without a word is not waited for as long as TCP tries again.
func TestASilentReceiverIsGivenUp(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	sender, _ := network(t, listen(t, "127.0.0.1:0"), map[uint64]string{2: l.Addr().String()})
	defer sender.Close()
	for range 2 { // it reads nothing and says nothing
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
}

// Whoever cannot be reached costs a bounded amount of memory.
func TestFramesThatCannotBeSentAreDropped(t *testing.T) {
	p := &peer{wake: make(chan struct{}, 1)}
	n := &Network{peers: map[uint64]*peer{2: p}, log: slog.New(slog.DiscardHandler)}
	frame := text(make([]byte, 1<<20))
	for range 100 {
		n.Send(2, frame)
	}
	if len(p.waiting) > maxWaiting+len(frame)+frameHead {
		t.Errorf("%d bytes wait", len(p.waiting))
	}
	n.Send(2, failing{})
	if b := p.take(nil); len(b)%(len(frame)+frameHead) != 0 {
		t.Errorf("%d bytes wait: a part of a frame", len(b))
	}
}

type failing struct{}

func (failing) Append(b []byte) ([]byte, error) { return append(b, "x"...), fmt.Errorf("no") }
