package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is a cluster without servers, which can do wrong.
type fake struct {
	*cluster
	mu        sync.Mutex
	stored    map[string]string
	late      map[string]string // stored with the first read
	lead      int               // id of the leader
	connected map[int]int
	onPut     func(f *fake, key string, value []byte) error
}

var errFake = errors.New("no answer")

func newFake() *fake {
	f := &fake{stored: map[string]string{}, late: map[string]string{}, lead: 2, connected: map[int]int{}}
	self, _ := os.FindProcess(os.Getpid())
	f.cluster = &cluster{system: system{name: "fake", connect: func(m member) (client, error) {
		f.connected[m.id]++
		return &fakeClient{f, m.id}, nil
	}}}
	for id := 1; id <= servers; id++ {
		f.members = append(f.members, member{id: id})
		f.processes = append(f.processes, &process{command: &exec.Cmd{Process: self}, ended: make(chan struct{})})
	}
	return f
}

type fakeClient struct {
	*fake
	id int
}

func (c *fakeClient) put(_ context.Context, key string, value []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.onPut != nil {
		return c.onPut(c.fake, key, value)
	}
	c.stored[key] = string(value)
	return nil
}

func (c *fakeClient) get(_ context.Context, key string) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	value, ok := c.stored[key]
	if !ok {
		maps.Copy(c.stored, c.late)
		return nil, errNoKey
	}
	return []byte(value), nil
}

func (c *fakeClient) leads(context.Context) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lead == c.id, nil
}

func (*fakeClient) close() {}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	n := 0
	for name, tc := range map[string]struct {
		onPut func(f *fake, key string, value []byte) error
		want  string
	}{
		"nothing":      {nil, ""},
		"a lost write": {func(*fake, string, []byte) error { return nil }, "no such key"},
		"a write that takes effect later": {func(f *fake, key string, value []byte) error {
			f.late[key] = string(value)
			return nil
		}, "no such key"},
		"another value": {func(f *fake, key string, _ []byte) error {
			f.stored[key] = "other"
			return nil
		}, "never written"},
		"no answer at first": {func(f *fake, key string, value []byte) error {
			if n++; n < 3 {
				return errFake
			}
			f.stored[key] = string(value)
			return nil
		}, ""},
	} {
		f := newFake()
		f.onPut = tc.onPut
		err := check(t.Context(), f.cluster, 4, newValues(8, 16))
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckEndsWithoutAnAnswer(t *testing.T) {
	f := newFake()
	ctx, cancel := context.WithCancel(t.Context())
	f.onPut = func(*fake, string, []byte) error {
		cancel()
		return errFake
	}
	if err := check(ctx, f.cluster, 1, newValues(1, 1)); !errors.Is(err, errFake) {
		t.Error(err)
	}
}

func TestClientsShareConnections(t *testing.T) {
	for _, tc := range []struct {
		share, clients, want int
		spread               bool
	}{{64, 64, 1, false}, {64, 65, 2, false}, {1, 5, 5, false}, {64, 1, 1, true}, {64, 64, 3, true}, {8, 64, 8, true}} {
		n := settings{share: tc.share, spread: tc.spread}.connections(tc.clients)
		var connections []client
		for range n {
			connections = append(connections, &fakeClient{})
		}
		used := map[client]int{}
		for _, c := range share(connections, tc.clients) {
			used[c]++
		}
		if n != tc.want || len(used) != tc.want || used[connections[0]] > max(tc.share, (tc.clients+n-1)/n) {
			t.Errorf("%+v: %d connections, of which %d are used, the first by %d", tc, n, len(used), used[connections[0]])
		}
	}
}

func TestClientsConnectToTheLeaderOrToAll(t *testing.T) {
	f := newFake()
	for spread, want := range map[bool]map[int]int{false: {2: 6}, true: {1: 2, 2: 2, 3: 2}} {
		clear(f.connected)
		if _, err := f.connectTo(6, settings{spread: spread}.place(f.lead-1)); err != nil || !maps.Equal(f.connected, want) {
			t.Errorf("spread %v: %v, %v", spread, f.connected, err)
		}
	}
}

// A run counts only if it had one leader and no errors.
func TestASpoiltRunIsDoneAgain(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	for name, tc := range map[string]struct {
		spoil func(f *fake) error
		times int
		want  error
	}{
		"an error once":         {func(*fake) error { return errFake }, 1, nil},
		"another leader once":   {func(f *fake) error { f.lead = 3; return nil }, 1, nil},
		"an error always":       {func(*fake) error { return errFake }, attempts, errFake},
		"another leader always": {func(f *fake) error { f.lead = f.lead%servers + 1; return nil }, attempts, errLeaderChanged},
	} {
		f, spoilt := newFake(), 0
		var seen client // of this attempt
		l := load{"load", 1, func(_ context.Context, c client, _ int) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			if c == seen || spoilt == tc.times {
				return nil
			}
			seen = c
			spoilt++
			return tc.spoil(f)
		}}
		s := settings{length: 6 * time.Millisecond, clients: 1, share: 1, keys: 1}
		result, err := l.tryMeasure(t.Context(), f.cluster, s, io.Discard)
		if !errors.Is(err, tc.want) || err == nil && (result.perSecond == 0 || len(result.used) != servers+1) || spoilt != tc.times {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
	}
}

func TestAddressesAreDistinct(t *testing.T) {
	members := make([]member, 200)
	if err := giveAddresses(members); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, m := range members {
		seen[m.client], seen[m.peer] = true, true
	}
	if len(seen) != 2*len(members) {
		t.Errorf("%d addresses for %d servers", len(seen), len(members))
	}
}

func TestAnUnexpectedAnswerIsAnError(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer server.Close()
	c, _ := connectExample(member{client: strings.TrimPrefix(server.URL, "http://")})
	defer c.close()
	if err := c.put(t.Context(), "k", nil); err == nil || !strings.Contains(err.Error(), "200 OK") {
		t.Errorf("put: %v", err)
	}
	status = http.StatusNoContent
	if _, err := c.get(t.Context(), "k"); err == nil || !strings.Contains(err.Error(), "204 No Content") {
		t.Errorf("get: %v", err)
	}
	status = http.StatusNotFound
	if _, err := c.get(t.Context(), "k"); !errors.Is(err, errNoKey) {
		t.Errorf("get of no key: %v", err)
	}
}

// TestFillWritesAsOftenAsItIsTold, and each key at least once.
func TestFillWritesAsOftenAsItIsTold(t *testing.T) {
	for _, tc := range []struct{ keys, fill, want int }{{10, 35, 35}, {10, 0, 10}} {
		f, writes := newFake(), 0
		f.onPut = func(f *fake, key string, value []byte) error {
			writes++
			f.stored[key] = string(value)
			return nil
		}
		err := fillAll(t.Context(), f.cluster, settings{clients: 4, keys: tc.keys, fill: tc.fill}, newValues(tc.keys, 8))
		if err != nil || writes != tc.want || len(f.stored) != tc.keys {
			t.Errorf("%d writes of %d keys, %v, want %d of %d", writes, len(f.stored), err, tc.want, tc.keys)
		}
	}
}
