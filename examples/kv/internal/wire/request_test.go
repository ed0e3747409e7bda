package wire

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestARequestAndItsAnswerComeAsTheyWere(t *testing.T) {
	for _, want := range []Request{
		{ID: 1, Method: "GET", Target: "/kv/k", Header: http.Header{}},
		{ID: 1 << 63, Within: 5 * time.Second, Method: "PUT", Target: "/kv/a%2Fb?absent",
			Header: http.Header{"A": {"1", "2"}, "B": {""}}, Body: bytes.Repeat([]byte("v"), MaxBody)},
	} {
		var got Request
		whole := want.AppendFrame([]byte("before"))
		f := Reader{From: bytes.NewReader(whole[len("before"):]), Max: MaxFrame}
		b, err := f.Next()
		if err != nil || got.Decode(b) != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
		clear(b) // it belongs to the next frame
		if !reflect.DeepEqual(got, want) {
			t.Error("the request has bytes of its frame")
		}
	}
	want := Answer{ID: 7, Status: 404, Header: http.Header{"A": {"1"}}, Body: []byte("none")}
	var got Answer
	if err := got.Decode(want.AppendFrame(nil)[HeadSize:]); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

// TestWhatIsNoRequestIsRefused: each part of a request, and numbers that promise too much.
func TestWhatIsNoRequestIsRefused(t *testing.T) {
	q := Request{ID: 1, Method: "GET", Target: "/kv/k", Header: http.Header{"A": {"1"}}}
	whole := q.AppendFrame(nil)[HeadSize:]
	for i := range whole {
		if err := q.Decode(whole[:i]); !errors.Is(err, ErrBadFrame) {
			t.Errorf("the first %d bytes: %v", i, err)
		}
	}
	for _, end := range []string{"\xff\xff\xff\xff\x0fGET", strings.Repeat("\xff", 11)} {
		if err := q.Decode([]byte("12345678\x00" + end)); !errors.Is(err, ErrBadFrame) {
			t.Errorf("%q: %v", end, err)
		}
	}
	if err := q.Decode([]byte("12345678\x00\x01G\x01/\xff\xff\xff\xff\x0f")); !errors.Is(err, ErrBadFrame) {
		t.Errorf("a header with 4 billion lines: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add((&Request{ID: 1, Method: "GET", Target: "/kv/k", Header: http.Header{"A": {"1"}}}).AppendFrame(nil)[HeadSize:])
	f.Fuzz(func(t *testing.T, b []byte) {
		var q, again Request
		if q.Decode(b) != nil {
			return
		}
		if err := again.Decode(q.AppendFrame(nil)[HeadSize:]); err != nil || !reflect.DeepEqual(q, again) {
			t.Errorf("%+v becomes %+v, %v", q, again, err)
		}
	})
}

// writes is a connection that counts what is written to it.
type writes struct {
	net.Conn
	all []string
}

func (w *writes) Write(b []byte) (int, error) {
	w.all = append(w.all, string(b))
	time.Sleep(time.Second)
	return len(b), nil
}

func (w *writes) SetWriteDeadline(time.Time) error { return nil }

func TestFramesThatWaitAreWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, conn, end, ended := NewOutbox(), &writes{}, make(chan struct{}), make(chan error)
		wrote := 0
		put := func(text string) {
			o.Put(func(b []byte) []byte { return append(b, text...) })
		}
		go func() { ended <- o.Run(conn, time.Minute, end, func(frames int) { wrote += frames }) }()
		put("a")
		synctest.Wait()
		for range 3 {
			put("b")
			put("c")
		}
		time.Sleep(3 * time.Second)
		put("d")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !reflect.DeepEqual(conn.all, []string{"a", "bcbcbc", "d"}) || wrote != 8 {
			t.Errorf("%q, %d frames", conn.all, wrote)
		}
		close(end)
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}
