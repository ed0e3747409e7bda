package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/ffd200af/raft/examples/kv/internal/wire"
	"github.com/ffd200af/raft/raftpb"
)

func snapMessage(name string, term, index uint64) *raftpb.Message {
	meta := raftpb.SnapshotMetadata{Index: index, Term: 1, ConfState: raftpb.ConfState{Voters: []uint64{1}}}
	return &raftpb.Message{Type: raftpb.MsgSnap, From: 1, To: 2, Term: term, Snapshot: &raftpb.Snapshot{Data: []byte(name), Metadata: meta}}
}

func newIncoming(t *testing.T) (*incoming, func() []string) {
	t.Helper()
	in := &incoming{fs: vfs.NewMem(), dir: "dir"}
	must(t, in.fs.MkdirAll(in.dir, 0o755))
	return in, func() []string {
		names, err := in.fs.List(in.dir)
		must(t, err)
		return names
	}
}

func TestOneSnapshotAtATimeComes(t *testing.T) {
	in, files := newIncoming(t)
	a, first, err := in.begin("A", snapMessage("A", 5, 10), 0)
	must(t, err)
	must(t, a.write(first, []byte("abc")))
	if in.has("A") != 3 || in.has("B") != 0 {
		t.Errorf("%d bytes of A and %d of B are here", in.has("A"), in.has("B"))
	}
	if _, _, err := in.begin("A", snapMessage("A", 5, 10), 2); !errors.Is(err, errOtherOffset) {
		t.Errorf("from another offset: %v", err)
	}
	// A request that goes on ends the one before.
	_, second, err := in.begin("A", snapMessage("A", 5, 10), 3)
	must(t, err)
	if err := a.write(first, []byte("d")); !errors.Is(err, errOtherSnapshot) || in.has("A") != 3 {
		t.Errorf("the request before writes: %v", err)
	}
	if err := in.finish(a, first, a.sum.encode()); !errors.Is(err, errOtherSnapshot) {
		t.Errorf("the request before finishes: %v", err)
	}
	if _, _, err := in.begin("B", snapMessage("B", 4, 20), 0); !errors.Is(err, errOtherSnapshot) {
		t.Errorf("of an earlier leader: %v", err)
	}
	b, claim, err := in.begin("B", snapMessage("B", 6, 20), 0)
	must(t, err)
	if err := a.write(second, []byte("d")); !errors.Is(err, errOtherSnapshot) {
		t.Errorf("the image before is written: %v", err)
	}
	must(t, in.drop(a)) // it is gone already
	if got := files(); len(got) != 1 || got[0] != incomingPrefix+"B" {
		t.Errorf("the files are %v", got)
	}
	must(t, b.write(claim, []byte("xyz")))
	must(t, in.finish(b, claim, b.sum.encode()))
	if _, _, err := in.begin("C", snapMessage("C", 7, 30), 0); !errors.Is(err, errOtherSnapshot) {
		t.Errorf("while one is installed: %v", err)
	}
	must(t, in.settle("A"))
	if len(files()) != 1 {
		t.Error("another name removes the file")
	}
	must(t, in.settle("B"))
	c, claim, err := in.begin("C", snapMessage("C", 7, 30), 0)
	must(t, err)
	must(t, c.write(claim, []byte("xyz")))
	if err := in.finish(c, claim, newDigest().encode()); !errors.Is(err, errBadSnapshot) || len(files()) > 0 {
		t.Errorf("a wrong end: %v, the files are %v", err, files())
	}
	_, _, err = in.begin("D", snapMessage("D", 7, 40), 0)
	must(t, err)
	must(t, in.forget(39))
	if index, _ := in.figures(); index != 40 {
		t.Error("it is forgotten although it brings something new")
	}
	must(t, in.forget(40))
	if index, _ := in.figures(); index != 0 || len(files()) > 0 {
		t.Errorf("it is kept although it brings nothing new: %v", files())
	}
}

func TestALeftOverSnapshotIsRemovedAtTheStart(t *testing.T) {
	disk := vfs.NewMem()
	s, err := openFirst(disk, "1", threeReplicas)
	must(t, err)
	must(t, s.putImage("A", nil))
	must(t, s.putImage("A"+tableSuffix, nil))
	must(t, s.close())
	s, err = openStoreIn(disk, "1")
	must(t, err)
	wantNoFiles(t, s)
	must(t, s.close())
}

// TestASnapshotThatDoesNotFitOnTheDisk ends its transfer, and nothing else.
func TestASnapshotThatDoesNotFitOnTheDisk(t *testing.T) {
	full := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWrite && strings.Contains(op.Path, incomingPrefix) {
			return syscall.ENOSPC
		}
		return nil
	})
	l := startSoloLeaderOn(t, errorfs.Wrap(vfs.NewMem(), full), threeReplicas)
	m := snapMessage("A", 1, 10)
	m.To = 1
	head, err := m.Marshal()
	must(t, err)
	var body bytes.Buffer
	for _, f := range [][]byte{head, []byte("chunk")} {
		must(t, wire.WriteFrame(&body, f))
	}
	req, w := httptest.NewRequest(http.MethodPost, snapshotPath+"A?offset=0", &body), httptest.NewRecorder()
	req.SetPathValue("name", "A")
	l.receiveSnapshot(w, req)
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "no space left") || l.store.failure() != nil {
		t.Errorf("%d %s, %v", w.Code, w.Body, l.store.failure())
	}
	wantNoFiles(t, l.store)
}

// TestASnapshotThatBringsNothingNewIsRemoved when the node has seen its message.
func TestASnapshotThatBringsNothingNewIsRemoved(t *testing.T) {
	l := startSoloLeader(t, 3, 2)
	must(t, l.store.putImage("A", nil))
	l.loop.inbox <- raftpb.Message{Type: raftpb.MsgSnap, From: 2, To: 1, Term: 1, Snapshot: snapMessage("A", 1, 1).Snapshot}
	until(t, "the end of the file", func() bool {
		names, err := l.store.incoming.fs.List(l.store.incoming.dir)
		must(t, err)
		for _, name := range names {
			if strings.HasPrefix(name, incomingPrefix) {
				return false
			}
		}
		return true
	})
	must(t, l.query(context.Background(), func() {})) // it goes on
}

func TestARequestThatIsNoSnapshotIsRefused(t *testing.T) {
	frames := func(all ...[]byte) []byte {
		var b bytes.Buffer
		for _, f := range all {
			must(t, wire.WriteFrame(&b, f))
		}
		return b.Bytes()
	}
	message := func(m *raftpb.Message) []byte {
		b, err := m.Marshal()
		must(t, err)
		return b
	}
	good := snapMessage("A", 1, 10)
	good.To = 1
	elsewhere, other, app, odd := *good, *good, *good, *good
	elsewhere.To = 3
	app.Type = raftpb.MsgApp
	other.Snapshot = snapMessage("B", 1, 10).Snapshot
	odd.Snapshot = snapMessage("../A", 1, 10).Snapshot
	for what, tc := range map[string]struct {
		path string
		body []byte
		want int
	}{
		"no offset":          {"A", frames(message(good)), http.StatusBadRequest},
		"no frame":           {"A?offset=0", []byte("no frame"), http.StatusBadRequest},
		"no message":         {"A?offset=0", frames([]byte("no message")), http.StatusBadRequest},
		"for another":        {"A?offset=0", frames(message(&elsewhere)), http.StatusBadRequest},
		"another type":       {"A?offset=0", frames(message(&app)), http.StatusBadRequest},
		"another name":       {"A?offset=0", frames(message(&other)), http.StatusBadRequest},
		"a path for a name":  {"..%2fA?offset=0", frames(message(&odd)), http.StatusBadRequest},
		"another offset":     {"A?offset=1", frames(message(good)), http.StatusConflict},
		"a wrong end":        {"A?offset=0", frames(message(good), []byte("x"), nil, []byte("end")), http.StatusBadRequest},
		"nothing at the end": {"A?offset=0", frames(message(good), []byte("x"), nil), http.StatusServiceUnavailable},
	} {
		r := bareReplica()
		in, files := newIncoming(t)
		r.store.incoming.fs, r.store.incoming.dir = in.fs, in.dir
		mux := http.NewServeMux()
		mux.HandleFunc(snapshotPath+"{name}", r.receiveSnapshot)
		req, w := httptest.NewRequest(http.MethodPost, snapshotPath+tc.path, bytes.NewReader(tc.body)), httptest.NewRecorder()
		mux.ServeHTTP(w, req)
		if w.Code != tc.want || len(r.loop.inbox) > 0 || w.Code == http.StatusBadRequest && len(files()) > 0 {
			t.Errorf("%s: %d %s, %d messages, files %v", what, w.Code, w.Body, len(r.loop.inbox), files())
		}
	}
}

// TestASnapshotThatComesAfterTheEndOfTheLoopIsRemoved: nobody will install it.
func TestASnapshotThatComesAfterTheEndOfTheLoopIsRemoved(t *testing.T) {
	r := bareReplica()
	in, files := newIncoming(t)
	r.store.incoming.fs, r.store.incoming.dir = in.fs, in.dir
	r.loop.inbox = nil // nobody takes the message
	r.loop.ended, r.loop.cause = make(chan struct{}), errStopped
	close(r.loop.ended)
	m := snapMessage("A", 1, 10)
	m.To = 1
	head, err := m.Marshal()
	must(t, err)
	image := newDigest()
	_, _ = image.Write([]byte("image"))
	var body bytes.Buffer
	for _, f := range [][]byte{head, []byte("image"), nil, image.encode()} {
		must(t, wire.WriteFrame(&body, f))
	}
	req, w := httptest.NewRequest(http.MethodPost, snapshotPath+"A?offset=0", &body), httptest.NewRecorder()
	req.SetPathValue("name", "A")
	r.receiveSnapshot(w, req)
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), errStopped.Error()) || len(files()) > 0 {
		t.Errorf("%d %s, the files are %v", w.Code, w.Body, files())
	}
}

// TestEachChunkOfASnapshotHasATimeOfItsOwn: a sender that stops loses its request.
func TestEachChunkOfASnapshotHasATimeOfItsOwn(t *testing.T) {
	inBubble(t, func(t *testing.T, r *replica, p *pipes) {
		in, _ := newIncoming(t)
		r.store.incoming.fs, r.store.incoming.dir = in.fs, in.dir
		m := snapMessage("A", 1, 10)
		m.To = 1
		head, err := m.Marshal()
		must(t, err)
		conn := p.dial()
		send := func(b []byte) {
			var f bytes.Buffer
			must(t, wire.WriteFrame(&f, b))
			_, err := fmt.Fprintf(conn, "%x\r\n%s\r\n", f.Len(), f.Bytes())
			must(t, err)
		}
		_, err = io.WriteString(conn, "POST "+snapshotPath+"A?offset=0 HTTP/1.1\r\nHost: h\r\nKv-Cluster: c\r\nTransfer-Encoding: chunked\r\n\r\n")
		must(t, err)
		send(head)
		for range 5 {
			time.Sleep(chunkTimeout - time.Second)
			send([]byte("chunk"))
		}
		stopped := time.Now()
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != http.StatusServiceUnavailable || time.Since(stopped) != chunkTimeout {
			t.Errorf("%v, %v after %v", resp, err, time.Since(stopped))
		}
		if got := r.store.incoming.has("A"); got != 5*int64(len("chunk")) {
			t.Errorf("%d bytes are here", got)
		}
	})
}
