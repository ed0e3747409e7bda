package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// clientOf returns a client whose replicas are all the server.
func clientOf(t *testing.T, address string) *client {
	c := newClient([servers]string{address, address, address}, 0)
	t.Cleanup(c.close)
	return c
}

func TestEachOperationIsItsRequest(t *testing.T) {
	f := &fake{values: map[string]string{}}
	server := httptest.NewServer(f)
	defer server.Close()
	c, h := clientOf(t, server.Listener.Addr().String()), newHistory(1)
	for i, tc := range []struct {
		op    operation
		want  outcome
		after string // value
	}{
		{gets(absent), done, ""},
		{swaps(9, 1), refused, ""},
		{swaps(absent, 1), done, "k1/1"},
		{swaps(absent, 2), refused, "k1/1"},
		{gets(1), done, "k1/1"},
		{puts(2), done, "k1/2"},
		{swaps(1, absent), refused, "k1/2"},
		{swaps(2, absent), done, ""},
		{puts(3), done, "k1/3"},
		{puts(absent), done, ""},
	} {
		op := tc.op
		if op.kind == get {
			op.value = 0
		}
		if err := c.perform(h, h.keys[0], op); err != nil {
			t.Fatal(err)
		}
		got := h.keys[0].ops[i]
		if got.outcome != tc.want || got.value != tc.op.value || got.replica != 1 || got.end < got.call {
			t.Errorf("%v becomes %+v", tc.op, got)
		}
		if f.values["/kv/k1"] != tc.after {
			t.Errorf("%v leaves %q, want %q", tc.op, f.values["/kv/k1"], tc.after)
		}
	}
}

func TestWhatMayHaveHappenedIsRecorded(t *testing.T) {
	breaks := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer breaks.Close()
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }))
	defer busy.Close()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	for _, tc := range []struct {
		address  string
		recorded int
	}{
		{breaks.Listener.Addr().String(), 1}, {busy.Listener.Addr().String(), 1}, {nobody.Addr().String(), 0},
	} {
		h := newHistory(1)
		err := clientOf(t, tc.address).perform(h, h.keys[0], puts(1))
		if err == nil || errors.Is(err, errNotSent) != (tc.recorded == 0) || errors.Is(err, errUnexpected) {
			t.Error(err)
		}
		if ops := h.keys[0].ops; len(ops) != tc.recorded || len(ops) > 0 && ops[0].outcome != unknown || h.count() != tc.recorded {
			t.Errorf("recorded %v, want %d", ops, tc.recorded)
		}
	}
}

func TestAClientUsesAnotherReplicaWhileItsOwnIsDown(t *testing.T) {
	f := &fake{values: map[string]string{}}
	server := httptest.NewServer(f)
	defer server.Close()
	up := server.Listener.Addr().String()
	down, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	down.Close()
	c, h := newClient([servers]string{up, up, down.Addr().String()}, 2), newHistory(1)
	t.Cleanup(c.close)
	// until works until an operation on the replica is recorded, and some more.
	until := func(replica uint8) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		f.mu.Lock()
		f.served = func() {
			if n := h.count(); n > 0 && last(h).replica == replica {
				cancel()
			}
		}
		f.mu.Unlock()
		if err := c.work(ctx, h, rand.New(rand.NewPCG(1, 1))); err != nil {
			t.Fatal(err)
		}
		if last(h).replica != replica {
			t.Errorf("the last operation was on replica %d, want %d", last(h).replica, replica)
		}
	}
	until(1)
	if c.home != 2 || !c.back.After(time.Now()) {
		t.Error(c.home, c.back)
	}
	c.addresses[2], c.back = up, time.Time{}
	until(3)
}

func last(h *history) operation {
	h.mu.Lock()
	defer h.mu.Unlock()
	ops := h.keys[0].ops
	return ops[len(ops)-1]
}

func TestAValueNamesItsKey(t *testing.T) {
	k := &key{name: "k1"}
	if n, err := k.number(k.text(12)); n != 12 || err != nil {
		t.Error(n, err)
	}
	for _, text := range []string{"", "12", "k1/", "k1/0", "k1/-1", "k2/12", "k1/5000000000", "k1/1x"} {
		if n, err := k.number(text); !errors.Is(err, errUnexpected) {
			t.Errorf("%q: %d, %v", text, n, err)
		}
	}
}

func TestAnAnswerThatNoReplicaMayGiveIsUnexpected(t *testing.T) {
	status := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer server.Close()
	for _, tc := range []struct {
		op     operation
		status int
	}{
		{puts(1), 412}, {puts(1), 200}, {puts(1), 404}, {swaps(1, 2), 404}, {gets(0), 204}, {gets(0), 412}, {gets(0), 410}, {gets(0), 500},
	} {
		status = tc.status
		h := newHistory(1)
		if err := clientOf(t, server.Listener.Addr().String()).perform(h, h.keys[0], tc.op); !errors.Is(err, errUnexpected) {
			t.Errorf("%d for %v: %v", tc.status, tc.op, err)
		}
	}
}
